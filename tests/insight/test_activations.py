"""Activations: of which layers, on which scale, and what is saved."""

import keras
import numpy as np
import pytest
from keras import layers

from catsdogs_exp.insight.activations import Activations
from catsdogs_exp.insight.graph import FlatNetwork
from catsdogs_exp.insight.layers import choose_layers
from catsdogs_exp.insight.maps import LayerActivations, on_one_scale, shrunk, standardise
from catsdogs_exp.models import build_model


def test_a_channel_is_standardised_as_in_the_course() -> None:
    channel = np.random.default_rng(0).normal(5, 3, (20, 20)).astype(np.float32)
    expected = np.clip((channel - channel.mean()) / channel.std() * 64 + 128, 0, 255)
    assert np.abs(standardise(channel).astype(float) - expected).max() <= 1
    assert standardise(channel).dtype == np.uint8


def test_a_dead_channel_is_flat_and_not_undefined() -> None:
    assert (standardise(np.zeros((5, 5), np.float32)) == 128).all()
    assert (standardise(np.full((5, 5), 3.7, np.float32)) == 128).all()
    maps = np.random.default_rng(0).normal(size=(2, 5, 5, 3)).astype(np.float32)
    maps[..., 1] = 0.5
    assert LayerActivations("conv", maps).dead.tolist() == [False, True, False]


def test_on_one_scale_a_strong_channel_looks_stronger() -> None:
    maps = np.stack([np.linspace(0, 1, 9), np.linspace(0, 4, 9)], axis=-1).reshape(3, 3, 2).astype(np.float32)
    drawn = on_one_scale(maps, 0, 4)
    assert drawn[..., 0].max() == 63 and drawn[..., 1].max() == 255
    assert (on_one_scale(maps, 2, 2) == 128).all()


@pytest.mark.parametrize(("size", "expected"), [((64, 64), (64, 64)), ((148, 100), (49, 33)), ((7, 130), (2, 43))])
def test_kept_maps_are_means_over_blocks(size: tuple[int, int], expected: tuple[int, int]) -> None:
    maps = np.random.default_rng(0).normal(size=(2, *size, 3)).astype(np.float32)
    small = shrunk(maps, 64)
    assert small.shape == (2, *expected, 3)
    block = size[0] // expected[0]
    np.testing.assert_allclose(small[0, 0, 0], maps[0, :block, :block].mean((0, 1)), rtol=1e-5)


def test_the_layers_and_the_probabilities_come_in_one_pass(config) -> None:
    model = build_model(config("depth=2", "target_size=40").model, (40, 40), 2)
    flat = FlatNetwork(model)
    images = np.random.default_rng(1).integers(0, 256, (2, 40, 40, 3), dtype=np.uint8)
    found = Activations(flat, choose_layers(flat, "auto", "layers")).of(images)
    assert [layer.layer for layer in found.layers] == ["block1_conv", "block1_pool", "block2_conv", "block2_pool"]
    assert found.layers[3].maps.shape == (2, *model.get_layer("block2_pool").output.shape[1:])
    np.testing.assert_allclose(found.probabilities[:, 1:], model.predict_on_batch(images), atol=1e-6)
    np.testing.assert_allclose(found.probabilities.sum(1), 1, atol=1e-6)


def test_a_nested_network_is_seen_with_its_weights_of_the_moment() -> None:
    body = keras.Sequential([layers.Conv2D(4, 3, name="conv")], name="body")
    body.build((None, 16, 16, 3))
    inputs = keras.Input((16, 16, 3))
    pooled = layers.GlobalAveragePooling2D()(body(inputs))
    model = keras.Model(inputs, layers.Dense(2, activation="softmax")(pooled))
    flat = FlatNetwork(model)
    activations = Activations(flat, choose_layers(flat, ["body_conv"], "layers"))
    images = np.full((1, 16, 16, 3), 100, np.uint8)
    before = activations.of(images).layers[0].maps
    body.get_layer("conv").set_weights([2 * weight for weight in body.get_layer("conv").get_weights()])
    np.testing.assert_allclose(activations.of(images).layers[0].maps, 2 * before, rtol=1e-5)
