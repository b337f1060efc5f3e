"""Mistakes in the user's own YAML files: one line with the file, and never a traceback."""

from pathlib import Path

import pytest

from catsdogs_exp.__main__ import main
from catsdogs_exp.config.compose import config_of
from catsdogs_exp.errors import BadInput

HEAD = "# @package _global_\n"
PROBLEMS = {
    "tab": (f"{HEAD}epochs: 3\n\tlr: 1\n", "a tab, where YAML needs spaces: FILE, line 3. Correct that line"),
    "bracket": (f"{HEAD}epochs: [1\n", "expected ',' or ']', but got '<stream end>': FILE, line 3. Correct that line"),
    "twice": (f"{HEAD}epochs: 1\nepochs: 2\n", "found duplicate key epochs: FILE, line 3. Correct that line"),
    "two documents": (f"{HEAD}epochs: 1\n---\nlr: 2\n", "but found another document: FILE, line 3. Correct that line"),
    "program": (f"{HEAD}output_dir: !!python/name:os.system\n", "could not determine a constructor for the tag "),
    "control": (f"{HEAD}epochs: 2\0\n", "special characters are not allowed: FILE. Remove these characters"),
}


def refusal(folder: Path, content: bytes, *words: str) -> str:
    (folder / "experiment").mkdir()
    (folder / "experiment" / "mine.yaml").write_bytes(content)
    with pytest.raises(BadInput) as caught:
        config_of(["experiment=mine", *words], str(folder))
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(str(folder / "experiment" / "mine.yaml"), "FILE")


@pytest.mark.parametrize(("text", "expected"), PROBLEMS.values(), ids=PROBLEMS)
def test_what_is_no_yaml_is_named_with_its_line(tmp_path: Path, text: str, expected: str) -> None:
    assert refusal(tmp_path, text.encode()).startswith(f"The YAML file has an error: {expected}")


def test_another_encoding_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path, f"{HEAD}output_dir: K\xe4se\n".encode("latin-1")) == (
        "A YAML file is not UTF-8: byte 0xe4. Received: experiment=mine. Save it as UTF-8"
    )


def test_a_recipe_that_includes_itself(tmp_path: Path) -> None:
    message = refusal(tmp_path, f"{HEAD}defaults:\n  - mine\n".encode())
    assert message == "A YAML file includes itself in its defaults. Received: experiment=mine. Leave it out there"


def test_defaults_are_a_list(tmp_path: Path) -> None:
    assert "defaults must be a list (got int)" in refusal(tmp_path, f"{HEAD}defaults: 3\n".encode())


@pytest.mark.parametrize("text", ["epochs: 7\nlr: 0.1\n", "# my first recipe\nepochs: 7\nlr: 0.1\n"])
def test_a_recipe_without_its_first_line_would_be_ignored(tmp_path: Path, text: str) -> None:
    assert refusal(tmp_path, text.encode()) == (
        "The recipe sets nothing: epochs, lr must be settings of the run. Received: experiment=mine. "
        "Begin its file with the line: # @package _global_"
    )


def test_a_group_is_chosen_in_the_defaults(tmp_path: Path) -> None:
    assert refusal(tmp_path, f"{HEAD}model: resnet\n".encode()) == (
        "model is a group of settings. Received: model: resnet. In a YAML file, choose it in the list of defaults: "
        "- override /model: resnet"
    )


def test_every_command_answers_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refusal(tmp_path, f"{HEAD}epochs: [1\n".encode())
    for words in ([], ["-m", "lr=0.1,0.2"], ["--cfg", "job"], ["--dry-run"]):
        assert main(["--config-dir", str(tmp_path), "experiment=mine", *words]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("error: The YAML file has an error: expected ',' or ']'")
