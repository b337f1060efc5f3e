"""The loss to minimise, and the plain cross-entropy that is reported: one value per image, in nats, from logits."""

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from catsdogs_exp.config.schema.training import Training
from catsdogs_exp.training.logits import log_probabilities

# (labels, int32 [b], or class fractions, float32 [b, classes]; logits from `logits_of`) -> float32 [b]
Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
_NOTHING = 2.0**-24  # 1 - p of a class with p = 1: log_softmax rounds anything smaller to 0


@dataclass(frozen=True)
class Objective:
    """The objective to minimise.

    Attributes:
        loss: `cross_entropy` or `focal`.
        focal_gamma: gamma of the focal loss, >= 0.
        label_smoothing: fraction of each label that is spread evenly over all classes, 0 <= s < 1.
    """

    loss: str = "cross_entropy"
    focal_gamma: float = 2.0
    label_smoothing: float = 0.0

    @classmethod
    def of(cls, training: Training) -> "Objective":
        """Returns the objective for these settings."""
        return cls(training.loss, training.focal_gamma, training.label_smoothing)

    @property
    def is_shown(self) -> bool:
        """Returns whether it equals the reported cross-entropy, which then need not be computed separately."""
        return (self.loss == "cross_entropy" or self.focal_gamma == 0) and self.label_smoothing == 0


def cross_entropy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Computes plain cross-entropy, as reported for training and validation and by `evaluate`."""
    if logits.shape[-1] == 1:
        return tf.nn.sigmoid_cross_entropy_with_logits(_of_second(labels), logits)[:, 0]
    if labels.shape.rank == 2:
        return tf.nn.softmax_cross_entropy_with_logits(labels, logits)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


def minimised(objective: Objective, units: int) -> Loss:
    """Returns the loss function of an objective, without class weights, for a last layer with `units` units."""
    classes = max(units, 2)

    def smoothed(labels: tf.Tensor) -> tf.Tensor:
        if objective.label_smoothing == 0:
            return labels
        shares = _shares(labels, classes)
        return shares * (1 - objective.label_smoothing) + objective.label_smoothing / classes

    if objective.loss == "cross_entropy" or objective.focal_gamma == 0:
        return lambda labels, logits: cross_entropy(smoothed(labels), logits)
    return lambda labels, logits: focal(_shares(smoothed(labels), classes), logits, objective.focal_gamma)


def focal(shares: tf.Tensor, logits: tf.Tensor, gamma: float) -> tf.Tensor:
    """Multiplies each class's term of the cross-entropy by (1 - p) ** gamma: Lin et al., 2017, without their alpha.

    Class weights take the place of alpha. A sigmoid over two classes gives the same result as a softmax over them. The
    gradient never vanishes, however confidently wrong a network is: everything is computed from log probabilities.

    Args:
        shares: float32 [b, classes], each class's fraction of the label; sums are 1.
        logits: float32 [b, classes], or [b, 1] of the second of two classes.
        gamma: > 0; as it approaches 0, this becomes cross-entropy.

    Returns:
        float32 [b], >= 0.
    """
    logs = log_probabilities(logits)
    return tf.reduce_sum(-shares * tf.exp(gamma * _log_of_rest(logs)) * logs, axis=-1)


def _log_of_rest(logs: tf.Tensor) -> tf.Tensor:
    """Computes log(1 - p) of each class, [b, classes]: with two classes, exactly the log(p) of the other."""
    if logs.shape[-1] == 2:
        return tf.reverse(logs, axis=[-1])
    return tf.math.log(tf.maximum(-tf.math.expm1(logs), _NOTHING))


def _shares(labels: tf.Tensor, classes: int) -> tf.Tensor:
    return labels if labels.shape.rank == 2 else tf.one_hot(labels, classes)


def _of_second(labels: tf.Tensor) -> tf.Tensor:
    """Returns the fraction of the second of two classes, float32 [b, 1]."""
    return labels[:, 1:] if labels.shape.rank == 2 else tf.cast(labels[:, None], tf.float32)
