"""Saves and restores the state of training. Files are written in the background."""

import os
import shutil
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from catsdogs_exp import platforms
from catsdogs_exp.config.intervals import Interval
from catsdogs_exp.errors import RunFailed
from catsdogs_exp.training.checkpoint.snapshot_file import Snapshot, write_snapshot
from catsdogs_exp.training.fit import Stage
from catsdogs_exp.training.progress import Progress
from catsdogs_exp.training.variable_values import value_of

_NETWORK = "network/"  # how the names of the whole network's variables begin


class Checkpoints:
    """Writes snapshots into a folder, as often as asked. One is written at a time; training goes on meanwhile.

    Args:
        folder: `checkpoints/last` of the run.
        every: how often.
        best: files of the best epoch by the suffix (`BEST`, `PREDICTIONS`) under which a snapshot keeps those of its
            moment. Each is replaced by another file, never changed.
        record: what else a resume must know, such as how long the files are that only ever grow; JSON-able. Called
            in the training thread, when the snapshot's moment has come.
    """

    def __init__(
        self, folder: Path, every: Interval, best: Mapping[str, Path], record: Callable[[], Mapping[str, Any]]
    ) -> None:
        self._folder, self._every, self._best, self._record = folder, every, best, record
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._under_way: Future[Path] | None = None
        self._saved_at = time.monotonic()
        # Their memory is used again: to get it anew takes longer than to copy.
        self._arrays: dict[str, NDArray[Any]] = {}

    def after_step(self, stage: Stage, progress: Progress) -> None:
        """Saves within an epoch when `every` counts steps or seconds and it is time.

        Raises:
            RunFailed: when the snapshot before could not be written.
        """
        if (self._is_due("steps", progress.steps) or self._seconds_over()) and not stage.steps.first_bad():
            self.save(stage, progress)

    def after_epoch(self, stage: Stage, progress: Progress, is_over: bool) -> None:
        """Saves at an epoch's end, when it is time; always at a stage's end, so that the run can be made longer."""
        done = len(progress.history.epochs)
        ends = self._every.count > 0 and (is_over or bool(progress.stopped))
        if ends or self._is_due("epochs", done) or self._is_due("steps", progress.steps) or self._seconds_over():
            self.save(stage, progress, is_over)

    def save(self, stage: Stage, progress: Progress, is_over: bool = False) -> None:
        """Copies the state now; it is on disk some time later."""
        self.wait()
        variables = stage.steps.variables()
        if is_over and not stage.plan.is_last:
            variables |= _whole(stage.network)
        self._arrays = {name: value_of(variable, self._arrays.get(name)) for name, variable in variables.items()}
        state = {
            "progress": progress.to_json(),
            "stage": stage.plan.number,
            "plateau": stage.plateau.state() if stage.plateau is not None else None,
            "record": dict(self._record()),
        }
        for suffix, path in self._best.items():
            if path.exists():
                self._folder.mkdir(parents=True, exist_ok=True)
                replace_by(path, self._folder / f"{progress.steps:09d}{suffix}")
        self._saved_at = time.monotonic()
        self._under_way = self._writer.submit(write_snapshot, self._folder, progress.steps, self._arrays, state)

    def wait(self) -> None:
        """Waits for the snapshot that is being written.

        Raises:
            RunFailed: when it could not be. The ones before are whole.
        """
        if self._under_way is None:
            return
        under_way, self._under_way = self._under_way, None
        try:
            under_way.result()
        except OSError as error:
            raise RunFailed(
                f"The checkpoint could not be written to {self._folder}: {error.strerror or error}. The one before is "
                "whole: make room, then resume the run"
            ) from error

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Waits for what is under way and ends the writer; what ended the training goes before."""
        try:
            self.wait()
        except RunFailed:
            if kind is None:
                raise
        finally:
            self._writer.shutdown()

    def _is_due(self, unit: str, done: int) -> bool:
        """Whether `every` counts these units, and so many of them are a moment to save."""
        return self._every.unit == unit and self._every.count > 0 and done % self._every.count == 0

    def _seconds_over(self) -> bool:
        return self._every.unit == "s" and time.monotonic() - self._saved_at >= self._every.count


def replace_by(source: Path, target: Path) -> None:
    """Makes `target` the same file as `source`, without copying where the file system can.

    Safe for files that are never changed in place, such as the best network: a better one is another file under the
    same name.
    """
    scratch = target.with_name(f".{target.name}.link")
    scratch.unlink(missing_ok=True)
    try:
        os.link(source, scratch)
    except OSError:
        shutil.copyfile(source, scratch)
    platforms.replace(scratch, target)


def _whole(network: keras.Model) -> dict[str, Any]:
    """The whole network, of which a stage may have trained a part: weights, and states of random generators."""
    return {f"{_NETWORK}{place:04d}": variable for place, variable in enumerate(network.variables)}


def restore(snapshot: Snapshot, stage: Stage) -> None:
    """Puts what was saved into a stage. After the last epoch of the stage before, only the weights are of use.

    Raises:
        BadInput: when they do not fit.
    """
    same = snapshot.state.get("stage") == stage.plan.number
    # At the end of a stage the whole network stands beside what the stage has trained: one of the two is read.
    unread = [name for name in snapshot.names if not same or name.startswith(_NETWORK)]
    variables = stage.steps.variables() if same else _whole(stage.steps.model)
    like = {
        name: (tuple(variable.shape), np.dtype(tf.as_dtype(variable.dtype).as_numpy_dtype))
        for name, variable in variables.items()
    }
    for name, array in snapshot.arrays(like, unread).items():
        variables[name].assign(array)
    if not same:
        stage.steps.begin_average()
    if stage.plateau is not None and same:
        try:
            stage.plateau.restore(snapshot.state["plateau"])
        except (KeyError, TypeError, ValueError) as error:
            raise snapshot.refused(error) from error
