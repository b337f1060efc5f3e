"""Macro F1 of runs, from their predictions: the unweighted mean of the F1 scores of all classes."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.errors import BadInput
from catsdogs_exp.metrics.confusion_matrix import f1_scores
from catsdogs_exp.metrics.significance import Bootstrap, bootstrap_counts
from catsdogs_exp.record.folder.predictions import Predictions, predictions_of
from catsdogs_exp.record.folder.run_reader import FROM_PREDICTIONS, Run


def with_macro_f1(runs: Sequence[Run], metric: str) -> list[Run]:
    """Returns the runs with this metric, one of `FROM_PREDICTIONS`, added; runs without predictions are unchanged."""
    return [_with(run, metric) for run in runs]


def macro_f1(found: Predictions) -> float:
    """Returns macro F1, 0..1; NaN without images. Classes that neither occur nor are predicted are left out."""
    scores = f1_scores(found.confusion())
    return float(np.nanmean(scores)) if np.isfinite(scores).any() else float("nan")


def macro_f1_differs(first: Predictions, second: Predictions) -> Bootstrap:
    """Bootstraps the second's macro F1 minus the first's, over resampled images; both must be for the same images."""
    classes = len(first.classes)
    codes = (first.labels.astype(np.int64) * classes + first.predicted) * classes + second.predicted
    kinds, counts = np.unique(codes, return_counts=True)
    label, mine, its = kinds // classes**2, kinds // classes % classes, kinds % classes

    def difference(sampled: NDArray[np.int64]) -> NDArray[np.float64]:
        return _macro_f1(sampled, label, its, classes) - _macro_f1(sampled, label, mine, classes)

    return bootstrap_counts(counts, difference)


def _macro_f1(
    counts: NDArray[np.int64], label: NDArray[np.int64], predicted: NDArray[np.int64], classes: int
) -> NDArray[np.float64]:
    """float64 [r], from how many images there are of each kind, [r, kinds], with its label and its prediction."""
    each = np.eye(classes, dtype=np.int64)
    hits = counts @ (each[label] * (label == predicted)[:, None])
    total = counts @ (each[label] + each[predicted])
    scores = np.where(total > 0, 2 * hits / np.maximum(total, 1), 0.0)
    means: NDArray[np.float64] = scores.sum(axis=1) / np.maximum((total > 0).sum(axis=1), 1)
    return means


def _with(run: Run, metric: str) -> Run:
    try:
        found = predictions_of(run.folder).of_split(FROM_PREDICTIONS[metric])
    except BadInput:  # the test of the best run reports which runs lack them
        return run
    value = macro_f1(found)
    return replace(run, metrics={**run.metrics, metric: value}) if np.isfinite(value) else run
