"""`evaluate --data`: classes matched by name, renamed, left out, or missing; and data that has moved."""

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catsdogs_exp.__main__ import main
from catsdogs_exp.cli.evaluate import _show_advice
from catsdogs_exp.errors import BadInput
from catsdogs_exp.inference.labelled_files import files_of_folder, files_of_split, renamed_classes
from catsdogs_exp.record.folder.predictions import read_predictions
from catsdogs_exp.record.folder.run_files import RunFiles, split_files

Capture = pytest.CaptureFixture[str]
Folder = Callable[..., Path]


def evaluated(capsys: Capture, run: Path, *words: str) -> tuple[dict[str, Any], list[str]]:
    capsys.readouterr()
    assert main(["evaluate", str(run), "--json", *words]) == 0
    said = capsys.readouterr()
    lines = said.err.splitlines()
    assert lines[-1].startswith(f"written: {run / 'evaluations'}")
    return json.loads(said.out), lines[:-1]


def refused(capsys: Capture, run: Path, *words: str) -> str:
    capsys.readouterr()
    assert main(["evaluate", str(run), *words]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    return said.err.removeprefix("error: ").rstrip("\n")


def test_classes_are_matched_by_name_or_by_what_the_user_says(trained: Path, photo_folder: Folder, capsys) -> None:
    alike = evaluated(capsys, trained, "--data", str(photo_folder({"cats": 3, "dogs": 4})))
    other = photo_folder({"Hunde": 0, "Katzen": 3, "dogs": 4}, name="other")
    shutil.rmtree(other / "Hunde")
    assert evaluated(capsys, trained, "--data", str(other), "--classes", "Katzen=cats") == alike
    assert alike[0]["images"] == 7 and alike[0]["classes"]["cats"]["images"] == 3


def test_several_classes_may_be_one_of_the_networks(trained: Path, photo_folder: Folder, capsys) -> None:
    folder = str(photo_folder({"Siam": 2, "Perser, lang": 3, "a=b": 1, "dogs": 2}))
    words = ["--classes", "Siam=cats,a=b=dogs", "--classes", "Perser, lang=cats"]
    figures, said = evaluated(capsys, trained, "--data", folder, *words)
    assert [row["images"] for row in figures["classes"].values()] == [5, 3]
    assert said == []


def test_unknown_classes_are_refused_or_left_out(trained: Path, photo_folder: Folder, capsys) -> None:
    folder = str(photo_folder({"cats": 3, "dogs": 2, "bats": 4, "eels": 1}))
    assert refused(capsys, trained, "--data", folder) == (
        "--data must contain the network's classes: cats, dogs. Received also: bats, eels. "
        "Leave them out with --skip-unknown-classes, or map them with --classes 'bats=cats'"
    )
    figures, said = evaluated(capsys, trained, "--data", folder, "--skip-unknown-classes")
    assert figures["images"] == 5 and figures["skipped_classes"] == {"bats": 4, "eels": 1}
    assert said == ["left out: bats: 4 files", "left out: eels: 1 file"]
    alone, _ = evaluated(capsys, trained, "--data", str(photo_folder({"cats": 3, "dogs": 2}, name="alone")))
    assert alone["confusion"] == figures["confusion"] and "skipped_classes" not in alone


def test_the_mapping_to_type_is_that_of_similar_names(trained: Path, photo_folder: Folder, capsys) -> None:
    folder = str(photo_folder({"Dogs": 1, "CATS": 2}))
    said = refused(capsys, trained, "--data", folder)
    words = said.rpartition("map them with ")[2]
    assert words == "--classes 'CATS=cats,Dogs=dogs'"
    figures, _ = evaluated(capsys, trained, "--data", folder, *words.replace("'", "").split())
    assert [row["images"] for row in figures["classes"].values()] == [2, 1]
    other = str(photo_folder({"cats": 1, "eels": 1}, name="other"))
    assert refused(capsys, trained, "--data", other).endswith("map them with --classes 'eels=CLASS'")


@pytest.mark.parametrize("folders", [["test"], ["val", "test"], ["test/images"]])
def test_other_data_needs_no_training_folder(trained: Path, photo_folder: Folder, folders: list[str], capsys) -> None:
    folder = photo_folder({f"{each}/{name}": 2 for each in folders for name in ("cats", "dogs")})
    figures, _ = evaluated(capsys, trained, "--data", str(folder))
    assert figures["images"] == 4 * len(folders)


def test_settings_of_a_training_are_not_the_next_step(trained: Path, photo_folder: Folder, save_photo, capsys) -> None:
    folder = photo_folder({"cats": 1, "dogs": 1})
    (folder / "test").mkdir()
    save_photo(folder / "test" / "x.jpg")
    said = refused(capsys, trained, "--data", str(folder))
    assert said.startswith("test may be a split or a class in ")
    assert said.endswith("These settings are for training; here, name a folder with one folder per class: --data PATH")


def test_classes_are_those_of_the_network(trained: Path, photo_folder: Folder, tmp_path: Path, capsys) -> None:
    run = Path(shutil.copytree(trained, tmp_path / "run"))
    (run / "result.json").write_text("{}")  # of a killed run, or damaged
    figures, _ = evaluated(capsys, run, "--data", str(photo_folder({"cats": 1, "dogs": 1})))
    assert figures["images"] == 2
    (run / "checkpoints" / "best.keras").unlink()
    assert refused(capsys, run, "--data", str(tmp_path)).startswith("There is no trained network at ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--append", "--crops"], "--append cannot be combined with --crops. It only completes best.keras, and stops"),
        (["--append", "--json"], "--append cannot be combined with --json"),
        (["--predictions", "--split", "test"], "--predictions cannot be combined with --split. It only completes"),
        (["--predictions", "--append"], "--predictions cannot be combined with --append. Type one after the other"),
        (["--split", "Test"], "--split must be one of train, validation, test. Received: Test. Did you mean test?"),
    ],
)
def test_options_without_effect_are_refused(trained: Path, words: list[str], message: str, capsys) -> None:
    assert refused(capsys, trained, *words).startswith(message)


def test_the_metrics_of_a_run_that_cannot_be_written_are_printed(trained: Path, tmp_path: Path, capsys) -> None:
    run = Path(shutil.copytree(trained, tmp_path / "run", ignore=shutil.ignore_patterns("evaluations")))
    (run / "evaluations").write_text("not a folder")
    assert main(["evaluate", str(run)]) == 2
    said = capsys.readouterr()
    assert said.out.startswith("validation: ") and "macro mean" in said.out
    assert said.err.startswith("error: The evaluation cannot be written: ")


def test_data_that_may_not_be_read(trained: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    def exists(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    files = RunFiles(trained)
    first = str(split_files(files, "test")[0][0])
    monkeypatch.setattr("catsdogs_exp.inference.labelled_files.Path.exists", exists)
    with pytest.raises(BadInput) as caught:
        files_of_split(files, "test")
    assert str(caught.value) == f"The data of the run cannot be read: Permission denied: {first}"


def test_a_threshold_is_printed_as_one_types_it(capsys) -> None:
    best = {"class": "cat [small]", "probability": 0.40887, "accuracy": 1.0, "accuracy_at_half": 0.5}
    _show_advice({"threshold": best, "at_threshold": {**best, "probability": 0.123456, "predicted": {"dogs": 2}}})
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("with --threshold 'cat [small]=0.123456': accuracy 1.0000")
    assert second.startswith("best threshold on these images: --threshold 'cat [small]=0.4089', accuracy 1.0000")


@pytest.mark.parametrize("name", ["matrix.csv", "matrix.PNG"])
def test_a_confusion_matrix_replaces_no_file(trained: Path, tmp_path: Path, name: str, capsys) -> None:
    file = tmp_path / name
    evaluated(capsys, trained, "--confusion", str(file))
    before = file.read_bytes()
    assert before.startswith(b"\x89PNG" if name.endswith("PNG") else b"true \\ predicted,")
    assert refused(capsys, trained, "--split", "train", "--confusion", str(file)) == (
        f"--confusion must name a new file. Received: --confusion {file}, which exists and is not overwritten"
    )
    assert file.read_bytes() == before


@pytest.mark.parametrize("there", ["cats", "dogs"])
def test_one_class_alone_is_evaluated(trained: Path, photo_folder: Folder, there: str, capsys) -> None:
    folder = photo_folder({there: 6})
    figures, said = evaluated(capsys, trained, "--data", str(folder))
    (other,) = {"cats", "dogs"} - {there}
    assert figures["images"] == 6
    assert figures["accuracy"] == figures["classes"][there]["recall"]
    assert figures["classes"][there]["roc_auc"] is None
    missing = figures["classes"][other]
    assert missing["images"] == 0 and missing["recall"] is missing["roc_auc"] is missing["average_precision"] is None
    assert said == [f"no images of {other}: metrics that need some of them are undefined (-)"]
    assert main(["evaluate", str(trained), "--data", str(folder)]) == 0
    (row,) = [words for line in capsys.readouterr().out.splitlines() if (words := line.split())[:1] == [other]]
    assert row[1] == "0" and row.count("-") >= 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--classes", "Katzen=cats"], "--classes names a class that is not in {folder}: Katzen. There: cats, dogs"),
        (["--classes", "cast=cats"], "--classes names a class that is not in {folder}: cast. Did you mean cats? There"),
        (["--classes", "cats=cat"], "--classes must give the network's classes: cats, dogs. Received: --classes cats="),
        (["--classes", "cats"], "--classes must be THEIRS=OURS,... Received: --classes cats"),
        (["--classes", "=cats"], "--classes must be THEIRS=OURS,... Received: --classes =cats"),
        (["--classes", "cats=cats,cats=dogs"], "--classes gives cats two classes: cats and dogs"),
        (["--split", "test", "--classes", "a=cats"], "--classes needs --data PATH without --split: the run's own"),
        (["--split", "test", "--skip-unknown-classes"], "--skip-unknown-classes needs --data PATH without --split"),
    ],
)
def test_mistakes(trained: Path, photo_folder: Folder, words: list[str], message: str, capsys) -> None:
    folder = photo_folder({"cats": 1, "dogs": 1})
    assert refused(capsys, trained, "--data", str(folder), *words).startswith(message.format(folder=folder))


def test_a_flag_for_other_data_needs_some(trained: Path, capsys) -> None:
    assert refused(capsys, trained, "--classes", "a=cats").startswith("--classes needs --data PATH")


def test_nothing_that_the_network_knows(trained: Path, photo_folder: Folder, capsys) -> None:
    folder = str(photo_folder({"bats": 1, "eels": 1}))
    assert refused(capsys, trained, "--data", folder, "--skip-unknown-classes") == (
        "--data must contain some of the network's classes: cats, dogs. Received: bats, eels. "
        "Map them: --classes 'bats=cats'"
    )


def test_what_is_no_folder(trained: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "photos.zip").write_bytes(b"PK")
    assert refused(capsys, trained, "--data", str(tmp_path / "nowhere")) == (
        f"--data must be a folder with one folder per class. Received: {tmp_path / 'nowhere'}"
    )
    assert refused(capsys, trained, "--data", str(tmp_path / "photos.zip")) == (
        f"--data must be a folder with one folder per class. Received: {tmp_path / 'photos.zip'}. Unpack it first"
    )


@pytest.fixture
def moved(photo_folder: Folder, tmp_path: Path) -> tuple[Path, Path, Path]:
    """A run, where its data was, and where it is now."""
    photos = photo_folder({"cats": 8, "dogs": 8})
    small = ["target_size=32", "depth=2", "batch_size=8", "model.dense=16", "epochs=1", "split.test=0.25"]
    out = ["logging.tensorboard=false", "logging.activations.every=-1", f"output_dir={tmp_path / 'out'}"]
    assert main(["dataset=folder", f"dataset.path={photos}", *small, *out]) == 0
    (run,) = (tmp_path / "out").glob("*/*/result.json")
    now = tmp_path / "elsewhere"
    return run.parent, photos, now


def test_data_that_has_moved(moved: tuple[Path, Path, Path], capsys) -> None:
    run, before, now = moved
    at_home, _ = evaluated(capsys, run, "--split", "test")
    before.rename(now)
    assert refused(capsys, run, "--split", "test") == (
        f"The data of the run is no longer at {before}: none of its 4 test images is there. Name its current "
        "location: --data PATH --split test; or evaluate other images: --data PATH"
    )
    assert evaluated(capsys, run, "--split", "test", "--data", str(now)) == (at_home, [])
    assert main(["evaluate", str(run), "--split", "test", "--data", str(now)]) == 0
    assert capsys.readouterr().out.startswith(f"test of {now}: 4 images, ")
    assert evaluated(capsys, run, "--data", str(now))[0]["images"] == 16
    assert refused(capsys, run, "--split", "test", "--data", str(run)).startswith(
        "--data contains none of the 4 test images of the run, such as "
    )


def test_what_completes_a_run_names_its_own_next_step_where_data_has_moved(
    moved: tuple[Path, Path, Path], capsys
) -> None:
    run, before, now = moved
    before.rename(now)
    (run / "predictions.csv").unlink()
    with zipfile.ZipFile(run / "checkpoints" / "best.keras") as whole, zipfile.ZipFile(run / "old", "w") as old:
        for name in whole.namelist():
            if "appendix" not in name:
                old.writestr(name, whole.read(name))
    (run / "old").replace(run / "checkpoints" / "best.keras")
    for flag in ("--predictions", "--append"):
        said = refused(capsys, run, flag)
        assert said.startswith(f"The data of the run is no longer at {before}: none of its ")
        assert said.endswith(f"is there. Name its current location: {flag} --data PATH")
    assert refused(capsys, run, "--predictions", "--data", str(run)).startswith(
        f"--data must be the folder of the run's images. Received: {run}, which contains none of its "
    )
    assert main(["evaluate", str(run), "--predictions", "--data", str(now)]) == 0


def cut(text: str) -> str:
    return text[: text.rindex(",train,") + 3]


MANIFESTS = {
    "cut": (cut, "The manifest of the run is damaged: row "),
    "no columns": (lambda text: text.replace("class", "klasse", 1), "The manifest of the run cannot be read: "),
    "another run's": (
        lambda text: text.replace(",dogs,", ",birds,"),
        "The run's manifest has classes that its network",
    ),
    "empty": (lambda _: "", "The run has no validation images. It has: none"),
}


@pytest.mark.parametrize("kind", MANIFESTS)
@pytest.mark.parametrize("words", [["evaluate"], ["evaluate", "--predictions"], ["export", "--format", "savedmodel"]])
def test_a_damaged_manifest_is_told_in_a_line(
    trained: Path, tmp_path: Path, words: list[str], kind: str, capsys
) -> None:
    run = Path(shutil.copytree(trained, tmp_path / "run"))
    (run / "predictions.csv").unlink()
    change, message = MANIFESTS[kind]
    (run / "manifest.csv").write_text(change((run / "manifest.csv").read_text()))
    command, *flags = words
    assert main([command, str(run), *flags]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {message}") or (kind == "empty" and "validation or test images" in line)


def test_a_manifest_may_name_files_elsewhere(trained: Path, tmp_path: Path, save_photo, capsys) -> None:
    run = Path(shutil.copytree(trained, tmp_path / "run"))
    photo = save_photo(tmp_path / "photo.jpg")
    (run / "manifest.csv").write_text(f"path,class,split\n{photo},cats,validation\n")
    for more in ([], ["--data", str(run), "--split", "validation"]):
        assert evaluated(capsys, run, *more)[0]["images"] == 1


def test_an_image_that_is_gone_is_said(moved: tuple[Path, Path, Path], capsys) -> None:
    run, before, _ = moved
    for path in before.rglob("cat.*.jpg"):
        path.unlink()
    figures, said = evaluated(capsys, run, "--split", "train")
    assert figures["classes"]["cats"]["images"] == 0
    assert figures["left_out"] == len(said) > 0 < figures["images"]
    assert all(line.endswith(": cannot be read: No such file or directory") for line in said)


@given(theirs=st.lists(st.text("ab, ", min_size=1, max_size=5), min_size=1, max_size=3, unique=True))
def test_names_may_hold_commas(theirs: list[str]) -> None:
    pairs = [f"{name}=cats" for name in theirs]
    assert renamed_classes(pairs, ["cats", "dogs"]) == dict.fromkeys(theirs, "cats")
    assert renamed_classes([",".join(pairs)], ["cats", "dogs"]) == dict.fromkeys(theirs, "cats")


def test_hidden_files_and_splits_of_other_data_are_as_in_training(photo_folder: Folder) -> None:
    folder = photo_folder({"train/cats": 2, "test/cats": 1, "train/dogs": 1, "test/dogs": 1})
    (folder / "train" / "cats" / ".hidden.jpg").write_bytes(b"x")
    found = files_of_folder(folder, ("cats", "dogs"))
    assert sorted(name for _, name in found.files) == ["cats", "cats", "cats", "dogs", "dogs"]
    with pytest.raises(BadInput, match="contains nothing"):
        (folder / "empty").mkdir()
        files_of_folder(folder / "empty", ("cats", "dogs"))


def test_each_evaluation_gets_a_folder_of_its_own(trained: Path, photo_folder: Folder, tmp_path: Path, capsys) -> None:
    run = Path(shutil.copytree(trained, tmp_path / "run", ignore=shutil.ignore_patterns("evaluations")))
    photos = photo_folder({"cats": 3, "dogs": 4}, name="my [photos]")
    figures, _ = evaluated(capsys, run, "--data", str(photos))
    first = run / "evaluations" / "my-[photos]"
    kept = {path.name: path.read_bytes() for path in first.iterdir()}
    assert set(kept) == {"figures.json", "predictions.csv", "index.html"}
    stored = json.loads(kept["figures.json"])
    assert stored == {"evaluated": str(photos), "root": str(photos), **figures}
    said = read_predictions(first / "predictions.csv")
    assert len(said) == 7 and float(said.right.mean()) == figures["accuracy"]
    assert {path.partition("/")[0] for path in said.paths} == {"cats", "dogs"}
    evaluated(capsys, run, "--data", str(photos))
    assert {path.name: path.read_bytes() for path in first.iterdir()} == kept
    evaluated(capsys, run, "--split", "test")
    assert {path.name for path in (run / "evaluations").iterdir()} == {"my-[photos]", "my-[photos]-2", "test"}


def test_the_page_shows_metrics_mistakes_and_names_literally(
    trained: Path, photo_folder: Folder, tmp_path: Path, capsys
) -> None:
    run = Path(shutil.copytree(trained, tmp_path / "run", ignore=shutil.ignore_patterns("evaluations")))
    photos = photo_folder({"cats": 5, "dogs": 5}, name="photos")
    (photos / "cats" / "cat.0.jpg").rename(photos / "cats" / "<b>cat&.jpg")
    (photos / "dogs" / "dog.0.jpg").rename(photos / "dogs" / "<b>dog&.jpg")
    figures, _ = evaluated(capsys, run, "--data", str(photos))
    html = (run / "evaluations" / "photos" / "index.html").read_text(encoding="utf-8")
    low, high = figures["intervals"]["accuracy"]
    assert f"Accuracy {figures['accuracy']:.4f} on 10 images (95 % Wilson interval: {low:.4f} to {high:.4f})" in html
    wrong = round(10 * (1 - figures["accuracy"]))
    assert f"Mistakes: {wrong}" in html and html.count('class="marked"') == wrong
    assert "<b>cat" not in html and "<b>dog" not in html


def test_intervals_are_printed_and_hold_the_values(trained: Path, photo_folder: Folder, capsys) -> None:
    photos = str(photo_folder({"cats": 12, "dogs": 12}))
    figures, _ = evaluated(capsys, trained, "--data", photos)
    intervals = figures["intervals"]
    for key in ("accuracy", "loss", "calibration_error"):
        low, high = intervals[key]
        assert low <= high and low >= 0
    assert intervals["accuracy"][0] <= figures["accuracy"] <= intervals["accuracy"][1]
    low, high = intervals["classes"]["cats"]["recall"]
    assert low <= figures["classes"]["cats"]["recall"] <= high
    assert main(["evaluate", str(trained), "--data", photos]) == 0
    out = capsys.readouterr().out
    assert f"95 % intervals: accuracy {intervals['accuracy'][0]:.4f} to {intervals['accuracy'][1]:.4f}, loss " in out


def test_another_threshold(trained: Path, capsys) -> None:
    figures, _ = evaluated(capsys, trained, "--threshold", "dogs=0")
    said = figures["at_threshold"]
    assert said["predicted"] == {"cats": 0, "dogs": figures["images"]}
    assert said["accuracy"] == figures["classes"]["dogs"]["images"] / figures["images"]
    best = figures["threshold"]
    assert best["class"] == "dogs" and best["accuracy"] >= best["accuracy_at_half"] == figures["accuracy"]
    again, _ = evaluated(capsys, trained, "--threshold", f"dogs={best['probability']}")
    assert again["at_threshold"]["accuracy"] == pytest.approx(best["accuracy"])
    assert main(["evaluate", str(trained), "--threshold", "dogs=0"]) == 0
    assert f"with --threshold dogs=0: accuracy {said['accuracy']:.4f}; predicted: 0 cats, " in capsys.readouterr().out
    assert refused(capsys, trained, "--threshold", "birds=1").startswith("--threshold must name a class: cats or dogs")


def test_the_courses_mistake_makes_answers_extreme(trained: Path, photo_folder: Folder, capsys) -> None:
    photos = str(photo_folder({"cats": 8, "dogs": 8}))
    right, forgotten = (
        evaluated(capsys, trained, "--data", photos, *more)[0] for more in ((), ("--forget-rescaling",))
    )
    assert forgotten["loss"] > right["loss"]
