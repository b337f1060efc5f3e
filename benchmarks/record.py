"""P13: the cost of the default logging: whole runs with `logging=default` against `logging=minimal`.

Event files, pictures and arrays of activations, the staircase. Both runs of a round start one after the other, in
alternating order; start-up counts on both sides.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import photos
from benchmarks.options import Options, heading
from benchmarks.table import Row, ratio, render
from benchmarks.timing import Pair, say
from catsdogs_exp.errors import RunFailed

_EPOCHS = 5
_TARGET = 1.03


def run(options: Options) -> str:
    """Measures and returns the table."""
    load = os.getloadavg()[0]
    settings = [*photos.source(options.photos), *photos.COURSE, f"epochs={_EPOCHS}"]
    if options.quick:
        settings = ["dataset=drawn", "dataset.images=100", "target_size=32", "depth=2", "batch_size=20", "epochs=1"]
    with tempfile.TemporaryDirectory() as scratch:
        _seconds([*settings, "epochs=1", "logging=minimal"], Path(scratch))  # fills the caches
        ours, theirs = [], []
        for number in range(options.rounds):
            kinds = ("default", "minimal") if number % 2 else ("minimal", "default")
            taken = {kind: _seconds([*settings, f"logging={kind}"], Path(scratch)) for kind in kinds}
            ours.append(taken["default"])
            theirs.append(taken["minimal"])
            say(f"round {number + 1}/{options.rounds}: default {ours[-1]:.1f} s, minimal {theirs[-1]:.1f} s")
    what = "drawn images" if options.quick else photos.describe(options.photos)
    details = f"the course's network, {_EPOCHS} epochs, {what}"
    return f"{heading('record', options, details, load)}\n{render(rows(Pair(ours, theirs)))}"


def rows(pair: Pair) -> list[Row]:
    """The table's rows, from the seconds of both sides."""
    return [ratio("P13", "a run with logging=default, against logging=minimal", pair, lambda s: f"{s:.1f} s", _TARGET)]


def _seconds(settings: list[str], folder: Path) -> float:
    command = [sys.executable, "-m", "catsdogs_exp", *settings, f"output_dir={folder.as_posix()}"]
    started = time.perf_counter()
    done = subprocess.run(command, check=False, cwd=photos.CHECKOUT, capture_output=True, text=True)
    if done.returncode != 0:
        raise RunFailed(f"{' '.join(command)} ended with exit code {done.returncode}:\n{done.stderr}")
    return time.perf_counter() - started
