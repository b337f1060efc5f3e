"""Removes a network's own rescaling, to replay the course's mistake (docs/course.md)."""

import keras

from catsdogs_exp.errors import BadInput
from catsdogs_exp.insight.graph import FlatNetwork, Layer, above

_PREPROCESSING = (keras.layers.Rescaling, keras.layers.Normalization)


def preprocessing_of(network: FlatNetwork) -> Layer | None:
    """Returns the layer that maps pixels to the network's range, or None if there is none before the first weights."""
    for layer in network.layers:
        if isinstance(layer.operation, _PREPROCESSING):
            return layer
        if getattr(layer.operation, "weights", None):
            return None
    return None


def without_rescaling(model: keras.Model) -> keras.Model:
    """Returns the part of a network above its rescaling, so that its input is not rescaled.

    Args:
        model: a network from pixels, 0..255, to probabilities.

    Returns:
        The same network, with the same weights, whose input is what the rescaling would have returned.

    Raises:
        BadInput: if it contains no rescaling, or is not a graph of layers.
    """
    network = FlatNetwork(model)
    layer = preprocessing_of(network)
    if layer is None:
        raise BadInput("--forget-rescaling needs a network that rescales pixels itself. This one does not")
    inputs, part = above(network.model, layer)
    if len(inputs) > 1:
        raise BadInput("--forget-rescaling needs a network whose pixels reach it only through its rescaling")
    return part
