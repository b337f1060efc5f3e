"""The atlas as data: untrained twins, and names on a network with a hand-made detector."""

import keras
import numpy as np
from keras import layers

from catsdogs_exp.insight.atlas import Channel, Images, LayerAtlas, calibrate, make_atlas, untrained
from catsdogs_exp.insight.dissection import concepts_of
from catsdogs_exp.insight.graph import FlatNetwork


def network() -> keras.Model:
    inputs = keras.Input((24, 24, 3))
    x = layers.Conv2D(8, 3, padding="same", activation="relu", name="conv")(inputs)
    outputs = layers.Dense(1, activation="sigmoid")(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, outputs)


def test_an_untrained_twin_depends_on_its_seed_alone() -> None:
    model = network()
    first, again, other = (untrained(model, seed).get_weights()[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any() and (first != model.get_weights()[0]).any()
    assert abs(first.std() - model.get_weights()[0].std()) < 0.05  # the same initialiser


def test_an_untrained_network_is_normalised_by_the_images_it_is_compared_on() -> None:
    inputs = keras.Input((16, 16, 3))
    x = layers.Conv2D(6, 3, name="conv")(inputs)
    x = layers.BatchNormalization(name="norm", trainable=False)(x)
    model = keras.Model(inputs, layers.Dense(1)(layers.Flatten()(layers.Dropout(0.5)(x))))
    pixels = np.random.default_rng(0).integers(0, 256, (64, 16, 16, 3)).astype(np.uint8)
    calibrate(model, pixels)
    answers = keras.Model(inputs, model.get_layer("norm").output).predict_on_batch(pixels)
    np.testing.assert_allclose(answers.mean((0, 1, 2)), 0, atol=0.01)
    np.testing.assert_allclose(answers.std((0, 1, 2)), 1, atol=0.02)


def test_a_detector_made_by_hand_is_named_and_noise_is_not() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 40, (60, 24, 24, 3)).astype(np.uint8)
    masks = np.zeros((60, 24, 24), np.uint8)
    for number in range(60):
        row, column = rng.integers(1, 16, 2)
        masks[number, row : row + 6, column : column + 6] = 1
        # neither bright nor dark as a whole: only the relation of the colours tells the spot
        images[number, row : row + 6, column : column + 6] = (120, 0, 120) if number % 2 else (100, 10, 110)
        images[number, :4, :12] = (90, 180, 90)
    model = network()
    kernel = rng.normal(0, 0.01, (3, 3, 3, 8)).astype(np.float32)
    kernel[..., 0] = 0
    kernel[1, 1, :, 0] = (1, -2, 1)
    model.get_layer("conv").set_weights([kernel, np.zeros(8)])
    flat = FlatNetwork(model)
    labels = (np.arange(60) % 2).astype(np.int32)
    shown = Images(images, labels, ("a", "b"), masks, concepts_of(["", "spot"]))
    (atlas,) = make_atlas(flat, [flat.layer("conv")], shown)
    by_number = {channel.number: channel for channel in atlas.channels}
    assert by_number[0].part == "spot" and by_number[0].iou > 0.8
    assert by_number[0].iou >= 1.5 * by_number[0].iou_untrained
    assert sum(bool(channel.part) for channel in atlas.channels) <= 4
    assert len(by_number[0].strongest) == 9 and len({patch.image for patch in by_number[0].strongest}) == 9


def test_what_changes_no_prediction_is_not_among_the_used_channels() -> None:
    def channel(number: int, use: float, lost: float, dead: bool = False, part: str = "") -> Channel:
        return Channel("conv", number, dead, use, (lost, float("nan")), (), (), (1.0, 0.0), part)

    channels = (
        channel(5, 0.1, 0.2),
        channel(1, 0.0, 0.0009),
        channel(2, 0.0, 0.01),
        channel(3, 0.0, 0.0, part="eye"),
        channel(4, -0.1, 0.2),
        channel(0, 0.0, 0.0, dead=True),
    )
    layer = LayerAtlas("conv", (4, 4, 6), None, 8, channels)
    assert [each.number for each in layer.used] == [5, 2, 3, 4]
    assert [each.number for each in layer.unused] == [1]
