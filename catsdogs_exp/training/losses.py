"""What is minimised, and the plain cross-entropy that is shown. Both give a value an image, in nats."""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import tensorflow as tf

from catsdogs_exp.config.schema.training import Training

# (labels, int32 [b], or shares of classes, float32 [b, classes]; what the network gives) -> float32 [b]
Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


@dataclass(frozen=True)
class Objective:
    """What is minimised.

    Attributes:
        loss: `cross_entropy` or `focal`.
        focal_gamma: of the focal loss, >= 0.
        label_smoothing: share of each label that is spread evenly over all classes, 0 <= s < 1.
    """

    loss: str = "cross_entropy"
    focal_gamma: float = 2.0
    label_smoothing: float = 0.0

    @classmethod
    def of(cls, training: Training) -> "Objective":
        """What the settings say."""
        return cls(training.loss, training.focal_gamma, training.label_smoothing)

    @property
    def is_shown(self) -> bool:
        """Whether it is the very cross-entropy that is shown, so that it need not be computed twice."""
        return self.loss == "cross_entropy" and self.label_smoothing == 0


def cross_entropy(units: int) -> Loss:
    """Plain cross-entropy; `units` of the last layer: 1 for a sigmoid over two classes, else a softmax."""
    if units == 1:
        binary = keras.losses.BinaryCrossentropy(reduction="none")
        return lambda labels, outputs: binary(_of_second(labels), outputs)
    sparse = keras.losses.SparseCategoricalCrossentropy(reduction="none")
    shared = keras.losses.CategoricalCrossentropy(reduction="none")
    return lambda labels, outputs: shared(labels, outputs) if labels.shape.rank == 2 else sparse(labels, outputs)


def minimised(objective: Objective, units: int) -> Loss:
    """The loss of an objective, without class weights."""
    classes = max(units, 2)
    plain = cross_entropy(units)

    def smoothed(labels: tf.Tensor) -> tf.Tensor:
        if objective.label_smoothing == 0:
            return labels
        shares = _shares(labels, classes)
        return shares * (1 - objective.label_smoothing) + objective.label_smoothing / classes

    if objective.loss == "cross_entropy":
        return lambda labels, outputs: plain(smoothed(labels), outputs)
    return lambda labels, outputs: focal(_shares(smoothed(labels), classes), outputs, objective.focal_gamma)


def focal(shares: tf.Tensor, outputs: tf.Tensor, gamma: float) -> tf.Tensor:
    """Cross-entropy in which each class's part counts (1 - p) ** gamma: Lin et al., 2017, without their alpha.

    Their alpha is what class weights are. A sigmoid over two classes gives what a softmax over them gives.

    Args:
        shares: float32 [b, classes], of each class in the label; sums are 1.
        outputs: float32 [b, classes] probabilities, or [b, 1] of the second of two classes.
        gamma: >= 0; 0 is cross-entropy.

    Returns:
        float32 [b], >= 0.
    """
    probabilities = class_probabilities(outputs)
    epsilon = keras.config.epsilon()  # as Keras clips before the logarithm; also, (1 - p) ** g has no slope at p = 1
    probabilities = tf.clip_by_value(probabilities, epsilon, 1 - epsilon)
    return tf.reduce_sum(-shares * (1 - probabilities) ** gamma * tf.math.log(probabilities), axis=-1)


def class_probabilities(outputs: tf.Tensor) -> tf.Tensor:
    """Probabilities of every class, float32 [b, classes], also from one sigmoid unit (that of the second class)."""
    return tf.concat([1 - outputs, outputs], axis=-1) if outputs.shape[-1] == 1 else outputs


def _shares(labels: tf.Tensor, classes: int) -> tf.Tensor:
    return labels if labels.shape.rank == 2 else tf.one_hot(labels, classes)


def _of_second(labels: tf.Tensor) -> tf.Tensor:
    """The share of the second of two classes, float32 [b, 1]."""
    return labels[:, 1:] if labels.shape.rank == 2 else tf.cast(labels[:, None], tf.float32)
