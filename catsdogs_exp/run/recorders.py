"""Opens everything that records a run: listeners, checkpoints, the best network."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from catsdogs_exp.config.intervals import parse_interval
from catsdogs_exp.config.schema import Config
from catsdogs_exp.data.loaders import Loader
from catsdogs_exp.data.manifest import Manifest
from catsdogs_exp.data.turns import taking_turns
from catsdogs_exp.printable import printable
from catsdogs_exp.record.folder.resume_files import RunState
from catsdogs_exp.record.listeners.best_model import KeepBest
from catsdogs_exp.record.listeners.best_predictions import KeepPredictions
from catsdogs_exp.record.listeners.metrics_csv import MetricsCsv
from catsdogs_exp.record.listeners.probes import ProbeRecorder, make_probes
from catsdogs_exp.record.listeners.staircase import StaircaseRecorder
from catsdogs_exp.record.listeners.tensorboard import TensorBoard
from catsdogs_exp.record.pictures.contact_sheet import contact_sheet
from catsdogs_exp.record.pictures.png import png_of
from catsdogs_exp.run.begin import BegunRun
from catsdogs_exp.run.job import Job, hparams
from catsdogs_exp.run.network import Setup
from catsdogs_exp.training.checkpoint.model_file import ModelCard
from catsdogs_exp.training.checkpoint.writer import Checkpoints
from catsdogs_exp.training.fit import Listener
from catsdogs_exp.training.profiling import Trace
from catsdogs_exp.training.progress import Progress
from catsdogs_exp.training.stages import StagePlan, planned_epochs


@dataclass(frozen=True)
class Recorders:
    """The recorders of a run.

    Attributes:
        listeners: notified after each step and epoch.
        checkpoints: saves the state of the run; None: nothing is saved.
        best: saves the best epoch's network; None: it is not saved.
        predictions: saves its predictions for validation and test images; None: they are not saved.
        probes: records activations, or None.
        staircase: records linear probes, or None.
        profile: whether steps are traced.
    """

    listeners: Sequence[Listener] = ()
    checkpoints: Checkpoints | None = None
    best: KeepBest | None = None
    predictions: KeepPredictions | None = None
    probes: ProbeRecorder | None = None
    staircase: StaircaseRecorder | None = None
    profile: bool = False

    def bring_back_best(self, epoch: int, say: Callable[[str], None]) -> None:
        """Restores the best epoch's weights, and records activations and linear probes with them."""
        if self.best is not None:
            self.best.bring_back()
        if self.probes is not None:
            self.probes.best(epoch)
        if self.staircase is not None and (line := self.staircase.best(epoch)):
            say(line)


@contextmanager
def open_recorders(
    job: Job, setup: Setup, plans: Sequence[StagePlan], progress: Progress, run: BegunRun
) -> Iterator[Recorders]:
    """Opens the recorders of a run, from the beginning or from the job's snapshot.

    A worker that is not the chief only helps with training: it writes nothing.
    """
    config, history, manifest = setup.config, progress.history, setup.data.manifest
    if not setup.network.distribution.is_chief:
        yield Recorders()
        return
    files = RunState(job.folder)
    if job.found is not None:
        files.take_back(job.snapshot)
    if job.snapshot:
        run.say(f"resuming after epoch {len(history.epochs)}, step {progress.step} ({progress.steps} in all)")
    board = _open_board(job, config, files, setup)
    model, profile = setup.network.model, job.profile or config.logging.profile
    probes = None
    if config.logging.activations.every >= 0:
        probes = make_probes(config, setup.data, model, job.folder / "activations", board)
        probes.take_back(len(history.epochs))
    staircase = None
    if config.logging.probes.every >= 0:
        staircase = StaircaseRecorder(model, setup.data, config, job.folder)
    best = KeepBest(
        model,
        ModelCard.of(config.loader, manifest.classes, manifest.verdicts.white_levels),
        files.best,
        run.result,
        history,
    )
    predictions = KeepPredictions(files.predictions, manifest)
    listeners: list[Listener] = [
        run.screen.training(lambda: planned_epochs(plans, history), config.loader.batch_size),
        MetricsCsv(job.folder / "metrics.csv", history.epochs, len(manifest.classes)),
        predictions,
        best,  # after it, because `result.json` then names the epoch
        *([board] if board else []),
        *([probes] if probes else []),
        *([staircase] if staircase else []),
        *([Trace(files.tensorboard)] if profile else []),
    ]
    every = parse_interval(config.training.checkpoint.every, "training.checkpoint.every")
    status = "failed"
    try:
        # The last checkpoint is written while the best epoch is recorded: leaving the block waits for it.
        with Checkpoints(files.last, every, files.of_best, lambda: files.record(board)) as checkpoints:
            yield Recorders(listeners, checkpoints, best, predictions, probes, staircase, profile)
        status = "ok"
    finally:
        if board:
            board.close(status)


def _open_board(job: Job, config: Config, files: RunState, setup: Setup) -> TensorBoard | None:
    if not config.logging.tensorboard:
        return None
    board = TensorBoard(files.tensorboard, job.name, None if job.snapshot else hparams(config, job.overrides))
    if not job.snapshot:
        _show_samples(board, config.logging.samples, setup.loaders.train, setup.data.manifest)
    return board


def _show_samples(board: TensorBoard, count: int, train: Loader, manifest: Manifest) -> None:
    """Training images of each class as they enter epoch 1, with their random parameters."""
    if not count:
        return
    indices = taking_turns(train.labels, train.seed)[:count].tolist()
    captions = [
        "\n".join([printable(manifest.classes[train.labels[index]]), *map(" ".join, train.drawn(0, index).items())])
        for index in indices
    ]
    images = [train.sample(0, index) for index in indices]
    board.image("augmented training images", png_of(contact_sheet(images, captions)), 0, training=True)
