"""LiteRT (TensorFlow Lite), in float32 or entirely in 8-bit integers, with its builtin operators only."""

import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from catsdogs_exp.errors import RunFailed
from catsdogs_exp.inference.export.network import answering, image_spec
from catsdogs_exp.inference.export.runtime import INPUT, OUTPUT, PIXELS
from catsdogs_exp.process import quiet_converter


def write_float(model: keras.Model, path: Path, flex: bool = False) -> None:
    """Writes the network in float32: uint8 [1, height, width, channels] to float32 [1, classes].

    Args:
        model: a network in float32.
        path: the `.tflite` file.
        flex: whether to allow TensorFlow operators that LiteRT lacks; such a file runs only where they are linked in.

    Raises:
        RunFailed: naming operators that LiteRT lacks.
    """
    operators = [tf.lite.OpsSet.TFLITE_BUILTINS, *([tf.lite.OpsSet.SELECT_TF_OPS] if flex else [])]
    path.write_bytes(_converted(model, tf.uint8, {"target_spec.supported_ops": operators}))


def write_int8(model: keras.Model, path: Path, images: Sequence[NDArray[np.uint8]]) -> None:
    """Writes the network in 8-bit integers, input and output included: probabilities are multiples of 1/256.

    Args:
        model: a network in float32.
        path: the `.tflite` file.
        images: training images, uint8 [height, width, channels], from which the range of each tensor is taken (Jacob
            et al., 2018).

    Raises:
        RunFailed: naming operators without an integer version.
    """

    def representative() -> Iterator[dict[str, NDArray[np.float32]]]:
        for image in images:
            yield {INPUT: image[None].astype(np.float32)}

    settings = {
        "optimizations": [tf.lite.Optimize.DEFAULT],
        "representative_dataset": representative,
        "target_spec.supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS_INT8],
        "inference_input_type": tf.uint8,
        "inference_output_type": tf.uint8,
    }
    path.write_bytes(_converted(model, tf.float32, settings))


def _converted(model: keras.Model, dtype: tf.DType, settings: dict[str, Any]) -> bytes:
    answer = answering(model)
    with tempfile.TemporaryDirectory() as scratch:
        folder = str(Path(scratch) / "network")
        archive = keras.export.ExportArchive()
        archive.add_endpoint(PIXELS, lambda images: {OUTPUT: answer(images)}, [image_spec(model, 1, dtype)])
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[PIXELS])
        for name, value in settings.items():
            owner = converter.target_spec if name.startswith("target_spec.") else converter
            setattr(owner, name.rpartition(".")[2], value)
        try:
            with quiet_converter():
                return bytes(converter.convert())
        except Exception as error:  # the converter's own exception class is not public
            raise RunFailed(_reason(str(error))) from error


def _reason(text: str) -> str:
    """Extracts the operators that a failed conversion names."""
    operators = sorted(set(re.findall(r"\btf\.([A-Z]\w+)", text)))
    if not operators:
        return f"LiteRT cannot convert the network: {(text.strip().splitlines() or ['no reason given'])[0][:300]}"
    return (
        f"LiteRT has no builtin operator for {', '.join(operators)}. Allow TensorFlow's own with --flex (only for "
        "--format litert; the program that opens the file must then link them), or use --format onnx"
    )
