"""Fixed images whose activations are recorded during training."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.config.schema import ActivationSettings, Config
from catsdogs_exp.data.manifest import Manifest
from catsdogs_exp.data.open_data import Data
from catsdogs_exp.data.sources.listing import TRAIN, VALIDATION
from catsdogs_exp.insight.activations import Activations
from catsdogs_exp.insight.graph import FlatNetwork
from catsdogs_exp.insight.layers import choose_layers
from catsdogs_exp.insight.maps import NetworkActivations
from catsdogs_exp.record.activation_arrays import ActivationFiles, KeptActivations
from catsdogs_exp.record.listeners.recorded_epochs import is_recorded
from catsdogs_exp.record.listeners.tensorboard.event_files import TensorBoard
from catsdogs_exp.record.pictures.activation_page import Style, Subject, activation_page, layer_grid
from catsdogs_exp.record.pictures.encoding import png_of
from catsdogs_exp.record.pictures.files import file_names
from catsdogs_exp.training.progress import EpochResult
from catsdogs_exp.training.steps import Steps

_SETTING = "logging.activations.layers"


@dataclass(frozen=True)
class Probes:
    """Fixed images, the same in every run with the same data.

    Attributes:
        images: uint8 [b, height, width, channels].
        names: `cats cat.12.jpg` for each.
        classes: names, in the order of the probabilities.
    """

    images: NDArray[np.uint8]
    names: tuple[str, ...]
    classes: tuple[str, ...]


@dataclass(frozen=True)
class _Recorded:
    """An epoch's activations and their pictures: (name, PNG) pairs for each probe."""

    epoch: int
    answers: NetworkActivations
    drawn: list[list[tuple[str, bytes]]]


class ProbeRecorder:
    """Records the activations of the probes: pictures for TensorBoard, PNGs of the best epoch, arrays.

    Args:
        activations: of the chosen layers of the network being trained.
        probes: the images.
        settings: how often and how much.
        folder: `activations/` of the run.
        board: event files, or None.
    """

    def __init__(
        self,
        activations: Activations,
        probes: Probes,
        settings: ActivationSettings,
        folder: Path,
        board: TensorBoard | None,
    ) -> None:
        self._activations = activations
        self._probes, self._settings = probes, settings
        self._board, self._folder = board, folder
        self._files = ActivationFiles(folder, round(settings.keep * 1e6))
        self._style = Style(settings.channels, settings.scale)
        self._latest: _Recorded | None = None

    def on_step(self, epoch: int, step: int, steps: int, steps_object: Steps) -> None:
        """Nothing."""

    def on_epoch(self, result: EpochResult) -> None:
        """Records the first epoch and then every `logging.activations.every` epochs."""
        if not is_recorded(self._settings.every, result.epoch):
            return
        answers = self._activations.of(self._probes.images)
        self._files.add(self._kept(result.epoch, answers), self._settings.channels)
        if self._board:
            self._latest = _Recorded(result.epoch, answers, self._draw(answers, result.epoch))
            self._show(self._board, self._latest, "activations")

    def best(self, epoch: int) -> None:
        """Records the best epoch, whose weights must be loaded."""
        latest = self._latest
        if latest is None or latest.epoch != epoch:
            answers = self._activations.of(self._probes.images)
            latest = _Recorded(epoch, answers, self._draw(answers, epoch))
        self._files.add(self._kept(epoch, latest.answers), self._settings.channels, best=True)
        if self._board:
            self._show(self._board, latest, "activations at the best epoch")
        self._folder.mkdir(exist_ok=True)  # a resumed run already has it, and draws its best epoch again
        for name, pictures in zip(file_names(self._probes.names), latest.drawn, strict=True):
            (self._folder / f"best-{name}.png").write_bytes(pictures[0][1])

    def take_back(self, epoch: int) -> None:
        """Removes what was recorded after an epoch, if a run continues from there."""
        self._files.take_back(epoch)

    def _kept(self, epoch: int, answers: NetworkActivations) -> KeptActivations:
        return KeptActivations(epoch, self._probes.names, self._probes.images, answers)

    def _draw(self, answers: NetworkActivations, epoch: int) -> list[list[tuple[str, bytes]]]:
        """Returns, for each probe, a page of all layers, then each layer separately: tags that sort by depth, and
        PNGs.
        """

        def draw(index: int) -> list[tuple[str, bytes]]:
            grids = [layer_grid(layer, index, self._style) for layer in answers.layers]
            title = f"{self._probes.names[index]}, epoch {epoch}"
            subject = Subject(self._probes.images[index], title, self._probes.classes)
            page = ("00 all layers", png_of(activation_page(subject, answers, index, grids)))
            if not self._board:
                return [page]
            layers = enumerate(zip(answers.layers, grids, strict=True), start=1)
            return [page, *((f"{number:02d} {layer.layer}", png_of(grid)) for number, (layer, grid) in layers)]

        with ThreadPoolExecutor() as pool:  # most of it is C code that releases the interpreter lock
            return list(pool.map(draw, range(len(self._probes.names))))

    def _show(self, board: TensorBoard, recorded: _Recorded, tag: str) -> None:
        for name, pictures in zip(self._probes.names, recorded.drawn, strict=True):
            for part, png in pictures:
                board.image(f"{tag}/{name}/{part}", png, recorded.epoch)


def activations_of(network: FlatNetwork, settings: ActivationSettings) -> Activations:
    """Returns the activations of the layers that the settings choose.

    Raises:
        BadInput: for layers that the network does not have.
    """
    return Activations(network, choose_layers(network, settings.layers, _SETTING))


def probe_rows(manifest: Manifest, per_class: int) -> NDArray[np.intp]:
    """Returns the validation images (training images if there are none) with the smallest content hashes of each
    class.
    """
    rows = manifest.rows(VALIDATION)
    if not len(rows):
        rows = manifest.rows(TRAIN)
    chosen: list[int] = []
    for label in range(len(manifest.classes)):
        mine = [row for row in rows.tolist() if manifest.listing.labels[row] == label]
        chosen += sorted(mine, key=lambda row: str(manifest.verdicts.sha256[row]))[:per_class]
    return np.array(chosen, dtype=np.intp)


def choose_probes(config: Config, data: Data) -> Probes:
    """Fetches the images whose activations are recorded."""
    manifest, settings = data.manifest, config.logging.activations
    rows = probe_rows(manifest, settings.images)
    return Probes(data.fetch(rows), _names(manifest, rows.tolist()), manifest.classes)


def _names(manifest: Manifest, rows: Sequence[int]) -> tuple[str, ...]:
    """Returns `cats cat.12.jpg` for each image; with its folders if another one has the same class and name."""
    labels = [manifest.classes[manifest.listing.labels[row]] for row in rows]
    short = [f"{label} {manifest.path(row).name}" for label, row in zip(labels, rows, strict=True)]
    several = {name for name, count in Counter(short).items() if count > 1}
    return tuple(
        f"{label} {manifest.listing.paths[row]}" if name in several else name
        for name, label, row in zip(short, labels, rows, strict=True)
    )
