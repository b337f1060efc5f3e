"""P12: what saving where a run stands after every epoch costs of its training time, and what determinism costs."""

import csv
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks import photos
from benchmarks.options import Options, heading
from benchmarks.table import Row, ratio, render
from benchmarks.timing import Pair, interleaved, say
from catsdogs_exp.config.compose import config_of
from catsdogs_exp.config.intervals import Interval
from catsdogs_exp.errors import RunFailed
from catsdogs_exp.training.runtime import start

_EPOCHS = 3
_TARGET = 1.02
_DETERMINISM = {"deterministic": "true", "free": "false"}


def run(options: Options) -> str:
    """Measures and returns the table."""
    load = os.getloadavg()[0]
    settings = [*photos.source(options.photos), *photos.COURSE, f"epochs={_EPOCHS}"]
    if options.quick:
        settings = ["dataset=drawn", "dataset.images=100", "target_size=32", "depth=2", f"epochs={_EPOCHS}"]
    with tempfile.TemporaryDirectory() as scratch:
        measured = interleaved(_contenders(settings, Path(scratch)), options.rounds, say)
        measured |= interleaved(_processes(settings, Path(scratch)), options.rounds, say)
    what = "drawn pictures" if options.quick else photos.describe(options.photos)
    return f"{heading('checkpoints', options, f'{_EPOCHS} epochs a round, {what}', load)}\n{render(rows(measured))}"


def rows(measured: dict[str, list[float]]) -> list[Row]:
    """The table's rows from seconds."""
    saved, determinism = Pair(measured["saved"], measured["never"]), Pair(measured["deterministic"], measured["free"])
    return [
        ratio("P12", "a checkpoint after each epoch / none", saved, _seconds, _TARGET),
        ratio("-", "a step, deterministic / not", determinism, _seconds),
    ]


def _seconds(taken: float) -> str:
    return f"{taken:.3f} s"


def _contenders(settings: list[str], scratch: Path) -> dict[str, Callable[[], float]]:
    config = config_of(settings)
    start(config)
    from catsdogs_exp.data.gather import gather
    from catsdogs_exp.data.listing import TRAIN, VALIDATION
    from catsdogs_exp.data.loaders import make_loader
    from catsdogs_exp.data.pixels import open_pixels
    from catsdogs_exp.stages import make_network, make_steps
    from catsdogs_exp.training.fit import Plan, Stage, fit
    from catsdogs_exp.training.progress import History, Progress
    from catsdogs_exp.training.saving import Checkpoints

    manifest = gather(config)
    fetch = open_pixels(manifest, config.loader)
    train, validation = (make_loader(config, manifest, fetch, split) for split in (TRAIN, VALIDATION))
    network = make_network(config, manifest, train, say)
    steps = make_steps(config, network, network.model, config.optimizer, config.schedule, _EPOCHS, train)

    def trained(every: Interval) -> Callable[[], float]:
        plan = Plan(_EPOCHS, lambda first: Stage(_EPOCHS, first, steps, train, validation))

        def measure() -> float:
            started = time.perf_counter()
            with Checkpoints(scratch / "last", every, scratch / "best.keras", dict) as saver:
                fit([plan], config.training, Progress(History(config.training.monitor)), saver=saver)
            return time.perf_counter() - started

        return measure

    trained(Interval(0, "epochs"))()  # compiles
    return {"saved": trained(Interval(1, "epochs")), "never": trained(Interval(0, "epochs"))}


def _processes(settings: list[str], scratch: Path) -> dict[str, Callable[[], float]]:
    """Seconds a step, from runs of their own: a process cannot take determinism back."""

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
