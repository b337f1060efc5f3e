"""Opens a run's TensorBoard output: the event files, and the listeners that write to them."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from catsdogs_exp.data.sources.listing import SPLITS, VALIDATION
from catsdogs_exp.data.turns import taking_turns
from catsdogs_exp.insight.graph import NoGraph
from catsdogs_exp.printable import printable
from catsdogs_exp.record.folder.predictions import read_predictions
from catsdogs_exp.record.folder.result import config_hash
from catsdogs_exp.record.folder.resume_files import RunState
from catsdogs_exp.record.folder.run_files import AUGMENTED
from catsdogs_exp.record.listeners.best_predictions import still_there
from catsdogs_exp.record.listeners.probes import Probes
from catsdogs_exp.record.listeners.tensorboard.event_files import TensorBoard
from catsdogs_exp.record.listeners.tensorboard.evidence import EvidenceBoard
from catsdogs_exp.record.listeners.tensorboard.judgements import JudgementsBoard
from catsdogs_exp.record.listeners.tensorboard.projector import Points, write_projector
from catsdogs_exp.record.listeners.tensorboard.texts import config_text, data_text, model_text
from catsdogs_exp.record.listeners.tensorboard.weights import WeightsBoard, graph_of
from catsdogs_exp.record.pictures.contact_sheet import contact_sheet
from catsdogs_exp.record.pictures.encoding import png_of
from catsdogs_exp.run.insides import Insides
from catsdogs_exp.run.job import Job, hparams
from catsdogs_exp.run.network import Setup
from catsdogs_exp.training.fit import Listener
from catsdogs_exp.training.progress import EpochResult


class BoardListener(Listener, Protocol):
    """A listener that also shows the best epoch, once its weights are in place."""

    def best(self, epoch: int) -> None:
        """Shows the best epoch."""


@dataclass(frozen=True)
class Board:
    """A run's TensorBoard output.

    Attributes:
        files: the event files.
        shown: the listeners that write to them, besides that of the curves.
        setup: of the run.
        state: its files.
    """

    files: TensorBoard
    shown: Sequence[BoardListener]
    setup: Setup
    state: RunState

    @property
    def listeners(self) -> Iterator[Listener]:
        """Yields the listeners, which are notified after each step and epoch; the curves come first."""
        yield self.files
        yield from self.shown

    def best(self, best: EpochResult) -> None:
        """Shows the best epoch, whose weights must be in place."""
        for listener in self.shown:
            listener.best(best.epoch)
        for training, values in ((True, best.train), (False, best.val)):
            self.files.scalars({f"best epoch/{name}": value for name, value in values.items()}, best.epoch, training)
        if self.setup.config.logging.board.embedding:
            self._project()
        self.files.flush()

    def _project(self) -> None:
        """Writes the best network's embeddings of a representative sample of validation images."""
        if not self.state.predictions.is_file():
            return
        manifest = self.setup.data.manifest
        found = read_predictions(self.state.predictions, manifest.classes).of_split(SPLITS[VALIDATION])
        found, rows = still_there(found, manifest)
        chosen = taking_turns(found.labels)[: self.setup.config.logging.board.embedding]
        if not len(chosen):
            return
        found, images = found.rows(chosen), self.setup.data.fetch(rows[chosen])
        names = found.classes
        points = Points(
            images, found.paths, [names[label] for label in found.labels], [names[said] for said in found.predicted]
        )
        with suppress(NoGraph):
            write_projector(self.files.judged, self.setup.network.model, points)


def open_board(job: Job, setup: Setup, state: RunState, probes: Probes | None, insides: Insides | None) -> Board | None:
    """Opens the event files, and writes the settings, and the texts and samples of a new run; returns None if none are
    wanted.

    Args:
        job: the run.
        setup: what it trains.
        state: its files.
        probes: the images whose activations are recorded, or None.
        insides: the network's layers, or None.
    """
    config = setup.config
    if not config.logging.tensorboard:
        return None
    files = TensorBoard(state.tensorboard, has_validation=len(setup.loaders.validation.rows) > 0)
    files.begin(job.name, hparams(config, job.overrides))
    if not job.snapshot:
        _introduce(files, job, setup)
    elif job.found and job.found.get("config_hash") != config_hash(config):
        files.text("config", config_text(config, job.overrides), job.found.get("epochs") or 0)
    shown: list[BoardListener] = [
        WeightsBoard(files, setup.network.model, config.logging.board),
        JudgementsBoard(files, setup.data, config.logging.board, state.predictions),
    ]
    every = config.logging.board.every
    if config.logging.board.grad_cam and every >= 0 and probes is not None and insides and insides.grad_cam:
        shown.append(EvidenceBoard(files, insides.grad_cam, probes, every))
    return Board(files, shown, setup, state)


def _introduce(files: TensorBoard, job: Job, setup: Setup) -> None:
    """Writes what is known before the first epoch."""
    files.text("config", config_text(setup.config, job.overrides))
    files.text("data", data_text(setup.data.manifest))
    files.text("model", model_text(setup.network.model))
    _show_samples(files, job, setup)
    if setup.config.logging.board.graph:
        files.graph(graph_of(setup.network.model))


def _show_samples(files: TensorBoard, job: Job, setup: Setup) -> None:
    """Writes training images of each class as augmented in epoch 1, with the random values used; also as
    `augmented.png`.
    """
    count, train, manifest = setup.config.logging.samples, setup.loaders.train, setup.data.manifest
    if not count:
        return
    indices = taking_turns(train.labels, train.seed)[:count].tolist()
    captions = [
        "\n".join([printable(manifest.classes[train.labels[index]]), *map(" ".join, train.drawn(0, index).items())])
        for index in indices
    ]
    images = [train.sample(0, index) for index in indices]
    sheet = png_of(contact_sheet(images, captions))
    files.image("augmented training images", sheet, 0, training=True)
    (job.folder / AUGMENTED).write_bytes(sheet)
