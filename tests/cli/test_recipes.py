"""Class names in a recipe are overridden on the command line, one by one or all at once."""

from pathlib import Path

import pytest

from catsdogs_exp.__main__ import main
from catsdogs_exp.config.compose import config_of

RECIPE = """\
# @package _global_
defaults:
  - override /dataset: folder
dataset:
  path: photos
  classes: {kitten: cat, cat: cat}
"""


@pytest.fixture
def folder(tmp_path: Path) -> str:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "kittens.yaml").write_text(RECIPE, encoding="utf-8")
    return str(tmp_path)


@pytest.mark.parametrize(
    ("words", "classes"),
    [
        ([], {"kitten": "cat", "cat": "cat"}),
        (["dataset.classes.kitten=kitten"], {"kitten": "kitten", "cat": "cat"}),
        (["dataset.classes.kitten=1.10"], {"kitten": "1.10", "cat": "cat"}),
        (["dataset.classes={kitten: kitten}"], {"kitten": "kitten"}),
        (["+dataset.classes.dog=dog"], {"kitten": "cat", "cat": "cat", "dog": "dog"}),
        (["~dataset.classes.kitten"], {"cat": "cat"}),
        (["dataset.classes=null"], None),
        (["dataset.classes=null", "dataset.classes={cat: cat, dog: dog}"], {"cat": "cat", "dog": "dog"}),
        (["dataset.classes=null", "dataset.classes=[cat,dog]"], {"cat": "cat", "dog": "dog"}),
    ],
)
def test_classes_are_changed_one_by_one_or_replaced(
    folder: str, words: list[str], classes: dict[str, str] | None
) -> None:
    assert config_of(["experiment=kittens", *words], folder).dataset.classes == classes


@pytest.mark.parametrize("other", ["{cat: cat, dog: dog}", "[cat,dog]"])
def test_other_classes_replace_the_recipes(folder: str, other: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--config-dir", folder, "--cfg", "job", "experiment=kittens"]
    assert main([*words, f"dataset.classes={other}"]) == 0
    shown = capsys.readouterr().out
    assert f"classes: '{other}'" in shown and "kitten" not in shown
