"""Metrics of predictions, compared with their definitions, counted by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn

from catsdogs_exp.__main__ import main
from catsdogs_exp.config.compose import config_of
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


def test_a_network_that_always_says_one_class_has_no_five_best() -> None:
    labels = np.arange(60, dtype=np.int32) % 12
    sure = np.zeros((60, 12), np.float32)
    sure[:, 0] = 1
    made = evaluate_predictions(sure, labels)
    assert made.top_5_accuracy == made.accuracy == pytest.approx(1 / 12)
    assert evaluate_predictions(np.full((60, 12), 1 / 12, np.float32), labels).top_5_accuracy == 0


@pytest.mark.parametrize("classes", [2, 3, 8])
@pytest.mark.parametrize("seed", [0, 1])
def test_figures_are_those_of_scikit_learn(classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, 200).astype(np.int32)
    probabilities = rng.dirichlet(np.full(classes, 0.5), 200).astype(np.float32)
    said, known = probabilities.argmax(axis=1), list(range(classes))
    made = evaluate_predictions(probabilities, labels)
    assert made.accuracy == pytest.approx(sklearn.accuracy_score(labels, said))
    exact = probabilities.astype(np.float64)
    exact /= exact.sum(axis=1, keepdims=True)
    assert made.loss == pytest.approx(sklearn.log_loss(labels, exact, labels=known), rel=1e-5)
    np.testing.assert_array_equal(made.confusion, sklearn.confusion_matrix(labels, said, labels=known))
    if classes > 5:
        assert made.top_5_accuracy == pytest.approx(sklearn.top_k_accuracy_score(labels, probabilities, k=5))
    rows = made.per_class()
    of_each = sklearn.precision_recall_fscore_support(labels, said, labels=known)
    for name, expected in zip(("precision", "recall", "f1", "images"), of_each, strict=True):
        assert [row[name] for row in rows] == pytest.approx(expected.tolist())
    for label, row in enumerate(rows):
        assert row["roc_auc"] == pytest.approx(sklearn.roc_auc_score(labels == label, probabilities[:, label]))
        precision = sklearn.average_precision_score(labels == label, probabilities[:, label])
        assert row["average_precision"] == pytest.approx(precision)
    for name in ("macro", "weighted"):
        means = sklearn.precision_recall_fscore_support(labels, said, labels=known, average=name)[:3]
        assert [made.means()[name][key] for key in ("precision", "recall", "f1")] == pytest.approx(means)


def test_the_loss_of_small_probabilities_is_not_capped() -> None:
    """1e-7 is where Keras would cap it: 16.118."""
    labels = np.array([0, 1], np.int32)
    probabilities = np.array([[1e-30, 1.0], [1.0, 1e-20]], np.float32)
    assert evaluate_predictions(probabilities, labels).loss == pytest.approx(25 * np.log(10), rel=1e-6)
    nothing = np.array([[0.0, 1.0], [1.0, 0.0]], np.float32)
    assert evaluate_predictions(nothing, labels).loss == pytest.approx(126 * np.log(2))  # the smallest of float32
    logs = np.array([[-400.0, 0.0], [0.0, -200.0]], np.float32)
    assert evaluate_predictions(nothing, labels, logs).loss == pytest.approx(300)
    assert str(evaluate_predictions(nothing[::-1], labels, logs[::-1]).loss) == "0.0"


@pytest.mark.parametrize(
    ("classes", "strength"),
    [
        (2, 3000.0),
        (3, 3000.0),
        pytest.param(2, 1.0, marks=pytest.mark.slow),
        pytest.param(3, 1.0, marks=pytest.mark.slow),
    ],
)
def test_evaluate_gives_the_loss_of_the_validation_pass(
    classes: int, strength: float, tiny: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also for a confidently wrong network, whose last weights are 3,000 times as large."""
    from catsdogs_exp.data.loaders import make_loader
    from catsdogs_exp.data.open_data import gather, open_images
    from catsdogs_exp.data.sources.listing import VALIDATION
    from catsdogs_exp.training.checkpoint.model_file import load_model, save_model
    from catsdogs_exp.training.fit import evaluate
    from catsdogs_exp.training.steps import Steps

    words = [*tiny, "logging=minimal", f"dataset.classes={classes}", "epochs=1", f"output_dir={tmp_path}"]
    assert main(words) == 0
    (run,) = (tmp_path / "drawn").iterdir()
    shown = json.loads((run / "result.json").read_text(encoding="utf-8"))["metrics"]["val"]["loss"]
    network, card = load_model(run / "checkpoints" / "best.keras")
    settings = config_of(words)
    loader = make_loader(settings, open_images(gather(settings), settings), VALIDATION)
    assert evaluate(Steps(network), loader)[0]["loss"] == pytest.approx(shown, rel=1e-6)
    last = network.layers[-1]
    last.set_weights([weight * strength for weight in last.get_weights()])
    save_model(network, card, run / "checkpoints" / "best.keras")
    passed, _ = evaluate(Steps(network), loader)
    capsys.readouterr()
    assert main(["evaluate", str(run), "--json", "--tta", "1"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["loss"] == pytest.approx(passed["loss"], rel=1e-5)
    assert figures["tta"]["loss"] == pytest.approx(passed["loss"], rel=1e-5)
    assert figures["accuracy"] == pytest.approx(passed["accuracy"])
    assert strength == 1 or passed["loss"] > 17


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
            "--confusion must name a file in an existing folder. Received: --confusion no/where/m.png",
        ),
    ],
)
def test_a_file_that_cannot_be_written_is_refused_at_once(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", str(trained), "--confusion", name]) == 2
    assert capsys.readouterr().err == f"error: {message}\n"


def test_no_number_is_never_right() -> None:
    """The argmax of NaN is the first class; top-5 has always counted it as wrong, so accuracy must not be higher."""
    chances = np.full((4, 7), np.nan, np.float32)
    chances[3] = [0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]
    found = evaluate_predictions(chances, np.zeros(4, np.int32))
    assert (found.accuracy, found.top_5_accuracy) == (0.25, 0.25)
    assert np.isnan(found.loss) and np.isnan(found.calibration_error)
