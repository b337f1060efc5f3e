"""Evaluates a network on labelled files: predictions, metrics with intervals, calibration, threshold."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.data.sources.wording import counted
from catsdogs_exp.errors import BadInput, RunFailed
from catsdogs_exp.inference.image_predictor import NO_NUMBER, ImagePredictor
from catsdogs_exp.inference.labelled_files import LabelledFiles, path_within
from catsdogs_exp.inference.run_predictions import gathered_predictions
from catsdogs_exp.inference.threshold import Threshold
from catsdogs_exp.metrics.confusion_matrix import confusion_matrix
from catsdogs_exp.metrics.curves import best_threshold
from catsdogs_exp.metrics.evaluation import Evaluation, evaluate_predictions
from catsdogs_exp.metrics.evaluation_intervals import Interval, Key, evaluation_intervals, nested
from catsdogs_exp.metrics.temperature import Calibration, error_of, softened
from catsdogs_exp.record.folder.predictions import Predictions


@dataclass(frozen=True)
class Judged:
    """A network's predictions for labelled files, evaluated.

    Attributes:
        classes: class names.
        images: path relative to the root, split and class of each of n usable files.
        labels: int32 [n].
        probabilities: float32 [n, classes].
        logs: float32 [n, classes], their natural logarithms.
        evaluation: the metrics.
        left_out: number of unusable files.
    """

    classes: tuple[str, ...]
    images: tuple[tuple[str, str, str], ...]
    labels: NDArray[np.int32]
    probabilities: NDArray[np.float32]
    logs: NDArray[np.float32]
    evaluation: Evaluation
    left_out: int

    def predictions(self) -> Predictions:
        """Returns the predictions in the form of `predictions.csv`."""
        return gathered_predictions(self.classes, self.images, self.probabilities)

    def intervals(self) -> dict[Key, Interval]:
        """Returns the 95 % intervals of the metrics."""
        return evaluation_intervals(self.evaluation, self.classes, self.probabilities, self.labels, self.logs)

    def calibrated_error(self, calibration: Calibration) -> float:
        """Returns the calibration error after the correction from the network's file."""
        return error_of(softened(self.logs, calibration.temperature), self.labels)


def judge(predictor: ImagePredictor, found: LabelledFiles, split: str, say: Callable[[str], None]) -> Judged:
    """Predicts labelled files and evaluates the predictions.

    Args:
        predictor: the network's predictor.
        found: the files.
        split: name of the split.
        say: called with a line for each file that is left out.

    Raises:
        RunFailed: if the network returns NaN.
        BadInput: if no file is usable.
    """
    classes = predictor.card.classes
    images, kept, logs = [], [], []
    odd: Counter[str] = Counter()
    predictions = predictor.predict([path for path, _ in found.files])
    for (path, name), prediction in zip(found.files, predictions, strict=True):
        if prediction.error == NO_NUMBER:  # metrics of the other images would overrate the network
            raise RunFailed(f"There is nothing to evaluate: for {path}, {NO_NUMBER}. Train it again with a lower lr")
        if prediction.probabilities is None or prediction.logs is None:
            say(f"left out: {path}: {prediction.error}")
            continue
        odd.update([prediction.warning] if prediction.warning else [])
        images.append((path_within(found.root, path), split, name))
        kept.append(prediction.probabilities)
        logs.append(prediction.logs)
    for warning, count in odd.items():
        say(f"warning: {counted(count, 'image')}, of each: {warning}")
    if not kept:
        raise BadInput(f"None of the {len(found.files)} files is a usable image.")
    labels = np.array([classes.index(name) for _, _, name in images], np.int32)
    values, logarithms = np.stack(kept), np.stack(logs)
    evaluation = evaluate_predictions(values, labels, logarithms)
    return Judged(classes, tuple(images), labels, values, logarithms, evaluation, len(found.files) - len(kept))


def figures_of(evaluation: Evaluation, classes: tuple[str, ...]) -> dict[str, Any]:
    """Returns the metrics, for JSON."""
    return {
        "accuracy": evaluation.accuracy,
        "top_5_accuracy": evaluation.top_5_accuracy,
        "loss": evaluation.loss,
        "calibration_error": evaluation.calibration_error,
        **evaluation.means(),
        "classes": dict(zip(classes, evaluation.per_class(), strict=True)),
        "confusion": evaluation.confusion.tolist(),
    }


def at_threshold(judged: Judged, threshold: Threshold) -> dict[str, Any]:
    """Returns what changes with a threshold other than 0.5, for JSON."""
    said = threshold.labels(judged.probabilities, judged.classes)
    return {
        "class": threshold.label,
        "probability": threshold.probability,
        "accuracy": float((said == judged.labels).mean()),
        "predicted": {name: int((said == place).sum()) for place, name in enumerate(judged.classes)},
        "confusion": confusion_matrix(judged.labels, said.astype(np.intp), len(judged.classes)).tolist(),
    }


def all_figures(judged: Judged, intervals: dict[Key, Interval], calibration: Calibration | None) -> dict[str, Any]:
    """Returns the metrics with their intervals, the calibration from the network's file, and a threshold, for JSON."""
    figures: dict[str, Any] = {
        "images": len(judged.labels),
        "left_out": judged.left_out,
        **figures_of(judged.evaluation, judged.classes),
        "intervals": nested(intervals),
    }
    if calibration is not None:
        figures["calibrated"] = {
            "temperature": calibration.temperature,
            "calibration_error": judged.calibrated_error(calibration),
        }
    if len(judged.classes) == 2:
        best = best_threshold(judged.probabilities[:, 1], judged.labels)
        figures["threshold"] = {
            "class": judged.classes[1],
            "probability": best.value if math.isfinite(best.value) else 1.0,
            "accuracy": best.accuracy,
            "accuracy_at_half": best.at_half,
        }
    return figures
