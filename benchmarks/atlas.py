"""P14: duration of `atlas RUN`: the course's network, and eight layers of EfficientNet-Lite0."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import photos
from benchmarks.options import Options, heading
from benchmarks.table import Row, render, within
from benchmarks.timing import say
from catsdogs_exp.errors import RunFailed

_NETWORKS = {
    "the course's network": (photos.COURSE, 60.0),
    "EfficientNet-Lite0, eight layers": (("model=efficientnet_lite0", "target_size=224", "optimizer=adam"), 240.0),
}


def run(options: Options) -> str:
    """Measures and returns the table."""
    load = os.getloadavg()[0]
    images = 64 if options.quick else 1000
    seconds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, (settings, _) in _NETWORKS.items():
            trained = _trained([*photos.source(options.photos), *settings], Path(scratch) / str(len(seconds)), options)
            seconds[name] = []
            for number in range(options.rounds):
                seconds[name].append(_timed(["atlas", str(trained), "--images", str(images)]))
                say(f"{name}, round {number + 1}/{options.rounds}: {seconds[name][-1]:.1f} s")
    details = f"{images} validation images, {photos.describe(options.photos)}"
    return f"{heading('atlas', options, details, load)}\n{render(rows(seconds))}"


def rows(seconds: dict[str, list[float]]) -> list[Row]:
    """The table's rows, from the seconds for each network."""
    return [within("P14", f"atlas of {name}", taken, _NETWORKS[name][1]) for name, taken in seconds.items()]


def _trained(settings: list[str], folder: Path, options: Options) -> Path:
    if options.quick:
        kept = [word for word in settings if not word.startswith(("dataset", "target_size"))]
        settings = [*kept, "dataset=drawn", "dataset.images=100", "target_size=64"]
    _timed([*settings, "epochs=1", "logging=minimal", f"output_dir={folder.as_posix()}"])
    (found,) = (path.parent for path in folder.rglob("result.json"))
    return found


def _timed(words: list[str]) -> float:
    command = [sys.executable, "-m", "catsdogs_exp", *words]
    started = time.perf_counter()
    done = subprocess.run(command, check=False, cwd=photos.CHECKOUT, capture_output=True, text=True)
    if done.returncode != 0:
        raise RunFailed(f"{' '.join(command)} ended with exit code {done.returncode}:\n{done.stderr}")
    return time.perf_counter() - started
