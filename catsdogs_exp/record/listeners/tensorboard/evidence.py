"""Grad-CAM maps of the probes, for TensorBoard."""

import numpy as np

from catsdogs_exp.insight.grad_cam import GradCam
from catsdogs_exp.printable import printable
from catsdogs_exp.record.listeners.probes import Probes
from catsdogs_exp.record.listeners.recorded_epochs import is_recorded
from catsdogs_exp.record.listeners.tensorboard.event_files import TensorBoard
from catsdogs_exp.record.pictures.contact_sheet import contact_sheet
from catsdogs_exp.record.pictures.encoding import jpeg_of
from catsdogs_exp.record.pictures.heat_overlay import heat_overlay
from catsdogs_exp.training.progress import EpochResult
from catsdogs_exp.training.steps import Steps

_CLASSES = 3  # per image: the most likely ones


class EvidenceBoard:
    """Shows where each probe has the evidence for its most likely classes.

    Args:
        board: the event files.
        maps: of the network being trained.
        probes: the images, at the network's input size.
        every: epochs between two records.
    """

    def __init__(self, board: TensorBoard, maps: GradCam, probes: Probes, every: int) -> None:
        self._board, self._maps, self._probes, self._every = board, maps, probes, every
        self._latest = (0, b"")  # epoch and PNG

    def on_step(self, epoch: int, step: int, steps: int, steps_object: Steps) -> None:
        """Nothing."""

    def on_epoch(self, result: EpochResult) -> None:
        """Draws the maps at the recorded epochs."""
        if is_recorded(self._every, result.epoch):
            self._show(result.epoch, "grad-cam")

    def best(self, epoch: int) -> None:
        """Draws the maps of the best epoch, whose weights must be loaded."""
        self._show(epoch, "grad-cam at the best epoch")

    def _show(self, epoch: int, tag: str) -> None:
        if self._latest[0] != epoch:
            self._latest = (epoch, self._draw())
        self._board.image(tag, self._latest[1], epoch)

    def _draw(self) -> bytes:
        images = self._probes.images
        said, likeliest, maps = self._maps.of_likeliest(images, _CLASSES)
        pictures, captions = [], []
        columns = likeliest.shape[1]
        for place, name in enumerate(self._probes.names):
            pictures.append(images[place])
            captions.append(printable(name))
            for column, chosen in enumerate(likeliest[place].tolist()):
                pictures.append(np.asarray(heat_overlay(images[place], maps[place, column])))
                captions.append(f"{said[place, chosen]:.3f} {printable(self._probes.classes[chosen])}")
        return jpeg_of(contact_sheet(pictures, captions, columns + 1))
