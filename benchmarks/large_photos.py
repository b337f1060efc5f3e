"""P20: the first pass over 12-megapixel JPEGs, against decoding them in full with the same resizing.

The available photos are enlarged to a phone's 4032 x 3024 pixels, once unchanged and once with sensor noise.
"""

import os
import resource
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks import photos
from benchmarks.options import Options, heading
from benchmarks.table import faster, render
from benchmarks.timing import Pair, interleaved, say
from catsdogs_exp.config.compose import config_of
from catsdogs_exp.data.images import decoding, resizing
from catsdogs_exp.data.images.file_identity import read_file
from catsdogs_exp.data.images.preparing import Preparation, image_of
from catsdogs_exp.data.open_data import gather
from catsdogs_exp.data.prefetch import ahead
from catsdogs_exp.data.sources.listing import TRAIN

SIZE = (4032, 3024)
"""Width and height of a phone's photo."""

_IMAGES = 40
_NOISE = 3.0  # grey levels: as in a phone's photo in daylight
_AT_LEAST = 3.0

Prepare = Callable[[bytes, Preparation], NDArray[np.uint8]]


def run(options: Options) -> str:
    """Measures and returns the table."""
    load = os.getloadavg()[0]
    config = config_of((*photos.source(options.photos), *photos.COURSE))
    manifest = gather(config)
    how = Preparation.of(config.loader, {})
    count = min(options.images or _IMAGES, _IMAGES)
    rows = manifest.rows(TRAIN)[photos.chosen(manifest, count)]
    with tempfile.TemporaryDirectory() as scratch:
        say(f"enlarging {len(rows)} photos, twice")
        sources = [manifest.path(row) for row in rows.tolist()]
        kinds = {
            "enlarged": enlarged(sources, Path(scratch) / "plain", SIZE, 0.0),
            "enlarged, with sensor noise": enlarged(sources, Path(scratch) / "noise", SIZE, _NOISE),
        }
        lines, notes = [], []
        for kind, paths in kinds.items():
            contenders = {
                "ours": lambda paths=paths: _pass_over(paths, how, image_of),
                "full": lambda paths=paths: _pass_over(paths, how, in_full),
            }
            measured = interleaved(contenders, options.rounds, say)
            pair = Pair(measured["ours"], measured["full"])
            lines.append(faster("P20", f"12-megapixel JPEGs, {kind} / decoded in full", pair, _AT_LEAST))
            worst, mean = difference(paths, how)
            size = sum(path.stat().st_size for path in paths) / len(paths) / 1e6
            notes.append(
                f"{kind}: {size:.1f} MB a file; at most {worst} levels from decoding in full, {mean:.2f} on average"
            )
    details = f"{len(rows)} {photos.describe(options.photos)} at {SIZE[0]} x {SIZE[1]}, to 150 x 150"
    unit = 2**20 if sys.platform == "darwin" else 2**10
    notes.append(f"peak memory of the process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit:.0f} MB")
    return f"{heading('loader --large', options, details, load)}\n{render(lines)}\n\n" + "\n".join(notes)


def enlarged(sources: Sequence[Path], folder: Path, size: tuple[int, int], noise: float) -> list[Path]:
    """Writes the photos as JPEGs of another size, (width, height), with Gaussian noise of this deviation."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    field = rng.normal(0, noise, (size[1], size[0], 1)).astype(np.float32)
    made = []
    for number, source in enumerate(sources):
        image = decoding.decode(source.read_bytes()).resize(size, Image.Resampling.BICUBIC)
        if noise:
            levels = np.asarray(image) + np.roll(field, number * 977, axis=(0, 1))
            image = Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))
        made.append(folder / f"{number}.jpg")
        image.save(made[-1], quality=90)
    return made


def in_full(data: bytes, how: Preparation) -> NDArray[np.uint8]:
    """The baseline: decoded in full by the same library, then resized in the same way."""
    return resizing.resized(decoding.pixels(data), how.target_size, how.resize, how.interpolation, how.pad_value)


def difference(paths: Sequence[Path], how: Preparation) -> tuple[int, float]:
    """The maximum and mean difference between both ways over all pixels of all photos, in grey levels."""
    largest, total = 0, 0.0
    for path in paths:
        data = read_file(path)[0]
        apart = np.abs(image_of(data, how).astype(int) - in_full(data, how))
        largest, total = max(largest, int(apart.max())), total + float(apart.mean())
    return largest, total / len(paths)


def _pass_over(paths: Sequence[Path], how: Preparation, prepare: Prepare) -> float:
    """Images per second, with as many threads as a loader has."""
    started = perf_counter()
    for _ in ahead(lambda number: prepare(read_file(paths[number])[0], how), range(len(paths)), os.cpu_count() or 1):
        pass
    return len(paths) / (perf_counter() - started)
