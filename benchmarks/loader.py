"""P4, P5 and P6: the loader alone, one pass over the training images, against Keras's loaders.

Over the files: the very first pass. With the decoded cache on disk: a second run, or the next job of a sweep, including
the time to open the cache.
"""

import importlib.util
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks import large_photos, ours, photos, theirs
from benchmarks.options import Options, heading
from benchmarks.processes import Side
from benchmarks.table import Row, faster, render
from benchmarks.timing import Pair, interleaved, say
from catsdogs_exp.config.compose import config_of
from catsdogs_exp.config.schema import Config
from catsdogs_exp.data.images.pixels import open_pixels
from catsdogs_exp.data.manifest import Manifest
from catsdogs_exp.data.open_data import gather
from catsdogs_exp.data.prefetch import batches
from catsdogs_exp.errors import BadInput
from catsdogs_exp.training.runtime import start

_THEIRS = ("course_files", "keras_files", "course_files_augmented")


def run(options: Options) -> str:
    """Measures and returns the table.

    Raises:
        BadInput: without SciPy, which Keras's generator needs.
    """
    if options.large:
        return large_photos.run(options)
    if importlib.util.find_spec("scipy") is None:
        raise BadInput("needs scipy: pip install scipy")
    load = os.getloadavg()[0]
    overrides = (*photos.source(options.photos), *photos.COURSE)
    with tempfile.TemporaryDirectory() as scratch:
        laid = photos.lay_out(overrides, options.images, Path(scratch))
        say(f"{laid.count} training images; starting TensorFlow on both sides")
        with Side(contenders, overrides, options.images) as left, Side(theirs.contenders, overrides, laid, 1) as right:
            baselines = {name: one for name, one in right.contenders().items() if name in _THEIRS}
            measured = interleaved(left.contenders() | baselines, options.rounds, say)
    details = f"{laid.count:,} training {photos.describe(options.photos)}, 150 x 150, batch 20"
    return f"{heading('loader', options, details, load)}\n{render(rows(measured))}"


def rows(measured: dict[str, list[float]]) -> list[Row]:
    """The table's rows, from images per second of each contender, one number per round."""

    def row(name: str, what: str, ours: str, theirs: str, at_least: float) -> Row:
        return faster(name, what, Pair(measured[ours], measured[theirs]), at_least)

    keras = "image_dataset_from_directory"
    return [
        row("P4", "JPEG files, cache=none / course loop's", "files", "course_files", 4),
        row("P4", f"JPEG files, cache=none / {keras}", "files", "keras_files", 1.1),
        row("P4", "JPEG files, making the cache / course loop's", "making", "course_files", 4),
        row("P4", f"JPEG files, making the cache / {keras}", "making", "keras_files", 1.1),
        row("P5", "augment=course, warm cache / course loop's", "augmented", "course_files_augmented", 8),
        row("P6", f"decoded cache on disk / {keras}", "cached", "keras_files", 10),
    ]


def contenders(overrides: tuple[str, ...], images: int | None) -> dict[str, Callable[[], float]]:
    """Our side: each call returns images per second."""
    config = config_of(overrides)
    augmented = config_of((*overrides, "augment=course"))
    manifest = gather(config)
    start(config)
    return {
        "files": lambda: _pass_over(config, manifest, "none", images),
        "making": lambda: ours.build_cache(config, manifest),
        "augmented": lambda: _pass_over(augmented, manifest, "disk", images),
        "cached": lambda: _pass_over(config, manifest, "disk", images),
    }


def _pass_over(config: Config, manifest: Manifest, cache: str, images: int | None) -> float:
    started = time.perf_counter()
    fetch = open_pixels(manifest, replace(config.loader, cache=cache))
    loader = ours.training_loader(config, manifest, fetch, images)
    for _ in batches(loader):
        pass
    return len(loader.rows) / (time.perf_counter() - started)
