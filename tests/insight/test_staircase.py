"""The staircase, on a network whose second layer separates the classes by design."""

import keras
import numpy as np
from keras import layers

from catsdogs_exp.insight.graph import FlatNetwork
from catsdogs_exp.insight.pooled import PooledActivations
from catsdogs_exp.insight.staircase import Step, deep_enough, staircase


def test_the_layer_on_which_the_classes_part_is_found() -> None:
    """Class 1 has vertical stripes, class 0 horizontal ones: no mean tells them apart, an edge filter does."""
    inputs = keras.Input((16, 16, 1))
    x = layers.Conv2D(2, 1, name="copy")(inputs)
    x = layers.Conv2D(2, 3, activation="relu", name="edges")(x)
    x = layers.MaxPooling2D(2, name="pool")(x)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(layers.Flatten()(x)))
    model.get_layer("copy").set_weights([np.ones((1, 1, 1, 2)) / 255, np.zeros(2)])
    kernel = np.zeros((3, 3, 2, 2))
    kernel[:, 0, 0, 0], kernel[:, 2, 0, 0] = -1, 1  # across columns
    kernel[0, :, 0, 1], kernel[2, :, 0, 1] = -1, 1  # across rows
    model.get_layer("edges").set_weights([kernel, np.zeros(2)])
    rng = np.random.default_rng(0)
    labels = (np.arange(80) % 2).astype(np.int32)
    stripes = (np.arange(16) // 2 % 2 * 200).astype(np.float64)
    images = np.stack(
        [stripes[None, :] + np.zeros((16, 1)) if label else stripes[:, None] + np.zeros((1, 16)) for label in labels]
    )
    images = np.clip(images + rng.normal(0, 20, images.shape), 0, 255).astype(np.uint8)[..., None]
    network = FlatNetwork(model)
    pooled = PooledActivations(network, [network.layer(name) for name in ("copy", "edges", "pool")]).of([images])
    steps = staircase(pooled.averages, labels)
    assert [step.layer for step in steps] == ["copy", "edges", "pool"]
    assert steps[0].accuracy < 0.75 and steps[1].accuracy > 0.95
    assert deep_enough(steps).layer == "edges"


def test_deep_enough_is_the_first_within_a_standard_error() -> None:
    steps = [Step("a", 0.70, 0.02), Step("b", 0.88, 0.02), Step("c", 0.90, 0.03), Step("d", 0.89, 0.01)]
    assert deep_enough(steps).layer == "b"
