"""Opens everything that records a run: listeners, checkpoints, the best network."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from catsdogs_exp.config.intervals import parse_interval
from catsdogs_exp.errors import Interrupted, Pruned, one_line
from catsdogs_exp.insight.graph import NoGraph
from catsdogs_exp.record.folder.resume_files import RunState, event_lengths_at
from catsdogs_exp.record.listeners.best_model import KeepBest, SavedNetwork, state_of
from catsdogs_exp.record.listeners.best_predictions import KeepPredictions
from catsdogs_exp.record.listeners.metrics_csv import MetricsCsv
from catsdogs_exp.record.listeners.probes import ProbeRecorder, activations_of, choose_probes
from catsdogs_exp.record.listeners.staircase import StaircaseRecorder
from catsdogs_exp.record.listeners.tensorboard.event_files import TRAIN
from catsdogs_exp.run.appendix import LastLook, appendix_of
from catsdogs_exp.run.begin import BegunRun
from catsdogs_exp.run.board import Board, open_board
from catsdogs_exp.run.guests import open_guests
from catsdogs_exp.run.insides import Insides
from catsdogs_exp.run.job import Job
from catsdogs_exp.run.network import Setup
from catsdogs_exp.run.prune_listener import PruneListener
from catsdogs_exp.training.checkpoint.background import Background
from catsdogs_exp.training.checkpoint.card import ModelCard
from catsdogs_exp.training.checkpoint.writer import Checkpoints
from catsdogs_exp.training.fit import Listener, Stage
from catsdogs_exp.training.profiling import Trace
from catsdogs_exp.training.progress import EpochResult, Progress
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
        insides: the network's layers, or None if nothing looks into them.
        board: what TensorBoard shows, or None.
        profile: whether steps are traced.
    """

    listeners: Sequence[Listener] = ()
    checkpoints: Checkpoints | None = None
    best: KeepBest | None = None
    predictions: KeepPredictions | None = None
    probes: ProbeRecorder | None = None
    staircase: StaircaseRecorder | None = None
    insides: Insides | None = None
    board: Board | None = None
    profile: bool = False

    def bring_back_best(self, best: EpochResult, say: Callable[[str], None]) -> None:
        """Restores the best epoch's weights, and records the network's activations with them."""
        if self.best is not None:
            self.best.bring_back()
        with ThreadPoolExecutor(1) as pool:  # passes of many images leave a core for drawing those of a few
            walked = None if self.staircase is None else pool.submit(self._walk, self.staircase, best.epoch)
            if self.probes is not None:
                self.probes.best(best.epoch)
            if self.board is not None:
                self.board.best(best)
            if walked is not None and (line := walked.result()):
                say(line)

    def _walk(self, staircase: StaircaseRecorder, epoch: int) -> str:
        """Records the linear probes and the photo map of the best epoch; returns the verdict of the probes."""
        line = staircase.best(epoch)
        found = self.predictions.of_validation if self.predictions else None
        if found is not None:
            staircase.map_photos(found)
        return line

    def append_to_best(self, setup: Setup, stage: Stage | None, say: Callable[[str], None]) -> None:
        """Adds what can only be measured after training to the saved best network, whose weights must be loaded."""
        if self.best is None or self.predictions is None:
            return
        self.best.wait()
        try:
            look = LastLook(setup, stage, self.staircase)
            self.best.append(appendix_of(look, self.predictions.of_validation, say))
        except OSError as error:  # the trained network itself is safe
            say(f"best.keras has no calibration and no description of the training images: {one_line(error)}")


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
    # What may refuse to continue comes first, before any file has changed.
    activations, insides = config.logging.activations, _open_insides(setup, run.say)
    recorded = activations_of(insides.network, activations) if insides and activations.every >= 0 else None
    event_lengths = event_lengths_at(job.snapshot)
    guests = open_guests(job, setup, history.epochs, run.say)
    run.take_up()
    with ExitStack() as closing:
        closing.enter_context(_told_how_it_ends(lambda status: guests.close(status, run.result.content)))
        files = RunState(job.folder)
        if job.found is not None:
            files.take_back(job.snapshot, event_lengths)
            run.result.update(**state_of(history))  # later epochs are gone, and so is a best network among them
        if job.snapshot:
            run.say(f"resuming after epoch {len(history.epochs)}, step {progress.step} ({progress.steps} in total)")
        profile = job.profile or config.logging.profile
        chosen = choose_probes(config, setup.data) if activations.every >= 0 else None
        board = open_board(job, setup, files, chosen, insides)
        events = board.files if board else None
        if events:
            closing.enter_context(_told_how_it_ends(events.close))
        probes, staircase = None, None
        if recorded is not None and chosen is not None:
            probes = ProbeRecorder(recorded, chosen, activations, job.folder / "activations", events)
            probes.take_back(len(history.epochs))
        if insides and config.logging.probes.every >= 0:
            staircase = StaircaseRecorder(insides.pooled, setup.data, config, job.folder)
            if job.found is not None:
                staircase.take_back(len(history.epochs))
        background = Background()
        card = ModelCard.of(config.loader, manifest.classes, manifest.verdicts.white_levels)
        network = SavedNetwork(setup.network.model, card, files.best)
        best = KeepBest(network, run.result, history, background, at_once=bool(guests.listeners))
        predictions = KeepPredictions(files.predictions, manifest)
        listeners: list[Listener] = [
            run.screen.training(lambda: planned_epochs(plans, history), config.loader.batch_size),
            MetricsCsv(job.folder / "metrics.csv", history.epochs, len(manifest.classes)),
            predictions,
            best,  # after it, because `result.json` then names the epoch
            *(board.listeners if board else []),
            *([probes] if probes else []),
            *([staircase] if staircase else []),
            *([Trace(files.tensorboard / TRAIN)] if profile else []),
            *guests.listeners,  # all else is written by then
            *([PruneListener(job.watch, history.monitor)] if job.watch else []),  # last, as it may end the run
        ]
        every = parse_interval(config.training.checkpoint.every, "training.checkpoint.every")
        # The last checkpoint is written while the best epoch is recorded: closing waits for it.
        closing.enter_context(background)
        checkpoints = closing.enter_context(
            Checkpoints(files.last, every, files.of_best, background, lambda: files.record(events))
        )
        yield Recorders(listeners, checkpoints, best, predictions, probes, staircase, insides, board, profile)


@contextmanager
def _told_how_it_ends(tell: Callable[[str], None]) -> Iterator[None]:
    """A context manager that calls a function with `ok`, `failed`, `interrupted` or `pruned` when the run ends."""
    status = "failed"
    try:
        yield
        status = "ok"
    except Interrupted:
        status = "interrupted"
        raise
    except Pruned:
        status = "pruned"
        raise
    finally:
        tell(status)


def _open_insides(setup: Setup, say: Callable[[str], None]) -> Insides | None:
    """Flattens the network of a run; returns None if no recorder needs it.

    Also returns None, with a message about what will be missing, if the network cannot be flattened.
    """
    settings = setup.config.logging
    records = settings.activations.every >= 0 or settings.probes.every >= 0
    if not (records or settings.report):
        return None
    try:
        return setup.network.insides
    except NoGraph as error:
        if records:
            say(f"activations and linear probes are not recorded: {error}")
        return None
