"""P13: the cost of the default logging: whole runs with `logging=default` against `logging=minimal`.

Event files, pictures and arrays of activations, the staircase, features of training images, the report. Activations are
also measured on their own, by leaving them out. The runs of a round start one after the other, in alternating order;
start-up counts on all sides.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from benchmarks import photos
from benchmarks.options import Options, heading
from benchmarks.table import Row, ratio, render
from benchmarks.timing import Pair, interleaved, say
from catsdogs_exp.errors import RunFailed

_EPOCHS = 5
_TARGET = 1.03
_CONTENDERS = {
    "default": ("logging=default",),
    "minimal": ("logging=minimal",),
    "without activations": ("logging.activations.every=-1",),
}


def run(options: Options) -> str:
    """Measures and returns the table."""
    load = os.getloadavg()[0]
    settings = [*photos.source(options.photos), *photos.COURSE, f"epochs={_EPOCHS}"]
    if options.quick:
        settings = ["dataset=drawn", "dataset.images=100", "target_size=32", "depth=2", "batch_size=20", "epochs=1"]
    with tempfile.TemporaryDirectory() as scratch:
        _seconds([*settings, "epochs=1", "logging=minimal"], Path(scratch))  # fills the caches
        contenders = {
            kind: partial(_seconds, [*settings, *words], Path(scratch)) for kind, words in _CONTENDERS.items()
        }
        taken = interleaved(contenders, options.rounds, say)
    what = "drawn images" if options.quick else photos.describe(options.photos)
    details = f"the course's network, {_EPOCHS} epochs, {what}"
    return f"{heading('record', options, details, load)}\n{render(rows(taken))}"


def rows(taken: Mapping[str, Sequence[float]]) -> list[Row]:
    """The table's rows, from the seconds of each contender, one per round."""

    def against(what: str, theirs: str) -> Row:
        return ratio("P13", what, Pair(taken["default"], taken[theirs]), lambda s: f"{s:.1f} s", _TARGET)

    return [
        against("a run with logging=default, against logging=minimal", "minimal"),
        against("the same, against a run without activations", "without activations"),
    ]


def _seconds(settings: list[str], folder: Path) -> float:
    command = [sys.executable, "-m", "catsdogs_exp", *settings, f"output_dir={folder.as_posix()}"]
    started = time.perf_counter()
    done = subprocess.run(command, check=False, cwd=photos.CHECKOUT, capture_output=True, text=True)
    if done.returncode != 0:
        raise RunFailed(f"{' '.join(command)} ended with exit code {done.returncode}:\n{done.stderr}")
    return time.perf_counter() - started
