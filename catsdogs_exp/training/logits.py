"""Logits: the inputs of a network's last sigmoid or softmax, from which losses are computed.

In float32, probabilities round to 1 for logits of 17 and above. The logarithm then has no gradient, and the other
class's probability is 0.
"""

from typing import Any

import tensorflow as tf

_SAME_VALUES = {"Identity", "Cast", "Reshape", "Squeeze"}  # may follow the activation
_SMALLEST = 2.0**-126  # smallest normal float32
_BELOW_ONE = 1 - 2.0**-24  # the largest float32 below 1


def logits_of(outputs: tf.Tensor) -> tf.Tensor:
    """Returns the logits behind a network's probabilities.

    Inside a `tf.function`, they are the input of the network's last operation, if this is a sigmoid (one unit) or a
    softmax (several). For other outputs, and outside a `tf.function`, they are recovered from the probabilities,
    clipped to at least 1.2e-38 and, for a sigmoid, at most 1 - 6e-8.

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
    """Returns log probabilities of all classes, float32 [b, classes], from the logits returned by `logits_of`."""
    if logits.shape[-1] == 1:
        return tf.concat([-tf.nn.softplus(logits), -tf.nn.softplus(-logits)], axis=-1)
    return tf.nn.log_softmax(logits)


def class_probabilities(logits: tf.Tensor) -> tf.Tensor:
    """Returns probabilities of all classes, float32 [b, classes]; small ones of a sigmoid unit do not round to zero."""
    if logits.shape[-1] == 1:
        return tf.sigmoid(tf.concat([-logits, logits], axis=-1))
    return tf.nn.softmax(logits)


def _before_activation(outputs: tf.Tensor, activation: str) -> Any:
    """Returns the input of the activation that produced `outputs`, or None if there is no such activation."""
    if not tf.is_symbolic_tensor(outputs):
        return None
    operation = outputs.op
    while operation.type in _SAME_VALUES:
        operation = operation.inputs[0].op
    if operation.type != activation:
        return None
    (found,) = operation.inputs
    # a softmax over another axis does not produce class probabilities
    return found if found.shape[-1] == outputs.shape[-1] else None
