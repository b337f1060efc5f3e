"""The penultimate features of an image: the input of a network's last layer with weights."""

from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from catsdogs_exp.insight.graph import FlatNetwork, NoGraph


def with_penultimate(model: keras.Model) -> keras.Model:
    """Returns the network, with the same weights, with a second output.

    Args:
        model: a network from pixels to probabilities.

    Returns:
        A network from pixels to [probabilities, features]: features [b, n], with maps averaged over their positions.

    Raises:
        NoGraph: for a network whose layers cannot be told apart, or without weights.
    """
    flat = FlatNetwork(model).model
    return keras.Model(flat.inputs, [*flat.outputs, penultimate(flat)])


def penultimate(flat: keras.Model) -> Any:
    """Returns the symbolic features [b, n] of a network without nested ones, with maps averaged over their positions.

    Raises:
        NoGraph: for a network without weights.
    """
    last: Any = next((each for each in reversed(flat.operations) if getattr(each, "weights", None)), None)
    if last is None:
        raise NoGraph(f"The network {flat.name} has no layer with weights")
    features = keras.tree.flatten(last.input)[0]
    if len(features.shape) > 2:
        features = keras.ops.mean(features, axis=tuple(range(1, len(features.shape) - 1)))
    return features


def features_of(
    model: keras.Model, batches: Iterable[NDArray[Any]], dtype: type[np.generic] = np.uint8
) -> NDArray[np.float32]:
    """Computes the penultimate features of images, float32 [n, features].

    Args:
        model: a network to probabilities, from pixels or, for the upper part of a network, from the lower part's
            outputs.
        batches: of the model's input, [b, ...], at least one.
        dtype: dtype of the batches.

    Raises:
        NoGraph: as for `with_penultimate`.
    """
    return penultimate_of(model, dtype)(batches)


def penultimate_of(
    model: keras.Model, dtype: type[np.generic] = np.uint8
) -> Callable[[Iterable[NDArray[Any]]], NDArray[np.float32]]:
    """Returns a function from batches of the model's input to their features, for several calls; see `features_of`."""
    both = with_penultimate(model)

    @tf.function(input_signature=(tf.TensorSpec(both.input_shape, dtype),), autograph=False)  # type: ignore[untyped-decorator]
    def ask(images: tf.Tensor) -> tf.Tensor:
        return tf.cast(both(images, training=False)[1], tf.float32)

    return lambda batches: np.concatenate([ask(batch).numpy() for batch in batches])
