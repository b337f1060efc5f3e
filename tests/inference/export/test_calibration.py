"""The images that stand for the training set where a quantized network's value ranges are measured."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from catsdogs_exp.data.images.preparing import Preparation
from catsdogs_exp.inference.export import calibration
from catsdogs_exp.inference.labelled_files import LabelledFiles


@pytest.mark.parametrize(("classes", "count"), [(40, 10), (4, 10)])
def test_no_class_is_left_out_because_of_its_name(monkeypatch: pytest.MonkeyPatch, classes: int, count: int) -> None:
    def read(chosen: Any, how: Any, say: Any) -> list[tuple[Any, None]]:
        return [(SimpleNamespace(pixels=(path, name)), None) for path, name in chosen]

    monkeypatch.setattr(calibration, "read_photos", read)
    names = np.repeat([f"class{number:02d}" for number in range(classes)], 5).tolist()
    files = LabelledFiles(Path(), tuple((Path(f"{place}.jpg"), name) for place, name in enumerate(names)))
    first, again = (calibration.representative_images(files, Preparation((8, 8)), print, count) for _ in range(2))
    assert first == again and len(first) == count
    counts = np.unique([name for _, name in first], return_counts=True)[1]
    assert len(counts) == min(classes, count) and counts.max() - counts.min() <= 1
    if classes > count:
        assert {name for _, name in first} != {f"class{number:02d}" for number in range(count)}
