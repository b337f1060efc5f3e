"""The cost of a network: its parameters and multiply-adds, layer by layer."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import keras
from keras import layers


@dataclass(frozen=True)
class LayerCost:
    """A layer of a network.

    Attributes:
        name: as used by `model.cut` and other settings.
        kind: name of its Keras class.
        shape: its output shape without the batch: height, width, channels, or units.
        parameters: total number.
        trained: number of trainable ones.
        multiply_adds: per image, of convolutions and dense layers only, as is usual in papers.
    """

    name: str
    kind: str
    shape: tuple[int | None, ...]
    parameters: int
    trained: int
    multiply_adds: int


def costs(model: keras.Model) -> list[LayerCost]:
    """Returns the costs of a functional network's layers, from the input upwards. A layer called twice is counted
    once.
    """
    return [_cost(layer) for layer in model.layers]


def trained_weights(layer: keras.layers.Layer) -> int:
    """Returns the number of trainable parameters of a layer or network."""
    return sum(_product(weight.shape) for weight in layer.trainable_weights)


def _cost(layer: keras.layers.Layer) -> LayerCost:
    outputs = keras.tree.flatten(layer.output)
    return LayerCost(
        layer.name,
        type(layer).__name__,
        tuple(outputs[0].shape[1:]),
        sum(_product(weight.shape) for weight in layer.weights),
        trained_weights(layer),
        sum(_multiply_adds(inner) for inner in unnested_layers(layer)),
    )


def unnested_layers(layer: keras.layers.Layer) -> Iterator[keras.layers.Layer]:
    """Yields a layer, or the layers of a network used as one, from the input upwards."""
    inner = getattr(layer, "layers", None)
    if inner is None:
        yield layer
    else:
        for each in inner:
            yield from unnested_layers(each)


def _multiply_adds(layer: keras.layers.Layer) -> int:
    if isinstance(layer, layers.Dense):
        return _product(layer.output.shape[1:-1]) * _product(layer.kernel.shape)
    if isinstance(layer, layers.SeparableConv1D | layers.SeparableConv2D):
        kernels = _product(layer.depthwise_kernel.shape) + _product(layer.pointwise_kernel.shape)
        return _positions(layer, layer.output) * kernels
    if isinstance(layer, layers.Conv1DTranspose | layers.Conv2DTranspose):
        return _positions(layer, layer.input) * _product(layer.kernel.shape)
    if isinstance(layer, layers.Conv1D | layers.Conv2D | layers.DepthwiseConv1D | layers.DepthwiseConv2D):
        # each number of a grouped or depthwise kernel [height, width, inputs of the group, outputs] is used once per
        # position
        return _positions(layer, layer.output) * _product(layer.kernel.shape)
    return 0


def _positions(layer: keras.layers.Layer, tensor: keras.KerasTensor) -> int:
    """Returns the number of positions of the kernel: height x width."""
    first = layer.data_format == "channels_first"
    return _product(tensor.shape[2:] if first else tensor.shape[1:-1])


def _product(sizes: Iterable[int]) -> int:
    return math.prod(sizes)
