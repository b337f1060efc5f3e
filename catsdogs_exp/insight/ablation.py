"""The use of a channel: what the network loses if the channel always outputs its mean.

Morcos et al., 2018, "On the importance of single directions for generalization". Ablating a single channel understates
its use if other channels are redundant with it.
"""

import time
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from catsdogs_exp.insight.graph import FlatNetwork, Layer, above
from catsdogs_exp.training.logits import class_probabilities, logits_of

_BATCH = 32
_FEWEST = 64  # minimum number of images to measure use on, even if it takes longer
_BYTES = 32 * 2**20  # size of batch variants that run at once; later layers may be several times wider


@dataclass(frozen=True)
class ChannelUse:
    """What a network loses without each channel of a layer.

    Attributes:
        images: number of images it was measured on.
        accuracy: float64 [channels], the loss of accuracy, -1..1; negative if the network is better without the
            channel.
        probability: float64 [channels, classes], the mean drop in the right class's probability, by class; NaN for a
            class without images.
    """

    images: int
    accuracy: NDArray[np.float64]
    probability: NDArray[np.float64]


def channel_use(  # noqa: PLR0913  (a layer of a network, and what goes through it)
    network: FlatNetwork,
    layer: Layer,
    images: NDArray[np.uint8],
    labels: NDArray[np.int32],
    means: NDArray[np.float32],
    seconds: float = np.inf,
) -> ChannelUse:
    """Sets each channel of a layer to its mean in turn and recomputes the later layers.

    Args:
        network: the network.
        layer: a layer with feature maps, [b, height, width, channels].
        images: uint8 [n, height, width, 3 or 1], ordered so that every prefix is a fair sample.
        labels: int32 [n].
        means: float32 [channels], the mean activations.
        seconds: approximate time limit; fewer images are used if all would take longer, but at least 64.
    """
    inputs, upper = above(network.model, layer)
    lower = keras.Model(network.model.inputs, inputs)
    channels = int(layer.output.shape[-1])
    at_once = max(1, min(channels, _BYTES // max(1, _BATCH * int(np.prod(layer.output.shape[1:])) * 4)))

    def without(tensors: list[tf.Tensor], numbers: tf.Tensor) -> tf.Tensor:
        answer = tensors[0]
        count = tf.shape(numbers)[0]
        kept = 1 - tf.one_hot(numbers, channels, dtype=answer.dtype)  # [k, channels]
        fill = tf.one_hot(numbers, channels, dtype=answer.dtype) * tf.cast(means, answer.dtype)
        variants = answer[None] * kept[:, None, None, None] + fill[:, None, None, None]
        merged = tf.reshape(variants, tf.concat([[-1], tf.shape(answer)[1:]], 0))
        others = [tf.tile(each, tf.concat([[count], tf.ones_like(tf.shape(each)[1:])], 0)) for each in tensors[1:]]
        return upper([merged, *others], training=False)

    run = tf.function(without, reduce_retracing=True)
    right, before = [], []
    lost: list[NDArray[np.float32]] = []
    started, limit = time.perf_counter(), len(images)
    used = 0
    for start in range(0, len(images), _BATCH):
        if used >= limit:
            break
        batch, truth = images[start : start + _BATCH], labels[start : start + _BATCH]
        tensors = keras.tree.flatten(lower([batch], training=False))
        plain = _probabilities(upper(tensors, training=False))
        changed = []
        for first in range(0, channels, at_once):
            numbers = tf.range(first, min(first + at_once, channels))
            said = _probabilities(run(tensors, numbers))
            changed.append(said.reshape(len(numbers), len(batch), -1))
        before.append(plain)
        lost.append(np.concatenate(changed))
        right.append(truth)
        used += len(batch)
        if start == 0:  # the first batch includes compilation
            started = time.perf_counter()
        elif start == _BATCH:
            per_batch = time.perf_counter() - started
            limit = min(limit, max(_FEWEST, int(min(seconds / max(per_batch, 1e-9), limit)) * _BATCH))
    return _summed(np.concatenate(before), np.concatenate(lost, axis=1), np.concatenate(right))


def _probabilities(outputs: tf.Tensor) -> NDArray[np.float32]:
    return np.asarray(class_probabilities(logits_of(outputs)), np.float32)


def _summed(before: NDArray[np.float32], after: NDArray[np.float32], labels: NDArray[np.int32]) -> ChannelUse:
    rows = np.arange(len(labels))
    accuracy = (before.argmax(1) == labels).mean() - (after.argmax(2) == labels).mean(axis=1)
    lost = before[rows, labels] - after[:, rows, labels]
    classes = before.shape[1]
    per_class = np.full((len(after), classes), np.nan)
    for label in range(classes):
        if (labels == label).any():
            per_class[:, label] = lost[:, labels == label].mean(axis=1)
    return ChannelUse(len(labels), np.asarray(accuracy, np.float64), per_class)
