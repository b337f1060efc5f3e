"""predict and evaluate: the same pixels and preprocessing as in training, image by image."""

import csv
import errno
import io
import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from catsdogs_exp.__main__ import main
from catsdogs_exp.data.prefetch import batches
from catsdogs_exp.data.sources.listing import list_images
from catsdogs_exp.metrics.evaluation import evaluate_predictions
from catsdogs_exp.record.folder.run_files import split_files


@pytest.fixture(scope="module")
def validation_files(trained: Path) -> list[tuple[Path, str]]:
    from catsdogs_exp.record.folder.run_files import find_run

    return split_files(find_run(trained), "validation")


def test_predict_gives_what_the_validation_pass_saw(
    trained: Path, validation_files: list[tuple[Path, str]], config, tiny, capsys: pytest.CaptureFixture[str]
) -> None:
    """The course's notebooks forget to rescale when they predict (docs/course.md); here that cannot happen."""
    from catsdogs_exp.data.loaders import make_loader
    from catsdogs_exp.data.open_data import gather, open_images
    from catsdogs_exp.data.sources.listing import VALIDATION
    from catsdogs_exp.training.checkpoint.model_file import load_model
    from catsdogs_exp.training.steps import Steps

    settings = config(*tiny, "augment=course")
    manifest = gather(settings)
    loader = make_loader(settings, open_images(manifest, settings), VALIDATION)
    steps = Steps(load_model(trained / "checkpoints" / "best.keras")[0])
    passed = np.concatenate([steps.predict(images).numpy() for images, _ in batches(loader)])

    files = [str(path) for path, _ in validation_files]
    assert main(["predict", str(trained), *files, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["path"] for row in rows] == files == [str(manifest.path(row)) for row in loader.rows]
    predicted = np.array([[row["probabilities"]["cats"], row["probabilities"]["dogs"]] for row in rows])
    np.testing.assert_allclose(predicted, passed, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad", "random_resized_crop"])
def test_prediction_sees_the_pixels_of_the_validation_pass(
    photo_folder, config, cache: Path, resize: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from catsdogs_exp.data.images.pixels import open_pixels
    from catsdogs_exp.data.open_data import gather
    from catsdogs_exp.inference import predictor
    from catsdogs_exp.training.checkpoint.card import ModelCard

    settings = config(
        "dataset=folder",
        f"dataset.path={photo_folder(size=(50, 31))}",
        f"loader.resize={resize}",
        "loader.pad_value=99",
        "loader.interpolation=lanczos",
        "target_size=[20,24]",
        "depth=1",
    )
    manifest = gather(settings)
    rows = manifest.usable()
    expected = open_pixels(manifest, settings.loader)(rows)
    card = ModelCard.of(settings.loader, manifest.classes)
    monkeypatch.setattr(predictor, "load_model", lambda _: (SimpleNamespace(input_shape=(None, 20, 24, 3)), card))
    monkeypatch.setattr(predictor, "read_appendix", lambda _: None)
    reader = predictor.Predictor(SimpleNamespace(network=None))
    assert np.array_equal(np.stack([reader._read(manifest.path(row)) for row in rows.tolist()]), expected)


def test_evaluate_repeats_the_best_epochs_validation(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recorded = json.loads((trained / "result.json").read_text())["metrics"]
    for split, key in (("validation", "val"), ("test", "test")):
        assert main(["evaluate", str(trained), "--split", split, "--json"]) == 0
        figures = json.loads(capsys.readouterr().out)
        assert figures["accuracy"] == pytest.approx(recorded[key]["accuracy"], abs=1e-6)
        assert figures["loss"] == pytest.approx(recorded[key]["loss"], rel=1e-4)
        assert np.sum(figures["confusion"]) == figures["images"]


def test_unreadable_files_are_reported_and_the_rest_predicted(
    trained: Path, validation_files: list[tuple[Path, str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    good = str(validation_files[0][0])
    assert main(["predict", str(trained), str(text), good, str(tmp_path / "none.jpg")]) == 1
    captured = capsys.readouterr()
    assert f"not predicted: {text}: not an image" in captured.err
    assert f"not predicted: {tmp_path / 'none.jpg'}: cannot be read: No such file or directory" in captured.err
    lines = captured.out.splitlines()
    assert lines[0].split() == ["image", "class", "probability"]
    assert len(lines) == 2 and good in lines[1] and ("cats" in lines[1] or "dogs" in lines[1])
    assert main(["predict", str(trained), str(text)]) == 2


def test_a_subfolder_that_cannot_be_read_is_reported_and_the_rest_predicted(
    trained: Path, photo_folder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = photo_folder({"closed": 2, "open": 3})
    scandir = os.scandir

    def refusing(place: str) -> object:
        if str(place).endswith("closed"):
            raise PermissionError(errno.EACCES, "Permission denied", str(place))
        return scandir(place)

    monkeypatch.setattr(os, "scandir", refusing)
    assert main(["predict", str(trained), str(photos), "--csv"]) == 1
    said = capsys.readouterr()
    assert f"not predicted: {photos / 'closed'}: cannot be read: Permission denied" in said.err
    rows = list(csv.DictReader(io.StringIO(said.out)))
    assert [Path(row["path"]).parent.name for row in rows if not row.get("error")] == ["open"] * 3


def test_folders_and_csv(trained: Path, photo_folder, capsys: pytest.CaptureFixture[str]) -> None:
    photos = photo_folder({"mixed": 11})
    assert main(["predict", str(trained), str(photos), "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [Path(row["path"]).name for row in rows] == [f"mixed.{i}.jpg" for i in range(11)]
    for row in rows:
        assert float(row["cats"]) + float(row["dogs"]) == pytest.approx(1, abs=1e-5)
        assert float(row["probability"]) == pytest.approx(float(row[row["class"]]))


def test_a_folder_gives_the_files_that_training_would_take(
    trained: Path, photo_folder, save_photo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = photo_folder({"cats": 2, "dogs": 2, "cats/.git/objects": 1, "cats/__MACOSX": 1, "dogs/@eaDir/1.jpg": 2})
    (photos / "cats" / "Thumbs.db").write_bytes(b"x")
    (photos / "dogs" / "10.jpg").symlink_to(save_photo(tmp_path / "elsewhere.jpg", seed=50))
    (photos / "dogs" / "linked").symlink_to(photo_folder({"more": 1}, name="linked"))
    assert main(["predict", str(trained), str(photos), "--json"]) == 0
    out, err = capsys.readouterr()
    assert (
        "skipped: 4 hidden or left behind by a system or program: .git/, @eaDir/, __MACOSX/, Thumbs.db"
        in err.splitlines()
    )
    listing = list_images(photos)
    assert [row["path"] for row in json.loads(out)] == [str(photos / path) for path in listing.paths.tolist()]
    assert len(listing.paths) == 6
    assert [f"skipped: {note}" for note in listing.notes] == [line for line in err.splitlines() if "skipped" in line]
    (photos / "only" / ".hidden").mkdir(parents=True)
    assert main(["predict", str(trained), str(photos / "only")]) == 2
    assert f"error: No files in: {photos / 'only'}" in capsys.readouterr().err


def test_other_pictures_are_evaluated_by_their_folders(
    trained: Path, photo_folder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(trained), "--data", str(photo_folder({"cats": 3, "dogs": 5}))]) == 0
    assert "8 images, accuracy" in capsys.readouterr().out
    assert main(["evaluate", str(trained), "--data", str(photo_folder({"cats": 3, "bats": 5}, name="b"))]) == 2
    assert "--data must contain the network's classes: cats, dogs. Received also: bats" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["predict", "{tmp}/nothing", "x.jpg"], "RUN must be a run folder. There is none at: "),
        (["predict", "{tmp}", "x.jpg"], "RUN must be a run folder. Received: "),
        (["evaluate", "{run}", "--split", "valid"], "--split must be one of train, validation, test. Received: valid"),
        (["predict", "{parent}", "x.jpg"], "It contains runs, such as "),
    ],
)
def test_wrong_runs_and_splits(trained: Path, tmp_path: Path, words, message: str, capsys) -> None:
    places = {"{tmp}": str(tmp_path), "{run}": str(trained), "{parent}": str(trained.parent)}
    for mark, place in places.items():
        words = [word.replace(mark, place) for word in words]
    assert main(words) == 2
    assert message in capsys.readouterr().err


def test_judging_counts_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.7, 0.3]], dtype=np.float32)
    evaluation = evaluate_predictions(probabilities, np.array([0, 0, 1, 1], dtype=np.int32))
    assert evaluation.accuracy == 0.5
    assert evaluation.loss == pytest.approx(-np.log([0.9, 0.4, 0.8, 0.3]).mean(), rel=1e-6)
    assert evaluation.confusion.tolist() == [[1, 1], [1, 1]]
    row = evaluation.per_class()[0]
    assert {key: row[key] for key in ("precision", "recall", "f1", "images")} == {
        "precision": 0.5,
        "recall": 0.5,
        "f1": 0.5,
        "images": 2,
    }


@pytest.fixture
def diverged(trained: Path, tmp_path: Path) -> Path:
    """The run with a network whose weights are NaN."""
    from catsdogs_exp.training.checkpoint.model_file import load_model, save_model

    run = tmp_path / "diverged"
    shutil.copytree(trained, run)
    path = run / "checkpoints" / "best.keras"
    model, card = load_model(path)
    model.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])
    save_model(model, card, path)
    return run


def test_a_network_that_answers_with_nan(diverged: Path, photo_folder, capsys: pytest.CaptureFixture[str]) -> None:
    said = "the network returns NaN: its training has diverged"
    for words in ([], ["--json"], ["--tta", "2"]):
        assert main(["evaluate", str(diverged), *words]) == 1
        output = capsys.readouterr()
        assert output.out == ""
        assert output.err.startswith("error: There is nothing to evaluate: for ")
        assert output.err.endswith(f"{said}. Train it again with a lower lr\n") and output.err.count("\n") == 1
    photos = photo_folder({"cats": 2})
    assert main(["predict", str(diverged), str(photos)]) == 2
    assert capsys.readouterr().err.count(said) == 2
