"""The confusion matrix as CSV and as a picture."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catsdogs_exp.record.pictures.confusion_plot import write_confusion


def test_a_thousand_classes_and_a_million_predictions_fit(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    confusion = np.bincount(rng.integers(0, 10**6, 10**6), minlength=10**6).reshape(1000, 1000)
    names = [f"class {n}" for n in range(1000)]
    write_confusion(confusion, names, tmp_path / "all.csv")
    with (tmp_path / "all.csv").open(newline="", encoding="utf-8") as handle:
        rows = list(csv.reader(handle))
    assert rows[0][1:] == names and [row[0] for row in rows[1:]] == names
    assert sum(int(cell) for row in rows[1:] for cell in row[1:]) == 10**6


@pytest.mark.parametrize("count", [2, 30, 300])
def test_every_class_has_pixels_of_its_own_in_the_picture(tmp_path: Path, count: int) -> None:
    write_confusion(np.eye(count, dtype=np.int64) * 7, ["$x^2_{ a & <b>"] * count, tmp_path / "matrix.png")
    with Image.open(tmp_path / "matrix.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    yellow = (abs(pixels - [253, 231, 36]).sum(axis=2) < 30).sum(axis=1) > 0  # the full share, somewhere in this line
    assert yellow.sum() >= 2 * count
