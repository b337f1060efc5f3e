"""Writes ONNX, converted by tf2onnx."""

from pathlib import Path

import keras
import tensorflow as tf

from catsdogs_exp.inference.export.network import answering, image_spec
from catsdogs_exp.inference.export.runtime import OUTPUT
from catsdogs_exp.process import quiet_converter

OPSET = 17
"""The opset of 2022, which the runtimes of browsers, phones and servers support."""


def write_onnx(model: keras.Model, path: Path) -> None:
    """Writes the network in float32: uint8 [n, height, width, channels] to float32 [n, classes]."""
    answer = answering(model)
    function = tf.function(lambda images: {OUTPUT: answer(images)})
    with quiet_converter():
        import tf2onnx  # noqa: PLC0415  (an extra)

        tf2onnx.convert.from_function(function, [image_spec(model, None)], opset=OPSET, output_path=str(path))
