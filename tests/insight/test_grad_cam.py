"""Grad-CAM on networks whose evidence is known, and on every kind of network here."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
from keras import layers

from catsdogs_exp.config.schema import Config
from catsdogs_exp.insight.grad_cam import GradCam, last_spatial_layer
from catsdogs_exp.insight.graph import FlatNetwork
from catsdogs_exp.models import build_model


def red_against_green(units: int = 1, skip: bool = False) -> keras.Model:
    """Red speaks for the second class, green for the first; one sigmoid unit or two softmax units."""
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(2, 1, activation="relu", name="colours")(inputs)
    if skip:
        x = layers.Add(name="sum")([x, layers.Conv2D(2, 1, kernel_initializer="zeros", name="branch")(x)])
    x = layers.GlobalAveragePooling2D(name="average")(x)
    outputs = layers.Dense(units, activation="sigmoid" if units == 1 else "softmax", name="probability")(x)
    model = keras.Model(inputs, outputs)
    kernel = np.zeros((1, 1, 3, 2))
    kernel[0, 0, 0, 0] = kernel[0, 0, 1, 1] = 1 / 255
    model.get_layer("colours").set_weights([kernel, np.zeros(2)])
    towards = np.array([[5.0], [-5.0]])
    model.get_layer("probability").set_weights(
        [towards if units == 1 else np.hstack([-towards, towards]) / 2, np.zeros(units)]
    )
    return model


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    """Red at the upper left, green at the lower right."""
    pixels = np.zeros((1, 8, 8, 3), np.uint8)
    pixels[0, :3, :3, 0] = 250
    pixels[0, 5:, 5:, 1] = 250
    return pixels


@pytest.mark.parametrize("units", [1, 2])
@pytest.mark.parametrize("skip", [False, True])
def test_each_class_is_found_where_its_colour_is(units: int, skip: bool, image) -> None:
    cam = GradCam(FlatNetwork(red_against_green(units, skip)))
    assert cam.layer.name == ("sum" if skip else "colours")
    first, second = cam.of(np.repeat(image, 2, axis=0), [0, 1])
    assert set(zip(*(each.tolist() for each in np.nonzero(second)), strict=True)) == {
        (y, x) for y in range(3) for x in range(3)
    }
    assert set(zip(*(each.tolist() for each in np.nonzero(first)), strict=True)) == {
        (y, x) for y in range(5, 8) for x in range(5, 8)
    }
    # The weight of red is the mean slope of the logit: 5 / 64 of one unit, half of it towards each of two.
    assert second[0, 0] == pytest.approx(250 / 255 * (5 if units == 1 else 2.5) / 64, rel=1e-4)


def test_a_certain_network_still_says_why(image) -> None:
    model = red_against_green()
    model.get_layer("probability").set_weights([np.array([[5e4], [-5e4]]), np.zeros(1)])  # p is 0 or 1 in float32
    red = image.copy()
    red[..., 1] = 0
    assert GradCam(FlatNetwork(model)).of(red, [1])[0, 0, 0] > 0


def test_a_chosen_layer_and_one_without_maps() -> None:
    network = FlatNetwork(red_against_green(skip=True))
    assert GradCam(network, network.layer("colours")).layer.name == "colours"
    with pytest.raises(ValueError, match=r"needs a layer with maps. Received: the layer average"):
        GradCam(network, network.layer("average"))
    flat = keras.Sequential([keras.Input((8,)), layers.Dense(1, activation="sigmoid")], name="flat")
    with pytest.raises(ValueError, match="the network flat, which has none"):
        GradCam(FlatNetwork(flat))


def test_no_images_give_no_maps() -> None:
    assert GradCam(FlatNetwork(red_against_green())).of(np.zeros((0, 8, 8, 3), np.uint8), []).shape[0] == 0


class Doubled(layers.Layer):
    """A layer of a plugin's own kind."""

    def call(self, x):
        return x * 2.0


def nested() -> keras.Model:
    """As a plugin may build one: a network within the network, and a layer of its own kind last."""
    body = keras.Sequential(
        [layers.Conv2D(4, 3, activation="relu", name="conv"), layers.MaxPooling2D(name="pool")], name="body"
    )
    body.build((None, 32, 32, 3))
    inputs = keras.Input((32, 32, 3))
    x = Doubled(name="own")(body(layers.Rescaling(1 / 255)(inputs)))
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.Flatten()(x)))


KINDS = {
    "plain": ("model=cnn", "depth=2"),
    "residual": ("model=resnet",),
    "transfer": ("model=transfer", "model.backbone=efficientnet_lite0", "model.weights=none"),
}


@pytest.mark.parametrize("kind", [*KINDS, "nested"])
def test_every_kind_of_network_has_maps(kind: str, config: Callable[..., Config]) -> None:
    keras.utils.set_random_seed(0)
    words = KINDS.get(kind, ())
    model = build_model(config("target_size=64", *words).model, (64, 64), 2, 3) if words else nested()
    network = FlatNetwork(model)
    last = last_spatial_layer(network)
    assert last is not None
    side = 64 if kind != "nested" else 32
    images = np.random.default_rng(0).integers(0, 256, (2, side, side, 3)).astype(np.uint8)
    maps = GradCam(network).of(images, [0, 1])
    assert maps.shape == (2, *last.output.shape[1:3])
    assert np.isfinite(maps).all() and (maps >= 0).all()


def test_random_weights_give_another_map(trained) -> None:
    """The control of Adebayo et al., 2018: a map that random weights do not change shows the image, not the network."""
    from catsdogs_exp.inference.predictor import Predictor
    from catsdogs_exp.record.folder.run_files import RunFiles, split_files
    from catsdogs_exp.training.checkpoint.model_file import load_model

    run = RunFiles(trained)
    files = [path for path, _ in split_files(run, "validation")]
    reader = Predictor(run)
    images = np.stack([reader._read(path) for path in files])
    model, _ = load_model(run.network)
    network = FlatNetwork(model)
    cam = GradCam(network, network.layer("conv_2") if "conv_2" in [each.name for each in network.layers] else None)
    classes = [1] * len(images)
    before = cam.of(images, classes)
    again = cam.of(images, classes)
    np.testing.assert_array_equal(before, again)  # of the same weights it is the same
    rng = np.random.default_rng(0)
    model.set_weights([rng.permuted(each.reshape(-1)).reshape(each.shape) for each in model.get_weights()])
    after = cam.of(images, classes)
    alike = [abs(ranks(one, other)) for one, other in zip(before, after, strict=True)]
    assert np.mean(alike) < 0.5


def ranks(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's correlation, as in the paper; 0 where a map is the same everywhere."""
    if not np.ptp(one) or not np.ptp(other):
        return 0.0
    first, second = (each.reshape(-1).argsort().argsort() for each in (one, other))
    return float(np.corrcoef(first, second)[0, 1])
