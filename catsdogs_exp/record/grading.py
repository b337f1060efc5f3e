"""Grades a run by the course's own criteria: its current assignments and those of 2019 (docs/course.md, "Grading")."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.errors import BadInput, did_you_mean
from catsdogs_exp.record.folder.epoch_rows import epoch_rows


@dataclass(frozen=True)
class Curves:
    """Accuracies of a run by epoch.

    Attributes:
        train: float64 [n], 0..1.
        val: float64 [n], 0..1.
    """

    train: NDArray[np.float64]
    val: NDArray[np.float64]

    def until(self, epochs: int) -> "Curves":
        """Returns only the first epochs."""
        return Curves(self.train[:epochs], self.val[:epochs])


@dataclass(frozen=True)
class Finding:
    """One requirement and the run's figure.

    Attributes:
        demand: the requirement, in words.
        figure: the run's figure, in words.
        met: whether the requirement is met.
    """

    demand: str
    figure: str
    met: bool


@dataclass(frozen=True)
class Criterion:
    """The requirements of an assignment.

    Attributes:
        title: title of the assignment.
        epochs: number of epochs that count; a longer run is graded by its first ones.
        judge: evaluates the requirements on the curves.
        judges_validation: whether there are requirements on the validation accuracy.
    """

    title: str
    epochs: int
    judge: Callable[[Curves], list[Finding]]
    judges_validation: bool = True


def grade(curves: Curves, name: str) -> list[Finding]:
    """Grades a run by an assignment.

    Args:
        curves: of the run, at least one epoch.
        name: of the assignment, one of `CRITERIA`.

    Raises:
        BadInput: for an unknown name, or one whose requirements need validation images if there are none.
    """
    if name not in CRITERIA:
        raise BadInput(f"--by must be one of {', '.join(CRITERIA)}. Received: {name}.{did_you_mean(name, CRITERIA)}")
    criterion = CRITERIA[name]
    if criterion.judges_validation and np.isnan(curves.val).all():
        others = ", ".join(each for each, other in CRITERIA.items() if not other.judges_validation)
        raise BadInput(
            f"--by {name} grades the validation accuracy, and the run has no validation images. Without them: {others}"
        )
    return criterion.judge(curves.until(criterion.epochs))


def accuracy_curves(folder: Path) -> Curves:
    """Reads the accuracies of a run from its `metrics.csv`.

    Raises:
        BadInput: if there are none.
    """
    try:
        rows = epoch_rows(folder)
        train = np.array([float(row["accuracy"]) for row in rows])
        val = np.array([float(row["val_accuracy"] or "nan") for row in rows])  # empty without validation images
    except (OSError, KeyError, ValueError, TypeError, csv.Error) as error:
        raise BadInput(f"The run has no training and validation accuracy to grade: {folder} ({error})") from error
    if not len(train):
        raise BadInput(f"The run has no finished epoch to grade: {folder}")
    return Curves(train, val)


def curve_error(curves: Curves) -> float:
    """Returns the distance of the two curves: the mean squared difference of the accuracies, 0..1, in per cent."""
    return float(np.mean((curves.train - curves.val) ** 2) * 100)


def slope_difference(curves: Curves) -> float:
    """Returns the difference between the curves' regression slopes, in per cent of the training slope.

    NaN for a single epoch.
    """
    if len(curves.train) < 2:
        return float("nan")
    epochs = np.arange(len(curves.train))
    train, val = (float(np.polyfit(epochs, curve, 1)[0]) for curve in (curves.train, curves.val))
    return abs(train - val) / abs(train) * 100 if train else float("inf")


def _accuracies(train: float | None, val: float | None, above: bool = False) -> Callable[[Curves], list[Finding]]:
    """Requirements on the accuracies of a single epoch: the one that comes closest to meeting both."""
    sign = ">" if above else ">="

    def judge(curves: Curves) -> list[Finding]:
        wanted = [(name, goal) for name, goal in (("train", train), ("val", val)) if goal is not None]
        short = np.max([goal - getattr(curves, name) for name, goal in wanted], axis=0)
        best = int(short.argmin())
        findings = []
        for name, goal in wanted:
            value = float(getattr(curves, name)[best])
            words = "training" if name == "train" else "validation"
            met = value > goal if above else value >= goal
            findings.append(Finding(f"{words} accuracy {sign} {goal:g}", f"{value:.4f} in epoch {best + 1}", met))
        return findings

    return judge


def _with_curves(judge: Callable[[Curves], list[Finding]]) -> Callable[[Curves], list[Finding]]:
    def both(curves: Curves) -> list[Finding]:
        error, slope = curve_error(curves), slope_difference(curves)
        return [
            *judge(curves),
            Finding("curve error <= 20 %", f"{error:.2f} %", error <= 20),
            Finding("slope difference <= 30 %", f"{slope:.1f} %", slope <= 30),
        ]

    return both


CRITERIA = {
    "week1": Criterion("course 2, week 1: cats and dogs from scratch", 15, _accuracies(0.95, 0.80)),
    "week2": Criterion("course 2, week 2: augmentation", 35, _with_curves(_accuracies(0.80, 0.80))),
    "week3": Criterion(
        "course 2, week 3: transfer learning, fewer than 5 epochs", 4, _accuracies(0.999, None, True), False
    ),
    "week4": Criterion("course 2, week 4: more than two classes", 15, _accuracies(0.99, 0.95, True)),
    "2019_ex5": Criterion("2019, exercise 5: accuracy, both > 0.9", 15, _accuracies(0.90, 0.90, True)),
    "2019_ex6": Criterion("2019, exercise 6: augmentation, both > 0.95", 15, _accuracies(0.95, 0.95, True)),
    "2019_ex7": Criterion(
        "2019, exercise 7: 99.9 % in fewer than 100 epochs", 99, _accuracies(0.999, None, True), False
    ),
}
