"""Writes TensorFlow's SavedModel: one signature takes pixels, the other one the bytes of image files."""

from pathlib import Path

import keras
import tensorflow as tf

from catsdogs_exp.data.images.preparing import Preparation
from catsdogs_exp.inference.export.bytes_in import preparing
from catsdogs_exp.inference.export.network import answering, image_spec
from catsdogs_exp.inference.export.runtime import BYTES, INPUT, OUTPUT, PIXELS


def write_saved_model(model: keras.Model, how: Preparation, folder: Path) -> None:
    """Writes the folder; its signature `serving_default` is `pixels`.

    Args:
        model: a network in float32.
        how: the preparation of images, which `bytes` repeats.
        folder: a folder that does not exist yet.
    """
    answer, prepare = answering(model), preparing(how)
    archive = keras.export.ExportArchive()
    archive.add_endpoint(PIXELS, lambda images: {OUTPUT: answer(images)}, [image_spec(model, None)])
    archive.add_endpoint(
        BYTES, lambda images: {OUTPUT: answer(prepare(images))}, [tf.TensorSpec((None,), tf.string, INPUT)]
    )
    archive.write_out(str(folder), verbose=False)
