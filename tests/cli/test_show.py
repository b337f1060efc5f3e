"""`show`: what would enter training, and with --drawn the random parameters."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catsdogs_exp.__main__ import main
from catsdogs_exp.record.pictures.contact_sheet import contact_sheet

SETTINGS = ("target_size=60", "depth=2")


def sheet_of(output: Path) -> np.ndarray:
    path = max(output.glob("show/*/augmentation.png"), key=lambda file: file.stat().st_mtime_ns)
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_show_says_what_was_drawn(photo_folder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = photo_folder({"cats": 8, "dogs": 8}, size=(60, 60))
    words = ["show", "dataset=folder", f"dataset.path={photos}", *SETTINGS, f"output_dir={tmp_path}", "augment=course"]
    assert main(words) == 0
    assert "rotation" not in capsys.readouterr().out
    plain = sheet_of(tmp_path)
    assert main([*words, "--drawn"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch ")]
    assert len(lines) == 3 * 8
    assert sum("cat." in line for line in lines) == sum("dog." in line for line in lines) == 3 * 4
    assert all("; zoom " in line and "; flip " in line and ".jpg: rotation " in line for line in lines)
    drawn = sheet_of(tmp_path)
    assert drawn.shape[0] == plain.shape[0] + 3 * 5 * 14 and drawn.shape[1] == plain.shape[1]
    assert np.array_equal(drawn[: 6 + 174 + 150], plain[: 6 + 174 + 150])


def test_show_has_nothing_to_say_where_nothing_is_drawn(
    photo_folder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = photo_folder({"cats": 8, "dogs": 8})
    words = ["show", "dataset=folder", f"dataset.path={photos}", *SETTINGS, f"output_dir={tmp_path}"]
    assert main([*words, "--drawn"]) == 0
    assert "epoch" not in capsys.readouterr().out
    sheet = sheet_of(tmp_path)
    assert np.array_equal(sheet[6:156], sheet[6 + 174 : 156 + 174])


def test_show_shows_pictures_as_they_are_mixed(
    photo_folder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = photo_folder({"cats": 8, "dogs": 8}, size=(60, 60))
    words = ["show", "dataset=folder", f"dataset.path={photos}", *SETTINGS, f"output_dir={tmp_path}", "--drawn"]
    assert main([*words, "augment.cutmix=100"]) == 0  # nearly half of each picture
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch ")]
    assert len(lines) == 24 and all("cutmix 0." in line and " of image " in line for line in lines)
    sheet = sheet_of(tmp_path)
    changed = (sheet[6:156].astype(int) != sheet[6 + 174 : 156 + 174]).any(axis=-1)[:, 6:-6].mean()
    assert 0.2 < changed < 0.8


def test_show_knows_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "--drwn"]) == 2
    assert capsys.readouterr().err == "error: Unknown option: --drwn. Did you mean --drawn? Known: --drawn, --parts.\n"


def test_captions_have_lines_as_many_as_they_need() -> None:
    images = [np.full((20, 20, 3), 90, dtype=np.uint8)] * 3
    one = contact_sheet(images, ["a", "b", "c"], columns=2)
    three = contact_sheet(images, ["a\nsecond\nthird", "b", "c"], columns=2)
    assert (three.width, three.height) == (one.width, one.height + 2 * 14)  # of the first row alone
    long = contact_sheet(images, ["a\n" + "a few words " * 8, "b", "c"], columns=2)
    assert long.height > one.height + 2 * 14
    word = contact_sheet(images, ["a\n" + "x" * 500, "b", "c"], columns=2)  # no space to break at: cut
    assert word.height == one.height + 14
    beside = np.asarray(word)[6 + 150 + 18 : 6 + 150 + 32, 156:]
    assert (beside == 255).all()


def test_the_parts_of_drawn_animals_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "--parts", "dataset.images=24", *SETTINGS, f"output_dir={tmp_path}"]) == 0
    (path,) = tmp_path.glob("show/*/parts.png")
    assert f"parts of the drawn animals: {path}" in capsys.readouterr().out
    with Image.open(path) as picture:
        assert picture.width > 1000 and len(picture.convert("RGB").getcolors(2**24) or []) > 1000


def test_only_drawn_animals_have_known_parts(photo_folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "--parts", "dataset=folder", f"dataset.path={photo_folder()}", *SETTINGS]) == 2
    assert "--parts needs dataset=drawn, whose parts are known. Received: dataset=folder" in capsys.readouterr().err
