"""P17: seconds that `compare` takes for hundreds of runs, with tests of significance on their predictions."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks import photos
from benchmarks.options import Options, heading
from benchmarks.startup import write_runs
from benchmarks.table import Row, render, within
from benchmarks.timing import interleaved, say
from catsdogs_exp.errors import RunFailed
from catsdogs_exp.record.folder.predictions import NAME, Predictions, write_predictions

RUNS, IMAGES = 500, 1000


def run(options: Options) -> str:
    """Measures and returns the table."""
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as scratch:
        runs = write_runs_with_predictions(Path(scratch) / "runs", 20 if options.quick else RUNS)
        forms = {"table": (), "json": ("--json",), "loss": ("--by", "val_loss")}
        contenders = {name: lambda words=words: _seconds(runs, *words) for name, words in forms.items()}
        measured = interleaved(contenders, options.rounds, say)
    return (
        f"{heading('compare', options, f'{RUNS} runs, {IMAGES:,} validation images', load)}\n{render(rows(measured))}"
    )


def rows(measured: dict[str, list[float]]) -> list[Row]:
    """The table's rows from seconds, a number a round."""
    what = f"compare of {RUNS} runs, each of {IMAGES:,} predictions tested against the best"
    return [
        within("P17", f"{what}: table, McNemar", measured["table"], 2.0),
        within("P17", "the same with --json", measured["json"], 2.0),
        within("P17", "the same with --by val_loss, paired bootstrap", measured["loss"], 2.0),
    ]


def write_runs_with_predictions(folder: Path, count: int, images: int = IMAGES) -> Path:
    """Run folders of a sweep over learning rates, which judged the same images a little better one after the other."""
    write_runs(folder, count)
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, images).astype(np.int32)
    paths = tuple(f"validation/{('cats', 'dogs')[label]}/{number}.jpg" for number, label in enumerate(labels.tolist()))
    hard = rng.random(images)
    for number, each in enumerate(sorted(folder.iterdir())):
        ability = 0.7 + 0.2 * number / count
        right = np.clip(ability - hard + rng.normal(0, 0.1, images) + 0.5, 0.01, 0.99)
        said = np.stack([np.where(labels == 0, right, 1 - right), np.where(labels == 1, right, 1 - right)], axis=1)
        found = Predictions(("cats", "dogs"), paths, ("validation",) * images, labels, said.astype(np.float32))
        write_predictions(each / NAME, found)
        result = json.loads((each / "result.json").read_text(encoding="utf-8"))
        loss = float(-np.log(found.of_label.astype(np.float64)).mean())
        result["metrics"]["val"] = {"loss": loss, "accuracy": float(found.right.mean())}
        (each / "result.json").write_text(json.dumps(result), encoding="utf-8")
    return folder


def _seconds(runs: Path, *words: str) -> float:
    command = [sys.executable, "-m", "catsdogs_exp", "compare", str(runs), *words]
    started = time.perf_counter()
    done = subprocess.run(command, check=False, cwd=photos.CHECKOUT, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise RunFailed(f"{' '.join(command)} ended with exit code {done.returncode}:\n{done.stderr}")
    return seconds
