"""A run's records for TensorBoard: scalars, HParams and pictures.

Train and validation values share a tag in two writers, which puts them on one chart.
"""

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorboard.plugins.hparams import api_pb2, summary, summary_v2
from tensorboard.plugins.image import metadata

from catsdogs_exp.printable import printable
from catsdogs_exp.training.progress import EpochResult
from catsdogs_exp.training.steps import Steps

_SIZE = ">II"  # width and height in a PNG's header


class TensorBoard:
    """Writes the event files of one run below `folder`.

    Args:
        folder: the run's `tensorboard/`.
        name: of the run in the HParams table: its folder's name.
        hparams: flat scalars; None values are left out, because a single one empties the whole table. None: no table,
            for a run that continues and has its row already.
    """

    def __init__(self, folder: Path, name: str, hparams: Mapping[str, Any] | None) -> None:
        self._root = tf.summary.create_file_writer(str(folder))
        self._train = tf.summary.create_file_writer(str(folder / "train"))
        self._validation = tf.summary.create_file_writer(str(folder / "validation"))
        if hparams is None:
            return
        scalars = {key: _scalar(value) for key, value in hparams.items() if value is not None}
        # No list of columns is declared: TensorBoard would take that of one run for all, and the keys of the
        # others would be missing. Undeclared, it collects columns and metrics of every run.
        with self._root.as_default():
            tf.summary.experimental.write_raw_pb(
                summary_v2.hparams_pb(scalars, trial_id=printable(name)).SerializeToString(), step=0
            )
        self._root.flush()

    def on_step(self, epoch: int, step: int, steps: int, steps_object: Steps) -> None:
        """Nothing: values are written by epoch."""

    def on_epoch(self, result: EpochResult) -> None:
        """Writes the epoch's scalars."""
        with self._train.as_default(step=result.epoch):
            for name, value in result.train.items():
                tf.summary.scalar(name, value)
            tf.summary.scalar("learning_rate", result.learning_rate)
            tf.summary.scalar("images_per_second", result.images_per_second)
        self._train.flush()
        with self._validation.as_default(step=result.epoch):
            for name, value in result.val.items():
                tf.summary.scalar(name, value)
        self._validation.flush()

    def image(self, tag: str, png: bytes, step: int, training: bool = False) -> None:
        """Writes a picture like `tf.summary.image`, whose encoding takes almost three times as long."""
        with (self._train if training else self._validation).as_default(step=step):
            _write_image(tag, png)

    def flush(self) -> None:
        """Flushes everything to the files."""
        for writer in (self._root, self._train, self._validation):
            writer.flush()

    def close(self, status: str) -> None:
        """Records how the run ended (`ok`, `failed`, `interrupted`) and closes the files."""
        ended = api_pb2.STATUS_SUCCESS if status == "ok" else api_pb2.STATUS_FAILURE
        with self._root.as_default():
            tf.summary.experimental.write_raw_pb(summary.session_end_pb(ended).SerializeToString(), step=0)
        for writer in (self._root, self._train, self._validation):
            writer.close()


def write_images(folder: Path, pictures: Mapping[str, bytes], step: int = 0) -> None:
    """Adds pictures to the event files of an existing run.

    Args:
        folder: of one of its writers: `tensorboard/train` or `tensorboard/validation`.
        pictures: PNGs by tag.
        step: their epoch.
    """
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default(step=step):
        for tag, png in pictures.items():
            _write_image(tag, png)
    writer.close()


def _write_image(tag: str, png: bytes) -> None:
    about = metadata.create_summary_metadata(display_name=None, description=None)
    size = [str(side).encode() for side in struct.unpack(_SIZE, png[16:24])]
    tf.summary.write(printable(tag), tf.constant([*size, png]), metadata=about)


def _scalar(value: Any) -> bool | int | float | str:
    return value if isinstance(value, bool | int | float) else printable(str(value))  # names may not be UTF-8
