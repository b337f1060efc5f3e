"""The second half of a run, once TensorFlow is there: loaders, network, optimiser, listeners, training, best epoch."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.config.schema import Config
from catsdogs_exp.data.listing import TEST, TRAIN, VALIDATION
from catsdogs_exp.data.loaders import Loader, make_loader
from catsdogs_exp.data.manifest import Manifest
from catsdogs_exp.data.pixels import Fetch
from catsdogs_exp.errors import BadInput
from catsdogs_exp.job import Job, Screen, hparams
from catsdogs_exp.models import build_model
from catsdogs_exp.record.contact_sheet import contact_sheet
from catsdogs_exp.record.metrics_csv import MetricsCsv
from catsdogs_exp.record.recorders import KeepBest, make_probes
from catsdogs_exp.record.result import Result
from catsdogs_exp.record.tensorboard import TensorBoard
from catsdogs_exp.training.checkpoints import ModelCard
from catsdogs_exp.training.fit import evaluate, fit
from catsdogs_exp.training.optimizers import make_optimizer
from catsdogs_exp.training.steps import Steps, balanced_weights


def train_and_record(
    job: Job, manifest: Manifest, fetch: Fetch, result: Result, screen: Screen, say: Callable[[str], None]
) -> None:
    """Trains the job's network and fills its folder."""
    config = job.config
    train = make_loader(config, manifest, fetch, TRAIN)
    validation = make_loader(config, manifest, fetch, VALIDATION)
    if not len(validation.rows) and config.training.monitor.startswith("val_"):
        if config.split.folds is not None:
            raise BadInput(
                "split.folds must be at most the number of images, or groups of them, of a class, or folds stay empty. "
                f"Received: split.folds={config.split.folds} split.fold={config.split.fold}. Ask for fewer folds"
            )
        raise BadInput(
            "split.validation must be > 0 to watch validation values. "
            f"Received: split.validation={config.split.validation:g} "
            f"training.monitor={config.training.monitor}. Set training.monitor=loss or split.validation=0.2"
        )
    if len(train.rows) < config.loader.batch_size:
        say(
            f"batch_size={config.loader.batch_size} is larger than the training set of {len(train.rows)} images: "
            "every epoch is one batch"
        )
    model = build_model(config.model, config.loader.target_size, len(manifest.classes), config.loader.channels)
    result.update(parameters=model.count_params())
    optimizer = make_optimizer(config.optimizer, config.schedule, train.steps, config.epochs)
    steps = Steps(model, optimizer, _class_weights(config, train, manifest, say))

    board = None
    if config.logging.tensorboard:
        board = TensorBoard(job.folder / "tensorboard", job.name, hparams(config, job.overrides))
    status = "failed"
    try:
        best_path = job.folder / "checkpoints" / "best.keras"
        best_path.parent.mkdir()
        card = ModelCard.of(config.loader, manifest.classes)
        display = screen.training(config.epochs, config.loader.batch_size)
        keep = KeepBest(model, card, best_path, result, config.training.monitor)
        listeners = [display, MetricsCsv(job.folder / "metrics.csv"), keep]
        if board:
            listeners.append(board)
            _show_samples(board, config.logging.samples, train, manifest)
        probes = None
        if config.logging.activations.every >= 0:
            probes = make_probes(config, manifest, fetch, model, job.folder / "activations", board)
            listeners.append(probes)
        history = fit(steps, train, validation, config.epochs, config.training.monitor, listeners)

        best = history.best
        if best is not history.epochs[-1]:
            model.load_weights(best_path)
        if probes:
            probes.best(best.epoch)
        test = make_loader(config, manifest, fetch, TEST)
        if len(test.rows):
            result.update(metrics=result.content["metrics"] | {"test": evaluate(steps, test)})
        status = "ok"
    finally:
        if board:
            board.close(status)


def _class_weights(
    config: Config, train: Loader, manifest: Manifest, say: Callable[[str], None]
) -> NDArray[np.float32] | None:
    if config.training.class_weights == "none":
        return None
    weights = balanced_weights(train.labels, len(manifest.classes))
    shown = ", ".join(f"{weight:.4g} {name}" for name, weight in zip(manifest.classes, weights.tolist(), strict=True))
    say(f"class weights in the training loss: {shown}; the loss shown is without them")
    return None if (weights == 1).all() else weights  # classes of one size: the very same run as without


def _show_samples(board: TensorBoard, count: int, train: Loader, manifest: Manifest) -> None:
    """The first training images of epoch 1, as they enter training."""
    if count:
        images, labels = sample_batches(train, count)
        names = [manifest.classes[label] for label in labels.tolist()]
        board.image("augmented training images", contact_sheet(list(images), names), 0, training=True)


def sample_batches(loader: Loader, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The first `count` images and labels of the first epoch."""
    needed = min(-(-count // loader.batch_size), loader.steps)
    batches = [loader.batch(0, step) for step in range(needed)]
    images = np.concatenate([images for images, _ in batches])[:count]
    return images, np.concatenate([labels for _, labels in batches])[:count]
