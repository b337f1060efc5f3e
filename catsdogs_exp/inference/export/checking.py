"""Checks every exported file, in its own runtime, against the run's network on every validation image."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.data.images.decoding import Undecodable
from catsdogs_exp.data.images.file_identity import read_file
from catsdogs_exp.data.images.preparing import Preparation, image_of
from catsdogs_exp.errors import RunFailed
from catsdogs_exp.inference.export.formats import CLOSE
from catsdogs_exp.inference.export.runtime import Opened, Photo, Refused
from catsdogs_exp.inference.image_predictor import NO_NUMBER

_TURN = 64  # images that a runtime predicts before the next one's turn


@dataclass(frozen=True)
class Limits:
    """What an exported file must achieve.

    Attributes:
        min_accuracy: accuracy on the validation images, 0..1.
        max_drop: accuracy that it may lose compared with the run's network, 0..1.
    """

    min_accuracy: float | None = None
    max_drop: float | None = None


@dataclass(frozen=True)
class Row:
    """The result of checking a file.

    Attributes:
        label: its format, `keras` for the run's network itself.
        runtime: what ran it, with its version.
        file: its name.
        megabytes: its size, in units of 1e6 bytes.
        images: number of images.
        unread: how many of them the runtime cannot read; they count as wrong.
        largest_difference: largest difference of a probability from the run's network.
        changed: number of images whose most probable class differs from the run's network.
        accuracy: 0..1.
        milliseconds: time per image, one at a time.
        refused: why the file was removed, or `""`.
        split: which images of the run.
    """

    label: str
    runtime: str
    file: str
    megabytes: float
    images: int
    unread: int
    largest_difference: float
    changed: int
    accuracy: float
    milliseconds: float
    refused: str = ""
    split: str = "validation"


@dataclass
class _Heard:
    """The probabilities from a runtime so far: one row per image, NaN for unread ones."""

    answers: list[NDArray[np.float32]] = field(default_factory=list)
    seconds: float = 0.0
    unread: set[int] = field(default_factory=set)

    @property
    def read(self) -> NDArray[np.bool_]:
        """Returns which images it read, bool [n]."""
        return np.array([place not in self.unread for place in range(len(self.answers))])

    def ask(self, opened: Opened, photos: Sequence[Photo], classes: int) -> None:
        """Predicts several photos, one at a time."""
        if not self.answers and photos:  # the first call compiles
            _ask(opened, photos[0], classes)
        started = opened.clock()
        for photo in photos:
            found = _ask(opened, photo, classes)
            if isinstance(found, str):
                self.unread.add(len(self.answers))
                found = np.full(classes, np.nan, np.float32)
            self.answers.append(found)
        self.seconds += opened.clock() - started


def _ask(opened: Opened, photo: Photo, classes: int) -> NDArray[np.float32] | str:
    try:
        found = opened.answer(photo)
    except Refused as refused:
        return str(refused)
    if found.shape != (classes,):
        raise RunFailed(f"{opened.label} returns numbers of shape {found.shape}. Expected: {classes} probabilities")
    return found


@dataclass(frozen=True)
class Candidate:
    """An exported file, open in its runtime."""

    path: Path
    opened: Opened


@dataclass(frozen=True)
class Panel:
    """Everything that is checked on the same images.

    Attributes:
        network: the run's network, with the path of its own file.
        plain: the same network in float32, if the run computes in another precision.
        files: the exported files.
    """

    network: Candidate
    plain: Opened | None
    files: Sequence[Candidate]


def read_photos(
    files: Sequence[tuple[Path, str]], how: Preparation, say: Callable[[str], None]
) -> Iterator[tuple[Photo, str]]:
    """Yields the readable files with their classes; calls `say` for those that are left out."""
    for path, name in files:
        try:
            data = read_file(path)[0]
            yield Photo(data, image_of(data, how)), name
        except (Undecodable, OSError) as error:
            say(f"left out: {path}: {error.strerror if isinstance(error, OSError) else error}")


def check(
    panel: Panel,
    photos: Iterator[tuple[Photo, str]],
    classes: Sequence[str],
    limits: Limits,
    progress: Callable[[int], None],
) -> list[Row]:
    """Runs the network and all files on all images.

    Args:
        panel: the network and the files.
        photos: photos with their class names.
        classes: the network's classes.
        limits: what the files must achieve.
        progress: called with the number of images done.

    Returns:
        Rows for the network, for the network in float32 if it differs, and for each file.

    Raises:
        RunFailed: if the run's network returns NaN, or there is no image.
    """
    plain = [] if panel.plain is None else [Candidate(panel.network.path, panel.plain)]
    candidates = [panel.network, *plain, *panel.files]
    heard = [_Heard() for _ in candidates]
    labels: list[int] = []
    while turn := list(islice(photos, _TURN)):
        for candidate, each in zip(candidates, heard, strict=True):
            each.ask(candidate.opened, [photo for photo, _ in turn], len(classes))
        labels += [classes.index(name) for _, name in turn]
        progress(len(labels))
    if not labels:
        raise RunFailed("There is nothing to check with: none of the validation images of the run can be read")
    answers = [np.stack(each.answers) for each in heard]
    if not np.isfinite(answers[0]).all():
        raise RunFailed(f"There is nothing to export: {NO_NUMBER}. Train it again with a lower lr")
    rows: list[Row] = []
    for candidate, each, found in zip(candidates, heard, answers, strict=True):
        row = _row(candidate, each, answers[0], np.array(labels))
        if len(rows) > len(plain):
            difference = _largest_difference(found, answers[len(plain)], each.read)
            row = replace(row, refused=_refusal(row, rows[0], candidate.opened.exact, difference, limits))
        rows.append(row)
    return rows


def _largest_difference(answers: NDArray[np.float32], expected: NDArray[np.float32], read: NDArray[np.bool_]) -> float:
    """Returns the largest difference of a probability over the images read; infinity for NaN, 0 if none was read."""
    differences = np.abs(answers[read] - expected[read])
    return float(np.nan_to_num(differences, nan=np.inf).max(initial=0.0))


def _row(candidate: Candidate, heard: _Heard, original: NDArray[np.float32], labels: NDArray[Any]) -> Row:
    answers = np.stack(heard.answers)
    predicted = np.nan_to_num(answers, nan=-1.0).argmax(axis=1)
    return Row(
        label=candidate.opened.label,
        runtime=candidate.opened.runtime,
        file=candidate.path.name,
        megabytes=megabytes(candidate.path),
        images=len(labels),
        unread=len(heard.unread),
        largest_difference=_largest_difference(answers, original, heard.read),
        changed=int((heard.read & (predicted != original.argmax(axis=1))).sum()),
        accuracy=float((heard.read & (predicted == labels)).mean()),
        milliseconds=1000 * heard.seconds / len(labels),
    )


def _refusal(row: Row, original: Row, exact: bool, difference: float, limits: Limits) -> str:
    """Returns why the file is rejected, or `""`; `difference` is the largest one from the network in float32."""
    drop = original.accuracy - row.accuracy
    if exact and difference > CLOSE:
        return f"its probabilities differ by up to {difference:.2g} from the network's, more than {CLOSE:g}"
    if not np.isfinite(difference):
        return "it returns NaN"
    if limits.min_accuracy is not None and row.accuracy < limits.min_accuracy:
        return f"its accuracy of {row.accuracy:.4f} is below --min-accuracy {limits.min_accuracy:g}"
    if limits.max_drop is not None and drop > limits.max_drop + 1e-12:
        return f"it loses {drop:.4f} of accuracy, more than --max-drop {limits.max_drop:g}"
    return ""


def megabytes(path: Path) -> float:
    """Returns the size of a file, or of all files in a folder, in 1e6 bytes."""
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return sum(each.stat().st_size for each in files) / 1e6
