"""P7: inspection of a folder of images against Pillow's `load()` of every file, in one process; and once more.

Our side is everything from file names to manifest: reading, verdicts, hashes, comparing images with each other, the
split, the verdict store. `--images 25000` without photos draws that many images, for scale.
"""

import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

from PIL import Image

from benchmarks import large_folder, photos
from benchmarks.options import Options, heading
from benchmarks.table import Row, faster, render
from benchmarks.timing import Pair, interleaved, say
from catsdogs_exp.config.compose import config_of
from catsdogs_exp.config.schema import Config
from catsdogs_exp.data.inspection.inspect import inspect
from catsdogs_exp.data.manifest import Manifest, make_manifest
from catsdogs_exp.data.open_data import gather, manifest_of

_DRAWN = 2500


def run(options: Options) -> str:
    """Measures and returns the table."""
    if options.large:
        return large_folder.run(options)
    load = os.getloadavg()[0]
    overrides = source(options)
    config = config_of(overrides)
    say("finding the pictures")
    found = gather(config)
    paths = [str(found.path(row)) for row in range(len(found.split))]
    for path in paths:
        Path(path).read_bytes()  # into the system's file cache, for all sides
    with tempfile.TemporaryDirectory() as scratch:
        measured = interleaved(contenders(found, config, paths, Path(scratch)), options.rounds, say)
        peak = _peak_of_inspection(found.listing.root, overrides, Path(scratch))
    details = f"{len(paths):,} {photos.describe(options.photos if _is_photos(options) else None)}"
    text = f"{heading('inspection', options, details, load)}\n{render(rows(measured))}"
    return f"{text}\n\npeak memory of a process that inspects them: {peak:,.0f} MB"


def source(options: Options) -> tuple[str, ...]:
    """The photos; or drawn images, if there are no photos or not enough."""
    if _is_photos(options):
        return photos.source(options.photos)
    return ("dataset=drawn", f"dataset.images={options.images or _DRAWN}", "dataset.broken=0.02")


def _is_photos(options: Options) -> bool:
    return options.photos is not None and (options.quick or options.images is None)


def contenders(found: Manifest, config: Config, paths: list[str], scratch: Path) -> dict[str, Callable[[], float]]:
    """Contenders by name, returning images per second."""
    count = len(paths)

    def inspected(store: Path) -> float:
        os.environ["CATSDOGS_CACHE"] = str(store)
        started = time.perf_counter()
        verdicts = inspect(found.listing)
        make_manifest(found.listing, verdicts, config.split, config.inspection)
        return count / (time.perf_counter() - started)

    def first() -> float:
        return inspected(Path(tempfile.mkdtemp(dir=scratch)))

    def again() -> float:
        inspected(scratch / "known")
        return inspected(scratch / "known")

    return {"load": lambda: _load_all(paths), "first": first, "again": again}


def _load_all(paths: list[str]) -> float:
    started = time.perf_counter()
    for path in paths:
        try:
            with Image.open(path) as image:
                image.load()
        except OSError:  # some drawn images are damaged
            continue
    return len(paths) / (time.perf_counter() - started)


def rows(measured: dict[str, list[float]]) -> list[Row]:
    """The table's rows, from images per second of each contender, one number per round."""
    return [
        faster("P7", "inspection / Pillow load() in one process", Pair(measured["first"], measured["load"]), 2),
        faster("P7", "an unchanged folder again / Pillow load()", Pair(measured["again"], measured["load"]), 50),
    ]


def _peak_of_inspection(root: Path, overrides: tuple[str, ...], scratch: Path) -> float:
    """MB, in a separate process."""
    with get_context("spawn").Pool(1) as pool:
        return float(pool.apply(_inspect_and_weigh, (root, overrides, scratch / "weighed")))


def _inspect_and_weigh(root: Path, overrides: tuple[str, ...], store: Path) -> float:
    os.environ["CATSDOGS_CACHE"] = str(store)
    manifest_of(root, config_of(overrides))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
