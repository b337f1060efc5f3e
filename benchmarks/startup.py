"""P8 and P9: how long one waits for an answer, and for the first training step."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml

from benchmarks import photos
from benchmarks.options import Options, heading
from benchmarks.table import Row, beyond, render, within
from benchmarks.timing import Pair, interleaved, say
from catsdogs_exp.config.build import to_plain
from catsdogs_exp.config.compose import config_of
from catsdogs_exp.errors import RunFailed

_IMPORT = "import os, time, tensorflow; print(time.time(), flush=True); os._exit(0)"
_EPOCHS = 15
_RUNS = 100


def run(options: Options) -> str:
    """Measures and returns the table."""
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as scratch:
        runs = write_runs(Path(scratch) / "runs", 3 if options.quick else _RUNS)
        training = [f"output_dir={Path(scratch).as_posix()}/outputs"]
        if options.photos:
            training += ["experiment=course_week1", photos.path_override(options.photos)]
        say("a run to fill the caches")
        _first_step(training)
        answers: dict[str, Callable[[], float]] = {
            "--help": lambda: _seconds("--help"),
            "--cfg job": lambda: _seconds("--cfg", "job"),
            "misspelt key": lambda: _seconds("epoch=3", expected=2),
            "compare": lambda: _seconds("compare", str(runs)),
        }
        starts: dict[str, Callable[[], float]] = {
            "first step": lambda: _first_step(training),
            "import tensorflow": lambda: _until_printed([sys.executable, "-c", _IMPORT]),
        }
        measured = interleaved(answers | starts, options.rounds, say)
    what = photos.describe(options.photos) if options.photos else "the default run, drawn pictures"
    return f"{heading('startup', options, what, load)}\n{render(rows(measured))}"


def rows(measured: dict[str, list[float]]) -> list[Row]:
    """The table's rows from seconds, a number a round."""
    return [
        within("P8", "--help", measured["--help"], 1.0),
        within("P8", "--cfg job", measured["--cfg job"], 1.0),
        within("P8", "a misspelt key (epoch=3)", measured["misspelt key"], 1.0),
        within("P8", f"compare of {_RUNS} runs", measured["compare"], 1.0),
        beyond(
            "P9",
            "process start to first training step / import tensorflow alone",
            Pair(measured["first step"], measured["import tensorflow"]),
            2.5,
        ),
    ]


def _seconds(*arguments: str, expected: int = 0) -> float:
    """Wall time of a command.

    Raises:
        RunFailed: when it does not end as it should: then its time says nothing.
    """
    command = [sys.executable, "-m", "catsdogs_exp", *arguments]
    started = time.perf_counter()
    done = subprocess.run(command, check=False, cwd=photos.CHECKOUT, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    if done.returncode != expected:
        raise RunFailed(f"{' '.join(command)} ended with exit code {done.returncode}:\n{done.stderr}")
    return seconds


def _first_step(overrides: Sequence[str]) -> float:
    return _until_printed([sys.executable, "-m", "benchmarks.first_step", *overrides])


def _until_printed(command: Sequence[str]) -> float:
    """Seconds from the start of a process to the time that it prints."""
    started = time.time()
    done = subprocess.run(command, check=False, cwd=photos.CHECKOUT, capture_output=True, text=True)
    if done.returncode != 0:
        raise RunFailed(f"{' '.join(command)} ended with exit code {done.returncode}:\n{done.stderr}")
    return float(done.stdout.splitlines()[-1]) - started


def write_runs(folder: Path, count: int) -> Path:
    """Run folders as runs of 15 epochs leave them, each with another learning rate."""
    plain = to_plain(config_of([]))
    header = "epoch,loss,accuracy,val_loss,val_accuracy,learning_rate,seconds,images_per_second"
    for number in range(count):
        rate, accuracy = 1e-4 * (number + 1), 0.5 + number / 300
        run = folder / f"{number}-lr={rate:g}"
        run.mkdir(parents=True)
        values = {"loss": 0.5, "accuracy": accuracy}
        result = {
            "status": "ok",
            "objective": {"name": "val_accuracy", "value": accuracy, "epoch": _EPOCHS},
            "metrics": {"train": values, "val": values},
            "epochs": _EPOCHS,
            "data_hash": "0123456789abcdef",
            "seconds": 60.0,
            "images_per_second": 300.0,
            "error": None,
        }
        rows = [f"{epoch},0.5,{accuracy},0.5,{accuracy},{rate},4.0,300.0" for epoch in range(1, _EPOCHS + 1)]
        (run / "result.json").write_text(json.dumps(result), encoding="utf-8")
        (run / "config.yaml").write_text(yaml.safe_dump(plain | {"lr": rate}, sort_keys=False), encoding="utf-8")
        (run / "metrics.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return folder
