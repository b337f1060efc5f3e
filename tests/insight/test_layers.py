"""Choosing layers: automatically, by name, by pattern."""

import keras
import pytest
from keras import layers

from catsdogs_exp.errors import BadInput
from catsdogs_exp.insight.graph import FlatNetwork
from catsdogs_exp.insight.layers import choose_layers, spatial_layers
from catsdogs_exp.models import build_model


def chosen(model: keras.Model, wanted: object) -> list[str]:
    return [layer.name for layer in choose_layers(FlatNetwork(model), wanted, "logging.activations.layers")]


@pytest.fixture(scope="module")
def cnn(config) -> keras.Model:
    return build_model(config("depth=3", "target_size=40").model, (40, 40), 2)


def test_of_a_plain_network_auto_takes_every_convolution_and_pooling(cnn) -> None:
    names = [f"block{n}_{kind}" for n in (1, 2, 3) for kind in ("conv", "pool")]
    assert chosen(cnn, "auto") == names == chosen(cnn, "all")


@pytest.mark.parametrize(
    ("choice", "ends"), [("resnet", "stage3"), ("mbconv", "stage3"), ("efficientnet_lite0", "top_activation")]
)
def test_of_a_deep_network_auto_takes_at_most_eight_over_the_whole_depth(choice: str, ends: str, config) -> None:
    words = ("model.weights=none",) if choice == "efficientnet_lite0" else ("depth=3",)
    model = build_model(config(f"model={choice}", "target_size=96", *words).model, (96, 96), 2)
    names = chosen(model, "auto")
    flat = FlatNetwork(model)
    sizes = [flat.layer(name).output.shape[1] for name in names]
    assert 3 <= len(names) <= 8 and len(set(names)) == len(names)
    assert sizes == sorted(sizes, reverse=True)
    assert set(sizes) == {layer.output.shape[1] for layer in spatial_layers(flat)} or len(set(sizes)) >= 4
    assert names[-1].startswith(ends) or names[-1].startswith("last")


def test_a_long_plain_network_is_thinned_out() -> None:
    x = inputs = keras.Input((64, 64, 3))
    for number in range(24):
        x = layers.Conv2D(4, 3, padding="same", strides=2 if number % 8 == 7 else 1, name=f"conv{number}")(x)
    names = chosen(keras.Model(inputs, x), "auto")
    assert len(names) <= 8 and names[-1] == "conv23"


def test_names_and_patterns_keep_the_order_of_the_network(cnn) -> None:
    assert chosen(cnn, ["block3_conv", "block1_*"]) == ["block1_conv", "block1_pool", "block3_conv"]


def test_an_unknown_name_suggests_the_nearest(cnn) -> None:
    with pytest.raises(BadInput) as error:
        chosen(cnn, ["block3_cnv"])
    assert str(error.value).startswith(
        "logging.activations.layers must be auto, all, or names or patterns of layers. Received: block3_cnv. "
        "Did you mean block3_conv"
    )


def test_nested_networks_are_looked_into() -> None:
    body = keras.Sequential([layers.Conv2D(4, 3, name="conv"), layers.MaxPooling2D(2, name="pool")], name="body")
    body.build((None, 16, 16, 3))
    inputs = keras.Input((16, 16, 3))
    model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(body(inputs))))
    assert chosen(model, "auto") == ["body_conv", "body_pool"]


def test_the_widened_layers_inside_of_mobile_blocks_are_no_ends() -> None:
    """They are the last ones of their size, but the block that makes the maps smaller has begun before them."""

    def block(x, filters: int, strides: int, name: str):
        x = layers.Conv2D(6 * x.shape[-1], 1, name=f"{name}_widen")(x)
        x = layers.ReLU(name=f"{name}_relu")(layers.BatchNormalization(name=f"{name}_bn")(x))
        if strides == 2:
            x = layers.ZeroPadding2D(((0, 1), (0, 1)))(x)
        x = layers.DepthwiseConv2D(3, strides, "valid" if strides == 2 else "same", name=f"{name}_depthwise")(x)
        return layers.Conv2D(filters, 1, name=f"{name}_end")(x)

    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(8, 3, padding="same", name="stem")(inputs)
    for number, strides in enumerate((1, 2, 1, 2), start=1):
        x = block(x, 8 * number, strides, f"block{number}")
    x = layers.Conv2D(64, 1, activation="relu", name="top")(x)
    assert chosen(keras.Model(inputs, x), "auto") == ["block1_end", "block3_end", "top"]


def test_a_name_with_brackets_is_a_name() -> None:
    inputs = keras.Input((8, 8, 3))
    hidden = keras.layers.Conv2D(2, 3, name="a[1]_conv")(keras.layers.Conv2D(2, 3, name="a1_conv")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(hidden)))
    assert chosen(model, ["a[1]_conv"]) == ["a[1]_conv"]
    assert chosen(model, ["a[1]*"]) == ["a1_conv"]
