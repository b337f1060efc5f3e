"""Averages of weights over updates (EMA), and of gradients before an update.

Source of the weight average: Polyak and Juditsky, 1992, here with a decay.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

from catsdogs_exp.training.optim.fused import subtract


class WeightAverage:
    """A moving average of all trained weights: `average += (1 - d) * (weight - average)` per update.

    d is min(decay, (1 + t) / (10 + t)) after t updates, so that the initial weights are forgotten quickly; the very
    first update sets the average. The moving statistics of batch normalisation are averaged too, as in the training of
    EfficientNet: those of the current weights do not fit the averaged network. Frozen layers are left out: they do not
    change.

    Attributes:
        weights: the weights that are averaged.
        averages: of the same shapes; undefined before the first update.
    """

    def __init__(self, model: keras.Model, decay: float) -> None:
        self.weights = list({id(weight): weight for weight in _moving(model)}.values())
        self.averages = [keras.Variable(weight, trainable=False, name="average") for weight in self.weights]
        self._decay = decay
        self._swap = tf.function(self._exchange)

    def begin(self) -> None:
        """Initializes the averages with the current weights, on which the first update's last bit depends."""
        for average, weight in zip(self.averages, self.weights, strict=True):
            average.assign(weight)

    def update(self, updates: Any) -> None:
        """Adds the current weights, within a training step; `updates` counts the updates, including this one."""
        before = tf.cast(updates, tf.float32) - 1
        kept = tf.where(before < 1, 0.0, tf.minimum(self._decay, (1 + before) / (10 + before)))
        for average, weight in zip(self.averages, self.weights, strict=True):
            subtract(average, 1 - kept, average - tf.convert_to_tensor(weight))

    @contextmanager
    def swapped(self) -> Iterator[None]:
        """A context manager in which the network has the averaged weights; on exit, its own are restored bit for
        bit.
        """
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _exchange(self) -> None:
        for average, weight in zip(self.averages, self.weights, strict=True):
            mean, own = tf.identity(average.value), tf.identity(weight.value)
            average.assign(own)
            weight.assign(mean)


class GradientSum:
    """Accumulates gradients of several batches, weighted by their number of images, as if they were one large batch.

    Args:
        weights: the weights whose gradients are accumulated.
        batches: number of batches per update.
    """

    def __init__(self, weights: list[keras.Variable], batches: int) -> None:
        self._batches = batches
        self.sums = [
            keras.Variable(tf.zeros(weight.shape, weight.dtype), trainable=False, name="sum") for weight in weights
        ]
        self.images = keras.Variable(0.0, trainable=False, dtype="float32", name="images")
        self.gathered = keras.Variable(0, trainable=False, dtype="int32", name="batches")

    @property
    def variables(self) -> list[keras.Variable]:
        """Everything kept between batches."""
        return [*self.sums, self.images, self.gathered]

    def add(self, gradients: list[Any], images: Any, update: Callable[[list[Any]], None]) -> None:
        """Adds a batch's mean gradients; the last one calls `update` with the mean over all images, and resets the sum.

        Args:
            gradients: one per weight; None where there is none.
            images: number of images in the batch, a scalar.
            update: updates the weights; traced once.
        """
        count = tf.cast(images, tf.float32)
        for total, gradient in zip(self.sums, gradients, strict=True):
            if gradient is not None:
                subtract(total, -count, tf.convert_to_tensor(gradient))
        self.images.assign_add(count)
        self.gathered.assign_add(1)

        def all_there() -> None:
            means = [
                None if gradient is None else total / self.images
                for total, gradient in zip(self.sums, gradients, strict=True)
            ]
            update(means)
            for variable in self.variables:
                variable.assign(tf.zeros(variable.shape, variable.dtype))

        tf.cond(tf.equal(self.gathered, self._batches), all_there, lambda: None)


def _moving(model: keras.Model) -> Iterator[keras.Variable]:
    """Yields the weights of layers that are not frozen, then those that a network of its own class holds itself."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _moving(layer)
        elif layer.trainable:
            yield from layer.weights
    if model.trainable:
        of_layers = {id(weight) for layer in model.layers for weight in layer.weights}
        yield from (weight for weight in model.weights if id(weight) not in of_layers)
