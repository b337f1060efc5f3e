"""`python -m benchmarks recipe-results`: from run folders to the file and the recipes' headers."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.__main__ import main
from catsdogs_exp import __main__ as command_line
from catsdogs_exp.config.recipe_results import Seconds, recipe_results

HEADER = "# @package _global_\n# What it shows.\n# Reached: val_accuracy 0.100 (3 seeds)\n# More prose.\n"


@pytest.fixture
def recipes(tmp_path: Path) -> Path:
    folder = tmp_path / "recipes"
    folder.mkdir()
    (folder / "week1.yaml").write_text(f"{HEADER}defaults:\n  - override /model: course_a\nlr: 0.1\n", encoding="utf-8")
    (folder / "plain.yaml").write_text("# @package _global_\n# Plain.\nlr: 0.1\n", encoding="utf-8")
    (folder / "results.json").write_text("[]\n", encoding="utf-8")
    return folder


def run_folder(folder: Path, accuracy: float, seed: int = 0, recipe: str | None = "week1", **changes: Any) -> Path:
    """So much of a run's folder as is read."""
    folder.mkdir(parents=True)
    words = [f"experiment={recipe}", f"seed={seed}", "output_dir=/tmp/x", *changes.pop("words", [])]
    result = {
        "status": "ok",
        "objective": {"name": "val_accuracy", "value": accuracy, "epoch": 2},
        "metrics": {"train": {"accuracy": 0.9}, "val": {"accuracy": accuracy, "loss": 0.5}},
        "seconds": 10.0 + seed,
        "versions": {"catsdogs-exp": "0.1.0"},
        "machine": {"cores": 2},
        "threads": {"intra_op": 0, "inter_op": 0},
        "git": {"commit": "0123456789abcdef", "dirty": False},
    }
    config = {"experiment": recipe, "seed": seed, "training": {"precision": "float32"}, "dataset": {"path": "a/b.zip"}}
    (folder / "result.json").write_text(json.dumps(result | changes), encoding="utf-8")
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    (folder / "overrides.yaml").write_text(yaml.safe_dump(words), encoding="utf-8")
    rows = ["epoch,accuracy,val_accuracy", f"1,0.5,{accuracy - 0.1}", f"2,0.9,{accuracy}", "3,0.95,0.6"]
    (folder / "metrics.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def test_seeds_become_one_result(recipes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed, accuracy in ((1, 0.8), (0, 0.7)):
        run_folder(tmp_path / "runs" / f"{seed}", accuracy, seed, words=["dataset.path=/home/me/b.zip"])
    run_folder(tmp_path / "runs" / "failed", 0.9, 2, status="failed")
    run_folder(tmp_path / "runs" / "none", 0.9, 2, recipe=None)
    assert main(["recipe-results", str(tmp_path / "runs"), "--file", str(recipes / "results.json")]) == 0
    said = capsys.readouterr()
    (made,) = recipe_results(recipes / "results.json")
    assert (made.recipe, made.model, made.data, made.settings) == ("week1", "course_a", "", ("dataset.path=b.zip",))
    assert made.seeds == (0, 1) and made.figures["val_accuracy"] == (0.7, 0.8)
    assert made.figures["last"] == (0.6, 0.6) and made.figures["training"] == (0.95, 0.95)
    assert made.figures["last10"] == (pytest.approx(0.6333, abs=1e-4), 0.7)
    assert made.seconds == Seconds(10.5, 10, 11) and made.conditions == "2 cores, float32"
    assert (made.source, made.version, made.commit) == ("0, 1", "0.1.0", "0123456789ab")
    assert said.out == "| `week1` | 0.700, 0.800 | 0.750 | 10 to 11, 2 cores, float32 | |\n"
    assert f"left out: {tmp_path}/runs/failed: its status is failed" in said.err
    assert f"left out: {tmp_path}/runs/none: no recipe was chosen" in said.err
    assert (recipes / "week1.yaml").read_text(encoding="utf-8").splitlines()[:5] == [
        "# @package _global_",
        "# What it shows.",
        "# Reached: val_accuracy 0.750 (2 seeds, 10 s per run)",
        "# More prose.",
        "defaults:",
    ]


def test_new_runs_replace_those_of_the_same_settings(recipes: Path, tmp_path: Path) -> None:
    file = ["--file", str(recipes / "results.json")]
    other = ["model=cnn", "dataset=archive", "dataset.path=photos.zip"]
    for number, (accuracy, words) in enumerate([(0.7, []), (0.6, other), (0.75, [])]):
        run = run_folder(tmp_path / f"{number}", accuracy, words=words, threads={"intra_op": 1})
        assert main(["recipe-results", str(run), *file]) == 0
    first, second = recipe_results(recipes / "results.json")
    assert (first.figures["val_accuracy"], first.source) == ((0.75,), "2")
    assert (second.model, second.data, second.conditions) == ("cnn", "b", "1 thread, float32")
    assert "Reached: val_accuracy 0.750 (seed 0, 10 s per run)" in (recipes / "week1.yaml").read_text(encoding="utf-8")
    run = run_folder(tmp_path / "named", 0.5, recipe="plain", words=other)
    assert main(["recipe-results", str(run), *file, "--data", "my photos", "--conditions", "at night"]) == 0
    named = recipe_results(recipes / "results.json")[-1]
    assert (named.data, named.conditions) == ("my photos", "at night")
    assert (recipes / "plain.yaml").read_text(encoding="utf-8") == (
        "# @package _global_\n# Plain.\n"
        "# Reached: val_accuracy 0.500 (seed 0, 10 s per run, model=cnn, on my photos)\nlr: 0.1\n"
    )


def test_what_is_no_result_changes_nothing(recipes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = ["--file", str(recipes / "results.json")]
    run_folder(tmp_path / "a" / "one", 0.7)
    run_folder(tmp_path / "a" / "two", 0.7)
    assert main(["recipe-results", str(tmp_path / "a"), *file]) == 2
    message = f"each seed of a recipe once. Received seed 0 of week1 twice: {tmp_path}/a/one and {tmp_path}/a/two"
    assert message in capsys.readouterr().err
    assert main(["recipe-results", str(run_folder(tmp_path / "b", 0.7, recipe="gone")), *file]) == 2
    assert "gone is no recipe in" in capsys.readouterr().err
    assert main(["recipe-results", str(tmp_path / "none"), *file]) == 2
    assert (recipes / "results.json").read_text(encoding="utf-8") == "[]\n"


def test_of_a_real_run(recipes: Path, tmp_path: Path, bare: tuple[str, ...]) -> None:
    words = ["experiment=course_week1", "dataset=drawn", *bare, "epochs=1", f"output_dir={tmp_path / 'out'}"]
    assert command_line.main(words) == 0
    (recipes / "course_week1.yaml").write_text("# A copy.\nlr: 0.1\n", encoding="utf-8")
    assert main(["recipe-results", str(tmp_path / "out"), "--file", str(recipes / "results.json")]) == 0
    (made,) = recipe_results(recipes / "results.json")
    assert (made.recipe, made.model, made.data, made.seeds) == ("course_week1", "cnn", "drawn", (0,))
    assert {"val_accuracy", "test_accuracy", "last", "last10", "training"} == set(made.figures)
    assert made.seconds and made.seconds.mean > 0
