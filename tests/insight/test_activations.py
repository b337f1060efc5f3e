"""Activations: the course's standardisation, the layers' own names."""

import numpy as np

from catsdogs_exp.insight.activations import Activations, standardise
from catsdogs_exp.models import build_model


def test_a_channel_is_standardised_as_in_the_course() -> None:
    channel = np.random.default_rng(0).normal(5, 3, (20, 20)).astype(np.float32)
    expected = np.clip((channel - channel.mean()) / channel.std() * 64 + 128, 0, 255)
    assert np.abs(standardise(channel).astype(float) - expected).max() <= 1
    assert standardise(channel).dtype == np.uint8


def test_a_dead_channel_is_flat_and_not_undefined() -> None:
    assert (standardise(np.zeros((5, 5), np.float32)) == 128).all()
    assert (standardise(np.full((5, 5), 3.7, np.float32)) == 128).all()


def test_every_convolution_and_pooling_layer_is_there_in_order(config) -> None:
    model = build_model(config("depth=2", "target_size=40").model, (40, 40), 2)
    activations = Activations(model)
    names = ["block1_conv", "block1_pool", "block2_conv", "block2_pool"]
    assert [layer.name for layer in activations.layers] == names
    images = np.random.default_rng(1).integers(0, 256, (2, 40, 40, 3), dtype=np.uint8)
    found = activations.of(images)
    assert list(found) == names
    assert found["block2_pool"].shape == (2, *model.get_layer("block2_pool").output.shape[1:])
