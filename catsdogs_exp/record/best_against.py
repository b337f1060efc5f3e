"""Tests whether the best run is better: against every other run, on the images that both evaluated."""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.errors import BadInput
from catsdogs_exp.metrics.significance import (
    LEVEL,
    Bootstrap,
    bootstrap_means,
    holm,
    images_for_bootstrap,
    images_for_mcnemar,
    mcnemar_exact,
)
from catsdogs_exp.record.comparison import Comparison
from catsdogs_exp.record.folder.predictions import Predictions, predictions_of
from catsdogs_exp.record.folder.run_reader import Run
from catsdogs_exp.record.macro_f1 import macro_f1, macro_f1_differs

MCNEMAR, BOOTSTRAP, COUNTS = "McNemar's exact test", "paired bootstrap", "paired bootstrap of counts"
# Metrics that predictions can be tested for: their split, and the test.
_TESTED = {
    "val_accuracy": ("validation", MCNEMAR),
    "test_accuracy": ("test", MCNEMAR),
    "val_loss": ("validation", BOOTSTRAP),
    "test_loss": ("test", BOOTSTRAP),
    "val_macro_f1": ("validation", COUNTS),
    "test_macro_f1": ("test", COUNTS),
}
_SMALLEST = 2.0**-126  # smallest normal float32, as in the evaluation
_DIGITS = 2  # digits to which the required number of images is rounded up: it is an estimate


@dataclass(frozen=True)
class BestTest:
    """A test of the best run against another one.

    Attributes:
        best, other: names of the runs.
        values: values of the metric, for the best run and the other one, on these images.
        method: `MCNEMAR`, `BOOTSTRAP` or `COUNTS`.
        images: number of images that both evaluated.
        p_value: two-sided.
        corrected: by Holm, for all tests of this comparison.
        needed: number of images on which such a difference would be detected in four of five cases; None without a
            difference.
    """

    best: str
    other: str
    values: tuple[float, float]
    method: str
    images: int
    p_value: float
    corrected: float
    needed: int | None

    @property
    def is_better(self) -> bool:
        """Returns whether the difference is significant."""
        return self.corrected < LEVEL

    def words(self) -> str:
        """`0.832 against 0.826: not distinguishable on 1,000 images; 4,000 would be needed`."""
        digits = 3 if round(self.values[0], 3) != round(self.values[1], 3) else 4
        head = f"{self.values[0]:.{digits}f} against {self.values[1]:.{digits}f}"
        on = "1 image" if self.images == 1 else f"{self.images:,} images"
        if self.is_better:
            return f"{head}: better on {on} ({named_p(self.corrected)})"
        if self.needed is None:
            return f"{head}: equal on {on}"
        # the exact test requires slightly more than the estimate
        needed = max(_rounded_up(self.needed), _rounded_up(self.images + 1))
        return f"{head}: not distinguishable on {on}; {needed:,} would be needed"


@dataclass(frozen=True)
class BestVerdict:
    """The results of testing the best run.

    Attributes:
        best: its name; None if nothing could be tested.
        split: split of the images.
        tests: against the other runs, in the order of the comparison.
        untested: runs that could not be tested against -> reason.
        reason: why nothing could be tested at all, or `""`.
    """

    best: str | None
    split: str
    tests: tuple[BestTest, ...]
    untested: Mapping[str, str]
    reason: str = ""


@dataclass(frozen=True)
class _Judged:
    """A run's results for a split's images: whether each is right (1.0, 0.0), or its loss; float64 [n]."""

    found: Predictions
    values: NDArray[np.float64]


def best_against_others(found: Comparison) -> BestVerdict:
    """Tests the best run of a comparison against all others."""
    if found.by not in _TESTED:
        return BestVerdict(None, "", (), {}, f"there is no test for {found.by}: choose one of {', '.join(_TESTED)}")
    split, method = _TESTED[found.by]
    if len(found.runs) < 2:
        return BestVerdict(None, split, (), {}, "")
    best, *others = found.runs
    first = _judged(best, split, method)
    if isinstance(first, str):
        return BestVerdict(None, split, (), {}, f"the best run {first}")
    known = _Hashes(split)
    tested: list[tuple[Run, _Judged]] = []
    untested: dict[str, str] = {}
    for other in others:
        second = _judged(other, split, method)
        why = second if isinstance(second, str) else _why_not_alike(first.found, second.found)
        why = why or known.differ(best, other)
        if why or isinstance(second, str):
            untested[other.name] = why
        else:
            tested.append((other, second))
    tests = tuple(_tests(best, first, tested, method))
    corrected = holm([test.p_value for test in tests])
    tests = tuple(replace(test, corrected=value) for test, value in zip(tests, corrected, strict=True))
    return BestVerdict(best.name, split, tests, untested)


def named_p(p_value: float) -> str:
    """`p = 0.03`, `p < 0.001`."""
    text = shown_p(p_value)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def shown_p(p_value: float) -> str:
    """`0.03`, `0.004`, `< 0.001`."""
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}" if p_value < 0.01 else f"{p_value:.2f}"


def _tests(best: Run, first: _Judged, others: Sequence[tuple[Run, _Judged]], method: str) -> Iterator[BestTest]:
    n, count = len(first.found), len(others)
    if method == MCNEMAR:
        tested = [_mcnemar(first.values, second.values, count) for _, second in others]
    elif method == COUNTS:
        tested = [_of_boot(macro_f1_differs(first.found, second.found), 0, n, count) for _, second in others]
    elif others:
        boot = bootstrap_means(np.stack([judged.values - first.values for _, judged in others], axis=1))
        tested = [_of_boot(boot, place, n, count) for place in range(count)]
    else:
        tested = []
    mine = _value(first, method)
    for (other, second), (p_value, needed) in zip(others, tested, strict=True):
        values = (mine, _value(second, method))
        yield BestTest(best.name, other.name, values, method, n, p_value, p_value, needed)


def _value(judged: _Judged, method: str) -> float:
    return macro_f1(judged.found) if method == COUNTS else float(judged.values.mean())


def _mcnemar(first: NDArray[np.float64], second: NDArray[np.float64], count: int) -> tuple[float, int | None]:
    """The p-value, and the number of images that a difference of this size requires."""
    only_first, only_second = int((first > second).sum()), int((second > first).sum())
    needed = images_for_mcnemar(only_first / len(first), only_second / len(first), count)
    return mcnemar_exact(only_first, only_second), needed


def _of_boot(boot: Bootstrap, place: int, images: int, count: int) -> tuple[float, int | None]:
    """The same for one of the bootstrap's differences."""
    needed = images_for_bootstrap(float(boot.difference[place]), float(boot.deviation[place]), images, count)
    return float(boot.p_value[place]), needed


def _judged(run: Run, split: str, method: str) -> _Judged | str:
    """The run's results for a split's images, or why it cannot be tested."""
    try:
        found = predictions_of(run.folder).of_split(split)
    except BadInput as error:
        return _short(str(error), run.folder)
    if not len(found):
        return f"has no {split} images"
    if not found.finite.all():
        return "returned NaN for some of the images"
    values = _losses(found) if method == BOOTSTRAP else found.right.astype(np.float64)
    if not np.isfinite(values).all():
        return "saved only the five most probable classes, which do not determine the loss of every image"
    return _Judged(found, values)


def _losses(found: Predictions) -> NDArray[np.float64]:
    return -np.log(np.maximum(found.of_label.astype(np.float64), _SMALLEST))


def differing_images(first: Run, said: Predictions, second: Run, its: Predictions, split: str) -> str:
    """Why two runs did not evaluate the same images of a split, phrased for the second one; `""` if they did."""
    if not len(said) or not len(its):
        return f"or the other has no {split} images"
    return _why_not_alike(said, its) or _Hashes(split).differ(first, second)


def _why_not_alike(first: Predictions, second: Predictions) -> str:
    classes, paths, its_classes, its_paths = first.classes, first.paths, second.classes, second.paths
    if classes != its_classes:
        return f"has other classes: {', '.join(its_classes)} instead of {', '.join(classes)}"
    if len(paths) != len(its_paths):
        return f"was evaluated on {len(its_paths):,} images instead of {len(paths):,}"
    if paths is not its_paths and paths != its_paths:
        same = len(set(paths) & set(its_paths))
        if same < len(paths):
            return f"was evaluated on other images: {same:,} of {len(paths):,} are the same"
        return "was evaluated on the images in another order"
    if first.labels.tobytes() != second.labels.tobytes():
        return "has other labels for the same images"
    return ""


class _Hashes:
    """Content hashes of a split's images, by run; read once for runs with the same data."""

    def __init__(self, split: str) -> None:
        self._split = split
        self._read: dict[str, Mapping[str, str] | None] = {}

    def differ(self, first: Run, second: Run) -> str:
        """Why images with the same names are different images, or `""`."""
        if first.data is not None and first.data == second.data:
            return ""
        mine, its = self._of(first), self._of(second)
        if mine is None or its is None:
            return "has no readable manifest.csv, so it is unknown whether its images are the same"
        other = sum(mine.get(path) != digest for path, digest in its.items())
        return f"was evaluated on other images with the same names: {other:,} of {len(its):,} differ" if other else ""

    def _of(self, run: Run) -> Mapping[str, str] | None:
        key = run.data or str(run.folder)
        if key not in self._read:
            self._read[key] = _digests(run.folder / "manifest.csv", self._split)
        return self._read[key]


def _digests(path: Path, split: str) -> Mapping[str, str] | None:
    try:
        with path.open(newline="", encoding="utf-8", errors="surrogateescape") as handle:
            return {row["path"]: row["sha256"] for row in csv.DictReader(handle) if row["split"] == split}
    except (OSError, ValueError, KeyError, csv.Error):
        return None


def _short(message: str, folder: Path) -> str:
    """An error about a run, in a context that already names the run."""
    return message.replace(f"The run {folder} ", "").replace(f": {folder / 'predictions.csv'}", "").partition(". ")[0]


def _rounded_up(count: int) -> int:
    unit: int = 10 ** max(0, math.floor(math.log10(count)) + 1 - _DIGITS)
    return -(-count // unit) * unit
