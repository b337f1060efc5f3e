"""Spurious cues: how well the classes are told apart by something other than what the images show.

Where all cats were photographed at night, a network learns the night. Each cue alone goes through a cross-validated
logistic regression; a cue that predicts the class far above chance is one that a network may use as well.
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
"""The largest classes are looked at; more would take long and say little."""

FAR = 0.25
"""Share of the way from chance to 1 from which on a cue is suspicious: 0.625 of two classes."""

LEVEL = 0.01
"""The p-value, corrected for the number of cues, below which a cue is more than luck."""

_MOST = 4000  # images
_FEWEST = 10  # images of a class
_DAY = 86_400e9  # nanoseconds
_BINS = 10


@dataclass(frozen=True)
class Cue:
    """What one cue says of the class.

    Attributes:
        name: `brightness`, `size`, ...
        accuracy: the mean over classes of the share of their images that the cue alone tells, 0..1, cross-validated;
            None where it was not tested.
        chance: what guessing gives: 1 / classes.
        p_value: of an accuracy as high by luck, one-sided, after Bonferroni's correction for the cues tested; 1 where
            it was not tested.
        images: how many it was measured on.
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
        """Whether it predicts the class well, and not by luck."""
        if self.accuracy is None:
            return False
        return self.p_value < LEVEL and (self.accuracy - self.chance) / (1 - self.chance) >= FAR

    def sentence(self) -> str:
        """`brightness alone predicts the class at 0.71 (chance 0.50)`."""
        if self.accuracy is None:
            return f"{self.name}: not tested, {self.note}"
        return f"{self.name} alone predicts the class at {self.accuracy:.2f} (chance {self.chance:.2f})"


def find_cues(verdicts: Verdicts, labels: NDArray[np.int32], seed: int = 0) -> tuple[Cue, ...]:
    """Tests every cue on usable images; of many a random choice, of many classes the largest.

    Args:
        verdicts: of the usable images, n of them.
        labels: int32 [n].
        seed: of the choice and of the parts of the cross-validation.
    """
    counts = np.bincount(labels, minlength=1)
    classes = [
        label for label in np.argsort(-counts, kind="stable")[:MOST_CLASSES].tolist() if counts[label] >= _FEWEST
    ]
    if len(classes) < 2:
        return ()
    rng = np.random.default_rng(seed)
    share = _MOST // len(classes)
    rows = np.concatenate([rng.permutation(np.flatnonzero(labels == label))[:share] for label in classes])
    seen = verdicts.rows(rows)
    truth = np.searchsorted(np.sort(classes), labels[rows]).astype(np.intp)
    found = [_tested(name, values(seen), truth, seed) for name, values in _MEASURES.items()]
    tested = sum(cue.accuracy is not None for cue in found)
    return tuple(
        cue
        if cue.accuracy is None
        else Cue(cue.name, cue.accuracy, cue.chance, min(1.0, cue.p_value * tested), cue.images)
        for cue in found
    )


def _tested(name: str, values: NDArray[np.float64] | str, truth: NDArray[np.intp], seed: int) -> Cue:
    classes, images = int(truth.max()) + 1, len(truth)
    chance = 1 / classes
    if isinstance(values, str):
        return Cue(name, None, chance, 1.0, images, values)
    features = _expanded(values)
    if not features.shape[1]:
        return Cue(name, None, chance, 1.0, images, "it is the same for all images")
    said = cross_validated(features, truth, seed=seed)
    accuracy, variance = 0.0, 0.0
    for label in range(classes):
        mine = truth == label
        guessed = float((said == label).mean())  # what its recall would be by luck
        accuracy += float((said[mine] == label).mean()) / classes
        variance += guessed * (1 - guessed) / int(mine.sum()) / classes**2
    z = (accuracy - chance) / math.sqrt(variance) if variance else 0.0
    return Cue(name, accuracy, chance, 0.5 * math.erfc(z / math.sqrt(2)), images)


def _expanded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each column, standardised, and its quantile bins: a cue need not be a matter of more or less.

    Columns that are the same for all images are left out.
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
    """Bytes per pixel, JPEG quality, and which formats they are."""
    pixels = verdicts.width.astype(np.float64) * verdicts.height
    kinds = [(verdicts.kind == kind).astype(np.float64) for kind in sorted(set(verdicts.kind.tolist()))[1:]]
    quality = verdicts.quality.astype(np.float64)
    return np.stack([np.log(np.maximum(verdicts.size, 1) / pixels), quality, *kinds], axis=1)


def _date(verdicts: Verdicts) -> NDArray[np.float64] | str:
    """When the files were last changed; copied all at once they say only in which order."""
    times = verdicts.identity[:, 1].astype(np.float64)
    low, high = np.quantile(times, [0.05, 0.95])
    if high - low < _DAY:
        return "the files were written within a day, as copying does"
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
