"""The file of recipe results is validated when it is read."""

import json
from pathlib import Path
from typing import Any

import pytest

from catsdogs_exp.config.recipe_results import RecipeResult, Seconds, recipe_results, write_results
from catsdogs_exp.config.search_path import groups
from catsdogs_exp.errors import BadInput

RESULT = RecipeResult(
    recipe="course/horses",
    model="course_c",
    settings=("augment=none", "dataset=archive", "dataset.path=photos.zip", "training.precision=mixed_bfloat16"),
    seeds=(0, 1),
    figures={"val_accuracy": (0.9, 0.8), "last": (0.7, 0.75)},
    seconds=Seconds(20.0, 10.0, 30.0),
    conditions="2 cores, float32",
    source="2026-01-31_12-00-00-abcd",
    data="photos",
    note="a note",
    version="0.1.0",
    commit="0123456789ab",
)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    small = RecipeResult("plain", "cnn", (), (3,), {"test_accuracy": (0.5,), "val_accuracy": (1.0,)}, None, "", "docs")
    write_results([RESULT, small], tmp_path / "results.json")
    assert recipe_results(tmp_path / "results.json") == [RESULT, small]
    content = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert content[0]["val_accuracy"] == [0.9, 0.8] and content[0]["seconds"]["high"] == 30
    assert "note" not in content[1] and "commit" not in content[1]


def test_it_is_quoted_by_its_headline() -> None:
    assert RESULT.best() == ("val_accuracy", pytest.approx(0.85))
    assert RESULT.variant() == ("augment=none",)
    assert RESULT.headline() == "Reached: val_accuracy 0.850 (2 seeds, 20 s per run, augment=none, on photos)"


ENTRY: dict[str, Any] = {
    "recipe": "plain",
    "model": "cnn",
    "settings": [],
    "seeds": [0, 1],
    "val_accuracy": [0.7, 0.8],
    "conditions": "",
    "source": "docs",
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"val_acuracy": [0.7, 0.8]}, "Unknown: val_acuracy. Did you mean val_accuracy"),
        ({"source": None}, "source of a result must be text. Received: None"),
        (
            {"val_accuracy": [72, 80]},
            r"val_accuracy of a result must contain a number in 0..1 for each seed. Received: \[72",
        ),
        ({"val_accuracy": [0.7]}, r"Received: \[0.7\] for 2 seeds"),
        ({"last": [0.7, "high"]}, r"last of a result must contain a number"),
        ({"val_accuracy": [float("nan"), 0.7]}, "must contain a number in 0..1"),
        ({"seeds": []}, "seeds of a result must be a list of whole numbers"),
        ({"settings": "lr=1"}, "settings of a result must be a list of texts. Received: 'lr=1'"),
        ({"seconds": {"mean": 3}}, "seconds of a result must be an object with mean, low, high"),
    ],
)
def test_an_entry_that_makes_no_sense_is_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps([ENTRY, ENTRY | changes]), encoding="utf-8")
    with pytest.raises(BadInput, match=message) as caught:
        recipe_results(path)
    assert f"entry 2 of {path}" in str(caught.value)


@pytest.mark.parametrize("missing", ["recipe", "seeds", "source", "val_accuracy"])
def test_an_entry_that_lacks_something_is_named(tmp_path: Path, missing: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps([{key: value for key, value in ENTRY.items() if key != missing}]), encoding="utf-8")
    with pytest.raises(BadInput, match=missing) as caught:
        recipe_results(path)
    assert f"entry 1 of {path}" in str(caught.value)


@pytest.mark.parametrize(("text", "message"), [("{}", "must be a list. Received: dict"), ("[", "cannot be read")])
def test_a_damaged_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=message):
        recipe_results(path)
    with pytest.raises(BadInput, match=r"cannot be read: .*none.json"):
        recipe_results(tmp_path / "none.json")


def test_the_recipes_of_the_project_have_results_of_networks_that_exist() -> None:
    found = recipe_results()
    known = groups()
    assert {each.recipe for each in found} == set(known["experiment"])
    assert {each.model for each in found} <= set(known["model"])
    first = next(each for each in found if each.recipe == "course_week1")
    assert first.best() == ("val_accuracy", pytest.approx(0.724, abs=0.0005)) and len(first.seeds) == 3
