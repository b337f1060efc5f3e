"""ONNX, converted by tf2onnx."""

from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from catsdogs_exp.inference.export.network import INPUT, OUTPUT, answering, image_spec
from catsdogs_exp.inference.export.runtime import Opened, Photo
from catsdogs_exp.process import quiet_converter

OPSET = 17
"""Of 2022: what the runtimes of browsers, phones and servers read today."""


def write_onnx(model: keras.Model, path: Path) -> None:
    """Writes the network in float32: uint8 [n, height, width, channels] to float32 [n, classes]."""
    answer = answering(model)
    function = tf.function(lambda images: {OUTPUT: answer(images)})
    with quiet_converter():
        import tf2onnx  # noqa: PLC0415  (an extra)

        tf2onnx.convert.from_function(function, [image_spec(model, None)], opset=OPSET, output_path=str(path))


def open_onnx(path: Path) -> list[Opened]:
    """Opens the file on the CPU."""
    import onnxruntime  # noqa: PLC0415  (an extra)

    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # others run in this process
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def answer(photo: Photo) -> NDArray[np.float32]:
        return session.run([OUTPUT], {INPUT: photo.pixels[None]})[0][0]  # type: ignore[no-any-return]

    return [Opened("onnx", f"onnxruntime {version('onnxruntime')}", answer)]
