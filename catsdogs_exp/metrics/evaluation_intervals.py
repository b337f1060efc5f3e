"""95 % intervals of an evaluation's metrics: Wilson intervals for proportions, bootstrap for all others."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.metrics.evaluation import AVERAGED, Evaluation, evaluate_predictions
from catsdogs_exp.metrics.intervals import wilson_interval

Interval = tuple[float, float]
Key = tuple[str, ...]
"""`("loss",)`, `("macro", "f1")`, or `("classes", "cats", "recall")`."""

_DRAWS, _FEWER_DRAWS = 200, 50
_MANY_VALUES = 100_000
_MOST_CLASSES = 20  # with their own intervals


def evaluation_intervals(
    evaluation: Evaluation,
    classes: tuple[str, ...],
    probabilities: NDArray[np.float32],
    labels: NDArray[np.int32],
    logs: NDArray[np.float32] | None = None,
) -> dict[Key, Interval]:
    """Returns the intervals of all metrics that are defined.

    Args:
        evaluation: the evaluation of the images.
        classes: class names.
        probabilities: float32 [n, classes].
        labels: int32 [n].
        logs: float32 [n, classes], natural logarithms of the probabilities.
    """
    images = len(labels)
    found: dict[Key, Interval] = {("accuracy",): wilson_interval(evaluation.accuracy * images, images)}
    if evaluation.top_5_accuracy is not None:
        found["top_5_accuracy",] = wilson_interval(evaluation.top_5_accuracy * images, images)
    few = len(classes) <= _MOST_CLASSES
    confusion = evaluation.confusion
    for label, name in enumerate(classes if few else ()):
        hit = int(confusion[label, label])
        for key, of in (("precision", int(confusion[:, label].sum())), ("recall", int(confusion[label].sum()))):
            if of:
                found["classes", name, key] = wilson_interval(hit, of)
    drawn: dict[Key, list[float]] = {}
    draws = _DRAWS if images * len(classes) <= _MANY_VALUES else _FEWER_DRAWS
    rng = np.random.default_rng(0)
    for _ in range(draws):
        rows = rng.integers(0, images, images)
        again = evaluate_predictions(probabilities[rows], labels[rows], None if logs is None else logs[rows])
        for metric, value in _bootstrapped(again, classes if few else ()):
            drawn.setdefault(metric, []).append(value)
    for metric, values in drawn.items():
        low, high = np.quantile(values, [0.025, 0.975]).tolist()
        found[metric] = low, high
    return found


def _bootstrapped(evaluation: Evaluation, classes: tuple[str, ...]) -> Iterator[tuple[Key, float]]:
    yield ("loss",), evaluation.loss
    yield ("calibration_error",), evaluation.calibration_error
    for mean, figures in evaluation.means().items():
        for key in AVERAGED:
            if (value := figures[key]) is not None:
                yield (mean, key), value
    if classes:
        for name, row in zip(classes, evaluation.per_class(), strict=True):
            for key in ("f1", "roc_auc", "average_precision"):
                if (value := row[key]) is not None:
                    yield ("classes", name, key), value


def nested(intervals: dict[Key, Interval]) -> dict[str, Any]:
    """Converts intervals to nested dictionaries, for JSON."""
    found: dict[str, Any] = {}
    for key, interval in intervals.items():
        place = found
        for part in key[:-1]:
            place = place.setdefault(part, {})
        place[key[-1]] = list(interval)
    return found
