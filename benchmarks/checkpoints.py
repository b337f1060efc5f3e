"""P12: the cost of a checkpoint after every epoch relative to its training time, and the cost of determinism."""

import csv
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from itertools import islice
from pathlib import Path
from statistics import median

from benchmarks import photos
from benchmarks.options import Options, heading
from benchmarks.table import Row, ratio, render, within
from benchmarks.timing import Pair, interleaved, say
from catsdogs_exp.cli.screen import TerminalScreen
from catsdogs_exp.config.compose import config_of
from catsdogs_exp.config.intervals import Interval
from catsdogs_exp.errors import RunFailed
from catsdogs_exp.training.runtime import start

_TARGET = 1.02
_PAIRS = 4  # pairs of epochs per round: a checkpoint costs less than the variation between epochs
_DETERMINISM = {"deterministic": "true", "free": "false"}


def run(options: Options) -> str:
    """Measures and returns the table."""
    load = os.getloadavg()[0]
    settings = [*photos.source(options.photos), *photos.COURSE, "epochs=3"]
    if options.quick:
        settings = ["dataset=drawn", "dataset.images=100", "target_size=32", "depth=2", "epochs=3"]
    with tempfile.TemporaryDirectory() as scratch:
        measured, waits = _training(settings, Path(scratch), 1 if options.quick else _PAIRS * options.rounds)
        measured |= interleaved(_processes(settings, Path(scratch)), options.rounds, say)
    what = "drawn pictures" if options.quick else photos.describe(options.photos)
    details = f"{len(waits)} epochs with a checkpoint at their beginning, {len(waits)} without, taking turns; {what}"
    return f"{heading('checkpoints', options, details, load)}\n{render(rows(measured, waits))}"


def rows(measured: dict[str, list[float]], waits: list[float]) -> list[Row]:
    """The table's rows, from seconds; `waits` are those of writing a checkpoint with nothing else running."""
    saved, determinism = Pair(measured["saved"], measured["never"]), Pair(measured["deterministic"], measured["free"])
    return [
        ratio("P12", "an epoch's training steps, with a checkpoint / without", saved, _seconds, _TARGET),
        within("-", "writing a checkpoint with nothing beside it", waits),
        ratio("-", "a step, deterministic / not", determinism, _seconds),
    ]


def _seconds(taken: float) -> str:
    return f"{taken:.3f} s"


def _training(settings: list[str], scratch: Path, pairs: int) -> tuple[dict[str, list[float]], list[float]]:
    """Seconds of epochs' training steps, with and without a checkpoint, and of writing one on an idle machine."""
    config = config_of(settings)
    start(config)
    from catsdogs_exp.data.open_data import gather, open_images
    from catsdogs_exp.data.prefetch import batches
    from catsdogs_exp.run.loaders import open_loaders
    from catsdogs_exp.run.network import Setup, build_network
    from catsdogs_exp.run.plan import plan_stages
    from catsdogs_exp.run.stage import prepare_stage
    from catsdogs_exp.training.checkpoint.background import Background
    from catsdogs_exp.training.checkpoint.snapshot_file import BEST
    from catsdogs_exp.training.checkpoint.writer import Checkpoints
    from catsdogs_exp.training.progress import History, Progress

    data = open_images(gather(config), config)
    loaders = open_loaders(config, data, say)
    train, network = loaders.train, build_network(config, data, loaders, say)
    (plan,) = plan_stages(config)
    stage = prepare_stage(Setup(config, data, loaders, network), plan, 0, TerminalScreen())
    steps, progress = stage.steps, Progress(History(config.training.monitor))
    waits = []

    with (
        Background() as background,
        Checkpoints(scratch / "last", Interval(1, "epochs"), {BEST: scratch / "best.keras"}, background, dict) as saver,
        closing(batches(train, range((2 * pairs + 1) * train.steps))) as taken,
    ):

        def epoch(save: bool) -> float:
            started = time.perf_counter()
            if save:
                saver.save(stage, progress)
            for batch in islice(taken, train.steps):
                steps.train(*batch)
            steps.averages()
            return time.perf_counter() - started

        epoch(save=True)  # compiles, and allocates the copies
        measured = interleaved({"saved": lambda: epoch(True), "never": lambda: epoch(False)}, pairs, say)
        for _ in measured["saved"]:
            saver.save(stage, progress)
            started = time.perf_counter()
            saver.wait()
            waits.append(time.perf_counter() - started)
    return measured, waits


def _processes(settings: list[str], scratch: Path) -> dict[str, Callable[[], float]]:
    """Seconds per step, from separate runs: a process cannot undo determinism."""

    def measure(deterministic: str) -> float:
        with tempfile.TemporaryDirectory(dir=scratch) as outputs:
            command = [sys.executable, "-m", "catsdogs_exp", *settings, f"training.deterministic={deterministic}"]
            command += ["logging.tensorboard=false", "logging.activations.every=-1", f"output_dir={outputs}"]
            done = subprocess.run(command, check=False, cwd=photos.CHECKOUT, capture_output=True, text=True)
            if done.returncode != 0:
                raise RunFailed(f"{' '.join(command)} ended with exit code {done.returncode}:\n{done.stderr}")
            (values,) = Path(outputs).glob("*/*/metrics.csv")
            with values.open(newline="", encoding="utf-8") as handle:
                rates = [float(row["images_per_second"]) for row in csv.DictReader(handle)]
        return config_of(settings).loader.batch_size / median(rates[1:])

    return {name: lambda value=value: measure(value) for name, value in _DETERMINISM.items()}  # type: ignore[misc]
