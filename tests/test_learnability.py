"""The main job learns, and it learns shape: a linear model cannot."""

import json
from pathlib import Path

import numpy as np
import pytest

from catsdogs_exp.__main__ import main

pytestmark = pytest.mark.slow


def test_three_convolutions_learn_the_drawn_animals(tmp_path: Path) -> None:
    assert main(["target_size=64", "epochs=6", f"output_dir={tmp_path}"]) == 0
    (result,) = (tmp_path / "drawn").glob("*/result.json")
    assert json.loads(result.read_text())["objective"]["value"] >= 0.95


def test_a_linear_model_does_not(config) -> None:
    from catsdogs_exp.data.images.pixels import open_pixels
    from catsdogs_exp.data.open_data import gather
    from catsdogs_exp.data.sources.listing import TRAIN, VALIDATION

    settings = config("target_size=32", "depth=1")
    manifest = gather(settings)
    fetch = open_pixels(manifest, settings.loader)

    def split(which: int) -> tuple[np.ndarray, np.ndarray]:
        rows = manifest.rows(which)
        return fetch(rows).reshape(len(rows), -1) / 127.5 - 1, manifest.listing.labels[rows] * 2.0 - 1

    (train, labels), (validation, truth) = split(TRAIN), split(VALIDATION)
    best = 0.0
    for penalty in (10.0, 100.0, 1000.0, 10000.0):  # ridge regression in its dual form
        gram = train @ train.T + penalty * np.eye(len(train))
        answers = validation @ train.T @ np.linalg.solve(gram, labels)
        best = max(best, float((np.sign(answers) == truth).mean()))
    assert best <= 0.8


def test_the_courses_first_lesson_on_real_photos(real_photos: Path, tmp_path: Path) -> None:
    """Validation stalls at about 0.72 while training goes on (docs/course.md); six epochs show it."""
    words = ["experiment=course_week1", f"dataset.path={real_photos}", "epochs=6", f"output_dir={tmp_path}"]
    assert main(words) == 0
    (result,) = (tmp_path / "course_week1").glob("*/result.json")
    content = json.loads(result.read_text())
    assert content["counts"] == {
        "train": {"cats": 1000, "dogs": 1000},
        "validation": {"cats": 500, "dogs": 500},
    }
    assert content["parameters"] == 9_494_561
    assert 0.66 <= content["objective"]["value"] <= 0.80
