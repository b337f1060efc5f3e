"""What recipes say they reached."""

from pathlib import Path

import pytest

from catsdogs_exp.config.recipe_results import Reached, reached
from catsdogs_exp.config.search_path import groups
from catsdogs_exp.errors import BadInput


def write(folder: Path, name: str, text: str) -> None:
    path = folder / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_lines_of_a_recipe(tmp_path: Path) -> None:
    write(
        tmp_path,
        "course/horses",
        "# @package _global_\n# reached: val_accuracy=0.9 seeds=3\n#   reached: test_accuracy=0.8 model=transfer\n"
        "# It reached: a lot\ndefaults:\n  - override /model: course_c\nlr: 0.1\n",
    )
    write(tmp_path, "plain", "# @package _global_\n# reached: val_accuracy=0.6 val_loss=0.5 data=drawn\nlr: 0.1\n")
    first, second, third = reached(tmp_path)
    assert first == Reached("course/horses", "course_c", "", {"val_accuracy": 0.9, "seeds": 3})
    assert (second.model, second.best()) == ("transfer", ("test_accuracy", 0.8))
    assert (third.recipe, third.model, third.data) == ("plain", "cnn", "drawn")  # the main config's choice


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("val_acuracy=0.7", "val_acuracy=0.7. Did you mean val_accuracy"),
        ("val_accuracy=72", "Received: # reached: val_accuracy=72"),
        ("val_accuracy=nan", "val_accuracy or test_accuracy in 0..1"),
        ("val_accuracy=high", "must hold numbers"),
        ("seeds=3", "among them val_accuracy or test_accuracy"),
        ("", "among them val_accuracy or test_accuracy"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, line: str, message: str) -> None:
    write(tmp_path, "bad", f"# reached: {line}\n")
    with pytest.raises(BadInput) as caught:
        reached(tmp_path)
    assert message in str(caught.value) and "bad.yaml" in str(caught.value)


def test_the_recipes_of_the_project_say_it_of_networks_that_exist() -> None:
    found = reached()
    assert {each.model for each in found} <= set(groups()["model"])
    (first,) = [each for each in found if each.recipe == "course_week1"]
    assert first.best() == ("val_accuracy", 0.724) and first.figures["seeds"] == 3
