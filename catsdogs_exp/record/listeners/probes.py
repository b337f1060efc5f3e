"""Fixed images whose activations are drawn as training goes on."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.config.schema import Config
from catsdogs_exp.data.manifest import Manifest
from catsdogs_exp.data.open_data import Data
from catsdogs_exp.data.sources.listing import TRAIN, VALIDATION
from catsdogs_exp.insight.activations import Activations
from catsdogs_exp.record.listeners.tensorboard import TensorBoard
from catsdogs_exp.record.pictures.activation_page import ActivationPages
from catsdogs_exp.record.pictures.png import png_of
from catsdogs_exp.training.progress import EpochResult
from catsdogs_exp.training.steps import Steps


@dataclass(frozen=True)
class Probes:
    """Fixed images, the same ones in every run with the same data.

    Attributes:
        images: uint8 [b, height, width, channels].
        names: `cats cat.12.jpg` for each.
    """

    images: NDArray[np.uint8]
    names: Sequence[str]


class ProbePictures:
    """Pictures of the layers' activations for the probes.

    Args:
        network: the network that is being trained.
        probes: the images.
        config: how often and how much.
        folder: PNGs of the best epoch go here.
        board: event files, or None.
    """

    def __init__(
        self, network: keras.Model, probes: Probes, config: Config, folder: Path, board: TensorBoard | None
    ) -> None:
        self._activations, self._pages = Activations(network), ActivationPages(config.logging.activations.channels)
        self._images, self._names = probes.images, probes.names
        self._every, self._board, self._folder = config.logging.activations.every, board, folder

    def on_step(self, epoch: int, step: int, steps: int, steps_object: Steps) -> None:
        """Nothing."""

    def on_epoch(self, result: EpochResult) -> None:
        """Draws at the first epoch and then every `logging.activations.every` epochs."""
        due = self._every > 0 and (result.epoch == 1 or result.epoch % self._every == 0)
        if due and self._board:
            self._show(self._board, self._draw(result.epoch, ""), result.epoch, "activations")

    def best(self, epoch: int) -> None:
        """Draws with the best epoch's weights, which must be in place: events and PNG files."""
        pages = self._draw(epoch, ", the best")
        if self._board:
            self._show(self._board, pages, epoch, "activations at the best epoch")
        self._folder.mkdir(exist_ok=True)  # of a run that went on: drawn again
        for name, page in zip(self._names, pages, strict=True):
            (self._folder / f"best-{name.replace(' ', '-').replace('/', '-')}.png").write_bytes(page)

    def _draw(self, epoch: int, remark: str) -> list[bytes]:
        titles = [f"{name}, epoch {epoch}{remark}" for name in self._names]
        pages = self._pages.draw(self._images, titles, self._activations.of(self._images))
        with ThreadPoolExecutor() as pool:  # packing a page is C that other threads can run beside
            return list(pool.map(png_of, pages))

    def _show(self, board: TensorBoard, pages: Sequence[bytes], epoch: int, tag: str) -> None:
        for name, page in zip(self._names, pages, strict=True):
            board.image(f"{tag}/{name}", page, epoch)


def probe_rows(manifest: Manifest, per_class: int) -> NDArray[np.intp]:
    """Validation images (training images where there are none) with the smallest content hash, some of each class."""
    rows = manifest.rows(VALIDATION)
    if not len(rows):
        rows = manifest.rows(TRAIN)
    chosen: list[int] = []
    for label in range(len(manifest.classes)):
        mine = [row for row in rows.tolist() if manifest.listing.labels[row] == label]
        chosen += sorted(mine, key=lambda row: str(manifest.verdicts.sha256[row]))[:per_class]
    return np.array(chosen, dtype=np.intp)


def make_probes(
    config: Config, data: Data, network: keras.Model, folder: Path, board: TensorBoard | None
) -> ProbePictures:
    """Chooses the probes and prepares their pictures."""
    manifest = data.manifest
    rows = probe_rows(manifest, config.logging.activations.images)
    names = [f"{manifest.classes[manifest.listing.labels[row]]} {manifest.path(row).name}" for row in rows.tolist()]
    return ProbePictures(network, Probes(data.fetch(rows), names), config, folder, board)
