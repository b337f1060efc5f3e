"""What a network knows of an image just before it decides: the input of its last layer with weights."""

from typing import Any

import keras

from catsdogs_exp.insight.graph import FlatNetwork


def with_penultimate(model: keras.Model) -> keras.Model:
    """The same network, with the same weights, with a second output.

    Args:
        model: from pixels to probabilities.

    Returns:
        From pixels to [features, probabilities]: features [b, n], maps averaged over their positions.

    Raises:
        NoGraph: for a network whose layers cannot be told apart.
        ValueError: for one without a layer with weights.
    """
    flat = FlatNetwork(model).model
    last: Any = next((each for each in reversed(flat.operations) if getattr(each, "weights", None)), None)
    if last is None:
        raise ValueError(f"The network {model.name} has no layer with weights.")
    features = last.input
    if isinstance(features, list | tuple):
        features = features[0]
    if len(features.shape) > 2:
        features = keras.ops.mean(features, axis=tuple(range(1, len(features.shape) - 1)))
    return keras.Model(flat.inputs, [features, *flat.outputs])
