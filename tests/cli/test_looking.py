"""inspect and show: what is in the data, what would enter training."""

import json
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
        "width: 24 to 30 pixels, median 24",
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


def test_inspect_knows_its_flags(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "--jsn"]) == 2
    assert capsys.readouterr().err == "error: Unknown option: --jsn. Did you mean --json? Known: --json.\n"


def test_show_writes_originals_and_what_enters_training(
    photo_folder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = photo_folder({"cats": 8, "dogs": 8}, size=(60, 60))
    words = ["show", "dataset=folder", f"dataset.path={photos}", "target_size=60", "depth=2", f"output_dir={tmp_path}"]
    assert main([*words, "augment=course"]) == 0
    shown = capsys.readouterr().out
    assert "train: 12 images" in shown and "block2_conv (Conv2D)" in shown and "Total params" in shown
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
