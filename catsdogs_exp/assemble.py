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
from catsdogs_exp.training import profiling
from catsdogs_exp.training.checkpoints import ModelCard
from catsdogs_exp.training.fit import History, evaluate, fit
from catsdogs_exp.training.optimizers import make_optimizer
from catsdogs_exp.training.precision import building_in, choose_precision, scaled, use_jit
from catsdogs_exp.training.steps import Steps, balanced_weights


def train_and_record(
    job: Job,
    manifest: Manifest,
    fetch: Fetch,
    stored: Fetch | None,
    result: Result,
    screen: Screen,
    say: Callable[[str], None],
) -> None:
    """Trains the job's network and fills its folder.

    Args:
        job: what is run.
        manifest: the data.
        fetch: gives the pictures as they are evaluated.
        stored: gives the pictures to cut from, for `loader.resize=random_resized_crop`.
        result: the run's state.
        screen: where it tells how it goes.
        say: a line for screen and log.
    """
    config = job.config
    train = make_loader(config, manifest, fetch, TRAIN, stored=stored)
    validation = make_loader(config, manifest, fetch, VALIDATION)
    _check_sizes(config, train, validation, say)
    steps = _make_steps(config, train, manifest, say)
    model = steps.model
    result.update(parameters=model.count_params())

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
        if job.profile:
            listeners.append(profiling.Trace(job.folder / "tensorboard"))
        history = fit(steps, train, validation, config.epochs, config.training.monitor, listeners)
        if job.profile:
            say(_profile(steps, train, history))

        best = history.best
        if job.profile or best is not history.epochs[-1]:
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


def _check_sizes(config: Config, train: Loader, validation: Loader, say: Callable[[str], None]) -> None:
    if not len(validation.rows) and config.training.monitor.startswith("val_"):
        raise BadInput(
            "split.validation must be > 0, and leave an image, to watch validation values. "
            f"Received: split.validation={config.split.validation:g} "
            f"training.monitor={config.training.monitor}. Set training.monitor=loss or split.validation=0.2"
        )
    if len(train.rows) < config.loader.batch_size:
        say(
            f"batch_size={config.loader.batch_size} is larger than the training set of {len(train.rows)} images: "
            "every epoch is one batch"
        )


def _make_steps(config: Config, train: Loader, manifest: Manifest, say: Callable[[str], None]) -> Steps:
    """The network with its optimiser, in the precision asked for."""
    policy, why = choose_precision(config.training.precision)
    if why:
        say(why)
    with building_in(policy):
        model = build_model(config.model, config.loader.target_size, len(manifest.classes), config.loader.channels)
    optimizer = make_optimizer(config.optimizer, config.schedule, train.steps, config.epochs)
    return Steps(
        model,
        scaled(optimizer, policy),
        _class_weights(config, train, manifest, say),
        mixed=train.mixed,
        jit=use_jit(config.training),
    )


def _profile(steps: Steps, train: Loader, history: History) -> str:
    last = history.epochs[-1]  # the first has the compilation in it
    in_run = len(train.rows) / last.images_per_second / train.steps
    return profiling.advice(profiling.measure(steps, train, in_run, last.waiting), train.fetch.cache)


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
    """The first training images of epoch 1, as they enter training, with what was drawn for them."""
    if not count:
        return
    indices = train.order(0)[:count].tolist()
    captions = [
        "\n".join([manifest.classes[train.labels[index]], *map(" ".join, train.drawn(0, index).items())])
        for index in indices
    ]
    images = [train.sample(0, index) for index in indices]
    board.image("augmented training images", contact_sheet(images, captions), 0, training=True)
