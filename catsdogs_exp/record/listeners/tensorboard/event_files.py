"""The event files of a run.

Train and validation values share a tag in two writers, which puts them on one chart. There is no third writer:
TensorBoard would list it as a run of its own.
"""

import io
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image
from tensorboard.compat.proto import event_pb2
from tensorboard.plugins.hparams import api_pb2, summary, summary_v2
from tensorboard.plugins.image import metadata

from catsdogs_exp import platforms
from catsdogs_exp.printable import printable
from catsdogs_exp.training.progress import EpochResult
from catsdogs_exp.training.steps import Steps

FOLDERS = TRAIN, VALIDATION = "train", "validation"
NOT_SET = "not set"  # for null in the table of HParams
_ROW = "events.out.tfevents.0000000000.hparams"  # of this table; by its name it is read before other event files


class TensorBoard:
    """Writes the event files of one run: `folder/train` and, with validation images, `folder/validation`.

    Args:
        folder: the run's `tensorboard/`.
        has_validation: whether the run has validation images. If not, everything is written to `train`.
    """

    def __init__(self, folder: Path, has_validation: bool = True) -> None:
        self.folder = folder
        self._train = tf.summary.create_file_writer(str(folder / TRAIN))
        self._validation = tf.summary.create_file_writer(str(folder / VALIDATION)) if has_validation else self._train

    @property
    def judged(self) -> Path:
        """The event folder of the validation images, or of the training images if there are none."""
        return self.folder / (TRAIN if self._validation is self._train else VALIDATION)

    def begin(self, name: str, hparams: Mapping[str, Any]) -> None:
        """Writes the run's row of the HParams table into the folder of the validation curves, whose last values it
        shows. A resumed run replaces it: its settings may have changed.

        Args:
            name: of the row.
            hparams: flat settings. A null is written as text: a run with a null would hide the whole table.
        """
        # Declares no columns: TensorBoard would apply one run's list to all runs, and hide the other runs' keys.
        # Without a list, it collects the columns and metrics of every run.
        scalars = {key: _scalar(value) for key, value in hparams.items()}
        row = summary_v2.hparams_pb(scalars, trial_id=printable(name))
        # Of two rows TensorBoard shows the first, so it has a file of its own, which can be replaced, and which is read
        # first.
        self.judged.mkdir(parents=True, exist_ok=True)
        scratch, now = self.judged / ".hparams.part", time.time()
        with tf.io.TFRecordWriter(str(scratch)) as file:
            file.write(event_pb2.Event(wall_time=now, file_version="brain.Event:2").SerializeToString())
            file.write(event_pb2.Event(wall_time=now, summary=row).SerializeToString())
        platforms.replace(scratch, self.judged / _ROW)

    def on_step(self, epoch: int, step: int, steps: int, steps_object: Steps) -> None:
        """Does nothing: values are written once per epoch."""

    def on_epoch(self, result: EpochResult) -> None:
        """Writes the epoch's scalars."""
        self.scalars(
            {**result.train, "learning_rate": result.learning_rate, "images_per_second": result.images_per_second},
            result.epoch,
            training=True,
        )
        self.scalars(result.val, result.epoch)
        self.flush()

    def scalars(self, values: Mapping[str, float], step: int, training: bool = False) -> None:
        """Writes scalars by tag."""
        with self._writer(training).as_default(step=step):
            for tag, value in values.items():
                tf.summary.scalar(printable(tag), value)

    def image(self, tag: str, picture: bytes, step: int, training: bool = False) -> None:
        """Writes a PNG or JPEG like `tf.summary.image`, whose encoding takes almost three times as long."""
        with self._writer(training).as_default(step=step):
            _write_image(tag, picture)

    def text(self, tag: str, markdown: str, step: int = 0) -> None:
        """Writes a text next to the training curves."""
        with self._train.as_default(step=step):
            tf.summary.text(tag, markdown)

    def histogram(self, tag: str, values: NDArray[Any], step: int) -> None:
        """Writes a histogram next to the training curves."""
        with self._train.as_default(step=step):
            tf.summary.histogram(printable(tag), values)

    def graph(self, graph: Any) -> None:
        """Writes a `tf.Graph` next to the training curves."""
        with self._train.as_default():
            tf.summary.graph(graph)

    def summary(self, content: bytes, step: int) -> None:
        """Writes a serialised plugin summary next to the validation curves."""
        with self._validation.as_default():
            tf.summary.experimental.write_raw_pb(content, step=step)

    def flush(self) -> None:
        """Flushes everything to the files."""
        for writer in self._writers:
            writer.flush()

    def close(self, status: str) -> None:
        """Records how the run ended (`ok`, `failed`, `interrupted`, `pruned`) and closes the files."""
        ended = api_pb2.STATUS_SUCCESS if status == "ok" else api_pb2.STATUS_FAILURE
        self.summary(summary.session_end_pb(ended).SerializeToString(), step=0)
        for writer in self._writers:
            writer.close()

    @property
    def _writers(self) -> Sequence[Any]:
        return [self._train] if self._validation is self._train else [self._train, self._validation]

    def _writer(self, training: bool) -> Any:
        return self._train if training else self._validation


def write_images(folder: Path, pictures: Mapping[str, bytes]) -> None:
    """Adds pictures to the event files of an existing run.

    Args:
        folder: the run's `tensorboard/`.
        pictures: PNGs by tag.
    """
    judged = folder / VALIDATION
    writer = tf.summary.create_file_writer(str(judged if judged.is_dir() else folder / TRAIN))
    with writer.as_default(step=0):
        for tag, picture in pictures.items():
            _write_image(tag, picture)
    writer.close()


def _write_image(tag: str, picture: bytes) -> None:
    about = metadata.create_summary_metadata(display_name=None, description=None)
    with Image.open(io.BytesIO(picture)) as opened:
        size = [str(side).encode() for side in opened.size]
    tf.summary.write(printable(tag), tf.constant([*size, picture]), metadata=about)


def _scalar(value: Any) -> bool | int | float | str:
    if value is None:
        return NOT_SET
    if isinstance(value, bool | int | float | np.number):
        return value  # type: ignore[return-value]
    return printable(str(value))  # names may not be UTF-8
