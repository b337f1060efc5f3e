"""The second half of a run, once TensorFlow is there: loaders, network, optimiser, listeners, training, best epoch."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import keras

from catsdogs_exp.config.intervals import parse_interval
from catsdogs_exp.config.schema import Config
from catsdogs_exp.config.schema.optimizers import AUTO
from catsdogs_exp.data.images.pixels import Fetch
from catsdogs_exp.data.loaders import Loader, make_loader
from catsdogs_exp.data.manifest import Manifest
from catsdogs_exp.data.overfitting import first_batches
from catsdogs_exp.data.sources.listing import TEST, TRAIN, VALIDATION
from catsdogs_exp.errors import BadInput
from catsdogs_exp.record.folder.result import Result, config_hash
from catsdogs_exp.record.folder.resume_files import RunState
from catsdogs_exp.record.folder.run_folder import write_config
from catsdogs_exp.record.listeners.best_model import KeepBest, state_of
from catsdogs_exp.record.listeners.metrics_csv import MetricsCsv
from catsdogs_exp.record.listeners.probes import ProbePictures, make_probes
from catsdogs_exp.record.listeners.tensorboard import TensorBoard
from catsdogs_exp.record.pictures.contact_sheet import contact_sheet
from catsdogs_exp.record.pictures.png import png_of
from catsdogs_exp.record.pictures.range_plot import draw_range_test, write_range_csv
from catsdogs_exp.run.job import Job, Screen, hparams
from catsdogs_exp.run.plan import Network, find_rate, make_network, plan_stages, with_rate
from catsdogs_exp.training import profiling
from catsdogs_exp.training.checkpoint.model_file import ModelCard
from catsdogs_exp.training.checkpoint.writer import Checkpoints, restore
from catsdogs_exp.training.distribution.distribution import Spread
from catsdogs_exp.training.fit import Plan, Stage, evaluate, fit, steps_per_epoch
from catsdogs_exp.training.precision import threads
from catsdogs_exp.training.progress import History, Progress, progress_of
from catsdogs_exp.training.steps import Steps


def train_and_record(
    job: Job,
    manifest: Manifest,
    fetch: Fetch,
    stored: Fetch | None,
    result: Result,
    screen: Screen,
    say: Callable[[str], None],
    spread: Spread,
) -> None:
    """Trains the job's network and fills its folder, from the beginning or from where the job's snapshot stands.

    Args:
        job: what is run.
        manifest: the data.
        fetch: gives the pictures as they are evaluated.
        stored: gives the pictures to cut from, for `loader.resize=random_resized_crop`.
        result: the run's state.
        screen: where it tells how it goes.
        say: a line for screen and log.
        spread: over what training is spread. Its chief alone fills the folder; the others only help with training.
    """
    config, snapshot, profile = job.config, job.snapshot, job.profile or job.config.logging.profile
    loaders = open_loaders(config, manifest, fetch, stored, say)
    train, validation = (replace(loader, shard=spread.shard) for loader in loaders)
    network = make_network(config, manifest, train, say, spread)
    model = network.model
    result.update(parameters=model.count_params(), threads=threads())
    if config.optimizer.learning_rate == AUTO:
        job = _with_found_rate(job, network, train, result, screen, say)
        config = job.config
    plans = plan_stages(config, network, train, validation, manifest, screen, say)
    if not spread.is_chief:
        result.update(**state_of(_help(job, plans, spread)))
        return

    files = RunState(job.folder)
    if job.found is not None:
        files.take_back(snapshot)
    progress = _where_it_stands(job)
    history = progress.history
    if snapshot:
        say(f"goes on after epoch {len(history.epochs)}, step {progress.step} ({progress.steps} in all)")

    board = None
    if config.logging.tensorboard:
        board = TensorBoard(files.tensorboard, job.name, None if snapshot else hparams(config, job.overrides))
        if not snapshot:
            _show_samples(board, config.logging.samples, train, manifest)
    probes = None
    if config.logging.activations.every >= 0:
        probes = make_probes(config, manifest, fetch, model, job.folder / "activations", board)
    best = KeepBest(model, ModelCard.of(config.loader, manifest.classes), files.best, result, history)
    listeners = [
        screen.training(config.epochs + config.training.finetune.epochs, config.loader.batch_size),
        MetricsCsv(job.folder / "metrics.csv", history.epochs, len(manifest.classes)),
        best,
        *([board] if board else []),
        *([probes] if probes else []),
        *([profiling.Trace(files.tensorboard)] if profile else []),
    ]
    every = parse_interval(config.training.checkpoint.every, "training.checkpoint.every")
    status = "failed"
    try:
        with Checkpoints(files.last, every, files.best, lambda: files.record(board)) as saver:
            going_on = partial(restore, snapshot) if snapshot else None
            stage = fit(plans, config.training, progress, listeners, saver, going_on)
            spread.part()
            if progress.stopped:
                say(f"stopped after epoch {len(history.epochs)}: {progress.stopped}")
                result.update(stopped=progress.stopped)
            if profile and stage is not None and spread.cluster is None:
                say(_profile(stage, history))
            best.bring_back()  # the last checkpoint, a copy, is written meanwhile
            _show_best(model, probes, history, make_loader(config, manifest, fetch, TEST), result)
        status = "ok"
    finally:
        if board:
            board.close(status)


def _show_best(
    model: keras.Model, probes: ProbePictures | None, history: History, test: Loader, result: Result
) -> None:
    """What the best epoch's network, whose weights must be in place, makes of probes and test images, if there are."""
    if probes:
        probes.best(history.best.epoch)
    if len(test.rows):
        result.update(metrics=result.content["metrics"] | {"test": evaluate(Steps(model), test)})


def _where_it_stands(job: Job) -> Progress:
    """At the beginning, or where the job's snapshot was taken."""
    progress = progress_of(job.snapshot) if job.snapshot else Progress(History(job.config.training.monitor))
    progress.stopped = ""
    return progress


def _help(job: Job, plans: Sequence[Plan], spread: Spread) -> History:
    """Trains as a worker that is not the chief: the same epochs, nothing is written."""
    snapshot, progress = job.snapshot, _where_it_stands(job)
    fit(plans, job.config.training, progress, restore=partial(restore, snapshot) if snapshot else None)
    spread.part()
    return progress.history


def _with_found_rate(
    job: Job, network: Network, train: Loader, result: Result, screen: Screen, say: Callable[[str], None]
) -> Job:
    """The job with the learning rate that a range test suggests; its `config.yaml` holds the number from now on."""
    test = find_rate(job.config, network, train, screen)
    draw_range_test(test, job.folder / "learning_rate.png")
    write_range_csv(test, job.folder / "learning_rate.csv")
    say(f"lr=auto: the range test suggests lr={test.suggestion:g}, {test.why}; see learning_rate.png")
    config = with_rate(job.config, test.suggestion)
    write_config(job.folder, config)
    result.update(config_hash=config_hash(config))
    return replace(job, config=config)


def open_loaders(
    config: Config, manifest: Manifest, fetch: Fetch, stored: Fetch | None, say: Callable[[str], None]
) -> tuple[Loader, Loader]:
    """The loaders of training and validation.

    Raises:
        BadInput: when values are to be watched that there are no images for, or no weight would ever move.
    """
    train = make_loader(config, manifest, fetch, TRAIN, stored=stored)
    if config.training.overfit_batches:
        plain = make_loader(config, manifest, fetch, TRAIN, evaluate=True)
        train, validation = first_batches(train, plain, config.training.overfit_batches)
        say(f"training.overfit_batches: {len(train.rows)} training images, as they are, also for validation")
    else:
        validation = make_loader(config, manifest, fetch, VALIDATION)
    _check_sizes(config, train, validation, say)
    return train, validation


def _check_sizes(config: Config, train: Loader, validation: Loader, say: Callable[[str], None]) -> None:
    if not len(validation.rows) and config.training.monitor.startswith("val_"):
        raise BadInput(
            "split.validation must be > 0, and leave an image, to watch validation values. "
            f"Received: split.validation={config.split.validation:g} "
            f"training.monitor={config.training.monitor}. Set training.monitor=loss or split.validation=0.2"
        )
    for key, epochs in (("epochs", config.epochs), ("training.finetune.epochs", config.training.finetune.epochs)):
        batches = epochs * steps_per_epoch(train, config.training)
        if 0 < batches < config.training.accumulate:
            raise BadInput(
                f"training.accumulate must be <= {batches}, the batches of {key}={epochs}, or no weight ever moves. "
                f"Received: training.accumulate={config.training.accumulate}. Lower it, or raise {key}"
            )
    if len(train.rows) < config.loader.batch_size:
        say(
            f"batch_size={config.loader.batch_size} is larger than the training set of {len(train.rows)} images: "
            "every epoch is one batch"
        )


def _profile(stage: Stage, history: History) -> str:
    last, train = history.epochs[-1], stage.train  # the first has the compilation in it
    in_run = len(train.rows) / last.images_per_second / train.steps
    return profiling.advice(profiling.measure(stage.steps, train, in_run, last.waiting), train.fetch.cache)


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
    board.image("augmented training images", png_of(contact_sheet(images, captions)), 0, training=True)
