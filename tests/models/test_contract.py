"""A plugin's network that is not one image in, probabilities out, is refused before it trains towards nothing."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from catsdogs_exp.errors import BadInput
from catsdogs_exp.models.contract import checked
from catsdogs_exp.models.freezing import check_start, unfreeze
from catsdogs_exp.models.graph import head_of
from catsdogs_exp.models.layer_rates import layer_rates
from catsdogs_exp.training.features import split_network

SHAPE = (8, 8, 3)


def network(end: Callable[[Any], Any]) -> keras.Model:
    inputs = keras.Input(SHAPE)
    x = layers.Conv2D(4, 3, activation="relu", kernel_initializer="ones")(layers.Rescaling(1 / 255)(inputs))
    return keras.Model(inputs, end(x))


def pooled(end: Callable[[Any], Any]) -> keras.Model:
    return network(lambda x: end(layers.GlobalAveragePooling2D()(x)))


def nested(end: Callable[[Any], Any]) -> keras.Model:
    inputs = keras.Input(SHAPE)
    return keras.Model(inputs, pooled(end)(inputs))


class OwnClass(keras.Model):
    """A network without a graph."""


def two_inputs() -> keras.Model:
    first, second = keras.Input(SHAPE), keras.Input(SHAPE)
    x = layers.GlobalAveragePooling2D()(layers.Add()([first, second]))
    return keras.Model([first, second], layers.Dense(1, "sigmoid")(x))


@pytest.mark.parametrize(
    ("made", "received"),
    [
        (lambda: None, "Received: NoneType"),
        (OwnClass, "Received: OwnClass"),
        (lambda: keras.Sequential([layers.Flatten(), layers.Dense(1, "sigmoid")]), "Received: Sequential"),
        (two_inputs, "Received: inputs [any,8,8,3], [any,8,8,3], outputs [any,1]"),
        (lambda: pooled(lambda x: [layers.Dense(1, "sigmoid")(x), x]), "outputs [any,1], [any,4]"),
        (lambda: pooled(lambda x: {"cats": layers.Dense(1, "sigmoid")(x)}), "Received: a dict of outputs"),
        (
            lambda: pooled(layers.Dense(5, "softmax")),
            "1 or 2 probabilities per image for 2 classes. Received: outputs of",
        ),
        (lambda: network(layers.Conv2D(1, 1, activation="sigmoid")), "of shape [6,6,1]. Use head.units and"),
        (
            lambda: pooled(layers.Dense(1, name="last")),
            "Received: the layer last at its end has no activation. Use head",
        ),
        (
            lambda: nested(layers.Dense(2, name="last")),
            "Received: the layer last at its end has no activation. Use head",
        ),
        (
            lambda: network(
                lambda x: layers.GlobalAveragePooling2D()(layers.Conv2D(2, 1, kernel_initializer="ones")(x))
            ),
            "must return probabilities, 0..1. Received: values from ",
        ),
    ],
)
def test_other_networks_are_refused(made: Callable[[], Any], received: str) -> None:
    with pytest.raises(BadInput) as error:
        checked(made(), "mine", SHAPE, 2)
    assert str(error.value).startswith("model=mine must ") and received in str(error.value)


def test_a_network_for_other_images_is_refused() -> None:
    with pytest.raises(BadInput, match=r"must take images of \[16,16,3\].*Received: \[8,8,3\]"):
        checked(pooled(layers.Dense(1, "sigmoid")), "mine", (16, 16, 3), 2)


@pytest.mark.parametrize(
    "end",
    [
        layers.Dense(1, "sigmoid"),
        layers.Dense(2, "softmax"),
        lambda x: [layers.Dense(1, "sigmoid")(x)],  # Keras takes it as one tensor
        layers.Dense(2, "sigmoid"),  # divided by their sum
        lambda x: layers.Activation("linear", dtype="float32")(layers.Dense(2, "softmax")(x)),
        lambda x: layers.Average()([layers.Dense(2, "softmax")(x), layers.Dense(2, "softmax")(x)]),
        lambda x: layers.Rescaling(np.nan)(layers.Dense(1, "sigmoid")(x)),  # the run says so
    ],
)
def test_probabilities_of_any_kind_are_accepted(end: Callable[[Any], Any]) -> None:
    for made in (pooled(end), nested(end)):
        checked(made, "mine", SHAPE, 2)


def test_any_size_and_several_devices_are_accepted() -> None:
    inputs = keras.Input((None, None, 3))
    free = keras.Model(inputs, layers.Dense(3, "softmax")(layers.GlobalAveragePooling2D()(inputs)))
    checked(free, "mine", (None, None, 3), 3)
    checked(free, "mine", SHAPE, 3)
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        checked(pooled(layers.Dense(3, "softmax")), "mine", SHAPE, 3)


def test_a_sequential_network_is_frozen_and_unfrozen_like_any_other() -> None:
    end = [layers.GlobalAveragePooling2D(), layers.Dense(1, "sigmoid", name="last")]
    sequential = keras.Sequential([keras.Input(SHAPE), layers.Conv2D(4, 3), layers.Conv2D(4, 3), *end])
    listed = pooled(lambda x: [layers.Dense(1, "sigmoid", name="last")(x)])
    for built in (sequential, listed):
        network = checked(built, "mine", SHAPE, 2)
        assert [layer.name for layer in head_of(network)] == ["last"]
        unfreeze(network, "1")
        kernels = [layer for layer in network.layers if layer.weights]
        assert [layer.trainable for layer in kernels] == [False] * (len(kernels) - 2) + [True, True]
        assert set(layer_rates(network, 0.5).values()) == {0.5, 1.0}


def test_settings_that_tell_layers_apart_refuse_a_network_without_a_graph() -> None:
    made = OwnClass(name="whole")
    made.input_shape, made.output_shape = (None, *SHAPE), (None, 1)
    for refuse, setting in (
        (lambda: check_start(made, "all"), "training.finetune.epochs > 0"),
        (lambda: layer_rates(made, 0.5), "training.layer_decay < 1"),
    ):
        with pytest.raises(BadInput) as error:
            refuse()
        assert str(error.value) == (
            f"{setting} needs a functional or sequential network, whose layers can be told apart. "
            "Received: the network whole, of the class OwnClass"
        )
    assert split_network(made) == "whole has no graph of layers"
