"""The course's own criteria, with runs just good enough and just not."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catsdogs_exp.__main__ import main
from catsdogs_exp.errors import BadInput
from catsdogs_exp.record.grading import CRITERIA, Curves, accuracy_curves, curve_error, grade, slope_difference


def curves(train: list[float], val: list[float]) -> Curves:
    return Curves(np.array(train), np.array(val))


@pytest.mark.parametrize(
    ("by", "train", "val", "met"),
    [
        ("week1", [0.9, 0.95], [0.7, 0.80], [True, True]),
        ("week1", [0.95, 0.99], [0.799, 0.7], [True, False]),
        ("week1", [0.5] * 15 + [1.0], [0.5] * 15 + [1.0], [False, False]),  # too late
        ("week2", [0.7, 0.8], [0.7, 0.8], [True, True, True, True]),
        ("week2", [0.70, 0.80], [0.79, 0.80], [True, True, True, False]),
        ("week2", [0.5, 1.0], [0.0, 0.1], [True, False, False, False]),
        ("week3", [0.9, 0.99, 0.9991], [0.9] * 3, [True]),
        ("week3", [0.9] * 4 + [1.0], [0.9] * 5, [False]),
        ("week4", [0.991], [0.951], [True, True]),
        ("2019_ex6", [0.951], [0.95], [True, False]),
    ],
)
def test_what_passes(by: str, train: list[float], val: list[float], met: list[bool]) -> None:
    assert [finding.met for finding in grade(curves(train, val), by)] == met


def test_the_figures() -> None:
    two = curves([0.5, 0.7, 0.9], [0.5, 0.6, 0.7])
    assert curve_error(two) == pytest.approx((0 + 0.01 + 0.04) / 3 * 100)
    assert slope_difference(two) == pytest.approx(50)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_equal_curves_are_no_distance_apart(values: list[float]) -> None:
    same = curves(values, values)
    assert curve_error(same) == 0
    for name in CRITERIA:
        assert all(finding.figure for finding in grade(same, name))


def test_the_command(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["grade", str(trained), "--by", "week2"])
    said = capsys.readouterr().out
    assert "course 2, week 2: augmentation, the first 35 epochs" in said
    assert "training accuracy >= 0.8" in said and "slope difference <= 30 %" in said
    assert said.splitlines()[-1] == ("passed" if code == 0 else "failed")
    assert main(["grade", str(trained), "--json"]) in (0, 1)
    assert json.loads(capsys.readouterr().out)["by"] == "week1"
    assert main(["grade", str(trained), "--by", "weak2"]) == 2
    assert "--by must be one of week1, week2" in (said := capsys.readouterr().err) and "Did you mean week2" in said


def test_an_epoch_that_was_not_written_completely_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("epoch,loss,accuracy,val_loss,val_accuracy\n1,0.6,0.7,0.6,0.75\n2,0.5,0.8")
    found = accuracy_curves(tmp_path)
    assert (found.train.tolist(), found.val.tolist()) == ([0.7], [0.75])


def test_a_run_without_validation_images_is_graded_where_they_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("epoch,loss,accuracy,val_loss,val_accuracy\n1,0.6,0.9995,,\n")
    found = accuracy_curves(tmp_path)
    assert [finding.met for finding in grade(found, "week3")] == [True]
    with pytest.raises(BadInput, match=r"the run has no validation images\. Without them: week3, 2019_ex7"):
        grade(found, "week2")
