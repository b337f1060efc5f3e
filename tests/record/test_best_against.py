"""Is the best run better? Tests on the same images only; what cannot be tested is named with its reason."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from catsdogs_exp.metrics.significance import holm
from catsdogs_exp.record.best_against import best_against_others
from catsdogs_exp.record.comparison import compare
from catsdogs_exp.record.disagreement import FIRST, NEITHER, SECOND, disagreement
from catsdogs_exp.record.folder.predictions import Predictions, write_predictions

CLASSES = ("cats", "dogs", "owls")


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """`make("a", wrong=range(3), n=100)`: a run that judged n images, some of them wrong."""

    def run(name: str, wrong=(), n: int = 100, data: str = "one", says: int = 1, **changes) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        labels = np.arange(n, dtype=np.int32) % 2
        said = np.full((n, 3), 0.1, np.float32)
        for place in range(n):
            said[place, (labels[place] + says) % 3 if place in wrong else labels[place]] = 0.8
        paths = tuple(f"{changes.get('prefix', '')}{place}.jpg" for place in range(n))
        found = Predictions(changes.get("classes", CLASSES), paths, ("validation",) * n, labels, said)
        if "none" not in changes:
            write_predictions(folder / "predictions.csv", found)
        with (folder / "manifest.csv").open("w", newline="") as handle:
            writer = csv.writer(handle)
            writer.writerow(("path", "class", "split", "sha256"))
            writer.writerows((path, "x", "validation", f"{changes.get('content', '')}{path}") for path in paths)
        metrics = {"val": {"accuracy": float(found.right.mean()), "loss": 0.1 + 0.01 * len(wrong)}}
        objective = {"name": "val_accuracy", "value": 0, "epoch": 1}
        result = {"status": "ok", "epochs": 1, "metrics": metrics, "objective": objective, "data_hash": data}
        (folder / "result.json").write_text(json.dumps(result | {"counts": {"validation": {}}}))
        (folder / "config.yaml").write_text(f"lr: {len(wrong) + 0.5}\n")
        return folder

    return run


def verdict_of(tmp_path: Path, by: str | None = None):
    return best_against_others(compare([tmp_path], by))


def test_mcnemar_against_each_with_holms_correction(tmp_path: Path, make: Callable[..., Path]) -> None:
    make("best", wrong=range(5))
    make("close", wrong=range(2, 9))
    make("far", wrong=range(40))
    found = verdict_of(tmp_path)
    assert (found.best, found.split, found.reason, found.untested) == ("best", "validation", "", {})
    close, far = found.tests
    assert (close.other, close.method, close.images, close.values) == (
        "close",
        "McNemar's exact test",
        100,
        (0.95, 0.93),
    )
    assert close.p_value == pytest.approx(2 * (1 + 6 + 15) / 2**6)  # 2 images against 4
    assert far.p_value == pytest.approx(2 / 2**35)  # 0 against 35
    assert [close.corrected, far.corrected] == pytest.approx(holm([close.p_value, far.p_value]))
    assert not close.is_better
    assert close.words() == "0.950 against 0.930: not distinguishable on 100 images; 1,500 would be needed"
    assert far.words() == "0.950 against 0.600: better on 100 images (p < 0.001)"


def test_equal_runs_are_equal(tmp_path: Path, make: Callable[..., Path]) -> None:
    make("a", wrong=(1, 2))
    make("b", wrong=(3, 4))
    (test,) = verdict_of(tmp_path).tests
    assert (test.p_value, test.needed) == (1.0, None)
    assert test.words() == "0.9800 against 0.9800: equal on 100 images"


def test_losses_are_told_apart_by_a_paired_bootstrap(tmp_path: Path, make: Callable[..., Path]) -> None:
    make("best", wrong=range(5))
    make("far", wrong=range(40))
    (test,) = verdict_of(tmp_path, "val_loss").tests
    assert test.method == "paired bootstrap"
    assert test.values == pytest.approx(
        (-0.95 * np.log(0.8) - 0.05 * np.log(0.1), -0.6 * np.log(0.8) - 0.4 * np.log(0.1))
    )
    assert test.is_better


def test_macro_f1_is_that_of_scikit_learn_and_tested_on_the_same_images(
    tmp_path: Path, make: Callable[..., Path]
) -> None:
    """Three classes are known, two have images; one run says the third for its mistakes."""
    from sklearn.metrics import f1_score

    make("a", wrong=range(5))
    make("b", wrong=range(40), says=2)
    make("c", none=True)
    found = compare([tmp_path], "val_macro_f1")
    labels = np.arange(100) % 2
    said = {
        "a": np.where(np.arange(100) < 5, labels + 1, labels),
        "b": np.where(np.arange(100) < 40, labels + 2, labels),
    }
    expected = {name: f1_score(labels, predicted % 3, average="macro") for name, predicted in said.items()}
    assert [run.name for run in found.runs] == ["a", "b", "c"]
    assert {run.name: run.metrics["val_macro_f1"] for run in found.runs[:2]} == pytest.approx(expected)
    assert "val_macro_f1" not in found.runs[2].metrics
    verdict = best_against_others(found)
    (test,) = verdict.tests
    assert (test.best, test.other, test.method) == ("a", "b", "paired bootstrap of counts")
    assert test.values == pytest.approx((expected["a"], expected["b"]))
    assert verdict.untested == {"c": "has no predictions.csv: it was trained with an older version"}


def test_the_same_macro_f1_is_not_better(tmp_path: Path, make: Callable[..., Path]) -> None:
    make("a", wrong=(0, 2))
    make("b", wrong=(4, 6))
    make("c", wrong=range(0, 100, 2))
    same, worse = verdict_of(tmp_path, "val_macro_f1").tests
    assert same.p_value == pytest.approx(1, abs=0.05)
    assert not same.is_better
    assert worse.is_better


@pytest.mark.parametrize("by", ["val_accuracy", "val_loss", "val_macro_f1"])
def test_two_images_prove_nothing(tmp_path: Path, make: Callable[..., Path], by: str) -> None:
    make("a", n=2)
    make("b", n=2, wrong=range(2))
    (test,) = verdict_of(tmp_path, by).tests
    assert not test.is_better
    assert test.words().endswith(": not distinguishable on 2 images; 6 would be needed")


def test_other_images_are_never_compared(tmp_path: Path, make: Callable[..., Path]) -> None:
    make("best")
    make("fewer", wrong=(1,), n=90)
    make("others", wrong=(1,), prefix="x")
    make("replaced", wrong=(1,), data="two", content="new")
    make("same images, fewer to train on", wrong=(1,), data="three")
    make("renamed", wrong=(1,), classes=("cats", "dogs", "bats"))
    make("old", wrong=(1,), none=True)
    found = verdict_of(tmp_path)
    assert [test.other for test in found.tests] == ["same images, fewer to train on"]
    assert found.untested == {
        "fewer": "was evaluated on 90 images instead of 100",
        "others": "was evaluated on other images: 0 of 100 are the same",
        "replaced": "was evaluated on other images with the same names: 100 of 100 differ",
        "renamed": "has other classes: cats, dogs, bats instead of cats, dogs, owls",
        "old": "has no predictions.csv: it was trained with an older version",
    }


def test_a_metric_without_a_test_says_so(tmp_path: Path, make: Callable[..., Path]) -> None:
    make("a")
    make("b")
    found = verdict_of(tmp_path, "seconds")
    assert found.tests == ()
    assert found.reason == (
        "there is no test for seconds: choose one of val_accuracy, test_accuracy, val_loss, test_loss, "
        "val_macro_f1, test_macro_f1"
    )


def test_two_runs_disagree_and_one_of_them_is_right(tmp_path: Path, make: Callable[..., Path]) -> None:
    make("a", wrong=(0, 1, 2))
    make("b", wrong=(2, 3), says=2)
    first, second = compare([tmp_path]).runs
    found = disagreement(second, first)
    assert [(each.path, each.right) for each in found.disputed] == [
        ("0.jpg", SECOND), ("1.jpg", SECOND), ("2.jpg", NEITHER), ("3.jpg", FIRST)
    ]  # fmt: skip
    assert found.disputed[2].said == ("dogs", "owls")
    assert found.disputed[2].label == "cats"
    assert found.settings == (("lr", 3.5, 2.5),)
    assert found.words() == ("They disagree on 4 of 100 validation images: a is right on 1, b on 2, neither on 1")


def test_two_runs_on_other_images_are_not_compared(tmp_path: Path, make: Callable[..., Path]) -> None:
    make("a")
    make("b", n=50)
    found = disagreement(*compare([tmp_path]).runs)
    assert found.disputed == ()
    assert found.words() == "Their predictions cannot be compared: b was evaluated on 50 images instead of 100"


def test_a_setting_that_repeats_a_flat_key_is_listed_once(tmp_path: Path, make: Callable[..., Path]) -> None:
    for name, depth, own in (("a", 2, 2), ("b", 3, 3), ("c", 3, 4)):
        folder = make(name)
        (folder / "config.yaml").write_text(f"depth: {depth}\nmodel: {{name: cnn, depth: {own}}}\n")
    runs = {run.name: run for run in compare([tmp_path]).runs}
    assert disagreement(runs["a"], runs["b"]).settings == (("depth", 2, 3),)
    assert disagreement(runs["a"], runs["c"]).settings == (("depth", 2, 3), ("model.depth", 2, 4))  # set on its own
