"""`compare RUN_A RUN_B --inside` and `compare PATH... --wall`."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catsdogs_exp.__main__ import main
from catsdogs_exp.cli import inside
from catsdogs_exp.insight.networks import Comparison, LonelyChannel
from catsdogs_exp.record.activation_arrays import ActivationFiles, read_activations


@pytest.fixture(scope="module")
def other(bare: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shallower run on the same data."""
    outputs = tmp_path_factory.mktemp("other")
    assert main([*bare, "depth=1", "epochs=2", "logging.activations.every=1", f"output_dir={outputs}"]) == 0
    (folder,) = (outputs / "drawn").iterdir()
    return folder


def test_two_networks_are_compared_as_data(trained: Path, other: Path, capsys) -> None:
    assert main(["compare", str(trained), str(other), "--inside", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["cka"]["first"] == ["block1_conv", "block2_conv"] and found["cka"]["second"] == ["block1_conv"]
    assert np.shape(found["cka"]["values"]) == (2, 1)
    for match in found["matches"]:
        assert 0 < len(match["pairs"]) <= 16 - match["dead"]["second"]
    assert all(-1 <= pair["correlation"] <= 1 for match in found["matches"] for pair in match["pairs"])
    for side in ("only_in_first", "only_in_second"):
        assert all(each["nearest"]["correlation"] < 0.5 for each in found[side])
        uses = [each["use"] for each in found[side]]
        assert uses == sorted(uses, reverse=True)


def test_other_images_can_be_used(trained: Path, other: Path, photo_folder, tmp_path: Path, capsys) -> None:
    folder, page = photo_folder({"cats": 6, "dogs": 6}), tmp_path / "page.html"
    words = ["compare", str(trained), str(other), "--inside", "--data", str(folder), "--json", "--html", str(page)]
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out)["images"] == 12
    assert f"Both see the same 12 images of {folder}." in page.read_text(encoding="utf-8")


def test_a_network_is_like_itself(trained: Path, capsys) -> None:
    assert main(["compare", str(trained), str(trained), "--inside", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert np.diag(found["cka"]["values"]) == pytest.approx([1, 1])
    assert found["only_in_first"] == [] == found["only_in_second"]
    for match in found["matches"]:
        assert match["first"] == match["second"]
        assert all(pair["first"] == pair["second"] for pair in match["pairs"])
        assert match["correlation"] == pytest.approx(1) and match["dead"]["first"] == match["dead"]["second"]
    channels = {"block1_conv": 16, "block2_conv": 32}
    assert [len(m["pairs"]) + m["dead"]["first"] for m in found["matches"]] == [
        channels[m["first"]] for m in found["matches"]
    ]


@pytest.mark.parametrize("width", ["desktop", "phone"])
def test_the_pages_open(trained: Path, other: Path, tmp_path: Path, open_page, width: str) -> None:
    page, wall = tmp_path / "inside.html", tmp_path / "wall.html"
    assert main(["compare", str(trained), str(other), "--inside", "--html", str(page)]) == 0
    browser = open_page(page, width=width)
    assert len(browser.find_elements("css selector", ".heat td")) == 2
    first, second = browser.title.removeprefix("Inside ").split(" and ")
    assert "depth=2" in first and "depth=1" in second  # told apart by their settings
    words = ["compare", str(trained), str(other), "--wall", "--html", str(wall), "--output", str(tmp_path / "pngs")]
    assert main(words) == 0
    assert len(open_page(wall, width=width).find_elements("css selector", "img.wall")) == 2


def test_the_wall_is_a_picture_per_probe(trained: Path, other: Path, tmp_path: Path, capsys) -> None:
    words = ["compare", str(trained), str(other), "--wall", "--output", str(tmp_path)]
    assert main(words) == 0 == main(words)
    written = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert len(set(written)) == 4 and all(path.is_file() for path in written)  # none over another
    with Image.open(written[0]) as picture:
        assert picture.width > 600 and len(picture.convert("RGB").getcolors(2**24) or []) > 100


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--inside"], "--inside must compare two runs: RUN_A RUN_B. Received 1: "),
        (["{run}", "--inside", "--images", "3"], "--images must be >= 8. Received: --images 3"),
        (["{run}", "--inside", "--layers", "block7"], "--layers must be auto, all, or names or patterns of layers."),
        (
            ["--wall"],
            "A wall needs at least two runs that saved activations of the same images. Received: 1 of 1. Train with ",
        ),
    ],
)
def test_a_mistake_is_one_line(trained: Path, words: list[str], message: str, capsys) -> None:
    given = [str(trained), *(word.format(run=trained) for word in words)]
    assert main(["compare", *given]) == 2
    assert message in capsys.readouterr().err


def test_three_images_are_too_few(trained: Path, other: Path, photo_folder, capsys) -> None:
    folder = photo_folder({"cats": 2, "dogs": 1})
    assert main(["compare", str(trained), str(other), "--inside", "--data", str(folder)]) == 2
    assert "--inside needs at least 4 images that both networks see. Received: 3." in capsys.readouterr().err


def test_the_wall_has_the_images_that_most_runs_saw_and_killed_runs(
    trained: Path, other: Path, tmp_path: Path, capsys
) -> None:
    runs = tmp_path / "runs"
    alone = Path(shutil.copytree(trained, runs / "0 best"))
    found = read_activations(alone / "activations" / "best.npz")
    ActivationFiles(alone / "activations", 10**9).add(replace(found, probes=("a.jpg", "b.jpg")), 64, best=True)
    shutil.copytree(trained, runs / "1")
    killed = Path(shutil.copytree(other, runs / "2"))
    (killed / "activations" / "best.npz").unlink()
    assert main(["compare", str(runs), "--wall", "--by", "seconds"]) == 0
    said = capsys.readouterr()
    assert "left out: 0 best: different probes" in said.err
    assert "2: epoch 2, the newest one: its best was not recorded" in said.err
    assert len(list((runs / "wall").iterdir())) == 2
    for path in (killed / "activations").glob("*.npz"):
        path.unlink()
    assert main(["compare", str(runs), "--wall"]) == 2
    assert capsys.readouterr().err.count("Train with logging.activations.keep > 0") == 1


def test_a_wall_of_runs_on_other_images_says_what_to_compare_instead(trained: Path, tmp_path: Path, capsys) -> None:
    alone = Path(shutil.copytree(trained, tmp_path / "alone"))
    found = read_activations(alone / "activations" / "best.npz")
    ActivationFiles(alone / "activations", 10**9).add(replace(found, probes=("a.jpg", "b.jpg")), 64, best=True)
    assert main(["compare", str(trained), str(alone), "--wall"]) == 2
    said = capsys.readouterr().err
    assert "different probes. Compare runs on the same data, with the same split" in said and "keep" not in said


def test_channels_are_counted_in_words(capsys) -> None:
    lonely = LonelyChannel("conv", 3, 0.2, "conv", 1)
    inside._print(Comparison((), (), np.zeros((0, 0)), (), (lonely,), ()), None)
    assert capsys.readouterr().out.splitlines() == [
        "only in the first: 1 channel: conv 3",
        "only in the second: 0 channels",
    ]


def test_other_images_may_have_classes_of_other_names(trained: Path, other: Path, photo_folder, capsys) -> None:
    folder = photo_folder({"Katze": 6, "Hund": 6})
    words = ["compare", str(trained), str(other), "--inside", "--json"]
    assert main([*words, "--data", str(folder), "--classes", "Katze=cats,Hund=dogs"]) == 0
    assert json.loads(capsys.readouterr().out)["images"] == 12
    assert main([*words, "--classes", "Katze=cats"]) == 2
    assert "--classes needs --data PATH" in capsys.readouterr().err
