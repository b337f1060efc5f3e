"""How well a network classifies some images: the part shared by the reports of runs and evaluations."""

import math
from typing import Any

import numpy as np

from catsdogs_exp.metrics.calibration import reliability
from catsdogs_exp.metrics.confusion_matrix import most_confused, row_shares
from catsdogs_exp.metrics.curves import best_threshold, precision_recall_curve, roc_curve
from catsdogs_exp.metrics.evaluation import calibration_error, evaluate_predictions
from catsdogs_exp.metrics.intervals import bootstrap_interval
from catsdogs_exp.record.folder.predictions import Predictions
from catsdogs_exp.report.line_chart import Line, chart

_MATRIX = 20  # classes
_CURVES = 5  # classes with curves of their own


def judgement(predictions: Predictions) -> dict[str, Any]:
    """Returns the variables of `judgement.html.j2`: confusion matrix, per-class table, calibration, curves and
    threshold.

    Args:
        predictions: for at least one image.
    """
    confusion, names = predictions.confusion(), predictions.classes
    judged: dict[str, Any] = {
        "names": names,
        "matrix": [
            [(int(cell), float(share)) for cell, share in zip(*pair, strict=True)]
            for pair in zip(confusion.tolist(), row_shares(confusion).tolist(), strict=True)
        ]
        if len(names) <= _MATRIX
        else None,
        "confused": [(names[true], names[said], number) for true, said, number in most_confused(confusion, 20)],
        "calibration": "Unknown: the network returns NaN",
        "charts": [],
        "bins": [],
        "threshold": "",
        "classes": [],
    }
    if predictions.finite.all():
        _add_calibration(judged, predictions)
        if predictions.top is None:
            _add_curves(judged, predictions)
    return judged


def _add_calibration(judged: dict[str, Any], predictions: Predictions) -> None:
    confidence, right, count = predictions.confidence, predictions.right, len(predictions)
    error = calibration_error(confidence, right)
    low, high = bootstrap_interval(lambda rows: calibration_error(confidence[rows], right[rows]), count, 200)
    bins = reliability(confidence, right)
    judged["calibration"] = (
        f"Expected calibration error {error:.3f} (15 bins; 95 % bootstrap interval: {low:.3f} to {high:.3f})"
    )
    points = [(b.confidence, b.accuracy) for b in bins]
    judged["charts"].append(chart("Reliability", "confidence", [Line("accuracy", points)], unit=True))
    judged["bins"] = [
        (f"{b.low:.2f} to {b.high:.2f}", b.images, f"{b.confidence:.3f}", f"{b.accuracy:.3f}") for b in bins
    ]


def _add_curves(judged: dict[str, Any], predictions: Predictions) -> None:
    names, labels = predictions.classes, predictions.labels
    figures = evaluate_predictions(predictions.probabilities, labels).per_class()
    keys = ("precision", "recall", "f1", "roc_auc", "average_precision")
    judged["classes"] = [
        (name, row["images"], *("-" if row[key] is None else f"{row[key]:.3f}" for key in keys))
        for name, row in zip(names, figures, strict=True)
    ]
    shown = [1] if len(names) == 2 else list(range(min(len(names), _CURVES)))
    for title, x_name, make in (
        ("Precision and recall", "recall", precision_recall_curve),
        ("ROC", "false positive rate", roc_curve),
    ):
        lines = []
        for label in shown:
            found = make(predictions.probabilities[:, label], labels == label)
            if found is not None:
                keep = np.unique(np.linspace(0, len(found.x) - 1, 120).astype(int))
                points = list(zip(found.x[keep].tolist(), found.y[keep].tolist(), strict=True))
                lines.append(Line(f"{names[label]} ({found.area:.3f})", points))
        judged["charts"].append(chart(title, x_name, lines, unit=True))
    if len(names) == 2:
        best = best_threshold(predictions.probabilities[:, 1], labels)
        judged["threshold"] = (
            f"Best threshold for {names[1]}: {_above(best.value)}, with an accuracy of {best.accuracy:.3f}; 0.5 gives "
            f"{best.at_half:.3f}. It was chosen on these images, so expect less on other images."
        )


def _above(threshold: float) -> str:
    """Formats the probability above which a class is predicted."""
    return f"{threshold:.3f}" if math.isfinite(threshold) else "1, which no prediction exceeds"
