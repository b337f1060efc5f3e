"""Opens a SavedModel in TensorFlow."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from catsdogs_exp.inference.export.runtime import BYTES, OUTPUT, PIXELS, Opened, Photo, Refused


def open_saved_model(folder: Path) -> list[Opened]:
    """Opens both signatures."""
    loaded = _loaded(folder)
    pixels, encoded = loaded.signatures[PIXELS], loaded.signatures[BYTES]

    def of_pixels(photo: Photo) -> NDArray[np.float32]:
        return pixels(images=tf.constant(photo.pixels[None]))[OUTPUT].numpy()[0]  # type: ignore[no-any-return]

    def of_bytes(photo: Photo) -> NDArray[np.float32]:
        try:
            return encoded(images=tf.constant([photo.data]))[OUTPUT].numpy()[0]  # type: ignore[no-any-return]
        except tf.errors.InvalidArgumentError as error:
            raise Refused(str(error.message).partition("\n")[0]) from error

    runtime = f"TensorFlow {tf.__version__}"
    return [
        Opened("savedmodel", runtime, of_pixels),
        Opened("savedmodel, bytes", runtime, of_bytes, exact=False),
    ]


def _loaded(folder: Path) -> Any:
    """Loads a folder; TensorFlow reads its weights from there at once, and interprets its name as a pattern."""
    if not set(str(folder)) & set("[]*?\\"):
        return tf.saved_model.load(str(folder))
    with tempfile.TemporaryDirectory() as scratch:
        return tf.saved_model.load(shutil.copytree(folder, Path(scratch) / "network"))
