"""Intervals of an evaluation: they hold the truth as often as they claim, and only for metrics that are defined."""

import numpy as np
import pytest

from catsdogs_exp.metrics.evaluation import evaluate_predictions
from catsdogs_exp.metrics.evaluation_intervals import evaluation_intervals, nested
from catsdogs_exp.metrics.intervals import wilson_interval


def drawn(images: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(classes), images).astype(np.float32)
    labels = (probabilities.cumsum(axis=1) > rng.random((images, 1))).argmax(axis=1).astype(np.int32)
    return probabilities, labels


def test_every_defined_metric_has_one() -> None:
    probabilities, labels = drawn(200, 3)
    evaluation = evaluate_predictions(probabilities, labels)
    found = evaluation_intervals(evaluation, ("a", "b", "c"), probabilities, labels)
    assert found["accuracy",] == wilson_interval(evaluation.accuracy * 200, 200)
    for name, row in zip("abc", evaluation.per_class(), strict=True):
        for key in ("precision", "recall", "f1", "roc_auc", "average_precision"):
            low, high = found["classes", name, key]
            value = row[key]
            assert value is not None and low <= value <= high and 0 <= low < high <= 1
    assert ("top_5_accuracy",) not in found
    low, high = found["loss",]
    assert low < evaluation.loss < high
    assert nested(found)["macro"]["f1"] == list(found["macro", "f1"])
    assert nested(found)["classes"]["b"]["recall"] == list(found["classes", "b", "recall"])


def test_undefined_metrics_have_none() -> None:
    probabilities, labels = drawn(50, 2)
    evaluation = evaluate_predictions(probabilities, labels * 0)
    found = evaluation_intervals(evaluation, ("a", "b"), probabilities, labels * 0)
    assert ("classes", "b", "recall") not in found and ("classes", "a", "roc_auc") not in found


def test_with_many_classes_only_the_means_have_one() -> None:
    probabilities, labels = drawn(300, 30)
    found = evaluation_intervals(
        evaluate_predictions(probabilities, labels), tuple(map(str, range(30))), probabilities, labels
    )
    assert not [key for key in found if key[0] == "classes"]
    assert ("top_5_accuracy",) in found and ("macro", "f1") in found


@pytest.mark.slow
def test_intervals_of_the_loss_hold_the_truth() -> None:
    """Of 60 samples of 400 images, about 57 intervals hold the loss of all 200,000."""
    probabilities, labels = drawn(200_000, 2)
    truth = evaluate_predictions(probabilities, labels).loss
    held = 0
    for start in range(0, 60 * 400, 400):
        p, y = probabilities[start : start + 400], labels[start : start + 400]
        low, high = evaluation_intervals(evaluate_predictions(p, y), ("a", "b"), p, y)["loss",]
        held += low <= truth <= high
    assert 51 <= held <= 60
