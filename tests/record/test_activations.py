"""Activation pictures: the course's standardisation, the layers' own names, every channel at its place."""

import keras
import numpy as np
import pytest

from catsdogs_exp.models import build_model
from catsdogs_exp.record.activations import ActivationPictures, standardise


def test_a_channel_is_standardised_as_in_the_course() -> None:
    channel = np.random.default_rng(0).normal(5, 3, (20, 20)).astype(np.float32)
    expected = np.clip((channel - channel.mean()) / channel.std() * 64 + 128, 0, 255)
    assert np.abs(standardise(channel).astype(float) - expected).max() <= 1
    assert standardise(channel).dtype == np.uint8


def test_a_dead_channel_is_flat_and_not_undefined() -> None:
    assert (standardise(np.zeros((5, 5), np.float32)) == 128).all()
    assert (standardise(np.full((5, 5), 3.7, np.float32)) == 128).all()


def test_every_convolution_and_pooling_layer_is_drawn(config) -> None:
    model = build_model(config("depth=2", "target_size=40").model, (40, 40), 2)
    pictures = ActivationPictures(model, channels=64)
    assert [layer.name for layer in pictures.layers] == ["block1_conv", "block1_pool", "block2_conv", "block2_pool"]
    images = np.random.default_rng(1).integers(0, 256, (2, 40, 40, 3), dtype=np.uint8)
    pages = pictures.draw(images, ["one", "two"])
    assert len(pages) == 2
    one, two = (np.asarray(page) for page in pages)
    assert one.shape == two.shape and (one != two).any()


def test_a_grid_shows_the_channels_in_order() -> None:
    inputs = keras.Input((8, 8, 3))
    conv = keras.layers.Conv2D(17, 1, name="probe")
    model = keras.Model(inputs, conv(inputs))
    kernel, bias = np.zeros((1, 1, 3, 17)), np.zeros(17)
    kernel[0, 0, 0, 16] = 1  # only the last channel, on the second row, answers to red
    conv.set_weights([kernel, bias])
    image = np.zeros((1, 8, 8, 3), dtype=np.uint8)
    image[:, :4, :, 0] = 255
    page = np.asarray(ActivationPictures(model, channels=64).draw(image, ["x"])[0])
    top = 12 + 24 + 192 + 12 + 24  # margin, title, input, margin, the layer's line
    dead = page[top : top + 64, 12:76].reshape(-1, 3)
    assert len(np.unique(dead, axis=0)) == 1
    alive = page[top + 66 : top + 130, 12:76]
    assert alive[10, 10].tolist() == [94, 201, 98] and alive[50, 10].tolist() == [59, 82, 139]  # +1, -1 deviation
    limited = np.asarray(ActivationPictures(model, channels=16).draw(image, ["x"])[0])
    assert limited.shape[0] == page.shape[0] - 66


@pytest.mark.parametrize("shape", [(20, 200), (200, 20), (300, 300), (5, 5)])
def test_any_shape_of_input_fits(shape: tuple[int, int]) -> None:
    inputs = keras.Input((*shape, 3))
    model = keras.Model(inputs, keras.layers.MaxPooling2D(2)(inputs))
    page = ActivationPictures(model, 4).draw(np.zeros((1, *shape, 3), np.uint8), ["a title that is rather long " * 20])
    assert page[0].width == 1080
