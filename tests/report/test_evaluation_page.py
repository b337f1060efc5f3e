"""The page of an evaluation: groups by the images' own properties."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np

from catsdogs_exp.record.folder.predictions import Predictions
from catsdogs_exp.report.evaluation_page import EvaluationFacts, write_evaluation_page

N = 100
FIGURES = {
    **{"images": N, "accuracy": 0.8, "top_5_accuracy": None, "loss": 0.5, "calibration_error": 0.1, "intervals": {}},
    "macro": {"f1": 0.8, "roc_auc": None, "average_precision": None},
}


def test_sizes_are_those_of_the_runs_images_and_not_of_others_with_the_same_names(tmp_path: Path) -> None:
    labels = np.arange(N, dtype=np.int32) % 2
    said = np.where(np.arange(N) < 20, 1 - labels, labels)
    paths = tuple(f"{place}.jpg" for place in range(N))
    values = np.eye(2, dtype=np.float32)[said]
    with (tmp_path / "manifest.csv").open("w", newline="", encoding="utf-8") as handle:
        rows = [(path, 10 if place < 20 else 100, 100) for place, path in enumerate(paths)]
        csv.writer(handle).writerows([("path", "width", "height"), *rows])
    own = Predictions(("cats", "dogs"), paths, ("test",) * N, labels, values)
    for predictions, narrow in ((own, True), (replace(own, splits=("data",) * N), False)):
        facts = EvaluationFacts(tmp_path, "it", tmp_path / "photos", FIGURES, predictions, [])
        html = write_evaluation_page(facts, tmp_path).read_text(encoding="utf-8")
        assert ("wrong on 1.00 of 20 images: narrow" in html) is narrow
