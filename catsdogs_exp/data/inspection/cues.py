"""Spurious cues: how well something other than the subject of the images predicts the class.

If all cats were photographed at night, a network learns to recognize the night. Each cue is tested alone, by a
cross-validated logistic regression: if it predicts the class far better than chance, a network may use it, too.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.data.inspection.logistic import cross_validated
from catsdogs_exp.data.inspection.quality import brightness
from catsdogs_exp.data.inspection.verdicts import Verdicts

MOST_CLASSES = 20
"""Only the largest classes are tested: more would take long and add little."""

FAR = 0.25
"""A cue is suspicious from this fraction of the way from chance to 1: an accuracy of 0.625 for two classes."""

LEVEL = 0.01
"""A cue is significant below this p-value, corrected for the number of cues."""

_MOST = 4000  # images
_FEWEST = 10  # images of a class
_DAY = 86_400e9  # nanoseconds
_BINS = 10


@dataclass(frozen=True)
class Cue:
    """How well one cue predicts the class.

    Attributes:
        name: `brightness`, `size`, ...
        accuracy: cross-validated balanced accuracy (mean recall of the classes) with this cue alone, 0..1; None if it
            was not tested.
        chance: accuracy of guessing: 1 / classes.
        p_value: of an accuracy this high by chance, one-sided, Bonferroni-corrected for the number of cues tested; 1 if
            it was not tested.
        images: number of images it was measured on.
        note: why it was not tested, or `""`.
    """

    name: str
    accuracy: float | None
    chance: float
    p_value: float
    images: int
    note: str = ""

    @property
    def suspicious(self) -> bool:
        """Whether it predicts the class well, and significantly better than chance."""
        if self.accuracy is None:
            return False
        return self.p_value < LEVEL and (self.accuracy - self.chance) / (1 - self.chance) >= FAR

    def sentence(self) -> str:
        """Returns text such as `brightness alone predicts the class at 0.71 (chance 0.50)`."""
        if self.accuracy is None:
            return f"{self.name}: not tested, {self.note}"
        return f"{self.name} alone predicts the class at {self.accuracy:.2f} (chance {self.chance:.2f})"


def find_cues(verdicts: Verdicts, labels: NDArray[np.int32]) -> tuple[Cue, ...]:
    """Tests every cue on usable images: a random sample if there are many, and only the largest of many classes.

    Args:
        verdicts: of the usable images, n of them.
        labels: int32 [n].
    """
    counts = np.bincount(labels, minlength=1)
    classes = [
        label for label in np.argsort(-counts, kind="stable")[:MOST_CLASSES].tolist() if counts[label] >= _FEWEST
    ]
    if len(classes) < 2:
        return ()
    rng = np.random.default_rng(0)
    share = _MOST // len(classes)
    rows = np.concatenate([rng.permutation(np.flatnonzero(labels == label))[:share] for label in classes])
    seen = verdicts.rows(rows)
    truth = np.searchsorted(np.sort(classes), labels[rows]).astype(np.intp)
    found = [_tested(name, values(seen), truth) for name, values in _MEASURES.items()]
    tested = sum(cue.accuracy is not None for cue in found)
    return tuple(
        cue
        if cue.accuracy is None
        else Cue(cue.name, cue.accuracy, cue.chance, min(1.0, cue.p_value * tested), cue.images)
        for cue in found
    )


def _tested(name: str, values: NDArray[np.float64] | str, truth: NDArray[np.intp]) -> Cue:
    classes, images = int(truth.max()) + 1, len(truth)
    chance = 1 / classes
    if isinstance(values, str):
        return Cue(name, None, chance, 1.0, images, values)
    features = _expanded(values)
    if not features.shape[1]:
        return Cue(name, None, chance, 1.0, images, "it is the same for all images")
    said = cross_validated(features, truth)
    accuracy, variance = 0.0, 0.0
    for label in range(classes):
        mine = truth == label
        guessed = float((said == label).mean())  # its expected recall by chance
        accuracy += float((said[mine] == label).mean()) / classes
        variance += guessed * (1 - guessed) / int(mine.sum()) / classes**2
    z = (accuracy - chance) / math.sqrt(variance) if variance else 0.0
    return Cue(name, accuracy, chance, 0.5 * math.erfc(z / math.sqrt(2)), images)


def _expanded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns each column, standardised, and its quantile bins: the effect of a cue need not be monotonic.

    Constant columns are left out.
    """
    columns = []
    bins = int(np.clip(len(values) // 40, 2, _BINS))
    for column in values.T:
        deviation = column.std()
        if deviation <= 1e-9 * max(1.0, float(np.abs(column).max())):
            continue
        columns.append((column - column.mean()) / deviation)
        edges = np.unique(np.quantile(column, np.linspace(0, 1, bins + 1)[1:-1]))
        place = np.searchsorted(edges, column, side="right")
        columns += [
            (place == each).astype(np.float64) for each in range(1, len(edges) + 1) if (place == each).sum() > 0
        ]
    return np.stack(columns, axis=1) if columns else np.zeros((len(values), 0))


def _size(verdicts: Verdicts) -> NDArray[np.float64]:
    return np.log(np.stack([verdicts.width, verdicts.height], axis=1).astype(np.float64))


def _aspect(verdicts: Verdicts) -> NDArray[np.float64]:
    return np.log(verdicts.width / verdicts.height)[:, None]


def _compression(verdicts: Verdicts) -> NDArray[np.float64]:
    """Returns bytes per pixel, JPEG quality, and one-hot formats."""
    pixels = verdicts.width.astype(np.float64) * verdicts.height
    kinds = [(verdicts.kind == kind).astype(np.float64) for kind in sorted(set(verdicts.kind.tolist()))[1:]]
    quality = verdicts.quality.astype(np.float64)
    return np.stack([np.log(np.maximum(verdicts.size, 1) / pixels), quality, *kinds], axis=1)


def _date(verdicts: Verdicts) -> NDArray[np.float64] | str:
    """Returns the modification times of the files; if all were copied at once, these only tell in which order."""
    times = verdicts.identity[:, 1].astype(np.float64)
    low, high = np.quantile(times, [0.05, 0.95])
    if high - low < _DAY:
        return "all files were written within a day, as if copied"
    days: NDArray[np.float64] = (times - low) / _DAY
    return days[:, None]


_MEASURES: dict[str, Callable[[Verdicts], NDArray[np.float64] | str]] = {
    "brightness": lambda verdicts: brightness(verdicts).astype(np.float64)[:, None],
    "size": _size,
    "aspect ratio": _aspect,
    "compression": _compression,
    "file date": _date,
    "border colour": lambda verdicts: verdicts.border.astype(np.float64),
}
