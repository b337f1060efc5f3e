"""Logits: the inputs of a network's last sigmoid or softmax, from which losses are computed.

Rounded to float32, a probability is 1 from a logit of 17 on. Its logarithm then has no slope, and what is left for the
other class is 0.
"""

from typing import Any

import tensorflow as tf

_SAME_VALUES = {"Identity", "Cast", "Reshape", "Squeeze"}  # may follow the activation
_SMALLEST = 2.0**-126  # of float32's normal numbers
_BELOW_ONE = 1 - 2.0**-24  # the largest float32 below 1


def logits_of(outputs: tf.Tensor) -> tf.Tensor:
    """The logits behind a network's probabilities.

    Within a `tf.function` they are the input of the network's last operation, where this is a sigmoid (one unit) or a
    softmax (several). From other outputs, and outside of a `tf.function`, they are computed back from the
    probabilities, which are taken to be at least 1.2e-38 and, from a sigmoid, at most 1 - 6e-8.

    Args:
        outputs: [b, 1] probabilities of the second of two classes, or [b, classes] of each class; any float dtype.

    Returns:
        float32 [b, 1] or [b, classes]: a sigmoid or softmax of them gives the probabilities. Several outputs that do
        not sum to 1 are divided by their sum.
    """
    units = outputs.shape[-1]
    found = _before_activation(outputs, "Sigmoid" if units == 1 else "Softmax")
    if found is not None:
        return tf.ensure_shape(tf.reshape(tf.cast(found, tf.float32), tf.shape(outputs)), outputs.shape)
    probabilities = tf.cast(outputs, tf.float32)
    if units > 1:
        return tf.math.log(tf.maximum(probabilities, _SMALLEST))
    probabilities = tf.clip_by_value(probabilities, _SMALLEST, _BELOW_ONE)
    return tf.math.log(probabilities) - tf.math.log1p(-probabilities)


def log_probabilities(logits: tf.Tensor) -> tf.Tensor:
    """Logarithms of the probabilities of all classes, float32 [b, classes], from logits as `logits_of` gives them."""
    if logits.shape[-1] == 1:
        return tf.concat([-tf.nn.softplus(logits), -tf.nn.softplus(-logits)], axis=-1)
    return tf.nn.log_softmax(logits)


def class_probabilities(logits: tf.Tensor) -> tf.Tensor:
    """Probabilities of all classes, float32 [b, classes]; small ones of one sigmoid unit are not rounded away."""
    if logits.shape[-1] == 1:
        return tf.sigmoid(tf.concat([-logits, logits], axis=-1))
    return tf.nn.softmax(logits)


def _before_activation(outputs: tf.Tensor, activation: str) -> Any:
    """The input of the activation that made `outputs`, or None where none can be seen."""
    if not tf.is_symbolic_tensor(outputs):
        return None
    operation = outputs.op
    while operation.type in _SAME_VALUES:
        operation = operation.inputs[0].op
    if operation.type != activation:
        return None
    (found,) = operation.inputs
    # a softmax over another axis gives shares of something else
    return found if found.shape[-1] == outputs.shape[-1] else None
