"""Checks the network that a plugin's builder returns: one image in, probabilities of the classes out."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from catsdogs_exp.errors import BadInput
from catsdogs_exp.models.graph import has_kernel

_ROUNDING = 1e-3  # of probabilities in float16


def checked(network: Any, name: str, shape: tuple[int | None, int | None, int], classes: int) -> keras.Model:
    """Checks inputs and outputs of a network. A wrong one may train without an error, towards nothing.

    Args:
        network: what the builder returned.
        name: its `model.name`.
        shape: height, width and channels of the images; None for any size.
        classes: number of classes.

    Returns:
        The network; a sequential one as a graph of the same layers, which can be frozen and cut like any other.

    Raises:
        BadInput: naming what is wrong, and what to use instead.
    """
    taken, made = getattr(network, "input_shape", None), getattr(network, "output_shape", None)
    if not isinstance(network, keras.Model) or taken is None or made is None:
        raise BadInput(
            f"model={name} must build a functional network, a sequential one that begins with keras.Input, or one that "
            f"sets input_shape and output_shape. Received: {type(network).__name__}"
        )
    if not (_is_one_tensor(taken) and _is_one_tensor(made)):
        raise BadInput(
            f"model={name} must have one input and one output, each a tensor. "
            f"Received: inputs {_shown(taken)}, outputs {_shown(made)}"
        )
    if len(taken) != 4 or any(has not in (None, wanted) for has, wanted in zip(taken[1:], shape, strict=True)):
        raise BadInput(
            f"model={name} must take images of {_shown(shape)}, the input_shape given to its builder. "
            f"Received: {_shown(taken[1:])}"
        )
    units = "1 or 2" if classes == 2 else f"{classes}"
    if len(made) != 2 or str(made[1]) not in units.split(" or "):
        raise BadInput(
            f"model={name} must return {units} probabilities per image for {classes} classes. "
            f"Received: outputs of shape {_shown(made[1:])}. Use head.units and head.activation for the last layer"
        )
    if wrong := _why_not_probabilities(network, shape):
        raise BadInput(
            f"model={name} must return probabilities, 0..1. Received: {wrong}. Use head.activation for the last layer"
        )
    if isinstance(network, keras.Sequential):
        return keras.Model(network.inputs[0], network.outputs[0], name=network.name)
    return network


def _is_one_tensor(shape: Any) -> bool:
    return isinstance(shape, tuple) and all(each is None or isinstance(each, int) for each in shape)


def _shown(shape: Any) -> str:
    """Returns a shape, or several, as text; None is any size."""
    if isinstance(shape, dict):
        return ", ".join(f"{name} {_shown(each)}" for name, each in shape.items())
    if _is_one_tensor(shape):
        return "[" + ",".join("any" if each is None else str(each) for each in shape) + "]"
    return ", ".join(map(_shown, shape))


def _why_not_probabilities(network: keras.Model, shape: tuple[int | None, int | None, int]) -> str:
    """Returns why the outputs are no probabilities, or `""`. NaN is not judged here."""
    last = _last_layer(network)
    if has_kernel(last) and getattr(last, "activation", None) is keras.activations.linear:
        return f"the layer {last.name} at its end has no activation"
    height, width, channels = shape
    if height is None or width is None or tf.distribute.has_strategy():
        return ""
    noise = np.random.default_rng(0).integers(0, 256, (2, height, width, channels), dtype=np.uint8)
    outputs = network(noise, training=False)
    if not isinstance(outputs, tf.Tensor):
        return f"a {type(outputs).__name__} of outputs"
    values = np.asarray(tf.cast(outputs, tf.float32))
    values = values[np.isfinite(values)]
    if values.size and (values.min() < -_ROUNDING or values.max() > 1 + _ROUNDING):
        return f"values from {values.min():.3g} to {values.max():.3g} for an image of noise"
    return ""


def _last_layer(network: Any) -> Any:
    """Returns the layer or operation that makes the output, at any depth; the network itself if it has no graph."""
    steps = getattr(network, "operations", None) or (network.layers if isinstance(network, keras.Sequential) else None)
    return _last_layer(steps[-1]) if steps else network
