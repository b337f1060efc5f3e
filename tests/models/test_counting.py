"""Multiply-adds and parameters, compared with sums by hand and published figures."""

import keras
import pytest
from keras import layers

from catsdogs_exp.models.counting import costs


def total(model: keras.Model) -> int:
    return sum(layer.multiply_adds for layer in costs(model))


@pytest.mark.parametrize(
    ("layer", "multiply_adds"),
    [
        (layers.Conv2D(5, 3), 6 * 4 * 3 * 3 * 4 * 5),
        (layers.Conv2D(5, 3, strides=2, padding="same"), 4 * 3 * 3 * 3 * 4 * 5),
        (layers.Conv2D(6, 3, groups=2), 6 * 4 * 3 * 3 * 2 * 6),
        (layers.DepthwiseConv2D(3, depth_multiplier=2), 6 * 4 * 3 * 3 * 4 * 2),
        (layers.SeparableConv2D(7, 3), 6 * 4 * (3 * 3 * 4 + 4 * 7)),
        (layers.Conv2DTranspose(5, 2, strides=2), 8 * 6 * 2 * 2 * 4 * 5),
        (layers.Dense(7), 8 * 6 * 4 * 7),
        (layers.MaxPooling2D(2), 0),
    ],
    ids=lambda value: value.name if isinstance(value, layers.Layer) else "",
)
def test_each_kind_of_layer(layer: layers.Layer, multiply_adds: int) -> None:
    inputs = keras.Input((8, 6, 4))
    assert total(keras.Model(inputs, layer(inputs))) == multiply_adds


def test_networks_within_the_network_are_counted() -> None:
    inner = keras.Sequential([keras.Input((8, 6, 4)), layers.Conv2D(5, 3), layers.ReLU()])
    inputs = keras.Input((8, 6, 4))
    (_, cost) = costs(keras.Model(inputs, inner(inputs)))
    assert (cost.multiply_adds, cost.parameters, cost.shape) == (6 * 4 * 3 * 3 * 4 * 5, 185, (6, 4, 5))


@pytest.mark.parametrize(
    ("name", "millions", "parameters"),
    [
        ("MobileNetV2", 300, 3_538_984),  # Sandler et al., 2018, table 4
        ("EfficientNetB0", 390, 5_330_571),  # Tan and Le, 2019, table 2
    ],
)
def test_published_figures(name: str, millions: float, parameters: int) -> None:
    found = costs(getattr(keras.applications, name)(weights=None))
    assert sum(layer.multiply_adds for layer in found) / 1e6 == pytest.approx(millions, rel=0.015)
    assert sum(layer.parameters for layer in found) == parameters


def test_frozen_layers_are_not_trained() -> None:
    inputs = keras.Input((4,))
    frozen = layers.Dense(3, trainable=False)
    (_, first, second) = costs(keras.Model(inputs, layers.Dense(2)(frozen(inputs))))
    assert (first.parameters, first.trained, second.parameters, second.trained) == (15, 0, 8, 8)
