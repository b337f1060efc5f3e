"""Decoded images: read each time, or kept in memory or in a file shared by runs."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import psutil
from numpy.typing import NDArray

from catsdogs_exp.config.schema import LoaderSettings
from catsdogs_exp.data.cache_folder import CacheUnusable
from catsdogs_exp.data.images import decoding
from catsdogs_exp.data.images.file_identity import read_file, same
from catsdogs_exp.data.images.pixel_cache import NoRoom, gib, has_entry, open_entry, room
from catsdogs_exp.data.images.preparing import Preparation, image_of
from catsdogs_exp.data.images.resizing import (
    cuts_at_random,
    evaluated_as,
    evaluation_size,
    stored_size,
    trains_on_others,
)
from catsdogs_exp.data.manifest import Manifest
from catsdogs_exp.data.prefetch import ahead
from catsdogs_exp.data.progress import ReportProgress
from catsdogs_exp.data.sources.listing import TRAIN
from catsdogs_exp.errors import BadInput, RunFailed

_CHUNK = 64
# The images of this process's last run, for the next job of a sweep: those for evaluation, and those for training if
# they differ. One entry each, so memory does not grow.
_in_memory: dict[str, tuple[str, NDArray[np.uint8]]] = {}


@dataclass(frozen=True)
class Fetch:
    """Maps manifest rows, int64 [b], to pixels, uint8 [b, height, width, channels]. Thread-safe.

    Attributes:
        read: reads the pixels.
        cache: where they are cached: `none`, `memory` or `disk`.
    """

    read: Callable[[NDArray[np.intp]], NDArray[np.uint8]]
    cache: str

    def __call__(self, rows: NDArray[np.intp]) -> NDArray[np.uint8]:
        """Returns the pixels of these rows, in this order."""
        return self.read(rows)


def open_pixels(
    manifest: Manifest,
    loader: LoaderSettings,
    progress: ReportProgress | None = None,
    say: Callable[[str], None] | None = None,
    training: bool = False,
) -> Fetch:
    """Returns a function from manifest rows to pixels; the pixels are the same for every `loader.cache`.

    Args:
        manifest: the data.
        loader: target size, resize, interpolation and cache.
        progress: called with ("decoding", done, total).
        say: called with the choice of `cache=auto`.
        training: whether to return the images that training starts from, at target_size. With
            `resize=random_resized_crop` these are larger (`resizing.stored_size`, stretched) for
            `resizing.crop_stored`. Otherwise images as they are evaluated, at evaluation_size.

    Raises:
        BadInput: if `loader.cache=disk` and `loader.cache_limit` leaves no room.
        RunFailed: if an image can no longer be read, or the cache cannot be written.
    """
    two = trains_on_others(loader)
    loader = _of_pictures(loader, training)
    rows = manifest.usable()
    if two and not training:
        rows = rows[
            manifest.split[rows] != TRAIN
        ]  # evaluation rarely needs training images, so they are read on demand
    decoded, cache = _cached(manifest, rows, loader, "stored" if two and training else "final", progress, say)
    if decoded is None:
        return Fetch(partial(_decode, manifest, loader=loader), "none")
    if not two:
        _in_memory.pop("stored", None)
    array = decoded.view(np.ndarray)  # also for a memory map, which it keeps alive
    position = np.full(len(manifest.split), -1, dtype=np.int32)
    position[rows] = np.arange(len(rows), dtype=np.int32)

    def fetch(wanted: NDArray[np.intp]) -> NDArray[np.uint8]:
        places = position[wanted]
        if (places >= 0).all():
            return array[places]
        images = np.empty((len(wanted), *array.shape[1:]), dtype=np.uint8)
        images[places >= 0] = array[places[places >= 0]]
        images[places < 0] = _decode(manifest, wanted[places < 0], loader)
        return images

    return Fetch(fetch, cache)


def open_stored(
    manifest: Manifest,
    loader: LoaderSettings,
    progress: ReportProgress | None = None,
    say: Callable[[str], None] | None = None,
) -> Fetch | None:
    """Returns a function for the images that training starts from, or None if they equal the evaluated ones."""
    if not trains_on_others(loader):
        return None
    return open_pixels(manifest, loader, progress, say, training=True)


def _of_pictures(loader: LoaderSettings, training: bool) -> LoaderSettings:
    """The settings that determine the cached images; those without effect are normalized."""
    if training and cuts_at_random(loader.resize):
        return replace(loader, target_size=stored_size(loader.target_size), resize="stretch", pad_value=0.0)
    resize = evaluated_as(loader.resize)
    return replace(
        loader,
        target_size=loader.target_size if training else evaluation_size(loader),
        resize=resize,
        pad_value=float(round(loader.pad_value)) if resize == "pad" else 0.0,
    )


def _cached(  # noqa: PLR0913  (what is kept, and how the user hears of it)
    manifest: Manifest,
    rows: NDArray[np.intp],
    loader: LoaderSettings,
    kind: str,
    progress: ReportProgress | None,
    say: Callable[[str], None] | None,
) -> tuple[NDArray[np.uint8] | None, str]:
    """Returns the images of these rows in order, or None if they are not cached, and where they are kept."""
    if loader.cache == "none" or not len(rows):
        return None, "none"
    shape = (len(rows), *loader.target_size, loader.channels)
    key = _key(manifest, rows, loader)
    fill = partial(_fill, manifest=manifest, rows=rows, loader=loader, progress=progress)
    cache, why = (loader.cache, "") if loader.cache != "auto" else _choose(shape, key, loader.cache_limit)
    decoded = None
    if cache == "disk":
        try:
            decoded = open_entry(key, shape, _about(manifest, loader, len(rows)), fill, int(loader.cache_limit * 2**30))
        except NoRoom as error:
            if loader.cache == "disk":
                raise BadInput(
                    f"loader.cache_limit must leave room for {len(rows):,} decoded images of {gib(_size(shape))} GiB "
                    f"with loader.cache=disk. Received: {loader.cache_limit:g} (GiB), and {error}. "
                    "Raise it, or use loader.cache=memory or loader.cache=none"
                ) from error
            cache, why = _memory_or_none(_size(shape), str(error))
        except CacheUnusable as error:
            if loader.cache == "disk":
                raise RunFailed(
                    f"Decoded images cannot be kept on disk. {error} "
                    "Or keep them elsewhere: loader.cache=memory or loader.cache=none."
                ) from error
            cache, why = _memory_or_none(_size(shape), error.short)
    if loader.cache == "auto" and say:
        what = "decoded images" if kind == "final" else "images for training"
        say(f"{what}: {_size(shape) / 2**20:,.0f} MiB, cached {_PLACES[cache]}: {why} (loader.cache=auto)")
    if cache == "memory":
        decoded = _kept_in_memory(kind, key, shape, fill)
    return decoded, cache


_PLACES = {"disk": "on disk for all runs", "memory": "in memory", "none": "nowhere"}


def _choose(shape: tuple[int, ...], key: str, limit: float) -> tuple[str, str]:
    """Chooses the disk (later runs reuse it, and the system caches it in free memory), else memory, else nothing;
    returns the reason, too.
    """
    size = _size(shape)
    try:
        if has_entry(key):
            return "disk", "made by an earlier run"
        allowed, free = room(int(limit * 2**30))
    except CacheUnusable as error:
        return _memory_or_none(size, error.short)
    if size > allowed:
        return _memory_or_none(size, f"loader.cache_limit={limit:g} GiB leaves {gib(allowed)}")
    if free < 2 * size:
        return _memory_or_none(size, f"{gib(free)} GiB free on disk")
    return "disk", f"{gib(free)} GiB free"


def _memory_or_none(size: int, why_not_disk: str) -> tuple[str, str]:
    available = psutil.virtual_memory().available
    return "memory" if available > 3 * size else "none", f"{why_not_disk}, {gib(available)} GiB of memory free"


def _size(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape, dtype=np.int64))


def key_of(manifest: Manifest, rows: NDArray[np.intp], loader: LoaderSettings, training: bool) -> str:
    """Returns a key that identifies the images of these rows, for training or for evaluation."""
    return _key(manifest, rows, _of_pictures(loader, training))


def _key(manifest: Manifest, rows: NDArray[np.intp], loader: LoaderSettings) -> str:
    """Returns a key: the same images in the same order at the same size have the same key."""
    digest = hashlib.sha256()
    settings = (loader.target_size, loader.channels, loader.resize, loader.interpolation, loader.pad_value)
    digest.update(f"{decoding.VERSION} {settings}\n".encode())
    modes = set(manifest.verdicts.mode[rows].tolist())
    levels = {mode: white for mode, white in manifest.verdicts.white_levels.items() if mode in modes}
    if levels:
        digest.update(f"{sorted(levels.items())}\n".encode())
    for start in range(0, len(rows), 1 << 16):  # avoids creating an object for each of a million images at once
        digest.update("".join(manifest.verdicts.sha256[rows[start : start + (1 << 16)]].tolist()).encode())
    return digest.hexdigest()[:24]


def _about(manifest: Manifest, loader: LoaderSettings, images: int) -> dict[str, object]:
    """Returns the description of an entry for `python -m catsdogs_exp cache`."""
    height, width = loader.target_size
    return {
        "data": str(manifest.listing.root),
        "images": images,
        "height": height,
        "width": width,
        "channels": loader.channels,
        "resize": loader.resize,
        "interpolation": loader.interpolation,
    }


def _kept_in_memory(
    kind: str, key: str, shape: tuple[int, ...], fill: Callable[[NDArray[np.uint8]], None]
) -> NDArray[np.uint8]:
    if kind not in _in_memory or _in_memory[kind][0] != key:
        _in_memory.pop(kind, None)
        array = np.empty(shape, dtype=np.uint8)
        fill(array)
        _in_memory[kind] = key, array
    return _in_memory[kind][1]


def _fill(
    array: NDArray[np.uint8],
    manifest: Manifest,
    rows: NDArray[np.intp],
    loader: LoaderSettings,
    progress: ReportProgress | None,
) -> None:
    def one(start: int) -> int:
        part = rows[start : start + _CHUNK]
        for slot, row in enumerate(part.tolist(), start):
            array[slot] = _read(manifest, row, loader)
        return len(part)

    done = 0
    if progress:
        progress("decoding", 0, len(rows))
    for count in ahead(one, range(0, len(rows), _CHUNK), loader.workers or os.cpu_count() or 1):
        done += count
        if progress:
            progress("decoding", done, len(rows))


def _decode(manifest: Manifest, rows: NDArray[np.intp], loader: LoaderSettings) -> NDArray[np.uint8]:
    images = np.empty((len(rows), *loader.target_size, loader.channels), dtype=np.uint8)
    for slot, row in enumerate(rows.tolist()):
        images[slot] = _read(manifest, row, loader)
    return images


def _read(manifest: Manifest, row: int, loader: LoaderSettings) -> NDArray[np.uint8]:
    path = manifest.path(row)
    try:
        data, identity = read_file(path)
        image = image_of(data, Preparation.of(loader, manifest.verdicts.white_levels))
    except (OSError, decoding.Undecodable) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise RunFailed(
            f"An image that was usable when inspected no longer is ({reason}): {path}. "
            "Restore it, or start the run again to inspect the data."
        ) from error
    # The bytes must match the manifest's hash; otherwise, there would be no record of what was trained on.
    moved = not same(identity, manifest.verdicts.identity[row])
    if moved and hashlib.sha256(data).hexdigest() != manifest.verdicts.sha256[row]:
        raise RunFailed(
            f"An image has changed since it was inspected: {path}. "
            "Start the run again to inspect it, and do not change files while it decodes them."
        )
    return image
