"""Text in the user's own YAML files that YAML reads as something else."""

from pathlib import Path

import pytest

from catsdogs_exp.__main__ import main
from catsdogs_exp.config.compose import config_of
from catsdogs_exp.config.composer import Composer
from catsdogs_exp.config.schema import Config
from catsdogs_exp.errors import BadInput

RECIPE = "# @package _global_\ndefaults:\n  - override /dataset: folder\nepochs: 1_0\n"


def recipe(folder: Path, text: str) -> Config:
    (folder / "experiment").mkdir(exist_ok=True)
    (folder / "experiment" / "mine.yaml").write_text(f"{RECIPE}{text}\n", encoding="utf-8")
    return config_of(["experiment=mine"], str(folder))


@pytest.mark.parametrize(
    ("written", "as_what"),
    [
        ("007", "a number"),
        ("1_000", "a number"),
        ("0x10", "a number"),
        ("0b11", "a number"),
        ("12:30", "a number"),
        ("+5", "a number"),
        ("1.10", "a number"),
        ("[a, 08, 07]", "a number"),
        ("no", "true or false"),
        ("Off", "true or false"),
    ],
)
def test_what_yaml_would_change_is_refused_as_it_is_written(tmp_path: Path, written: str, as_what: str) -> None:
    text = written.strip("[]").split(", ")[-1]
    with pytest.raises(BadInput) as caught:
        recipe(tmp_path, f"dataset:\n  path: {written}")
    assert str(caught.value) == (
        f"dataset.path must be a text. Received {text}, which YAML reads as {as_what}: "
        f"{tmp_path / 'experiment' / 'mine.yaml'}, line 6. Put quotes around it: '{text}'"
    )


@pytest.mark.parametrize("written", ["2024", "0", "'007'", '"no"', "2024-01-01", "~/photos", "1.2.3", "08", "a=b"])
def test_what_yaml_leaves_alone_needs_no_quotes(tmp_path: Path, written: str) -> None:
    found = recipe(tmp_path, f"dataset:\n  path: {written}")
    assert found.dataset.path == written.strip("'\"")
    assert found.epochs == 10  # of a number, any spelling is right


@pytest.mark.parametrize("written", ["{007: cat, dog: dog}", "{kitten: 0x1, dog: dog}", "[yes, no]", "[01, 02]"])
def test_names_of_classes_count_although_another_source_has_a_number_there(tmp_path: Path, written: str) -> None:
    with pytest.raises(BadInput, match=r"^dataset\.classes must be a text\. Received "):
        recipe(tmp_path, f"dataset:\n  path: x\n  classes: {written}")


def test_own_choices_of_a_group_are_checked_in_runs_and_sweeps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset" / "mine.yaml").write_text("defaults:\n  - folder\npath: 007\n", encoding="utf-8")
    for words in ([], ["-m", "lr=0.1,0.2"]):
        assert main([*words, "--config-dir", str(tmp_path), "dataset=mine"]) == 2
        assert "dataset.path must be a text. Received 007, which YAML reads as a number: " in capsys.readouterr().err
    with pytest.raises(BadInput, match="Received 007"):
        Composer(str(tmp_path))(["dataset=mine", "lr=0.1"])
