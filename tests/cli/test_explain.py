"""predict --explain: a page per image."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from catsdogs_exp.__main__ import main
from catsdogs_exp.record.folder.run_files import find_run, split_files


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_training_image_is_its_own_nearest_neighbour(trained: Path, here: Path, capsys, open_page) -> None:
    files = split_files(find_run(trained), "train")
    file, label = files[0]
    assert main(["predict", str(trained), str(file), "--explain", "--json"]) == 0
    ((row),) = json.loads(capsys.readouterr().out)
    nearest = row["neighbours"][0]
    assert (nearest["path"], nearest["class"]) == (str(file), label)
    assert nearest["similarity"] == pytest.approx(1, abs=1e-4)
    similarities = [each["similarity"] for each in row["neighbours"]]
    assert similarities == sorted(similarities, reverse=True) and len(similarities) == 8
    lost = [channel["lost"] for channel in row["channels"]]
    assert lost == sorted(lost, reverse=True) and np.abs(lost).max() <= 1
    assert main(["predict", str(trained), str(file), "--json"]) == 0
    ((plain),) = json.loads(capsys.readouterr().out)
    assert row["probabilities"] == pytest.approx(plain["probabilities"], abs=1e-5)
    page = open_page(here / row["page"])
    text = page.find_element("tag name", "main").text
    assert f"evidence for {row['class']}" in text and f"of {len(files)} training images" in text
    assert len(page.find_elements("css selector", "#channels figure")) == 8
    assert page.find_elements("css selector", "#layers img")


def test_a_network_on_its_own_has_no_training_images(trained: Path, here: Path, save_photo, capsys) -> None:
    shutil.copy(trained / "checkpoints" / "best.keras", here / "moved.keras")
    names = [save_photo(here / f"{name}.png", (40, 30), 2).name for name in ("<b>cat", "cat")]
    (here / "broken.jpg").write_text("no image")
    assert main(["predict", "moved.keras", *names, "broken.jpg", "--explain"]) == 1
    told = capsys.readouterr()
    assert "no similar training images: the network's file does not contain its training images" in told.err
    assert "not predicted: broken.jpg: " in told.err
    assert told.out.splitlines()[1].endswith("page: cat-explained.html")
    pages = sorted(here.glob("*-explained.html"))
    assert len(pages) == 2
    assert "<b>cat" not in "".join(page.read_text() for page in pages)  # names are no markup
    assert main(["predict", "moved.keras", "cat.png", "--explain"]) == 0
    assert (here / "cat-explained-2.html").exists()


@pytest.mark.parametrize("flag", ["--crops", "--csv", "--forget-rescaling", "--reject"])
def test_flags_that_do_not_go_together_are_told(trained: Path, here: Path, capsys, flag: str) -> None:
    assert main(["predict", str(trained), "cat.png", "--explain", flag]) == 2
    assert f"--explain cannot be combined with {flag}" in capsys.readouterr().err


def test_training_images_that_have_moved_are_told_without_options_of_other_commands(
    trained: Path, here: Path, save_photo, capsys
) -> None:
    run = Path(shutil.copytree(trained, here / "run"))
    inspection = json.loads((run / "inspection.json").read_text())
    (run / "inspection.json").write_text(json.dumps({**inspection, "root": str(here / "gone")}))
    assert main(["predict", str(run), str(save_photo(here / "photo.jpg")), "--explain"]) == 0
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("no similar training images")]
    assert line.endswith("train images is there") and "--data" not in line
