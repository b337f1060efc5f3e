"""A network's weights in TensorBoard: first-layer filters, norms, histograms, the graph."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from catsdogs_exp.config.schema import BoardSettings
from catsdogs_exp.models.counting import unnested_layers
from catsdogs_exp.record.listeners.recorded_epochs import is_recorded
from catsdogs_exp.record.listeners.tensorboard.event_files import TensorBoard
from catsdogs_exp.record.pictures.encoding import png_of
from catsdogs_exp.record.pictures.filter_sheet import filter_sheet
from catsdogs_exp.training.progress import EpochResult
from catsdogs_exp.training.steps import Steps
from catsdogs_exp.training.variable_values import value_of


class WeightsBoard:
    """Writes what `logging.board` selects.

    Args:
        board: the event files.
        model: the network being trained.
        settings: what to write, and at which epochs.
    """

    def __init__(self, board: TensorBoard, model: keras.Model, settings: BoardSettings) -> None:
        self._board, self._model, self._settings = board, model, settings
        self._first = first_convolution(model)
        self._steps: Steps | None = None

    def on_step(self, epoch: int, step: int, steps: int, steps_object: Steps) -> None:
        """Remembers the variable that holds the norm of the gradients."""
        self._steps = steps_object

    def on_epoch(self, result: EpochResult) -> None:
        """Writes norms after each epoch, pictures and histograms at the recorded ones."""
        if self._settings.norms:
            self._board.scalars(self._norms(), result.epoch, training=True)
        if not is_recorded(self._settings.every, result.epoch):
            return
        self._draw(result.epoch)
        if self._settings.histograms:
            for name, values in _named_weights(self._model):
                self._board.histogram(f"weights/{name}", values, result.epoch)

    def best(self, epoch: int) -> None:
        """Draws the filters of the best epoch, whose weights must be loaded."""
        if self._settings.every >= 0 and not is_recorded(self._settings.every, epoch):
            self._draw(epoch)

    def _draw(self, epoch: int) -> None:
        if self._first is None or not self._settings.filters:
            return
        png = png_of(filter_sheet(np.asarray(value_of(self._first.kernel), np.float32)))
        self._board.image(f"filters/{self._first.name}", png, epoch, training=True)

    def _norms(self) -> dict[str, float]:
        """Returns the mean norm of the epoch's gradients; the norms of all weights and of each layer."""
        found: dict[str, float] = {}
        if self._steps is not None and (gradient := self._steps.take_gradient_norm()) is not None:
            found["norms/gradients"] = gradient
        squares: dict[str, float] = {}
        for name, values in _named_weights(self._model):
            layer = name.rpartition("/")[0]
            squares[layer] = squares.get(layer, 0.0) + float(np.square(values, dtype=np.float64).sum())
        found["norms/weights"] = float(np.sqrt(sum(squares.values())))
        return found | {f"norms of layers/{layer}": float(np.sqrt(total)) for layer, total in squares.items()}


def first_convolution(model: keras.Model) -> Any:
    """Returns the network's first convolution over 1 or 3 channels, whose filters can be drawn, or None."""
    for layer in unnested_layers(model):
        if isinstance(layer, keras.layers.Conv2D) and layer.built and layer.kernel.shape[2] in (1, 3):
            return layer
    return None


def graph_of(model: keras.Model) -> Any:
    """Returns the network in inference mode, as a `tf.Graph`."""
    pixels = tf.TensorSpec(model.input_shape, tf.uint8)
    return tf.function(lambda images: model(images, training=False)).get_concrete_function(pixels).graph


def _named_weights(model: keras.Model) -> Iterator[tuple[str, NDArray[Any]]]:
    """Returns the trainable weights, as `layer/kernel`."""
    for weight in model.trainable_weights:
        yield weight.path, np.asarray(value_of(weight))
