"""P18: inspection of 200,000 small files, the first time and unchanged, each in a process of its own."""

import os
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import numpy as np
import simplejpeg

from benchmarks.options import Options, heading
from benchmarks.table import Row, render, within
from benchmarks.timing import say
from catsdogs_exp.config.compose import config_of
from catsdogs_exp.data.open_data import manifest_of

_FILES, _QUICK_FILES, _CLASSES = 200_000, 200, 10
_SIDE = 32
_FIRST, _AGAIN, _MEMORY = 36.0, 5.5, 258.0  # seconds, seconds, MB: as first measured; no worse since


def run(options: Options) -> str:
    """Measures and returns the table."""
    load = os.getloadavg()[0]
    count = _QUICK_FILES if options.quick else options.images or _FILES
    first, again = [], []
    with tempfile.TemporaryDirectory() as scratch:
        say(f"writing {count:,} files")
        root = Path(scratch) / "files"
        write_files(root, count)
        for number in range(options.rounds):
            store = Path(scratch) / f"cache-{number}"
            first.append(_inspected(root, store))
            again.append(_inspected(root, store))
            say(f"round {number + 1}: {first[-1][0]:.1f} s, unchanged {again[-1][0]:.1f} s")
    details = f"{count:,} JPEGs of {_SIDE} x {_SIDE} pixels in {_CLASSES} class folders"
    return f"{heading('inspection --large', options, details, load)}\n{render(rows(first, again))}"


def write_files(root: Path, count: int) -> None:
    """Writes so many JPEGs, no two alike, evenly into class folders."""
    rng = np.random.default_rng(0)
    for number in range(count):
        folder = root / f"class{number % _CLASSES}"
        if number < _CLASSES:
            folder.mkdir(parents=True)
        pixels = rng.integers(0, 256, (_SIDE, _SIDE, 3), np.uint8)
        (folder / f"{number}.jpg").write_bytes(simplejpeg.encode_jpeg(pixels, quality=60))


def rows(first: Sequence[tuple[float, float]], again: Sequence[tuple[float, float]]) -> list[Row]:
    """The table's rows, from (seconds, MB) of each round."""
    peak = [max(pair) for pair in zip((mb for _, mb in first), (mb for _, mb in again), strict=True)]
    memory = Row(
        "P18",
        "peak memory of the process",
        f"{median(peak):,.0f} MB",
        "-",
        "-",
        f"{median(peak):,.0f} [{min(peak):,.0f}, {max(peak):,.0f}]",
        f"<= {_MEMORY:g} MB",
        "yes" if median(peak) <= _MEMORY else "no",
    )
    return [
        within("P18", "inspection, the first time", [seconds for seconds, _ in first], _FIRST),
        within("P18", "inspection of the unchanged folder", [seconds for seconds, _ in again], _AGAIN),
        memory,
    ]


def _inspected(root: Path, store: Path) -> tuple[float, float]:
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(_inspect, (root, store))


def _inspect(root: Path, store: Path) -> tuple[float, float]:
    """Seconds, and MB at the most."""
    os.environ["CATSDOGS_CACHE"] = str(store)
    started = time.perf_counter()
    manifest_of(root, config_of(("dataset=folder", f"dataset.path={root}")))
    seconds = time.perf_counter() - started
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
