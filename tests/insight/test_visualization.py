"""Feature visualisation, on channels whose best pixels are known."""

import keras
import numpy as np
import pytest
from keras import layers

from catsdogs_exp.insight.graph import FlatNetwork
from catsdogs_exp.insight.visualization import visualize


def network(kernel: np.ndarray, bias: np.ndarray, activation: str | None = "relu") -> FlatNetwork:
    """Pixels 0..1, a convolution with this kernel, pooling, a last layer."""
    inputs = keras.Input((40, 36, kernel.shape[2]))
    x = layers.Rescaling(1 / 255)(inputs)
    x = layers.Conv2D(kernel.shape[3], kernel.shape[:2], padding="same", activation=activation, name="conv")(x)
    x = layers.MaxPooling2D(2, name="pool")(x)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(layers.Flatten()(x)))
    model.get_layer("conv").set_weights([kernel, bias])
    return FlatNetwork(model)


@pytest.mark.parametrize("activation", ["relu", None, "sigmoid"])
def test_a_filter_is_excited_most_by_white_where_it_is_positive(activation: str | None) -> None:
    """A sum of weighted pixels is largest with 255 where the weight is positive, and 0 elsewhere."""
    rng = np.random.default_rng(0)
    kernel = rng.choice([-1.0, 1.0], (5, 5, 3, 4)).astype(np.float32)
    flat = network(kernel, np.zeros(4), activation)
    for vision in visualize(flat, flat.layer("conv"), [1, 3]):
        best = (kernel[..., vision.channel] > 0) * 255
        assert vision.layer == "conv" and vision.pixels.shape == (5, 5, 3) and vision.pixels.dtype == np.uint8
        assert np.abs(vision.pixels.astype(int) - best).mean() < 20
        highest = kernel[..., vision.channel].clip(0).sum()
        if activation != "sigmoid":
            assert 0.93 * highest < vision.answer <= highest + 1e-3


def test_a_channel_that_is_silent_at_first_is_woken() -> None:
    """Grey gives this unit a negative sum, and a ReLU no slope: what to do is seen before it."""
    kernel = np.ones((3, 3, 1, 1), np.float32)
    flat = network(kernel, np.array([-8.0]))
    (vision,) = visualize(flat, flat.layer("conv"), [0])
    assert vision.answer > 0.5 and vision.pixels.mean() > 240


def test_what_a_pooled_unit_sees_is_shown_whole_and_smooth() -> None:
    """A blob detector of 17 pixels: the picture has its size, and neighbours are alike in spite of random shifts."""
    rows, columns = np.mgrid[-8:9, -8:9]
    blob = np.where(np.hypot(rows, columns) < 5, 1.0, -0.5)[..., None, None].astype(np.float32)
    flat = network(blob, np.zeros(1))
    (vision,) = visualize(flat, flat.layer("pool"), [0])
    assert vision.pixels.shape == (18, 18, 1)
    grey = vision.pixels[..., 0].astype(float)
    assert grey[7:11, 7:11].mean() > 200 > 60 > grey[:3, :3].mean()
    assert np.abs(np.diff(grey, axis=0)).mean() < 30  # noise of this contrast: 85


def test_the_same_seed_gives_the_same_picture() -> None:
    rng = np.random.default_rng(1)
    flat = network(rng.normal(size=(3, 3, 3, 10)).astype(np.float32), np.zeros(10))
    first, again = (list(visualize(flat, flat.layer("conv"), range(10))) for _ in range(2))
    assert [each.channel for each in first] == list(range(10))
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)
