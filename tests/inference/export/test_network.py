"""What is exported is the run's network in float32, with the probabilities of all classes."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from catsdogs_exp.errors import RunFailed
from catsdogs_exp.inference.export import litert
from catsdogs_exp.inference.export.browser_graph import browser_graph, in_two_bytes
from catsdogs_exp.inference.export.network import answering, image_spec, in_float32
from catsdogs_exp.models import build_model
from catsdogs_exp.training.precision import building_in

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 16, 20, 3), dtype=np.uint8)


@keras.saving.register_keras_serializable("test_export")
class Hues(keras.layers.Layer):
    """An operator that neither LiteRT nor TensorFlow.js has."""

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return tf.image.rgb_to_hsv(x)


def small(config, classes: int = 2) -> keras.Model:
    return build_model(config("depth=1", "target_size=[16,20]", "model.dense=4").model, (16, 20), classes)


def foreign() -> keras.Model:
    inputs = keras.Input((16, 20, 3))
    found = keras.layers.GlobalAveragePooling2D()(Hues()(keras.layers.Rescaling(1 / 255)(inputs)))
    return keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(found))


@pytest.mark.parametrize("classes", [2, 3])
def test_there_is_a_probability_for_each_class(config, classes: int) -> None:
    model = small(config, classes)
    assert in_float32(model) is model
    found = tf.function(answering(model), input_signature=[image_spec(model, None)])(IMAGES).numpy()
    assert found.shape == (3, classes)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(found[:, -1], model(IMAGES).numpy()[:, -1], atol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_reduced_precision_leaves_in_float32(config, policy: str) -> None:
    with building_in(policy):
        model = small(config)
    plain = in_float32(model)
    assert {layer.compute_dtype for layer in plain.layers} == {"float32"}
    assert {str(weight.dtype) for weight in plain.weights} == {"float32"}
    for mine, theirs in zip(plain.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    difference = np.abs(plain(IMAGES).numpy() - model(IMAGES).numpy().astype(np.float32)).max()
    assert 0 < difference < 0.02


def test_operators_without_a_counterpart_are_named(tmp_path) -> None:
    with pytest.raises(RunFailed, match=r"LiteRT has no builtin operator for RGBToHSV. .* --flex"):
        litert.write_float(foreign(), tmp_path / "x.tflite")
    with pytest.raises(RunFailed, match=r"TensorFlow.js does not support .*RGBToHSV"):
        browser_graph(foreign())


def test_flex_allows_them(tmp_path) -> None:
    litert.write_float(foreign(), tmp_path / "x.tflite", flex=True)
    assert b"FlexRGBToHSV" in (tmp_path / "x.tflite").read_bytes()


@given(
    hnp.arrays(np.float32, st.integers(1, 200), elements=st.floats(-1e6, 1e6, width=32)),
)
def test_two_bytes_are_read_as_they_were_rounded(values: np.ndarray) -> None:
    """As TensorFlow.js reads them; never farther from the weights than float16."""
    found = in_two_bytes(values)
    how = found.quantization
    assert len(found.data) == 2 * values.size
    if how["dtype"] == "float16":
        read = np.frombuffer(found.data, "<f2").astype(np.float32)
    else:
        steps = np.frombuffer(found.data, "<u2").astype(np.float64)
        read = (steps * how["scale"] + how["min"]).astype(np.float32)
    np.testing.assert_array_equal(read, found.values.ravel())
    halves = values.clip(-65504, 65504).astype(np.float16).astype(np.float64)
    exact = values.astype(np.float64)
    assert np.square(found.values - exact).sum() <= np.square(halves - exact).sum()


def test_weights_of_one_size_are_closer_in_even_steps() -> None:
    weights = np.random.default_rng(0).normal(0, 0.05, (3, 3, 32, 64)).astype(np.float32)
    found = in_two_bytes(weights)
    assert found.quantization["dtype"] == "uint16"
    halves = weights.astype(np.float16).astype(np.float32)
    assert np.abs(found.values - weights).mean() < np.abs(halves - weights).mean()
