"""predict --crops, predict --crop and evaluate --crops."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catsdogs_exp.__main__ import main


@pytest.fixture
def image(tmp_path: Path, save_photo, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return save_photo(tmp_path / "my cat [1].png", (120, 90), 3)


def test_each_crop_is_answered_like_a_picture_cut_by_hand(trained: Path, image: Path, capsys) -> None:
    assert main(["predict", str(trained), str(image), "--crops", "--json"]) == 0
    ((row),) = json.loads(capsys.readouterr().out)
    assert (row["path"], row["width"], row["height"], len(row["crops"])) == (str(image), 120, 90, 147)
    for place in (0, 60, 146):
        crop = row["crops"][place]
        left, top, width, height = crop["box"]
        Image.open(image).crop((left, top, left + width, top + height)).save("cut.png")
        assert main(["predict", str(trained), "cut.png", "--json"]) == 0
        ((alone),) = json.loads(capsys.readouterr().out)
        assert (alone["class"], alone["probabilities"]) == (
            crop["class"],
            pytest.approx(crop["probabilities"], abs=1e-5),
        )
        assert main(["predict", str(trained), str(image), "--crop", f"{left},{top},{width},{height}", "--json"]) == 0
        ((one),) = json.loads(capsys.readouterr().out)
        assert one["crops"][0]["box"] == crop["box"]
        assert one["crops"][0]["probabilities"] == pytest.approx(crop["probabilities"], abs=1e-5)
    assert main(["predict", str(trained), str(image), "--json"]) == 0
    ((whole),) = json.loads(capsys.readouterr().out)
    assert whole["probabilities"] == pytest.approx(row["probabilities"], abs=1e-5)
    answers = [crop["class"] != row["class"] for crop in row["crops"]]
    assert row["changed"] == pytest.approx(np.mean(answers))


def test_an_image_that_no_crop_changes_is_told_once(
    trained: Path, image: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from catsdogs_exp.inference import crops

    def sure(images: np.ndarray) -> np.ndarray:
        return np.tile(np.float32([0.9, 0.1]), (len(images), 1))

    score = crops.score_crops
    monkeypatch.setattr(crops, "score_crops", lambda _predict, cropped: score(sure, cropped))
    assert main(["predict", str(trained), str(image), "--crops"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    picture = "my-cat-[1]-crops.png"
    assert line == f"{image}: whole image: cats 0.90; 0 of 147 crops change the answer: {picture}"


def test_the_picture_is_new_each_time_and_its_path_is_printed(trained: Path, image: Path, capsys) -> None:
    for name in ("my-cat-[1]-crops.png", "my-cat-[1]-crops-2.png"):
        assert main(["predict", str(trained), str(image), "--crops"]) == 0
        line = capsys.readouterr().out
        assert line.startswith(f"{image}: whole image: ") and line.endswith(f"of 147 crops change the answer: {name}\n")
        with Image.open(name) as picture:
            assert picture.format == "PNG" and picture.width > 800
    assert main(["predict", str(trained), str(image), "--crops", "--out", "x.png"]) == 0
    with Image.open("x.png") as again:
        assert again.size == picture.size
    content = Path("x.png").read_bytes()
    capsys.readouterr()
    assert main(["predict", str(trained), str(image), "--crops", "--out", "x.png"]) == 2
    assert "--out must name a new file. Received: --out x.png, which exists" in capsys.readouterr().err
    assert Path("x.png").read_bytes() == content


def test_an_unreadable_image_does_not_stop_the_others(trained: Path, image: Path, capsys) -> None:
    Path("broken.jpg").write_text("no image")
    assert main(["predict", str(trained), "broken.jpg", str(image), "--crop", "0.5,0.5,0.5,0.5"]) == 1
    told = capsys.readouterr()
    assert "not predicted: broken.jpg: " in told.err
    assert "cropped to the lower right (50 % of each side): " in told.out
    assert main(["predict", str(trained), "broken.jpg", "--crops"]) == 2


def test_an_image_smaller_than_the_crop_does_not_stop_the_others(
    trained: Path, image: Path, save_photo, capsys
) -> None:
    save_photo(Path("small.png"), (10, 10))
    assert main(["predict", str(trained), "small.png", str(image), "--crop", "0,0,50,50", "--json"]) == 1
    told = capsys.readouterr()
    first, second = json.loads(told.out)
    assert first["error"].startswith("--crop must be within the image, which is 10 pixels wide and 10 high")
    assert told.err.endswith(f"not predicted: small.png: {first['error']}\n")
    assert second["crops"][0]["box"] == [0, 0, 50, 50]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--crop", "0,0,500,20"],
            "within the image, which is 120 pixels wide and 90 high. Received: --crop 0,0,500,20",
        ),
        (["--crop", "0,0,5"], "--crop must be x,y,w,h"),
        (["--crop", "0,0,0,5"], "--crop must have a width and a height > 0. Received: --crop 0,0,0,5"),
        (["--crops", "--csv"], "--crops cannot be combined with --csv"),
        (["--out", "a.png"], "--out names the picture of --crops. Received: --out a.png without --crops"),
        (["--crop", "0,0,5,5", "--out", "a.png"], "--crop x,y,w,h draws none"),
        (["--crops", "--out", "a.jpg"], "--out must name a .png file in an existing folder. Received: --out a.jpg"),
        (["--crops", "--out", "no/a.png"], "--out must name a .png file in an existing folder"),
        (["--crops", "--out", "a.png", "my cat [1].png"], "--out names the picture of one image. Received: 2 images"),
    ],
)
def test_mistakes_are_told(trained: Path, image: Path, capsys, words: list[str], message: str) -> None:
    assert main(["predict", str(trained), str(image), *words]) == 2
    assert message in capsys.readouterr().err
    assert not Path("a.png").exists()


def test_evaluate_measures_crops_and_compare_ranks_by_them(trained: Path, tmp_path: Path, capsys) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    before = json.loads((run / "result.json").read_text())
    assert before["crop_sensitivity"] is None
    assert main(["evaluate", str(run), "--crops", "--forget-rescaling"]) == 0
    assert json.loads((run / "result.json").read_text()) == before  # another network than the run's
    capsys.readouterr()
    assert main(["evaluate", str(run), "--crops", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)["crops"]
    changed = {flip["file"]: flip["changed"] for flip in figures["flips"]}
    assert figures["share"] == pytest.approx(sum(changed.values()) / (27 * figures["images"]))
    assert figures["images_changed"] == pytest.approx(len(changed) / figures["images"])
    strengths = [min(flip["confidence"]) for flip in figures["flips"]]
    assert strengths == sorted(strengths, reverse=True)
    after = json.loads((run / "result.json").read_text())
    del figures["flips"]
    assert after == {**before, "crop_sensitivity": figures}
    assert main(["evaluate", str(run), "--crops"]) == 0
    text = capsys.readouterr().out
    assert f"crop sensitivity {figures['share']:.4f} (95 % interval" in text
    other = tmp_path / "another"
    shutil.copytree(run, other)
    after["crop_sensitivity"]["share"] = 0.0
    (other / "result.json").write_text(json.dumps(after))
    assert main(["compare", str(run), str(other), "--by", "crop_sensitivity", "--csv"]) == 0
    header, *rows = [line.split(",") for line in capsys.readouterr().out.splitlines()]
    assert header[2] == "crop_sensitivity"
    assert rows[0][0] == "another"  # lower is better
