"""`predictions.csv`: the best network's prediction for each validation and test image. Does not import TensorFlow."""

import csv
import io
import json
import os
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp import platforms
from catsdogs_exp.errors import BadInput
from catsdogs_exp.metrics.confusion_matrix import confusion_matrix
from catsdogs_exp.metrics.names import KEPT_WHOLE, TOP_K

NAME = "predictions.csv"
_COLUMNS = ("path", "split", "label")
_OF_CLASS = "p_"  # prefix of class names
_LARGEST = tuple(column for place in range(1, TOP_K + 1) for column in (f"top{place}", f"p{place}"))


@dataclass(frozen=True)
class Predictions:
    """Probabilities of n images.

    Attributes:
        classes: names; labels and columns are indices into them.
        paths: as in `manifest.csv`, [n].
        splits: `validation` or `test`, [n]. `validation` are the images of the validation pass: a subset with
            `training.validation_steps`, training images with `training.overfit_batches`.
        labels: int32 [n].
        probabilities: float32 [n, classes]; with more than 20 classes only the five largest, float32 [n, 5].
        top: int32 [n, 5], the classes of these five, most probable first; None if all classes are kept.
    """

    classes: tuple[str, ...]
    paths: tuple[str, ...]
    splits: tuple[str, ...]
    labels: NDArray[np.int32]
    probabilities: NDArray[np.float32]
    top: NDArray[np.int32] | None = None

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def predicted(self) -> NDArray[np.int32]:
        """Returns the most probable class of each image, int32 [n]; ties go to the first."""
        places = self.probabilities.argmax(axis=1) if self.top is None else self.top[:, 0]
        return np.asarray(places, np.int32)

    @property
    def right(self) -> NDArray[np.bool_]:
        """Returns whether the most probable class is correct, bool [n]; the mean is the accuracy. NaN is never
        right.
        """
        return np.asarray((self.predicted == self.labels) & self.finite)

    @property
    def finite(self) -> NDArray[np.bool_]:
        """Returns which images have a prediction, bool [n]: a network can return NaN."""
        return np.asarray(np.isfinite(self.probabilities).all(axis=1), np.bool_)

    @property
    def confidence(self) -> NDArray[np.float32]:
        """Returns the largest probability of each image, float32 [n]."""
        return np.asarray(self.probabilities.max(axis=1))

    @property
    def of_label(self) -> NDArray[np.float32]:
        """Returns the probability of each image's own class, float32 [n]; NaN if it is not among the five kept."""
        if self.top is None:
            return self.probabilities[np.arange(len(self)), self.labels]
        found = self.top == self.labels[:, None]
        chosen = self.probabilities[np.arange(len(self)), found.argmax(axis=1)]
        return np.where(found.any(axis=1), chosen, np.float32(np.nan))

    def of_split(self, split: str) -> "Predictions":
        """Returns the images of a split, in order."""
        if set(self.splits) == {split}:
            return self
        return self.rows(np.flatnonzero([each == split for each in self.splits]))

    def rows(self, chosen: NDArray[np.intp]) -> "Predictions":
        """Returns selected images, by index, in the given order."""
        places = chosen.tolist()
        return replace(
            self,
            paths=tuple(self.paths[place] for place in places),
            splits=tuple(self.splits[place] for place in places),
            labels=self.labels[chosen],
            probabilities=self.probabilities[chosen],
            top=None if self.top is None else self.top[chosen],
        )

    def confusion(self) -> NDArray[np.int64]:
        """int64 [classes, classes]: rows are true classes, columns predicted ones."""
        return confusion_matrix(self.labels, self.predicted.astype(np.intp), len(self.classes))

    def mistakes(self, count: int | None = None) -> NDArray[np.intp]:
        """Returns the indices of misclassified images, starting with those whose own class is least probable.

        Args:
            count: maximum number; None: all.
        """
        wrong = np.flatnonzero(~self.right)
        # A class that is not among the five kept is less probable than all of them.
        known = np.nan_to_num(self.of_label[wrong].astype(np.float64), nan=-1.0)
        return wrong[np.lexsort((-self.confidence[wrong], known))][:count]


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Writes the file under a temporary name, synced and renamed, so that readers see the old file or the new one.

    Every float32 survives the round trip.
    """
    scratch = path.with_name(f".{path.name}.part")
    with scratch.open("w", newline="", encoding="utf-8", errors="surrogateescape") as handle:
        writer = csv.writer(handle)
        writer.writerow((*_COLUMNS, *_value_columns(predictions.classes)))
        writer.writerows(_lines(predictions))
    platforms.sync_file(scratch)
    platforms.replace(scratch, path)


def predictions_of(run: str | os.PathLike[str]) -> Predictions:
    """Reads the predictions of a run.

    Args:
        run: the run folder.

    Raises:
        BadInput: if the run has none, with the reason, or if its file is damaged.
    """
    folder = Path(run)
    try:
        return read_predictions(folder / NAME, _classes(folder))
    except FileNotFoundError:
        raise BadInput(_why_missing(folder)) from None


def read_predictions(path: Path, classes: Sequence[str] = ()) -> Predictions:
    """Reads a file written by `write_predictions`.

    Args:
        path: path of the file.
        classes: class names in order, needed for files with only the five largest probabilities.

    Raises:
        BadInput: if it is not such a file.
        FileNotFoundError: if there is none.
    """
    try:
        return _parsed(path.read_bytes().decode("utf-8", errors="surrogateescape"), classes)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, csv.Error) as error:
        reason = f"unknown class {error}" if isinstance(error, KeyError) else error
        raise BadInput(f"The predictions of the run cannot be read: {path}: {reason}") from error


def _parsed(text: str, classes: Sequence[str]) -> Predictions:
    header, images, values = _columns(text)
    largest = tuple(header[len(_COLUMNS) :]) == _LARGEST
    names = tuple(classes) if largest else tuple(name.removeprefix(_OF_CLASS) for name in header[len(_COLUMNS) :])
    if tuple(header) != (*_COLUMNS, *_value_columns(names)):
        raise ValueError(f"its first line is {','.join(header)!r:.80}")
    paths, splits, labels = _images(images, names)
    top = None
    if largest:
        label = {name: place for place, name in enumerate(names)}
        top = np.array([[label[name] for name in column] for column in values[::2]], np.int32).reshape(TOP_K, -1).T
        values = values[1::2]
    columns = np.array([[*map(float, column)] for column in values], np.float32)
    return Predictions(names, paths, splits, labels, columns.reshape(len(values), -1).T.copy(), top)


def _columns(text: str) -> tuple[list[str], tuple[Any, ...], Sequence[Sequence[str]]]:
    """The header; of each row path, split and label, and the columns of values.

    Hundreds of runs are read at once, and the csv module takes three times as long. Without quotes, lines and commas
    say it all.
    """
    if '"' in text:
        header, *rows = csv.reader(io.StringIO(text, newline=""))
        _check_lengths(map(len, rows), len(header))
        images: tuple[Any, ...] = tuple(tuple(row[: len(_COLUMNS)]) for row in rows)
        values = [*zip(*(row[len(_COLUMNS) :] for row in rows), strict=True)]
        return header, images, values or _none(header)
    end = "\r\n" if "\r\n" in text else "\n"
    first, *lines = text.removesuffix(end).split(end)
    header = first.split(",")
    count = max(0, len(header) - len(_COLUMNS))
    parts = [line.rsplit(",", count) for line in lines]
    if not parts:
        return header, (), _none(header)
    # path, split and label are one text so far: most runs have the same ones
    if set(map(len, parts)) != {count + 1} or parts[0][0].count(",") + 1 != len(_COLUMNS):
        _check_lengths((line.count(",") + 1 for line in lines), len(header))
    images, *columns = zip(*parts, strict=True)
    return header, images, columns


def _none(header: Sequence[str]) -> list[Sequence[str]]:
    return [() for _ in header[len(_COLUMNS) :]]


def _check_lengths(lengths: Iterable[int], expected: int) -> None:
    for place, length in enumerate(lengths):
        if length != expected:
            raise ValueError(f"row {place + 1} has {length} values, not {expected}")


@lru_cache(maxsize=8)
def _images(
    images: tuple[Any, ...], classes: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...], NDArray[np.int32]]:
    """Returns paths, splits and labels: the same objects for all runs that evaluated the same images."""
    label = {name: place for place, name in enumerate(classes)}
    rows = [image.split(",") if isinstance(image, str) else image for image in images]
    _check_lengths((len(row) + len(classes) for row in rows), len(_COLUMNS) + len(classes))
    labels = np.array([label[name] for _, _, name in rows], np.int32)
    labels.flags.writeable = False  # shared
    return tuple(path for path, _, _ in rows), tuple(split for _, split, _ in rows), labels


def _value_columns(classes: Sequence[str]) -> tuple[str, ...]:
    return _LARGEST if len(classes) > KEPT_WHOLE else tuple(f"{_OF_CLASS}{name}" for name in classes)


def _lines(predictions: Predictions) -> Iterator[tuple[str, ...]]:
    names = predictions.classes
    # nine digits restore every float32
    values: Iterable[Sequence[str]] = ([f"{value:.9g}" for value in row] for row in predictions.probabilities.tolist())
    if predictions.top is not None:
        values = (
            [text for place, value in zip(top, row, strict=True) for text in (names[place], value)]
            for top, row in zip(predictions.top.tolist(), values, strict=True)
        )
    head = zip(predictions.paths, predictions.splits, predictions.labels.tolist(), values, strict=True)
    return ((path, split, names[label], *row) for path, split, label, row in head)


def _classes(folder: Path) -> tuple[str, ...]:
    """Returns the class names in `result.json`; empty if it cannot be read."""
    found = _result(folder).get("classes")
    return tuple(map(str, found)) if isinstance(found, list) else ()


def _result(folder: Path) -> dict[str, Any]:
    try:
        content = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _why_missing(folder: Path) -> str:
    """Returns why a run has no predictions, and what to do about it."""
    content = _result(folder)
    what = f"The run {folder} has no {NAME}"
    if not content:
        return f"{what}, and no readable result.json: name a run folder."
    if not content.get("epochs"):
        return f"{what}: none of its epochs has ended. Continue it: resume {shlex.quote(str(folder))}"
    counts = content.get("counts")
    if isinstance(counts, dict) and not {"validation", "test"} & set(counts):
        return f"{what}: it has no validation or test images. Train one with split.validation=0.2"
    return f"{what}: it was trained with an older version. Add them: evaluate {shlex.quote(str(folder))} --predictions"
