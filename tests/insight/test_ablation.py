"""Channel use, on a network whose channels have a known function."""

import keras
import numpy as np
import pytest
from keras import layers

from catsdogs_exp.insight.ablation import channel_use
from catsdogs_exp.insight.channels import channel_answers, middling_images, strongest_images
from catsdogs_exp.insight.graph import FlatNetwork


def red_or_not() -> keras.Model:
    """Two classes by the red channel alone; channel 0 copies red, 1 copies green, 2 is dead."""
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(3, 1, activation="relu", name="colours")(inputs)
    branch = layers.Conv2D(3, 1, name="branch")(x)
    x = layers.Add(name="sum")([x, branch])
    outputs = layers.Dense(1, activation="sigmoid", name="probability")(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, outputs)
    kernel = np.zeros((1, 1, 3, 3))
    kernel[0, 0, 0, 0] = kernel[0, 0, 1, 1] = 1 / 255
    model.get_layer("colours").set_weights([kernel, np.zeros(3)])
    model.get_layer("branch").set_weights([np.zeros((1, 1, 3, 3)), np.zeros(3)])
    model.get_layer("probability").set_weights([np.array([[20.0], [0.0], [0.0]]), np.array([-10.0])])
    return model


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = (np.arange(160) % 2).astype(np.int32)
    images = rng.integers(0, 256, (160, 8, 8, 3)).astype(np.uint8)
    images[..., 0] = np.where(labels[:, None, None] == 1, 230, 20)
    return images, labels


def test_only_the_channel_that_decides_is_used(data) -> None:
    network = FlatNetwork(red_or_not())
    (answers,) = channel_answers(network, [network.layer("colours")], [data[0]])
    use = channel_use(network, network.layer("colours"), *data, answers.means.mean(axis=0))
    assert use.images == 160
    assert use.accuracy[0] == pytest.approx(0.5, abs=0.01)
    assert use.accuracy[1:].tolist() == [0, 0]
    assert use.probability.shape == (3, 2)
    assert abs(use.probability[1:]).max() < 1e-6 and use.probability[0].max() > 0.4


def test_a_way_around_the_layer_keeps_its_own_answer(data) -> None:
    network = FlatNetwork(red_or_not())
    use = channel_use(network, network.layer("branch"), *data, np.zeros(3, np.float32))
    assert abs(use.accuracy).max() == 0  # the branch adds nothing


def test_little_time_means_fewer_images(data) -> None:
    network = FlatNetwork(red_or_not())
    use = channel_use(network, network.layer("colours"), *data, np.zeros(3, np.float32), seconds=0.0)
    assert use.images == 64


def test_answers_name_the_images_and_places_that_excite_a_channel() -> None:
    network = FlatNetwork(red_or_not())
    images = np.zeros((12, 8, 8, 3), np.uint8)
    for number in range(12):
        images[number, 3, number % 8, 1] = 10 * number
    (answers,) = channel_answers(network, [network.layer("colours")], [images[:5], images[5:]])
    assert strongest_images(answers, 1, 3).tolist() == [11, 10, 9]
    assert middling_images(answers, 1, 3).tolist() == [6, 5, 4]
    assert answers.places[11, 1].tolist() == [3, 3]
    assert answers.dead.tolist() == [True, False, True]
    assert answers.means[11, 1] == pytest.approx(110 / 255 / 64)
