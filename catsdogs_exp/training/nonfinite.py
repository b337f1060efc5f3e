"""Records in the graph which step of an epoch first had a NaN or infinite loss, without waiting for the device."""

from typing import Any

import keras
import tensorflow as tf


class FirstBad(keras.metrics.Metric):  # type: ignore[misc]
    """Counts steps from 1; the result is the first one with a NaN or infinite loss, 0 for none."""

    def __init__(self) -> None:
        super().__init__(name="first_bad", dtype="float32")
        self.steps = self.add_variable((), initializer="zeros", dtype="int32", name="steps")
        self.first = self.add_variable((), initializer="zeros", dtype="int32", name="first")

    def update_state(self, losses: Any) -> None:
        """Records the losses of a step's images, float [b]."""
        self.steps.assign_add(1)
        bad = tf.logical_not(tf.reduce_all(tf.math.is_finite(losses)))
        is_first = tf.logical_and(bad, tf.equal(self.first, 0))
        self.first.assign(tf.where(is_first, self.steps, self.first))

    def result(self) -> Any:
        """The step, an int32 scalar."""
        return tf.convert_to_tensor(self.first)
