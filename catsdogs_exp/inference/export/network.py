"""The network for export: in float32, from uint8 pixels to the probabilities of all classes."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from catsdogs_exp.inference.export.runtime import INPUT, OUTPUT
from catsdogs_exp.training.logits import class_probabilities, logits_of

_REDUCED = ("mixed_bfloat16", "mixed_float16", "bfloat16", "float16")


def in_float32(model: keras.Model) -> keras.Model:
    """Returns the network computing in float32: itself, unless it was trained in another precision."""
    if all(layer.dtype_policy.name not in _REDUCED for layer in model.layers):
        return model
    copy = type(model).from_config(_without_reduced(model.get_config()))
    copy.set_weights(model.get_weights())
    return copy


def _without_reduced(config: Any) -> Any:
    """Returns a Keras config whose layers compute in float32."""
    if isinstance(config, dict):
        if config.get("class_name") == "DTypePolicy" and config["config"]["name"] in _REDUCED:
            return {**config, "config": {"name": "float32"}}
        return {key: _without_reduced(value) for key, value in config.items()}
    if isinstance(config, list | tuple):
        return type(config)(_without_reduced(value) for value in config)
    return config


def answering(model: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """A function from images [n, height, width, channels], 0..255, to float32 [n, classes], as `Predictor` answers.

    Also for a network with one sigmoid unit: the second class's probability alone would need an explanation in each
    place where the file is used.
    """

    def answer(images: tf.Tensor) -> tf.Tensor:
        found = class_probabilities(logits_of(model(tf.cast(images, tf.float32), training=False)))
        return tf.identity(found, OUTPUT)

    return answer


def image_spec(model: keras.Model, batch: int | None, dtype: tf.DType = tf.uint8) -> tf.TensorSpec:
    """Returns the spec of the function's input."""
    return tf.TensorSpec((batch, *model.input_shape[1:]), dtype, INPUT)
