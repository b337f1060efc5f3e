"""TensorFlow's SavedModel: one signature takes pixels, the other one the bytes of image files."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from catsdogs_exp.data.images.preparing import Preparation
from catsdogs_exp.inference.export.bytes_in import preparing
from catsdogs_exp.inference.export.network import INPUT, OUTPUT, answering, image_spec
from catsdogs_exp.inference.export.runtime import Opened, Photo, Refused

PIXELS, BYTES = "pixels", "bytes"
"""The signatures; `serving_default` is the first one."""


def write_saved_model(model: keras.Model, how: Preparation, folder: Path) -> None:
    """Writes the folder.

    Args:
        model: in float32.
        how: the preparation of images, which `bytes` repeats.
        folder: must not exist.
    """
    answer, prepare = answering(model), preparing(how)
    archive = keras.export.ExportArchive()
    archive.add_endpoint(PIXELS, lambda images: {OUTPUT: answer(images)}, [image_spec(model, None)])
    archive.add_endpoint(
        BYTES, lambda images: {OUTPUT: answer(prepare(images))}, [tf.TensorSpec((None,), tf.string, INPUT)]
    )
    archive.write_out(str(folder), verbose=False)


def open_saved_model(folder: Path) -> list[Opened]:
    """Opens both signatures."""
    loaded = tf.saved_model.load(str(folder))
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
