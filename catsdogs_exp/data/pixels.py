"""Decoded pictures: read each time, or once into memory or a file that all runs share."""

import hashlib
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

from catsdogs_exp.config.schema import Loader
from catsdogs_exp.data import decoding
from catsdogs_exp.data.cache_folder import cache_folder, made_once
from catsdogs_exp.data.inspection import Progress
from catsdogs_exp.data.manifest import Manifest
from catsdogs_exp.errors import RunFailed

# int64 [b], rows of the manifest -> uint8 [b, height, width, channels]
Fetch = Callable[[NDArray[np.intp]], NDArray[np.uint8]]

_CHUNK = 64
_FILE = "pixels.npy"
# The pictures of the last run of this process, for the next job of a sweep; one entry, so memory does not grow.
_in_memory: dict[str, NDArray[np.uint8]] = {}


def open_pixels(
    manifest: Manifest, loader: Loader, progress: Progress | None = None, say: Callable[[str], None] | None = None
) -> Fetch:
    """Returns a function from manifest rows to pixels, the same whatever `loader.cache` is.

    Args:
        manifest: the data.
        loader: target size, interpolation and cache.
        progress: called with ("decoding", done, total).
        say: told what `cache=auto` chose.
    """
    rows = manifest.usable()
    position = np.full(len(manifest.split), -1, dtype=np.int64)
    position[rows] = np.arange(len(rows))
    shape = (len(rows), *loader.target_size, loader.channels)
    size = int(np.prod(shape, dtype=np.int64))
    cache = loader.cache
    if cache == "auto":
        cache = _choose(size)
        if say:
            say(f"decoded images: {size / 2**20:,.0f} MiB, cached {_PLACES[cache]} (loader.cache=auto)")
    if cache == "none":
        return lambda wanted: _decode(manifest, wanted, loader)
    key = _key(manifest, rows, loader)
    if cache == "memory":
        if key not in _in_memory:
            _in_memory.clear()
            array = np.empty(shape, dtype=np.uint8)
            _fill(array, manifest, rows, loader, progress)
            _in_memory[key] = array
        decoded = _in_memory[key]
    else:
        decoded = _on_disk(key, shape, manifest, rows, loader, progress)
    return lambda wanted: np.asarray(decoded[position[wanted]])


_PLACES = {"disk": "on disk for all runs", "memory": "in memory", "none": "nowhere: too large for disk and memory"}


def _choose(size: int) -> str:
    """Disk, where later runs find it and the system keeps it in free memory; else memory; else nothing."""
    if shutil.disk_usage(cache_folder()).free > 3 * size:
        return "disk"
    return "memory" if psutil.virtual_memory().available > 3 * size else "none"


def _key(manifest: Manifest, rows: NDArray[np.intp], loader: Loader) -> str:
    """The same pictures in the same order at the same size: the same key."""
    digest = hashlib.sha256()
    digest.update(
        f"{decoding.VERSION} {loader.target_size} {loader.channels} {loader.resize} {loader.interpolation}\n".encode()
    )
    for content in manifest.verdicts.sha256[rows].tolist():
        digest.update(content.encode())
    return digest.hexdigest()[:24]


def _on_disk(
    key: str,
    shape: tuple[int, ...],
    manifest: Manifest,
    rows: NDArray[np.intp],
    loader: Loader,
    progress: Progress | None,
) -> NDArray[np.uint8]:
    target = cache_folder("decoded") / key
    try:
        with made_once(target) as scratch:
            if scratch is not None:
                array = np.lib.format.open_memmap(scratch / _FILE, mode="w+", dtype=np.uint8, shape=shape)
                _fill(array, manifest, rows, loader, progress)
                array.flush()
                del array
    except OSError as error:
        raise RunFailed(
            f"The cache of decoded images cannot be written: {error.strerror}: {target}. "
            "Free some space, or use loader.cache=memory or loader.cache=none."
        ) from error
    decoded = np.load(target / _FILE, mmap_mode="r")
    assert decoded.shape == shape
    return decoded  # type: ignore[no-any-return]


def _fill(
    array: NDArray[np.uint8],
    manifest: Manifest,
    rows: NDArray[np.intp],
    loader: Loader,
    progress: Progress | None,
) -> None:
    def one(start: int) -> int:
        part = rows[start : start + _CHUNK]
        array[start : start + len(part)] = _decode(manifest, part, loader)
        return len(part)

    done = 0
    if progress:
        progress("decoding", 0, len(rows))
    with ThreadPoolExecutor(loader.workers or os.cpu_count() or 1) as pool:
        for count in pool.map(one, range(0, len(rows), _CHUNK)):
            done += count
            if progress:
                progress("decoding", done, len(rows))


def _decode(manifest: Manifest, rows: NDArray[np.intp], loader: Loader) -> NDArray[np.uint8]:
    images = np.empty((len(rows), *loader.target_size, loader.channels), dtype=np.uint8)
    for slot, row in enumerate(rows.tolist()):
        images[slot] = _read(manifest.path(row), loader)
    return images


def _read(path: Path, loader: Loader) -> NDArray[np.uint8]:
    try:
        return decoding.read_image(path, loader.target_size, loader.interpolation, loader.channels)
    except (OSError, decoding.Undecodable) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise RunFailed(
            f"An image was usable when inspected and is not any more ({reason}): {path}. "
            "Put it back, or start the run again to inspect anew."
        ) from error
