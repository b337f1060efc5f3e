"""Typed words in run folders: recorded as typed, and read again by resume, repeat and sweeps."""

import json
from pathlib import Path

import pytest
import yaml

from catsdogs_exp.__main__ import main

Capture = pytest.CaptureFixture[str]
ODD = "it's (a) ${x}, #1 = ä"


@pytest.fixture
def words(tiny: tuple[str, ...]) -> list[str]:
    shape = [word for word in tiny if not word.startswith(("dataset", "epochs", "split"))]
    return [*shape, "epochs=1", "logging=minimal"]


def one_run(folder: Path) -> Path:
    (result,) = folder.glob("*/*/result.json")
    return result.parent


def test_an_odd_folder_from_the_first_word_to_a_resumed_and_a_repeated_run(
    tmp_path: Path, photo_folder, words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    photo_folder({"cats": 8, "dogs": 8}, name=ODD)
    monkeypatch.chdir(tmp_path)
    assert main([f"dataset.path={ODD}", "output_dir=out [1]", *words]) == 0
    assert "dataset=folder, because dataset.path is a folder" in capsys.readouterr().err
    folder = one_run(Path("out [1]"))
    typed = yaml.safe_load((folder / "overrides.yaml").read_text(encoding="utf-8"))
    assert typed == ["dataset=folder", f"dataset.path={ODD}", "output_dir=out [1]", *words]
    assert yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))["dataset"]["path"] == ODD
    assert json.loads((folder / "result.json").read_text())["command"].startswith(
        "python -m catsdogs_exp 'dataset.path=it"
    )
    assert main(["resume", str(folder), "epochs=2"]) == 0
    result = json.loads((folder / "result.json").read_text())
    assert (result["status"], result["epochs"]) == ("ok", 2)
    assert main(["repeat", str(folder)]) == 0


@pytest.mark.slow
def test_a_sweep_over_odd_folders(
    tmp_path: Path, photo_folder, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    photo_folder({"cats": 8, "dogs": 8}, name="[set1]")
    photo_folder({"cats": 8, "dogs": 8}, name="a,b")
    photo_folder({"cats": 8, "dogs": 8}, name="1.10")
    monkeypatch.chdir(tmp_path)
    assert main(["-m", 'dataset.path="[set1]","a,b",1.10', *words]) == 0
    paths = {}
    for found in sorted(Path("outputs").glob("*/*/*/overrides.yaml")):
        typed = yaml.safe_load(found.read_text(encoding="utf-8"))
        plain = yaml.safe_load((found.parent / "config.yaml").read_text(encoding="utf-8"))
        paths[found.parent.name] = (
            next(word for word in typed if word.startswith("dataset.path")),
            plain["dataset"]["path"],
        )
    assert paths == {
        "0-dataset.path=_set1_": ("dataset.path=[set1]", "[set1]"),
        "1-dataset.path=a,b": ("dataset.path=a,b", "a,b"),
        "2-dataset.path=1.10": ("dataset.path=1.10", "1.10"),
    }


def test_hydras_mode_makes_a_sweep(tmp_path: Path, words: list[str], capsys: Capture) -> None:
    assert main(["hydra.mode=MULTIRUN", "dataset.images=16", "seed=1,2", *words, f"output_dir={tmp_path}"]) == 0
    assert "2 of 2 runs in " in capsys.readouterr().out


@pytest.mark.parametrize(
    "name", ["a=b", "photos (1)", "a,b", "1.10", "null", "[set1]", "'q'", "${x}", "図", "trail ", "#1"]
)
def test_inspect_takes_a_path_to_the_letter(
    name: str, tmp_path: Path, photo_folder, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    photo_folder(name=name)
    monkeypatch.chdir(tmp_path)
    assert main(["inspect", name, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["files"] == 8


def test_inspect_says_how_to_name_a_folder_that_looks_like_an_option(
    tmp_path: Path, photo_folder, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    photo_folder(name="-neg")
    monkeypatch.chdir(tmp_path)
    assert main(["inspect", "-neg"]) == 2
    assert capsys.readouterr().err.endswith("For a file or folder with this name: ./-neg\n")
    assert main(["inspect", "./-neg"]) == 0
