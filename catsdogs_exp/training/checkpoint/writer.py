"""Saves and restores the state of training. Files are written in the background."""

import math
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from catsdogs_exp import platforms
from catsdogs_exp.config.intervals import Interval
from catsdogs_exp.errors import RunFailed
from catsdogs_exp.training.checkpoint.background import Background
from catsdogs_exp.training.checkpoint.snapshot_file import BEST, NETWORK, Snapshot, write_snapshot
from catsdogs_exp.training.fit import Stage
from catsdogs_exp.training.progress import Progress
from catsdogs_exp.training.variable_values import value_of


class Checkpoints:
    """Writes snapshots into a folder at given intervals. One is written at a time while training continues.

    Args:
        folder: `checkpoints/last` of the run.
        every: the interval.
        best: files of the best epoch by the suffix (`BEST`, `PREDICTIONS`) under which a snapshot keeps its copy. They
            are replaced by new files, never modified.
        background: writes the snapshots, and the network of the best epoch before them.
        record: returns everything else that a resume needs, such as the lengths of append-only files;
            JSON-serializable. Called in the training thread when a snapshot is taken.
    """

    def __init__(
        self,
        folder: Path,
        every: Interval,
        best: Mapping[str, Path],
        background: Background,
        record: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._folder, self._every, self._best, self._record = folder, every, best, record
        self._background = background
        self._under_way: Future[None] | None = None
        self._saved_at = time.monotonic()
        # Reused memory: allocating takes longer than copying.
        self._arrays: dict[str, NDArray[Any]] = {}

    def after_step(self, stage: Stage, progress: Progress) -> None:
        """Saves within an epoch if `every` counts steps or seconds, and a checkpoint is due.

        Raises:
            RunFailed: if the previous snapshot could not be written.
        """
        if (self._is_due("steps", progress.steps) or self._seconds_over()) and not stage.steps.first_bad():
            self.save(stage, progress)

    def after_epoch(self, stage: Stage, progress: Progress, is_over: bool) -> None:
        """Saves at the end of an epoch if a checkpoint is due, and always at the end of a stage, so that the run can be
        extended.
        """
        done = len(progress.history.epochs)
        ends = self._every.count > 0 and (is_over or bool(progress.stopped))
        if ends or self._is_due("epochs", done) or self._is_due("steps", progress.steps) or self._seconds_over():
            self.save(stage, progress, is_over)

    def save(self, stage: Stage, progress: Progress, is_over: bool = False) -> None:
        """Copies the state now; it is written to disk in the background.

        Weights that have diverged are not saved, so that the last checkpoint can be continued with a lower rate.
        """
        self.wait()
        variables = stage.steps.variables()
        if is_over and not stage.plan.is_last:
            variables |= _whole(stage.network)
        self._arrays = {name: value_of(variable, self._arrays.get(name)) for name, variable in variables.items()}
        self._saved_at = time.monotonic()
        learned = {id(weight) for weight in stage.steps.model.trainable_weights}
        trained = [self._arrays[name] for name, variable in variables.items() if id(variable) in learned]
        if _have_diverged(trained, progress):
            return
        state = {
            "progress": progress.to_json(),
            "stage": stage.plan.number,
            "learning_rate": stage.plan.optimizer.learning_rate,
            "plateau": stage.plateau.state() if stage.plateau is not None else None,
            "record": dict(self._record()),
        }
        # The best network may still be on its way to the disk; all other files are there, and may be replaced soon.
        for suffix in self._best.keys() - {BEST}:
            self._keep_best(progress.steps, suffix)
        self._under_way = self._background.submit(self._write, progress.steps, self._arrays, state)

    def _keep_best(self, steps: int, suffix: str) -> None:
        if suffix in self._best and self._best[suffix].exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            replace_by(self._best[suffix], self._folder / f"{steps:09d}{suffix}")

    def _write(self, steps: int, arrays: Mapping[str, NDArray[Any]], state: Mapping[str, Any]) -> None:
        self._keep_best(steps, BEST)
        write_snapshot(self._folder, steps, arrays, state)

    def wait(self) -> None:
        """Waits for the snapshot in progress.

        Raises:
            RunFailed: if it could not be written. Earlier ones are intact.
        """
        if self._under_way is None:
            return
        under_way, self._under_way = self._under_way, None
        try:
            under_way.result()
        except OSError as error:
            raise RunFailed(
                f"The checkpoint could not be written to {self._folder}: {error.strerror or error}. The previous one "
                "is intact: free some space, then resume the run"
            ) from error

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Waits for the snapshot in progress; an error from training takes precedence."""
        try:
            self.wait()
        except RunFailed:
            if kind is None:
                raise

    def _is_due(self, unit: str, done: int) -> bool:
        """Returns whether `every` has this unit, and this count is a multiple of it."""
        return self._every.unit == unit and self._every.count > 0 and done % self._every.count == 0

    def _seconds_over(self) -> bool:
        return self._every.unit == "s" and time.monotonic() - self._saved_at >= self._every.count


def _have_diverged(trained: Sequence[NDArray[Any]], progress: Progress) -> bool:
    """Returns whether the trained weights, or the validation loss computed with them, are NaN or infinite.

    The loss of a step does not show that yet: it is computed before the update.
    """
    epochs = progress.history.epochs
    if epochs and not progress.step and not math.isfinite(epochs[-1].val.get("loss", 0.0)):
        return True
    return not all(np.isfinite(array).all() for array in trained)


def replace_by(source: Path, target: Path) -> None:
    """Makes `target` the same file as `source`, without copying if the file system supports it.

    Safe for files that are never modified in place, such as the best network: a better one is a new file under the same
    name.
    """
    scratch = target.with_name(f".{target.name}.link")
    scratch.unlink(missing_ok=True)
    try:
        os.link(source, scratch)
    except OSError:
        shutil.copyfile(source, scratch)
    platforms.replace(scratch, target)


def _whole(network: keras.Model) -> dict[str, Any]:
    """Returns weights and random generator states of the whole network, of which a stage may train only a part."""
    return {f"{NETWORK}{place:04d}": variable for place, variable in enumerate(network.variables)}


def restore(snapshot: Snapshot, stage: Stage) -> None:
    """Restores a saved state into a stage. After the last epoch of the previous stage, only the weights matter.

    Raises:
        BadInput: if it does not fit.
    """
    same = snapshot.state.get("stage") == stage.plan.number
    # At the end of a stage, the snapshot has both the whole network and the part that the stage trained: one is read.
    unread = [name for name in snapshot.names if not same or name.startswith(NETWORK)]
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
    planned = stage.plan.optimizer.learning_rate
    if same and snapshot.state.get("learning_rate", planned) != planned:  # the user has changed it
        assert isinstance(planned, float), "a range test has found it"
        stage.steps.set_rate(planned)
