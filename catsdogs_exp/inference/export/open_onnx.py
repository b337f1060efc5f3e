"""Opens an ONNX file in ONNX Runtime. Does not import TensorFlow."""

from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.inference.export.runtime import INPUT, OUTPUT, Opened, Photo


def open_onnx(path: Path) -> list[Opened]:
    """Opens the file on the CPU."""
    import onnxruntime  # noqa: PLC0415  (an extra)

    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # others run in this process
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def answer(photo: Photo) -> NDArray[np.float32]:
        return session.run([OUTPUT], {INPUT: photo.pixels[None]})[0][0]  # type: ignore[no-any-return]

    return [Opened("onnx", f"onnxruntime {version('onnxruntime')}", answer)]
