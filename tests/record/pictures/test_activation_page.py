"""Activation pictures: every layer is drawn, every channel at its place."""

import keras
import numpy as np
import pytest
from PIL import Image

from catsdogs_exp.insight.activations import Activations
from catsdogs_exp.models import build_model
from catsdogs_exp.record.pictures.activation_page import ActivationPages


def draw(model: keras.Model, images: np.ndarray, titles: list[str], channels: int) -> list[Image.Image]:
    return ActivationPages(channels).draw(images, titles, Activations(model).of(images))


def test_every_convolution_and_pooling_layer_is_drawn(config) -> None:
    model = build_model(config("depth=2", "target_size=40").model, (40, 40), 2)
    images = np.random.default_rng(1).integers(0, 256, (2, 40, 40, 3), dtype=np.uint8)
    pages = draw(model, images, ["one", "two"], channels=64)
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
    page = np.asarray(draw(model, image, ["x"], channels=64)[0])
    top = 12 + 24 + 192 + 12 + 24  # margin, title, input, margin, the layer's line
    dead = page[top : top + 64, 12:76].reshape(-1, 3)
    assert len(np.unique(dead, axis=0)) == 1
    alive = page[top + 66 : top + 130, 12:76]
    assert alive[10, 10].tolist() == [94, 201, 98] and alive[50, 10].tolist() == [59, 82, 139]  # +1, -1 deviation
    limited = np.asarray(draw(model, image, ["x"], channels=16)[0])
    assert limited.shape[0] == page.shape[0] - 66


@pytest.mark.parametrize("shape", [(20, 200), (200, 20), (300, 300), (5, 5)])
def test_any_shape_of_input_fits(shape: tuple[int, int]) -> None:
    inputs = keras.Input((*shape, 3))
    model = keras.Model(inputs, keras.layers.MaxPooling2D(2)(inputs))
    page = draw(model, np.zeros((1, *shape, 3), np.uint8), ["a title that is rather long " * 20], channels=4)
    assert page[0].width == 1080
