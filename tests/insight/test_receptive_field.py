"""Receptive fields, compared with gradients and with numbers worked out by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from catsdogs_exp.insight.receptive_field import receptive_fields
from catsdogs_exp.models import build_model


def positive(model: keras.Model) -> keras.Model:
    """All kernels positive and small: no path cancels another, dies in a ReLU, or is cut off by ReLU6."""
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if "normalization" in type(layer).__name__.lower() or not layer.get_weights():
            continue
        layer.set_weights([rng.uniform(0.1, 1, w.shape) / np.prod(w.shape[:-1]) for w in layer.get_weights()])
    return model


def support(model: keras.Model, name: str, row: int, column: int, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the pixels that move one unit."""
    part = keras.Model(model.inputs, model.get_layer(name).output)
    pixels = tf.constant(np.random.default_rng(1).uniform(100, 200, (1, *size, 3)).astype(np.float32))
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        answer = tf.reduce_sum(part([pixels], training=False)[0, row, column])
    moved = np.abs(tape.gradient(answer, pixels).numpy()[0]).sum(-1) > 0
    rows, columns = np.flatnonzero(moved.any(1)), np.flatnonzero(moved.any(0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def branching() -> keras.Model:
    inputs = keras.Input((40, 34, 3))
    x = layers.Rescaling(1 / 255)(inputs)
    x = layers.ZeroPadding2D(((1, 2), (0, 3)), name="zeros")(x)
    x = layers.Conv2D(2, 3, strides=2, padding="same", activation="relu", name="strided")(x)
    left = layers.Conv2D(2, 3, dilation_rate=2, padding="same", name="dilated")(x)
    right = layers.DepthwiseConv2D(5, padding="same", name="depthwise")(x)
    x = layers.Concatenate(name="joined")([left, right])
    x = layers.AveragePooling2D(3, 2, padding="same", name="average")(x)
    x = layers.Cropping2D(1, name="cropped")(x)
    x = layers.SeparableConv2D(3, 3, name="separable")(x)
    x = layers.UpSampling2D(2, name="larger")(x)
    x = layers.Conv2DTranspose(2, 4, strides=2, padding="same", name="transposed")(x)
    return keras.Model(inputs, layers.GlobalAveragePooling2D(name="all")(x))


@pytest.mark.parametrize("name", ["strided", "dilated", "depthwise", "joined", "average", "cropped", "separable"])
def test_the_field_is_the_support_of_the_gradient(name: str) -> None:
    model = positive(branching())
    field = receptive_fields(model, (40, 34))[name]
    height, width = model.get_layer(name).output.shape[1:3]
    for row, column in ((height // 2, width // 2), (height // 2, width // 2 - 1)):
        left, top, right, bottom = field.box(row, column)
        inside = (max(left, 0), max(top, 0), min(right, 34), min(bottom, 40))
        assert inside == support(model, name, row, column, (40, 34))


@pytest.mark.parametrize("name", ["larger", "transposed"])
def test_a_field_after_enlarging_holds_the_support(name: str) -> None:
    model = positive(branching())
    field = receptive_fields(model, (40, 34))[name]
    height, width = model.get_layer(name).output.shape[1:3]
    left, top, right, bottom = field.box(height // 2, width // 2)
    found = support(model, name, height // 2, width // 2, (40, 34))
    assert left <= found[0] and top <= found[1] and right >= found[2] and bottom >= found[3]
    assert right - left <= found[2] - found[0] + 8


@pytest.mark.parametrize("choice", ["cnn", "resnet", "mbconv", "efficientnet_lite0"])
def test_the_networks_here_have_the_fields_that_their_gradients_say(choice: str, config) -> None:
    small = ["depth=2"] if choice != "efficientnet_lite0" else ["model.weights=none"]
    model = positive(build_model(config(f"model={choice}", "target_size=64", *small).model, (64, 64), 2))
    fields = receptive_fields(model, (64, 64))
    inside = [
        layer.name
        for layer in model.layers
        if fields[layer.name] and isinstance(layer, layers.Conv2D) and "squeeze" not in layer.name
    ][:8]
    assert inside
    for name in inside:
        height, width = model.get_layer(name).output.shape[1:3]
        left, top, right, bottom = fields[name].box(height // 2, width // 2)
        found = support(model, name, height // 2, width // 2, (64, 64))
        assert (max(left, 0), max(top, 0), min(right, 64), min(bottom, 64)) == found


def test_the_courses_network_by_hand(config) -> None:
    fields = receptive_fields(build_model(config("depth=3").model, (150, 150), 2), (150, 150))
    assert [fields[name].rows.size for name in ("block1_conv", "block1_pool", "block2_conv", "block3_conv")] == [
        3,
        4,
        8,
        18,
    ]
    assert fields["block3_conv"].box(0, 1) == (4, 0, 22, 18)
    assert fields["dense"] is None and fields["flatten"] is None
