"""The flat graph: nested networks are flattened, and a network can be run from any layer upwards."""

import keras
import numpy as np
import pytest
from keras import layers

from catsdogs_exp.insight.graph import FlatNetwork, NoGraph, above


def nested() -> keras.Model:
    body = keras.Sequential(
        [layers.Conv2D(4, 3, padding="same", activation="relu", name="conv"), layers.MaxPooling2D(2, name="pool")],
        name="body",
    )
    body.build((None, 16, 16, 3))
    inputs = keras.Input((16, 16, 3))
    x = body(layers.Rescaling(1 / 255, name="rescale")(inputs))
    x = layers.Add(name="add")([x, layers.Conv2D(4, 3, padding="same", name="skipped")(x)])
    x = layers.GlobalAveragePooling2D(name="average")(keras.ops.relu(x))
    return keras.Model(inputs, layers.Dense(2, activation="softmax", name="probability")(x))


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3)).astype(np.float32)


def test_a_nested_network_is_laid_open_and_computes_the_same(images) -> None:
    model = nested()
    flat = FlatNetwork(model)
    names = [layer.name for layer in flat.layers]
    assert names[:5] == ["rescale", "body_conv", "body_pool", "skipped", "add"]
    np.testing.assert_allclose(flat.model.predict_on_batch(images), model.predict_on_batch(images), atol=1e-6)
    assert model.get_layer("skipped").output.shape == (None, 8, 8, 4)  # the original keeps its graph


def test_layers_and_networks_that_are_called_twice_stand_there_twice(images) -> None:
    body = keras.Sequential(
        [keras.Input((None, None, 4)), layers.Conv2D(4, 3, padding="same", name="conv")], name="body"
    )
    shared = layers.Conv2D(4, 3, padding="same", name="shared")
    inputs = keras.Input((16, 16, 3))
    x = layers.Conv2D(4, 1, name="stem")(layers.Rescaling(1 / 255)(inputs))
    x = body(shared(body(shared(x))))
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(layers.GlobalAveragePooling2D()(x)))
    flat = FlatNetwork(model)
    names = [layer.name for layer in flat.layers if "conv" in layer.name or "shared" in layer.name]
    assert names == ["shared", "body_conv", "shared_2", "body_2_conv"]
    shared.set_weights([weight + 0.3 for weight in shared.get_weights()])
    flat.refresh()
    expected = model.predict_on_batch(images)
    np.testing.assert_allclose(flat.model.predict_on_batch(images), expected, atol=1e-5)
    tensors, upper = above(flat.model, flat.layer("body_conv"))
    below = keras.Model(flat.model.inputs, tensors)
    np.testing.assert_allclose(upper(below([images])), expected, atol=1e-5)


def test_refresh_takes_over_new_weights(images) -> None:
    model = nested()
    flat = FlatNetwork(model)
    model.get_layer("body").get_layer("conv").set_weights(
        [weight + 0.5 for weight in model.get_layer("body").get_layer("conv").get_weights()]
    )
    expected = model.predict_on_batch(images)
    assert np.abs(flat.model.predict_on_batch(images) - expected).max() > 1e-4
    flat.refresh()
    np.testing.assert_allclose(flat.model.predict_on_batch(images), expected, atol=1e-6)


def test_a_network_without_nested_ones_is_used_as_it_is(config) -> None:
    from catsdogs_exp.models import build_model

    model = build_model(config("depth=2", "target_size=40").model, (40, 40), 2)
    assert FlatNetwork(model).model is model


@pytest.mark.parametrize("name", ["rescale", "body_conv", "body_pool", "skipped", "add", "average"])
def test_the_layers_above_alone_give_the_same_answer(name: str, images) -> None:
    model = nested()
    flat = FlatNetwork(model)
    inputs, upper = above(flat.model, flat.layer(name))
    assert inputs[0] is flat.layer(name).output
    assert len(inputs) == (2 if name == "skipped" else 1)  # past a skipped layer a second way leads up
    below = keras.Model(flat.model.inputs, inputs).predict_on_batch(images)
    np.testing.assert_allclose(upper.predict_on_batch(below), model.predict_on_batch(images), atol=1e-6)


def test_a_network_without_a_graph_is_refused() -> None:
    class Opaque(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(NoGraph, match="has no graph of layers"):
        FlatNetwork(Opaque())
