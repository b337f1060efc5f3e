"""The other side of `throughput`: Keras's `fit` on arrays, the course's loop, Keras's own folder loader.

The network is the same, including its rescaling, so the course's generator need not rescale.
"""

import contextlib
import io
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.photos import Photos
from benchmarks.timing import steady_rate
from catsdogs_exp.config.compose import config_of
from catsdogs_exp.config.schema import Config
from catsdogs_exp.training.runtime import import_tensorflow

# The course's settings, as in `conf/augment/course.yaml`.
_COURSE = {
    "rotation_range": 40,
    "width_shift_range": 0.2,
    "height_shift_range": 0.2,
    "shear_range": 0.2,
    "zoom_range": 0.2,
    "horizontal_flip": True,
    "fill_mode": "nearest",
}


def contenders(overrides: tuple[str, ...], photos: Photos, skip: int) -> dict[str, Callable[[], float]]:
    """Each call returns images per second.

    `in_memory`, `course`, `course_augmented`: `fit`, the steps after the first `skip` of an epoch.
    `course_files`, `keras_files`, `course_files_augmented`: the loader alone, one pass over the files.
    """
    import_tensorflow()
    warnings.simplefilter("ignore")  # Keras's warning about its own generator
    config = config_of(overrides)
    arrays = np.load(photos.images), np.load(photos.labels)
    plain, augmented = _generator(config, photos), _generator(config, photos, **_COURSE)
    return {
        "in_memory": _fitting(config, photos.count, skip, *arrays, batch_size=config.batch_size),
        "course": _fitting(config, photos.count, skip, plain),
        "course_augmented": _fitting(config, photos.count, skip, augmented),
        "course_files": lambda: _pass_over(plain, photos.count),
        "course_files_augmented": lambda: _pass_over(augmented, photos.count),
        "keras_files": _keras_loader(config, photos),
    }


def _fitting(config: Config, images: int, skip: int, *data: Any, **settings: Any) -> Callable[[], float]:
    import keras

    from catsdogs_exp.models import build_model

    class Clock(keras.callbacks.Callback):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.ends: list[float] = []

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.ends.append(time.perf_counter())

    model = build_model(config.model, config.loader.target_size, classes=2)
    model.compile(
        optimizer=keras.optimizers.RMSprop(config.lr),
        loss="binary_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,  # XLA halves the speed on CPU
    )

    def measure() -> float:
        clock = Clock()
        model.fit(*data, epochs=1, verbose=0, callbacks=[clock], **settings)
        return steady_rate(clock.ends, images, config.batch_size, skip)

    return measure


def _generator(config: Config, photos: Photos, **augmentation: Any) -> Any:
    from tensorflow.keras.preprocessing.image import ImageDataGenerator

    with contextlib.redirect_stdout(io.StringIO()):  # "Found 2000 images belonging to 2 classes."
        return ImageDataGenerator(**augmentation).flow_from_directory(
            photos.folder, target_size=config.loader.target_size, batch_size=config.batch_size, class_mode="binary"
        )


def _pass_over(generator: Any, images: int) -> float:
    started = time.perf_counter()
    for _ in range(len(generator)):
        next(generator)
    return images / (time.perf_counter() - started)


def _keras_loader(config: Config, photos: Photos) -> Callable[[], float]:
    import keras

    dataset = keras.utils.image_dataset_from_directory(
        photos.folder,
        label_mode="binary",
        image_size=config.loader.target_size,
        batch_size=config.batch_size,
        verbose=False,
    )

    def measure() -> float:
        started = time.perf_counter()
        for _ in dataset:
            pass
        return photos.count / (time.perf_counter() - started)

    return measure
