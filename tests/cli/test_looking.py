"""inspect and show: the data and its problems, and what would enter training."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catsdogs_exp.__main__ import main


def test_inspect_counts_and_names_what_is_broken(photo_folder, capsys: pytest.CaptureFixture[str]) -> None:
    photos = photo_folder({"cats": 10, "dogs": 10})
    (photos / "cats" / "cat.3.jpg").write_bytes(b"")
    (photos / "dogs" / "dog.4.jpg").write_text("no picture")
    Image.new("CMYK", (30, 20)).save(photos / "dogs" / "dog.5.jpg")
    words = ["inspect", "dataset=folder", f"dataset.path={photos}"]
    assert main(words) == 0
    shown = capsys.readouterr().out
    for line in (
        "20 files, 18 usable",
        "width: 24 to 30 pixels, median 24,",
        "1  CMYK",
        "left out: 2",
        "cats/cat.3.jpg: empty",
        "dogs/dog.4.jpg: not an image",
    ):
        assert line in shown
    assert main([*words, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["reasons"] == {"empty": 1, "not an image": 1}
    assert report["counts"]["train"]["cats"] + report["counts"]["validation"]["cats"] == 9
    assert sorted(path.name for path in (photos / "cats").iterdir()) == sorted(f"cat.{i}.jpg" for i in range(10))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--jsn"],
            "Unknown option: --jsn. Did you mean --json? Known: --json, --html, --fail-on, --run, --help.",
        ),
        (["--html"], "--html needs a value: --html VALUE. Received none."),
        (["--fail-on", "--json"], "--fail-on needs a value: --fail-on VALUE. Received none."),
        (["a", "b"], "inspect takes one path. Received: a b"),
        (["no/where"], "There is no folder or archive to inspect at: no/where. Settings are written key=value."),
        (
            ["--html", "no/where/page.html"],
            "--html must name a file in an existing folder. Received: no/where/page.html",
        ),
        (
            ["--fail-on", "leek"],
            "--fail-on must be a list of bad, duplicate, near_duplicate, leak, near_leak, "
            "label_conflict, odd, outlier, blank, cue. Received: leek. Did you mean leak?",
        ),
    ],
)
def test_inspect_answers_bad_input_in_one_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["inspect", *words]) == 2
    assert capsys.readouterr() == ("", f"error: {message}\n")


def test_inspect_helps(capsys: pytest.CaptureFixture[str]) -> None:
    with_option = main(["inspect", "--help"])
    assert with_option == 0
    assert "--fail-on KINDS   exit code 1 if any of these is found: bad, duplicate," in capsys.readouterr().out


@pytest.mark.parametrize("name", ["my photos", "it's, [here] = {a} $b", "back\\slash"])
def test_inspect_takes_a_path(photo_folder, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    photos = photo_folder(name=name)
    assert main(["inspect", str(photos), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["root"] == str(photos)


@pytest.fixture
def leaky(photo_folder, save_photo) -> Path:
    """Train holds one of four validation cats, a copy of a dog as a cat, and an empty file."""
    photos = photo_folder({"train/cats": 8, "train/dogs": 8, "validation/cats": 4, "validation/dogs": 4})
    shutil.copy(photos / "validation" / "cats" / "cat.2.jpg", photos / "train" / "cats" / "copied.jpg")
    shutil.copy(photos / "train" / "dogs" / "dog.5.jpg", photos / "train" / "cats" / "cat.dog.jpg")
    (photos / "train" / "dogs" / "dog.1.jpg").write_bytes(b"")
    return photos


def test_inspect_is_a_gate(leaky: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["inspect", str(leaky), "inspection.near_distance=0"]
    assert main(words) == 0
    shown = capsys.readouterr().out
    for line in (
        "leaks: 1 pair\n  train/cats/copied.jpg, validation/cats/cat.2.jpg",
        "label conflicts: 1 cluster\n  train/cats/cat.dog.jpg, train/dogs/dog.5.jpg",
        "1  copy of an image in validation or test",
        "found: 1 bad (unusable), 2 duplicate (copy of another image), 1 leak (",
        "rule decode; files by rule: none 26, zero_length 25, decode 25, jfif 25, strict 25",
    ):
        assert line in shown
    assert main([*words, "--fail-on", "near_leak,odd"]) == 0
    assert main([*words, "--fail-on=leak,odd,bad", "--json"]) == 1
    out, err = capsys.readouterr()
    assert err.splitlines()[-1] == "found: 1 leak, 1 bad (--fail-on leak,odd,bad)"
    assert json.loads(out[out.index("{") :])["found"]["label_conflict"] == 2


def test_inspect_reports_what_a_run_refuses(photo_folder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = photo_folder({"train/cats": 8, "train/dogs": 8, "validation/cats": 2, "validation/dogs": 2})
    for name in ("cats", "dogs"):  # the course's exercise: the test images are a part of the training images
        shutil.rmtree(photos / "validation" / name)
        shutil.copytree(photos / "train" / name, photos / "validation" / name)
    for words in ([], ["--json"], ["--fail-on", "near_leak"], ["--fail-on", "leak"]):
        assert main(["inspect", str(photos), *words]) == 2
        out = capsys.readouterr().out
        assert (
            "The training set contains 16 of the 16 validation" in out.splitlines()[-1] or '"refusal": "The tr' in out
        )
    assert main(["inspect", str(photos), "inspection.leaks=warn"]) == 0
    assert "refuses" not in capsys.readouterr().out
    words = ["dataset=folder", f"dataset.path={photos}", f"output_dir={tmp_path / 'out'}"]
    assert main(words) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error == (
        f"error: The training set contains 16 of the 16 validation images in {photos}, so a validation accuracy would "
        "only measure memorization. Received: inspection.leaks=drop. Keep the two apart, or set "
        "inspection.leaks=warn to train on it anyway"
    )


def test_inspect_writes_a_page(leaky: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(leaky), "--html", str(tmp_path / "page.html")]) == 0
    assert (tmp_path / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert capsys.readouterr().err.splitlines()[-1] == f"findings with pictures: {tmp_path / 'page.html'}"


def test_inspect_hands_a_run_to_the_suspects(monkeypatch: pytest.MonkeyPatch) -> None:
    from catsdogs_exp.cli import suspects

    received = []
    monkeypatch.setattr(suspects, "main", lambda run, flags: received.append((run, flags)) or 3)
    assert main(["inspect", "--run", "outputs/x", "--json"]) == 3
    assert received == [(Path("outputs/x"), ["--json"])]


def test_names_cannot_move_the_cursor(photo_folder, capsys: pytest.CaptureFixture[str]) -> None:
    photos = photo_folder()
    (photos / "cats" / "cat\x1b[2J\n.jpg").write_bytes(b"")
    assert main(["inspect", str(photos)]) == 0
    assert "cats/cat\\x1b[2J\\n.jpg: empty" in capsys.readouterr().out


def test_show_writes_originals_and_what_enters_training(
    photo_folder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = photo_folder({"cats": 8, "dogs": 8}, size=(60, 60))
    words = ["show", "dataset=folder", f"dataset.path={photos}", "target_size=60", "depth=2", f"output_dir={tmp_path}"]
    assert main([*words, "augment=course"]) == 0
    shown = capsys.readouterr().out
    assert "train: 13 images" in shown and "block2_conv (Conv2D)" in shown and "Total params" in shown
    (path,) = (tmp_path / "show").glob("*/augmentation.png")
    with Image.open(path) as picture:
        sheet = np.asarray(picture)
    first, second = sheet[6:156, 6:156], sheet[6 + 174 : 156 + 174, 6:156]
    assert np.abs(first.astype(int) - second).mean() > 2
    assert main([*words, "augment=none"]) == 0
    plain = max((tmp_path / "show").glob("*/augmentation.png"), key=lambda file: file.stat().st_mtime_ns)
    with Image.open(plain) as picture:
        sheet = np.asarray(picture)
    np.testing.assert_array_equal(sheet[6:156, 6:156], sheet[6 + 174 : 156 + 174, 6:156])


def test_inspect_says_how_folders_were_read_and_what_is_not_used(
    photo_folder, save_photo, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = photo_folder({"train/cats": 4, "train/dogs": 4, "dev/cats": 2, "dev/dogs": 2, "Unlabelled": 3})
    (photos / "train" / "@eaDir").mkdir()
    save_photo(photos / "loose.jpg", seed=60)
    reading = ["dev is taken as validation"]
    skipped = [
        "the folder Unlabelled with 3 files: unlabelled",
        "1 file next to the folders: loose.jpg",
        "1 hidden or left behind by a system or program: @eaDir/",
    ]
    assert main(["inspect", str(photos)]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line for line in shown if line.startswith("note: ")] == [f"note: {line}" for line in reading]
    assert [line for line in shown if line.startswith("skipped: ")] == [f"skipped: {line}" for line in skipped]
    assert main(["inspect", str(photos), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["reading"], found["passed_over"]) == (reading, skipped)
    assert found["counts"] == {"train": {"cats": 4, "dogs": 4}, "validation": {"cats": 2, "dogs": 2}}
