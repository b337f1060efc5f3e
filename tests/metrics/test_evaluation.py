"""Figures of predictions: against their definitions, counted by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catsdogs_exp.__main__ import main
from catsdogs_exp.metrics.confusion_matrix import most_confused
from catsdogs_exp.metrics.evaluation import calibration_error, evaluate_predictions, ranking

# few different scores, so that there are many ties
SCORED = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), st.booleans()), min_size=1, max_size=30)


@given(SCORED)
def test_roc_auc_is_the_share_of_pairs_in_the_right_order(scored: list[tuple[float, bool]]) -> None:
    high = [score for score, positive in scored if positive]
    low = [score for score, positive in scored if not positive]
    pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a in high for b in low]
    got, _ = ranking(np.array([s for s, _ in scored]), np.array([p for _, p in scored]))
    assert got == (pytest.approx(np.mean(pairs)) if pairs else None)


@given(SCORED)
def test_average_precision_sums_over_thresholds(scored: list[tuple[float, bool]]) -> None:
    positives = sum(positive for _, positive in scored)
    expected, recall = 0.0, 0.0
    for threshold in sorted({score for score, _ in scored}, reverse=True):
        said = [positive for score, positive in scored if score >= threshold]
        now = sum(said) / positives if positives else 0.0
        expected, recall = expected + (now - recall) * sum(said) / len(said), now
    _, got = ranking(np.array([s for s, _ in scored]), np.array([p for _, p in scored]))
    assert got == (pytest.approx(expected) if positives else None)


@given(st.lists(st.tuples(st.floats(1 / 1024, 1, width=32), st.booleans()), min_size=1, max_size=40))
def test_calibration_error_is_that_of_fifteen_bins(said: list[tuple[float, bool]]) -> None:
    total = 0.0
    for number in range(15):
        inside = [(p, right) for p, right in said if number / 15 < p <= (number + 1) / 15]
        if inside:
            gap = np.mean([right for _, right in inside]) - np.mean([p for p, _ in inside])
            total += len(inside) / len(said) * abs(gap)
    confidence, right = (np.array(each) for each in zip(*said, strict=True))
    assert calibration_error(confidence, right) == pytest.approx(total, abs=1e-6)


def test_what_is_undefined_is_none_and_means_leave_it_out() -> None:
    probabilities = np.array([[0.8, 0.2, 0.0], [0.6, 0.4, 0.0], [0.1, 0.9, 0.0]], np.float32)
    made = evaluate_predictions(probabilities, np.array([0, 1, 1], np.int32))
    cat, dog, bird = made.per_class()
    assert bird == {
        "precision": None, "recall": None, "f1": None, "roc_auc": None, "average_precision": None, "images": 0,
    }  # fmt: skip
    assert (cat["precision"], cat["recall"], dog["precision"], dog["recall"]) == (0.5, 1.0, 1.0, 0.5)
    assert cat["roc_auc"] == dog["roc_auc"] == 1.0
    assert made.means()["macro"]["recall"] == 0.75
    assert made.means()["weighted"]["recall"] == pytest.approx(2 / 3)
    assert made.top_5_accuracy is None
    nothing = evaluate_predictions(probabilities[:1], np.array([1], np.int32))
    assert nothing.per_class()[1]["f1"] == 0.0 and nothing.per_class()[1]["precision"] is None
    assert nothing.means()["macro"]["roc_auc"] is None


def test_half_is_not_more_than_half() -> None:
    p = np.array([0.5, np.nextafter(np.float32(0.5), np.float32(1))], np.float32)
    made = evaluate_predictions(np.stack([1 - p, p], axis=1), np.array([0, 1], np.int32))
    assert made.accuracy == 1


def test_small_probabilities_of_two_classes_keep_their_order() -> None:
    p = np.array([1e-12, 2e-12, 3e-12, 4e-12], np.float32)
    made = evaluate_predictions(np.stack([1 - p, p], axis=1), np.array([0, 0, 1, 1], np.int32))
    assert [row["roc_auc"] for row in made.per_class()] == [1.0, 1.0]


def test_top_five_and_confusions_of_many_classes() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(8), 200).astype(np.float32)
    labels = rng.integers(0, 8, 200).astype(np.int32)
    made = evaluate_predictions(probabilities, labels)
    best = probabilities.argsort(axis=1)[:, -5:]
    assert made.top_5_accuracy == pytest.approx((best == labels[:, None]).any(axis=1).mean())
    found = most_confused(made.confusion, 100)
    counts = [count for *_, count in found]
    assert counts == sorted(counts, reverse=True) and sum(counts) == 200 - np.trace(made.confusion)
    assert all(made.confusion[true, said] == count and true != said for true, said, count in found)


def test_evaluate_shows_and_writes_everything(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for suffix in (".csv", ".png"):
        assert main(["evaluate", str(trained), "--confusion", str(tmp_path / f"m{suffix}")]) == 0
    shown = capsys.readouterr().out
    for word in ("calibration error", "ROC-AUC", "AP", "macro mean", "weighted mean", "as cats", "as dogs"):
        assert word in shown
    assert (tmp_path / "m.csv").read_text(encoding="utf-8").startswith("true \\ predicted,cats,dogs")
    assert main(["evaluate", str(trained), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert set(figures["macro"]) == {"precision", "recall", "f1", "roc_auc", "average_precision"}
    assert figures["top_5_accuracy"] is None and 0 <= figures["calibration_error"] <= 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("m.txt", "--confusion must name a .csv or .png file. Received: --confusion m.txt"),
        (
            "no/where/m.png",
            "--confusion must name a file in a folder that is there. Received: --confusion no/where/m.png",
        ),
    ],
)
def test_a_file_that_cannot_be_written_is_refused_at_once(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", str(trained), "--confusion", name]) == 2
    assert capsys.readouterr().err == f"error: {message}\n"
