"""The page of an evaluation: metrics with intervals, confusion matrix, calibration, misclassified images, slices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catsdogs_exp.data.sources.listing import SPLITS
from catsdogs_exp.metrics.slices import find_slices
from catsdogs_exp.record.folder.predictions import Predictions
from catsdogs_exp.report import page
from catsdogs_exp.report.judgement import judgement
from catsdogs_exp.report.slice_groups import groups_of
from catsdogs_exp.report.thumbnails import Thumbnail, thumbnail

NAME = "index.html"
_MISTAKES = 60  # shown
_METRICS = (
    ("accuracy", "accuracy"),
    ("top_5_accuracy", "top-5 accuracy"),
    ("loss", "loss"),
    ("calibration_error", "calibration error"),
)
_MEANS = (("f1", "macro F1"), ("roc_auc", "macro ROC-AUC"), ("average_precision", "macro average precision"))


@dataclass(frozen=True)
class EvaluationFacts:
    """What the page shows.

    Attributes:
        run: folder of the run.
        what: what was evaluated, in words.
        root: of the images' paths.
        figures: as in the evaluation's `figures.json`.
        predictions: of the images.
        notes: what was left out or decided, one line each.
    """

    run: Path
    what: str
    root: Path
    figures: Mapping[str, Any]
    predictions: Predictions
    notes: Sequence[str]


def write_evaluation_page(facts: EvaluationFacts, folder: Path) -> Path:
    """Writes `index.html` into the evaluation's folder and returns its path.

    Raises:
        BadInput: if it cannot be written.
    """
    predictions = facts.predictions
    mistakes = predictions.mistakes()
    owner = facts.run if set(predictions.splits) <= set(SPLITS) else None
    slices = find_slices(groups_of(owner, predictions, facts.root), predictions.right)
    html = page.render(
        "evaluation.html.j2",
        title=f"Evaluation of {facts.run.name}: {facts.what}",
        run=str(facts.run),
        root=str(facts.root),
        notes=facts.notes,
        figures=facts.figures,
        metrics=_metrics(facts.figures),
        judged=judgement(predictions),
        mistakes=[_mistake(facts, place) for place in mistakes[:_MISTAKES].tolist()],
        wrong=len(mistakes),
        slices=[each.sentence() for each in slices],
    )
    path = folder / NAME
    page.write(html, path)
    return path


def _metrics(figures: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Returns the name, value and interval of each metric that is defined."""
    intervals = figures["intervals"]
    rows = [(name, figures[key], intervals.get(key)) for key, name in _METRICS]
    rows += [(name, figures["macro"][key], intervals.get("macro", {}).get(key)) for key, name in _MEANS]
    return [
        (name, f"{value:.4f}", f"{interval[0]:.4f} to {interval[1]:.4f}" if interval else "-")
        for name, value, interval in rows
        if value is not None
    ]


def _mistake(facts: EvaluationFacts, place: int) -> Thumbnail:
    predictions = facts.predictions
    said = predictions.classes[int(predictions.predicted[place])]
    label = predictions.classes[int(predictions.labels[place])]
    path = predictions.paths[place]
    return thumbnail(
        facts.root / path, path, (f"{said} {predictions.confidence[place]:.3f}", f"labelled {label}"), marked=True
    )
