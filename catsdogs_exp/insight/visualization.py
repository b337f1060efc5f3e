"""Feature visualisation: finds the pixels that excite a channel most by gradient ascent.

Olah, Mordvintsev and Schubert, 2017, "Feature Visualization". The picture is a sum of waves in which low frequencies
move faster than high ones, and it is shifted at random before each step. Without both, the ascent ends in noise that
excites the channel but shows nothing recognizable.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from catsdogs_exp.insight.graph import FlatNetwork, Layer
from catsdogs_exp.insight.receptive_field import Axis, receptive_fields

_STEPS = 128
_RATE = 0.05  # Adam's learning rate for the waves
_SHIFT = 16  # maximum shift, as a fraction of the side
_START = 0.01  # initial standard deviation of the waves
_AT_ONCE = 8  # channels per batch
_RELUS = {keras.activations.relu: np.inf, keras.activations.relu6: 6.0}
_LEAK, _LEAKING = 0.1, 32  # the slope of silent ReLUs, and the number of steps for which they have it


@dataclass(frozen=True)
class Vision:
    """The picture that excites a channel most, as far as gradient ascent finds it.

    Attributes:
        layer, channel: where it is.
        pixels: uint8 [height, width, 3 or 1], the receptive field of one unit; at most the whole image.
        answer: the unit's activation.
    """

    layer: str
    channel: int
    pixels: NDArray[np.uint8]
    answer: float


def visualize(network: FlatNetwork, layer: Layer, channels: Sequence[int]) -> Iterator[Vision]:
    """Yields the pictures that excite some channels of a layer most.

    The unit at the centre of the map is excited. Its own activation function is left out of the ascent: a ReLU at 0 and
    a sigmoid at 1 have no gradient. Other silent ReLUs get a slope in the first steps, as in the authors' library
    Lucid.

    Args:
        network: the network.
        layer: a layer with feature maps.
        channels: their numbers.
    """
    size = tuple(network.model.inputs[0].shape[1:3])
    field = receptive_fields(network.model, size)[layer.name]
    small = size if field is None else (_side(field.rows, size[0]), _side(field.columns, size[1]))
    leak = tf.Variable(_LEAK, trainable=False)
    model = _up_to(network, layer, small, leak)
    row, column = (side // 2 for side in model.outputs[0].shape[1:3])
    within = receptive_fields(model, small)[layer.name] if field is not None else None
    left, top, right, bottom = within.box(row, column) if within else (0, 0, small[1], small[0])
    for start in range(0, len(channels), _AT_ONCE):
        some = list(channels[start : start + _AT_ONCE])
        pixels, answers = _ascent(model, leak, some, (row, column))
        shown = pixels[:, max(0, top) : bottom, max(0, left) : right]
        if hasattr(layer.operation, "kernel"):
            answers = np.asarray(layer.operation.activation(answers))
        for channel, picture, answer in zip(some, shown, answers.tolist(), strict=True):
            yield Vision(layer.name, channel, picture, answer)


def _side(axis: Axis, full: int) -> int:
    """Returns the side, in pixels, of a square that contains one unit's field, with a margin for padding."""
    return min(full, axis.size + 2 * max(1, round(axis.step)))


def _up_to(network: FlatNetwork, layer: Layer, size: tuple[int, ...], leak: tf.Variable) -> keras.Model:
    """A copy from pixels of this size to the layer's pre-activation values.

    Its other ReLUs have the slope `leak` where they output 0.
    """
    lower = keras.Model(network.model.inputs, layer.output)
    given = network.model.inputs[0]
    pixels = keras.Input((*size, given.shape[-1]), dtype=given.dtype)
    pairs: list[tuple[Any, Any]] = []

    def copied(each: Any) -> Any:
        if isinstance(each, layers.ReLU) and not each.negative_slope and not each.threshold:
            most = np.inf if each.max_value is None else float(each.max_value)
            return layers.Activation(_leaking(most, leak), name=each.name, dtype=each.dtype_policy)
        copy = type(each).from_config(each.get_config())
        if each is layer.operation and hasattr(each, "kernel"):
            copy.activation = keras.activations.linear
        elif (found := getattr(each, "activation", None)) in _RELUS:
            copy.activation = _leaking(_RELUS[found], leak)
        pairs.append((each, copy))
        return copy

    structure = keras.tree.pack_sequence_as(lower.input, [pixels])
    model = keras.models.clone_model(lower, input_tensors=structure, clone_function=copied)
    for each, copy in pairs:
        if getattr(each, "weights", None):
            copy.set_weights(each.get_weights())
    return model


def _leaking(most: float, leak: tf.Variable) -> Callable[[tf.Tensor], tf.Tensor]:
    def relu(x: tf.Tensor) -> Any:
        inside = tf.logical_and(x > 0, x < most)
        slope = tf.where(inside, tf.cast(1, x.dtype), tf.cast(leak, x.dtype))
        return tf.clip_by_value(x, 0, most), lambda upstream: upstream * slope

    found: Callable[[tf.Tensor], tf.Tensor] = tf.custom_gradient(relu)
    return found


def _ascent(
    model: keras.Model, leak: tf.Variable, channels: Sequence[int], unit: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    height, width, colours = model.inputs[0].shape[1:]
    shift = (height // _SHIFT, width // _SHIFT)
    canvas = (height + 2 * shift[0], width + 2 * shift[1])
    rng = np.random.default_rng(0)  # for the initial picture and the shifts
    shape = (2, len(channels), colours, canvas[0], canvas[1] // 2 + 1)
    waves = tf.Variable(rng.normal(0, _START, shape).astype(np.float32))
    speed = _speed(canvas)
    places = tf.constant([[number, *unit, channel] for number, channel in enumerate(channels)])
    optimizer = keras.optimizers.Adam(_RATE)
    optimizer.build([waves])

    def drawn() -> tf.Tensor:  # [channels, *canvas, colours], 0..255
        values = tf.signal.irfft2d(tf.complex(waves[0], waves[1]) * speed, fft_length=canvas)
        return 255 * tf.sigmoid(tf.transpose(values, [0, 2, 3, 1]))

    def step(row: tf.Tensor, column: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            seen = drawn()[:, row : row + height, column : column + width]
            excited = tf.gather_nd(
                model([tf.ensure_shape(seen, (None, height, width, colours))], training=False), places
            )
            loss = -tf.reduce_sum(tf.cast(excited, tf.float32))
        optimizer.apply_gradients([(tape.gradient(loss, waves), waves)])

    traced = tf.function(step)
    for number in range(_STEPS):
        leak.assign(_LEAK if number < _LEAKING else 0)
        traced(*(tf.constant(int(rng.integers(0, 2 * most + 1))) for most in shift))
    pixels = np.asarray(drawn())[:, shift[0] : shift[0] + height, shift[1] : shift[1] + width]
    rounded = np.round(pixels).astype(np.uint8)
    answers = tf.gather_nd(model([rounded], training=False), places)
    return rounded, np.asarray(tf.cast(answers, tf.float32))


def _speed(size: tuple[int, int]) -> NDArray[np.complex64]:
    """Returns how fast each wave moves: by its length, as in photos, where low frequencies are strongest."""
    height, width = size
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    return np.asarray(np.sqrt(height * width) / np.maximum(frequency, 1 / max(size)), np.complex64)
