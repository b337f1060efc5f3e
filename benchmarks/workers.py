"""P15: eight small trainings side by side, `sweep.workers=auto`, against one after another.

Whole sweeps in alternating order; start-up counts on both sides.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks import photos
from benchmarks.options import Options, heading
from benchmarks.table import Row, faster, render
from benchmarks.timing import Pair, say
from catsdogs_exp.errors import RunFailed

_JOBS, _IMAGES, _EPOCHS = 8, 400, 6
_SMALL = (
    "dataset.fraction=0.2",  # 400 of 2,000
    "target_size=64",
    "batch_size=20",
    "logging=minimal",
    f"epochs={_EPOCHS}",
)


def run(options: Options) -> str:
    """Measures and returns the table."""
    load = os.getloadavg()[0]
    settings = [*photos.source(options.photos), *_SMALL]
    jobs = _JOBS
    if options.quick:
        settings = ["dataset=drawn", "dataset.images=60", "target_size=32", "depth=2", "epochs=1", "logging=minimal"]
        jobs = 2
    with tempfile.TemporaryDirectory() as scratch:
        _seconds([*settings, "seed=0"], Path(scratch))  # fills the caches
        side, after = [], []
        for number in range(options.rounds):
            kinds = ("auto", "1") if number % 2 else ("1", "auto")
            seeds = f"seed=range({jobs})"
            taken = {kind: _seconds([*settings, seeds, f"sweep.workers={kind}"], Path(scratch)) for kind in kinds}
            side.append(jobs / taken["auto"])
            after.append(jobs / taken["1"])
            say(f"round {number + 1}/{options.rounds}: side by side {taken['auto']:.1f} s, {taken['1']:.1f} s")
    what = "drawn images" if options.quick else photos.describe(options.photos)
    details = f"{jobs} jobs of {_EPOCHS} epochs with {_IMAGES} images at 64 x 64, {what}"
    return f"{heading('workers', options, details, load)}\n{render(rows(Pair(side, after)))}"


def rows(pair: Pair) -> list[Row]:
    """The table's rows, from jobs per second on both sides."""
    row = faster("P15", "jobs with sweep.workers=auto, against one after another", pair, 1.3)
    shown = {name: f"{60 * median(values):.1f} jobs/min" for name, values in vars(pair).items()}
    return [Row(**{**vars(row), **shown})]


def _seconds(settings: list[str], folder: Path) -> float:
    command = [sys.executable, "-m", "catsdogs_exp", "-m", *settings, f"output_dir={folder.as_posix()}"]
    started = time.perf_counter()
    done = subprocess.run(command, check=False, cwd=photos.CHECKOUT, capture_output=True, text=True)
    if done.returncode != 0:
        raise RunFailed(f"{' '.join(command)} ended with exit code {done.returncode}:\n{done.stderr}")
    return time.perf_counter() - started
