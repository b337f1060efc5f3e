"""P10: the overhead of a sweep's job after the first one, beyond its own epochs.

From the end of one job to the end of the next, minus its epochs (steps and validation). The first epoch, which includes
compilation, is counted at the pace of the others, so building the network and compiling its step are overhead. So are
the pictures, probes and report of the default record; a second sweep in each round goes without them.
"""

import csv
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from statistics import median

from benchmarks import photos
from benchmarks.options import Options, heading
from benchmarks.table import Row, render, within
from benchmarks.timing import say
from catsdogs_exp.errors import RunFailed

_JOBS, _EPOCHS = 4, 4
_LOGGING = ("default", "minimal")


def run(options: Options) -> str:
    """Measures and returns the table."""
    load = os.getloadavg()[0]
    settings = [*photos.source(options.photos), *photos.COURSE]
    if options.quick:
        settings = ["dataset=drawn", "dataset.images=100", "target_size=32", "depth=2", "batch_size=20"]
    measured: dict[str, list[float]] = {logging: [] for logging in _LOGGING}
    for number in range(options.rounds):
        for logging in _LOGGING if number % 2 == 0 else reversed(_LOGGING):
            with tempfile.TemporaryDirectory() as scratch:
                found = beyond_epochs(_swept([*settings, f"logging={logging}"], Path(scratch)))
            measured[logging] += found
            say(f"round {number + 1}/{options.rounds}, {logging}: {', '.join(f'{s:.2f} s' for s in found)}")
    what = "drawn pictures" if options.quick else photos.describe(options.photos)
    details = f"{_JOBS} jobs of {_EPOCHS} epochs, {what}"
    return f"{heading('sweep', options, details, load)}\n{render(rows(measured))}"


def rows(measured: Mapping[str, list[float]]) -> list[Row]:
    """The table's rows, from seconds by choice of `logging`, one number per job."""
    what = "a sweep's job after the first, beyond its own epochs, logging="
    return [within("P10", f"{what}{logging}", seconds, 1.5) for logging, seconds in measured.items()]


def beyond_epochs(folder: Path) -> list[float]:
    """Each job's seconds beyond its epochs, except for the first job, from the folders of a sweep."""
    ends = sorted((path.stat().st_mtime, path.parent) for path in folder.rglob("result.json"))
    found = []
    for (before, _), (end, job) in pairwise(ends):
        with (job / "metrics.csv").open(newline="", encoding="utf-8") as handle:
            seconds = [float(row["seconds"]) for row in csv.DictReader(handle)]
        found.append(end - before - sum(seconds[1:]) - median(seconds[1:]))
    return found


def _swept(settings: list[str], folder: Path) -> Path:
    seeds = ",".join(map(str, range(_JOBS)))
    command = [sys.executable, "-m", "catsdogs_exp", "-m", f"seed={seeds}", f"epochs={_EPOCHS}", *settings]
    command.append(f"output_dir={folder.as_posix()}")
    done = subprocess.run(command, check=False, cwd=photos.CHECKOUT, capture_output=True, text=True)
    if done.returncode != 0:
        raise RunFailed(f"{' '.join(command)} ended with exit code {done.returncode}:\n{done.stderr}")
    return folder
