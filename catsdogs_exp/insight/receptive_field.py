"""Receptive fields: the input pixels that a layer's unit depends on, from kernels, strides and padding along the graph.

Araujo, Norris and Sim, 2019, "Computing receptive fields of convolutional neural networks".
"""

import math
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from catsdogs_exp import compat
from catsdogs_exp.models.graph import parents

_SAME_PLACE = (
    layers.Activation,
    layers.ReLU,
    layers.LeakyReLU,
    layers.PReLU,
    layers.ELU,
    layers.Softmax,
    layers.BatchNormalization,
    layers.LayerNormalization,
    layers.GroupNormalization,
    layers.Dropout,
    layers.SpatialDropout2D,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.Rescaling,
    layers.Normalization,
    layers.Identity,
    layers.Add,
    layers.Subtract,
    layers.Multiply,
    layers.Average,
    layers.Maximum,
    layers.Minimum,
    layers.Concatenate,
    layers.ActivityRegularization,
)


_ELEMENTWISE = frozenset(
    (
        *("Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Maximum", "Minimum", "Power", "Concatenate"),
        *("Abs", "Absolute", "Negative", "Square", "Sqrt", "Rsqrt", "Exp", "Log", "Tanh", "Clip", "Cast"),
    )
)


@dataclass(frozen=True)
class Axis:
    """Along one axis, unit `i` depends on the pixels `i * step + low` to `i * step + high`, inclusive.

    Attributes:
        step: pixels between the fields of neighbouring units.
        low, high: pixels, for unit 0; may be outside the image if it is padded.
    """

    step: float
    low: float
    high: float

    @property
    def size(self) -> int:
        """Returns the size of the field in pixels."""
        return math.floor(self.high) - math.ceil(self.low) + 1

    @property
    def centre(self) -> float:
        """Returns the pixel at the centre of unit 0's field."""
        return (self.low + self.high) / 2

    def joined(self, other: "Axis") -> "Axis":
        """Returns the field of a unit with two inputs."""
        return Axis(max(self.step, other.step), min(self.low, other.low), max(self.high, other.high))


@dataclass(frozen=True)
class Field:
    """The receptive field of a layer's units: one `Axis` for the rows and one for the columns."""

    rows: Axis
    columns: Axis

    def box(self, row: int, column: int) -> tuple[int, int, int, int]:
        """Returns left, top, right, bottom of a unit's field in pixels, the last two exclusive; may exceed the
        image.
        """
        left, top = (math.ceil(a.low + i * a.step) for a, i in ((self.columns, column), (self.rows, row)))
        return left, top, left + self.columns.size, top + self.rows.size


def receptive_fields(model: keras.Model, image_size: tuple[int, int]) -> dict[str, Field | None]:
    """Computes the receptive fields of all layers of a network.

    Layers that scale or normalise whole channels by a factor computed from the whole image (squeeze-and-excitation,
    group normalisation) do not widen a field: they change how strongly a unit responds, not what it responds to.

    Args:
        model: a flat network with one input [b, height, width, channels].
        image_size: height and width of the input in pixels; padding depends on it.

    Returns:
        The field of each layer by name; None if a unit sees the whole image (dense layers, global pooling) or the layer
        is of an unknown kind.
    """
    feeding = parents(model)
    found: dict[Any, _State | None] = {}
    for operation in model.operations:
        sources = feeding[operation]
        if isinstance(operation, layers.InputLayer) or not sources:
            pixel = Axis(1, 0, 0)
            found[operation] = _State(Field(pixel, pixel), image_size)
        else:
            found[operation] = _through(operation, [found[source] for source in sources])
    return {operation.name: state.field if state else None for operation, state in found.items()}


@dataclass(frozen=True)
class _State:
    field: Field
    size: tuple[int, int]  # units


def _through(operation: Any, states: "list[_State | None]") -> "_State | None":
    local = [state for state in states if state is not None]
    if not local:
        return None
    first = local[0]
    if isinstance(operation, _SAME_PLACE) or (not isinstance(operation, layers.Layer) and _keeps_size(operation)):
        rows, columns = first.field.rows, first.field.columns
        for state in local[1:]:
            rows, columns = rows.joined(state.field.rows), columns.joined(state.field.columns)
        return _State(Field(rows, columns), max(state.size for state in local))
    if isinstance(operation, layers.SeparableConv2D | layers.DepthwiseConv2D | layers.Conv2D):
        return _windowed(first, operation.kernel_size, operation.strides, operation.dilation_rate, operation.padding)
    if isinstance(operation, layers.MaxPooling2D | layers.AveragePooling2D):
        return _windowed(first, operation.pool_size, operation.strides, (1, 1), operation.padding)
    if isinstance(operation, layers.ZeroPadding2D):
        return _padded(first, operation.padding, 1)
    if isinstance(operation, layers.Cropping2D):
        return _padded(first, operation.cropping, -1)
    if isinstance(operation, layers.UpSampling2D):
        return _enlarged(first, operation.size, operation.interpolation == "nearest")
    if isinstance(operation, layers.Conv2DTranspose):
        return _transposed(first, operation)
    return None


def _keeps_size(operation: Any) -> bool:
    """Returns whether a plain operation works on each place separately, judging by its shapes."""
    if compat.is_neural_operation(operation):
        kind = type(operation).__name__.lower()
        return not any(word in kind for word in ("conv", "pool", "attention", "normal", "moments"))
    shapes = [tensor.shape for tensor in keras.tree.flatten(operation.input)]
    same = len(operation.output.shape) == 4 and all(len(shape) == 4 for shape in shapes)
    return same and type(operation).__name__ in _ELEMENTWISE


def _windowed(
    state: _State, kernel: tuple[int, int], strides: tuple[int, int], dilation: tuple[int, int], padding: str
) -> _State:
    axes, sizes = [], []
    for axis, size, k, s, d in zip(
        (state.field.rows, state.field.columns), state.size, kernel, strides, dilation, strict=True
    ):
        reach = (k - 1) * d + 1
        if padding == "same":
            count = -(-size // s)
            before = max((count - 1) * s + reach - size, 0) // 2
        else:
            count, before = (size - reach) // s + 1, 0
        axes.append(Axis(axis.step * s, axis.low - before * axis.step, axis.high + (reach - 1 - before) * axis.step))
        sizes.append(count)
    return _State(Field(axes[0], axes[1]), (sizes[0], sizes[1]))


def _padded(state: _State, amounts: tuple[tuple[int, int], tuple[int, int]], sign: int) -> _State:
    axes, sizes = [], []
    for axis, size, (before, after) in zip((state.field.rows, state.field.columns), state.size, amounts, strict=True):
        shift = -sign * before * axis.step
        axes.append(Axis(axis.step, axis.low + shift, axis.high + shift))
        sizes.append(size + sign * (before + after))
    return _State(Field(axes[0], axes[1]), (sizes[0], sizes[1]))


def _enlarged(state: _State, factors: tuple[int, int], nearest: bool) -> _State:
    axes = []
    for axis, factor in zip((state.field.rows, state.field.columns), factors, strict=True):
        more = 0 if nearest else axis.step  # between two units, both count
        low = axis.low - axis.step * (factor - 1) / factor - more
        axes.append(Axis(axis.step / factor, low, axis.high + more))
    return _State(Field(axes[0], axes[1]), (state.size[0] * factors[0], state.size[1] * factors[1]))


def _transposed(state: _State, layer: Any) -> _State:
    axes, sizes = [], []
    for axis, size, k, s in zip(
        (state.field.rows, state.field.columns), state.size, layer.kernel_size, layer.strides, strict=True
    ):
        before = max(k - s, 0) // 2 if layer.padding == "same" else 0
        low, high = axis.low + axis.step * (before - k + 1) / s, axis.high + axis.step * before / s
        axes.append(Axis(axis.step / s, low, high))
        sizes.append(size * s if layer.padding == "same" else (size - 1) * s + k)
    return _State(Field(axes[0], axes[1]), (sizes[0], sizes[1]))
