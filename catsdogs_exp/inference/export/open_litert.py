"""Opens a LiteRT file in its interpreter. Imports TensorFlow only if the file needs its operators."""

import os
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.inference.export.runtime import INPUT, OUTPUT, PIXELS, Opened, Photo
from catsdogs_exp.process import quiet_converter


def open_litert(path: Path, label: str, flex: bool = False) -> list[Opened]:
    """Opens a file; one with `flex` in TensorFlow, whose interpreter has these operators."""
    if flex:
        import tensorflow as tf  # noqa: PLC0415  (only such files need it)

        make, runtime = tf.lite.Interpreter, f"TensorFlow {tf.__version__}"
    else:
        from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415  (an extra)

        make, runtime = Interpreter, f"ai-edge-litert {version('ai-edge-litert')}"
    with quiet_converter():  # TensorFlow's interpreter warns that it is deprecated; only it has these operators
        interpreter = make(model_path=str(path), num_threads=os.cpu_count() or 1)
        interpreter.allocate_tensors()
        run = interpreter.get_signature_runner(PIXELS)
    scale, zero = run.get_output_details()[OUTPUT]["quantization"]

    def answer(photo: Photo) -> NDArray[np.float32]:
        found = run(**{INPUT: photo.pixels[None]})[OUTPUT][0]
        found = found.astype(np.float32)
        return np.asarray((found - zero) * scale if scale else found, np.float32)

    return [Opened(label, runtime, answer, exact=not scale)]
