"""`predictions.csv`: it survives a round trip bit for bit, and agrees with the run's metrics."""

import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from catsdogs_exp.__main__ import main
from catsdogs_exp.errors import BadInput
from catsdogs_exp.metrics.evaluation import evaluate_predictions
from catsdogs_exp.record.folder.predictions import (
    Predictions,
    predictions_of,
    read_predictions,
    write_predictions,
)

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8)


@st.composite
def any_predictions(draw: st.DrawFn) -> Predictions:
    classes = tuple(draw(st.lists(NAMES, min_size=2, max_size=30, unique=True)))
    paths = tuple(draw(st.lists(NAMES, max_size=5)))
    n, many = len(paths), len(classes) > 20
    label = st.integers(0, len(classes) - 1)
    values = arrays.arrays(
        np.float32, (n, 5 if many else len(classes)), elements=st.floats(0, 1, width=32, allow_subnormal=True)
    )
    top = [draw(st.permutations(range(len(classes))))[:5] for _ in paths]
    return Predictions(
        classes,
        paths,
        tuple(draw(st.sampled_from(["validation", "test"])) for _ in paths),
        np.array([draw(label) for _ in paths], np.int32),
        draw(values),
        np.array(top, np.int32).reshape(n, 5) if many else None,
    )


@given(any_predictions())
def test_what_is_read_is_what_was_written(tmp_path_factory: pytest.TempPathFactory, made: Predictions) -> None:
    path = tmp_path_factory.mktemp("predictions") / "predictions.csv"
    write_predictions(path, made)
    found = read_predictions(path, made.classes)
    assert (found.classes, found.paths, found.splits) == (made.classes, made.paths, made.splits)
    assert found.labels.tolist() == made.labels.tolist()
    assert found.probabilities.dtype == np.float32
    assert found.probabilities.tobytes() == made.probabilities.tobytes()
    assert (found.top is None) == (made.top is None)
    if found.top is not None and made.top is not None:
        assert found.top.tolist() == made.top.tolist()
    assert [each.name for each in path.parent.iterdir()] == ["predictions.csv"]


def test_the_columns_of_two_and_of_many_classes(tmp_path: Path) -> None:
    classes, values = ("a,b", 'the "dog"\n'), np.array([[0.25, 0.75]], np.float32)
    few = Predictions(classes, ("x/1.jpg",), ("validation",), np.array([1], np.int32), values)
    write_predictions(tmp_path / "few.csv", few)
    with (tmp_path / "few.csv").open(newline="") as handle:
        assert list(csv.reader(handle)) == [
            ["path", "split", "label", "p_a,b", 'p_the "dog"\n'],
            ["x/1.jpg", "validation", 'the "dog"\n', "0.25", "0.75"],
        ]
    names = tuple(f"class {number}" for number in range(21))
    top = np.array([[3, 20, 0, 1, 2]], np.int32)
    values = np.array([[0.5, 0.25, 0.125, 0.0625, 0.0625]], np.float32)
    many = Predictions(names, ("x/1.jpg",), ("test",), np.array([20], np.int32), values, top)
    write_predictions(tmp_path / "many.csv", many)
    assert (tmp_path / "many.csv").read_text().splitlines() == [
        "path,split,label,top1,p1,top2,p2,top3,p3,top4,p4,top5,p5",
        "x/1.jpg,test,class 20,class 3,0.5,class 20,0.25,class 0,0.125,class 1,0.0625,class 2,0.0625",
    ]


def test_mistakes_come_worst_first_and_unknown_probabilities_before_all() -> None:
    two = Predictions(
        ("cats", "dogs"), tuple("abcd"), ("test",) * 4, np.array([0, 1, 0, 0], np.int32),
        np.array([[0.4, 0.6], [0.1, 0.9], [0.01, 0.99], [0.5, 0.5]], np.float32),
    )  # fmt: skip
    assert two.right.tolist() == [False, True, False, True]  # of equally probable ones the first counts
    assert two.mistakes().tolist() == [2, 0]
    assert two.mistakes(1).tolist() == [2]
    assert two.confusion().tolist() == [[1, 2], [0, 1]]
    top = np.array([[1, 2, 3, 4, 5], [0, 2, 3, 4, 5]], np.int32)
    values = np.tile(np.array([0.5, 0.2, 0.1, 0.1, 0.05], np.float32), (2, 1))
    many = Predictions(tuple(map(str, range(21))), ("a", "b"), ("test",) * 2, np.array([2, 9], np.int32), values, top)
    assert many.mistakes().tolist() == [1, 0]
    assert many.of_label[0] == np.float32(0.2)
    assert np.isnan(many.of_label[1])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "its first line is ''"),
        ("path,split\n", "its first line is 'path,split'"),
        ("path,split,label,p_a,p_b\nx,test,a,0.5\n", "row 1 has 4 values, not 5"),
        ("path,split,label,p_a,p_b\nx,test,c,0.5,0.5\n", "unknown class 'c'"),
        ("path,split,label,p_a,p_b\nx,test,a,0.5,half\n", "could not convert string to float: 'half'"),
    ],
)
def test_a_damaged_file_is_refused_with_the_reason(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "predictions.csv").write_text(text)
    with pytest.raises(BadInput) as caught:
        predictions_of(tmp_path)
    assert str(caught.value) == f"The predictions of the run cannot be read: {tmp_path / 'predictions.csv'}: {reason}"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, ", and no readable result.json: name a run folder."),
        ({"epochs": 0}, ": none of its epochs has ended. Continue it: resume {run}"),
        (
            {"epochs": 3, "counts": {"train": {"a": 1}}},
            ": it has no validation or test images. Train one with split.validation=0.2",
        ),
        (
            {"epochs": 3, "counts": {"train": {"a": 1}, "validation": {"a": 1}}},
            ": it was trained with an older version. Add them: evaluate {run} --predictions",
        ),
    ],
)
def test_a_run_without_predictions_says_why(tmp_path: Path, content: dict[str, object] | None, said: str) -> None:
    if content is not None:
        (tmp_path / "result.json").write_text(json.dumps(content))
    with pytest.raises(BadInput) as caught:
        predictions_of(tmp_path)
    assert str(caught.value) == f"The run {tmp_path} has no predictions.csv{said.format(run=tmp_path)}"


def test_reading_needs_no_tensorflow(trained: Path) -> None:
    code = (
        "import sys; from catsdogs_exp.record.folder.predictions import predictions_of;"
        f"print(len(predictions_of({str(trained)!r})), 'tensorflow' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).endswith(" False\n")


def test_a_run_of_an_older_version_gets_its_predictions(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path(shutil.copytree(trained, tmp_path / "old"))
    expected = predictions_of(run)
    (run / "predictions.csv").unlink()
    assert main(["evaluate", str(run), "--predictions"]) == 0
    assert f"{len(expected)} predictions: {run / 'predictions.csv'}" in capsys.readouterr().out
    found = predictions_of(run)
    assert (found.paths, found.splits, found.classes) == (expected.paths, expected.splits, expected.classes)
    assert found.labels.tolist() == expected.labels.tolist()
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-5)
    assert main(["evaluate", str(run), "--predictions"]) == 2
    assert "The run already has predictions.csv" in capsys.readouterr().err


def run_with(outputs: Path, *words: str) -> Path:
    assert main([*words, "logging=minimal", f"output_dir={outputs}"]) == 0
    (folder,) = outputs.glob("*/*")
    return folder


def check_agreement(run: Path, splits: tuple[str, ...] = ("validation", "test")) -> Predictions:
    """The file against `result.json` and `manifest.csv`: accuracies to the last bit, the images and their classes."""
    result, found = json.loads((run / "result.json").read_text()), predictions_of(run)
    assert found.classes == tuple(result["classes"])
    assert set(found.splits) == set(splits)
    with (run / "manifest.csv").open(newline="") as handle:
        rows = {row["path"]: row for row in csv.DictReader(handle)}
    assert [found.classes[label] for label in found.labels.tolist()] == [rows[path]["class"] for path in found.paths]
    for split in splits:
        part, metrics = found.of_split(split), result["metrics"]["val" if split == "validation" else split]
        hits, n = np.float32(part.right.sum()), np.float32(len(part))
        assert float(hits / n) == metrics["accuracy"]
        if part.top is None:
            judged = evaluate_predictions(part.probabilities, part.labels)
            assert judged.loss == pytest.approx(metrics["loss"], rel=1e-5, abs=1e-6)
            assert part.probabilities.sum(axis=1) == pytest.approx(1, abs=1e-6)
        else:
            assert (np.diff(part.probabilities, axis=1) <= 0).all()
            top_5 = np.float32((part.top == part.labels[:, None]).any(axis=1).sum()) / n
            assert float(top_5) == pytest.approx(metrics["top_5_accuracy"], abs=1e-6)
    return found


def test_the_predictions_of_a_run_agree_with_its_result(trained: Path) -> None:
    found = check_agreement(trained)
    with (trained / "manifest.csv").open(newline="") as handle:
        rows = [(row["path"], row["split"]) for row in csv.DictReader(handle)]
    for split in ("validation", "test"):
        assert list(found.of_split(split).paths) == [path for path, of in rows if of == split]


SETTINGS = {
    "two softmax units": ("model.head=softmax",),
    "averaged weights": ("training.ema=0.9", "optimizer=adamw"),
    "half precision": ("training.precision=mixed_bfloat16",),
    "three classes": ("dataset.classes=3",),
    "grey": ("dataset.channels=1",),
    "watching the loss": ("training.monitor=val_loss",),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_they_agree_whatever_the_settings(tmp_path: Path, tiny: tuple[str, ...], name: str) -> None:
    check_agreement(run_with(tmp_path, *tiny, "epochs=2", *SETTINGS[name]))


@pytest.mark.slow
def test_they_agree_compiled_by_xla(tmp_path: Path, tiny: tuple[str, ...]) -> None:
    """In a process of its own: determinism, once switched on, stays, and XLA has no deterministic max-pooling."""
    words = (*tiny, "epochs=1", "training.jit=always", "training.deterministic=false", f"output_dir={tmp_path}")
    subprocess.run([sys.executable, "-m", "catsdogs_exp", *words], check=True, capture_output=True)
    (folder,) = tmp_path.glob("*/*")
    check_agreement(folder)


def test_with_a_part_of_the_validation_images_only_those_are_there(tmp_path: Path, tiny: tuple[str, ...]) -> None:
    run = run_with(tmp_path, *tiny, "epochs=1", "batch_size=3", "training.validation_steps=2")
    assert len(check_agreement(run).of_split("validation")) == 6


def test_without_a_test_split_there_are_validation_images_alone(tmp_path: Path, tiny: tuple[str, ...]) -> None:
    check_agreement(run_with(tmp_path, *tiny, "epochs=1", "split.test=0"), ("validation",))


def test_without_validation_images_there_are_test_images_alone(tmp_path: Path, tiny: tuple[str, ...]) -> None:
    words = ("epochs=1", "split.validation=0", "training.monitor=loss")
    check_agreement(run_with(tmp_path, *tiny, *words), ("test",))


def test_the_images_of_an_overfit_run_are_those_of_its_validation_pass(tmp_path: Path, tiny: tuple[str, ...]) -> None:
    run = run_with(tmp_path, *tiny, "epochs=1", "training.overfit_batches=1")
    assert len(check_agreement(run).of_split("validation")) == 8


def test_cached_features_give_the_predictions_of_the_whole_network(tmp_path: Path) -> None:
    run = run_with(
        tmp_path,
        *("dataset.images=40", "target_size=32", "batch_size=8", "epochs=2", "split.test=0.2"),
        *("model=transfer", "model.backbone=MobileNetV2", "model.weights=none", "model.cut=block_3_expand_relu"),
    )
    assert "training the head alone" in (run / "run.log").read_text()
    check_agreement(run)


def test_of_many_classes_the_five_most_probable_are_kept(
    tmp_path: Path, photo_folder: Callable[..., Path], tiny: tuple[str, ...]
) -> None:
    photos = photo_folder({f"kind {number}": 3 for number in range(22)})
    words = ("dataset=folder", f"dataset.path={photos}", "split.validation=0.34", "target_size=32", "depth=2")
    run = run_with(tmp_path / "outputs", *words, "batch_size=8", "model.dense=8", "epochs=1")
    found = check_agreement(run, ("validation",))
    assert found.top is not None
    assert len(found.classes) == 22
