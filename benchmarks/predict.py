"""P16: images per second of `predict`, start-up aside, against the validation pass of training with the same network.

Both sides end with the probabilities of the same files. `predict` reads each file once, so it is measured against a
validation pass that does too (`loader.cache=none`, as in a run's first pass), and, without a target, against one over
images that training has decoded before.
"""

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import photos
from benchmarks.options import Options, heading
from benchmarks.table import Row, faster, ratio, render
from benchmarks.timing import Pair, interleaved, say
from catsdogs_exp.config.compose import config_of
from catsdogs_exp.data.images.pixels import open_pixels
from catsdogs_exp.data.open_data import Data, gather
from catsdogs_exp.data.sources.listing import VALIDATION
from catsdogs_exp.training.runtime import start

_TARGET = 0.9


@dataclass(frozen=True)
class _File:
    """A network's file, as `Predictor` takes it."""

    network: Path


def run(options: Options) -> str:
    """Measures and returns the table."""
    load = os.getloadavg()[0]
    words = (*photos.source(options.photos), *photos.COURSE)
    if options.quick:
        words = ("model=cnn", "depth=2", "dataset=drawn", "dataset.images=100", "target_size=64", "batch_size=20")
    with tempfile.TemporaryDirectory() as scratch:
        sides, images = _sides(words, Path(scratch) / "network.keras")
        for side in sides.values():
            side()  # compiles, and fills the system's file cache
        measured = interleaved(sides, options.rounds, say)
    details = f"the course's network, {images} validation images, {photos.describe(options.photos)}"
    return f"{heading('predict', options, details, load)}\n{render(rows(measured))}"


def rows(measured: dict[str, list[float]]) -> list[Row]:
    """The table's rows, from images per second, one number per round."""
    ours = measured["predict"]
    cached = Pair(ours, measured["decoded"])
    return [
        faster("P16", "predict / validation pass over files", Pair(ours, measured["files"]), _TARGET),
        ratio("-", "predict / validation pass over decoded images", cached, lambda rate: f"{rate:,.0f} img/s"),
    ]


def _sides(words: tuple[str, ...], file: Path) -> tuple[dict[str, Callable[[], float]], int]:
    """Each call returns images per second; and the number of images."""
    config = config_of(words)
    manifest = gather(config)
    decoded = open_pixels(manifest, config.loader)
    files = open_pixels(manifest, replace(config.loader, cache="none"))
    start(config)
    from catsdogs_exp.data.loaders import make_loader
    from catsdogs_exp.inference.predictor import Predictor
    from catsdogs_exp.run.loaders import Loaders
    from catsdogs_exp.run.network import build_network
    from catsdogs_exp.training.checkpoint.card import ModelCard
    from catsdogs_exp.training.checkpoint.model_file import save_model
    from catsdogs_exp.training.fit import evaluate
    from catsdogs_exp.training.steps import Steps

    loaders = {
        name: make_loader(config, Data(manifest, fetch), VALIDATION)
        for name, fetch in (("files", files), ("decoded", decoded))
    }
    loader = loaders["decoded"]
    model = build_network(config, Data(manifest, decoded), Loaders(loader, loader), say).model
    save_model(model, ModelCard.of(config.loader, manifest.classes, manifest.verdicts.white_levels), file)
    steps, predictor = Steps(model), Predictor(_File(file))
    paths = [manifest.path(row) for row in loader.rows.tolist()]

    def passed(name: str) -> Callable[[], float]:
        return lambda: _rate(len(paths), lambda: evaluate(steps, loaders[name]))

    sides = {"files": passed("files"), "decoded": passed("decoded")}
    return sides | {"predict": lambda: _rate(len(paths), lambda: list(predictor.predict(paths)))}, len(paths)


def _rate(images: int, work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return images / (time.perf_counter() - started)
