"""What nearly all images share is reported once; oddities of some, and damage, per image."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catsdogs_exp.__main__ import main
from catsdogs_exp.data.inspection.inspect import inspect_file
from catsdogs_exp.data.inspection.marks import own_marks, shared_marks


def test_what_nine_in_ten_share_is_the_data_sets() -> None:
    notes = ["grey"] * 17 + ["grey, EXIF orientation 6", "palette", ""]
    assert shared_marks(notes) == {"grey": 18}
    assert own_marks(notes) == [""] * 17 + ["EXIF orientation 6", "palette", ""]
    assert shared_marks(notes[1:]) == {}
    assert own_marks(notes[1:]) == notes[1:]
    assert (shared_marks([]), own_marks([])) == ({}, [])


def test_a_name_that_does_not_fit_is_one_mark() -> None:
    notes = ["named .jpg, is PNG, grey"] * 10
    assert shared_marks(notes) == {"named .jpg, is PNG": 10, "grey": 10}
    assert own_marks([*notes, "named .jpg, is BMP, grey"])[-1] == "named .jpg, is BMP"


def test_damage_is_told_of_each() -> None:
    for damage in ("NaN", "infinite values", "values below 0", "corrupt JPEG data: extraneous bytes"):
        assert shared_marks([f"{damage}, F"] * 5) == {"F": 5}
        assert own_marks([f"{damage}, F"] * 5) == [damage] * 5


def photo(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.copy()


def test_only_pictures_of_one_colour_are_blank(tmp_path: Path) -> None:
    checks = np.tile(np.array([[90, 130], [130, 90]], dtype=np.uint8), (128, 128))
    Image.fromarray(checks).save(tmp_path / "texture.png")
    for name, image in {
        "black.jpg": Image.new("RGB", (60, 40)),
        "white.png": Image.new("L", (60, 40), 255),
        "clear.png": Image.new("RGBA", (60, 40)),
        "blue.bmp": Image.new("RGB", (60, 40), (0, 0, 200)),
    }.items():
        image.save(tmp_path / name)
        assert inspect_file(tmp_path / name).blank, name
    assert not inspect_file(tmp_path / "texture.png").blank  # which is grey when it is shrunk


def test_a_grey_set_is_not_odd(
    photo_folder: Callable[..., Path], cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = photo_folder({"cats": 20, "dogs": 20})
    for path in root.rglob("*.jpg"):
        if path.name != "dog.7.jpg":
            photo(path).convert("L").save(path)
    assert main(["inspect", str(root), "--html", str(tmp_path / "page.html")]) == 0
    out = capsys.readouterr().out
    assert "nearly all images: grey (39 of 40)" in out
    assert "unusual, but used" not in out and "odd (" not in out
    assert main(["inspect", str(root), "--fail-on", "odd"]) == 0
    capsys.readouterr()
    photo(root / "cats" / "cat.3.jpg").save(root / "cats" / "cat.3.jpg", "PNG")
    assert main(["inspect", str(root), "--fail-on", "odd"]) == 1
    assert "1  named .jpg, is PNG" in capsys.readouterr().out
