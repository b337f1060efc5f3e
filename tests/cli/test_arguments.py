"""Every command responds to invalid words with one line, exit code 2, and the word to type."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from catsdogs_exp.__main__ import main
from catsdogs_exp.cli.arguments import a_path
from catsdogs_exp.errors import BadInput
from catsdogs_exp.notebook.opened_run import open_run


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line on stderr."""
    assert main(list(words)) == 2
    output = capsys.readouterr()
    assert output.out == ""
    (line,) = output.err.splitlines()
    return line


@pytest.mark.parametrize("command", ["resume", "evaluate", "compare --inside", "inspect --run x", "models"])
def test_a_page_of_help_has_an_example_on_one_line(capsys: pytest.CaptureFixture[str], command: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*command.split(), "--help"])
    assert caught.value.code == 0
    page = capsys.readouterr().out
    assert page.startswith(f"usage: python -m catsdogs_exp {command.split(maxsplit=1)[0]}")
    if command not in ("compare --inside",):
        (example,) = [line for line in page.splitlines() if line.startswith("Example: ")]
        assert page.endswith(f"{example}\n")
    assert all(len(line) <= 80 for line in page.splitlines() if not line.startswith("Example: "))


COMMANDS = ("resume", "repeat", "evaluate", "predict", "activations", "film", "atlas", "demo", "grade")


@pytest.mark.parametrize("command", (*COMMANDS, "export --format onnx", "report", "board", "compare"))
def test_a_name_of_a_run_that_is_too_long(capsys: pytest.CaptureFixture[str], command: str) -> None:
    first, *rest = command.split()
    more = ["x.jpg"] if first in ("predict", "activations") else []
    assert "a" * 300 in answer(capsys, first, "a" * 300, *more, *rest)


def test_a_path_without_permission_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_dir(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_dir", is_dir)
    assert answer(capsys, "predict", "run", "--watch", "secret\n/x") == (
        "error: A file or folder cannot be used: Permission denied: secret\\n/x. Check its path and its permissions"
    )


@pytest.mark.parametrize("command", ["evaluate", "demo", "export --format onnx"])
def test_a_network_without_its_run(capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str) -> None:
    alone = tmp_path / "alone.keras"
    alone.write_bytes(b"PK")
    first, *rest = command.split()
    assert answer(capsys, first, str(alone), *rest) == (
        f"error: RUN must be a run folder. Received: {alone}, a file that is not in one. "
        "Only predict takes a network without its run"
    )


def test_a_run_is_named_by_its_folder_only(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = Path("outputs", "drawn", "2026-01-31_12-00-00-abcd")
    run.mkdir(parents=True)
    (run / "result.json").write_text("{}")
    for typed in (run.name, "2026-01-31", f"./{run.name}"):
        line = answer(capsys, "evaluate", typed)
        assert line == f"error: RUN must be a run folder. There is none at: {Path(typed)}. Did you mean {run}?"
    assert answer(capsys, "evaluate", "2027") == "error: RUN must be a run folder. There is none at: 2027"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_run_is_asked_for_with_an_example(capsys: pytest.CaptureFixture[str], command: str) -> None:
    line = answer(capsys, command)
    assert line.startswith(f"error: {command} needs RUN")
    assert f"Received: none. Example: python -m catsdogs_exp {command} " in line


@pytest.mark.parametrize("command", [*COMMANDS, "compare", "cache", "models", "inspect", "show", "find-lr"])
def test_an_unknown_option(capsys: pytest.CaptureFixture[str], command: str) -> None:
    line = answer(capsys, command, "--frobnicate=1")
    assert line.startswith("error: Unknown option: --frobnicate=1. Known: ")
    assert "-m" not in line.split("Known: ")[1].split(", ")  # a flag of Python's


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("evaluate x --spilt train", "Unknown option: --spilt. Did you mean --split? Known: --split, --data"),
        ("evaluate x --split", "--split needs a value: --split SPLIT. Received none."),
        ("evaluate x --json=~/y", "--json takes no value. Received: --json=~/y. Type: --json"),
        ("evaluate x y", "evaluate does not take: y. Received: x y."),
        ("predict x", "predict needs IMAGE. Received: x. Example: python -m catsdogs_exp predict "),
        ("activations x y --scale chanel", "--scale must be one of channel, layer. Received: --scale chanel. Did you"),
        ("activations x y --channels many", "--channels must be a whole number. Received: --channels many"),
        ("atlas x --seconds long", "--seconds must be a number. Received: --seconds long"),
        ("cache --list --clear", "--list and --clear cannot be combined. Received both: leave one out."),
        ("cache x", "cache does not take: x. Received: x."),
        ("compare --inside a b --images few", "--images must be a whole number. Received: --images few"),
        ("compare --wall --clour", "Unknown option: --clour. Known: --by, --html, --output, --help."),
        ("inspect --run x --spilt", "Unknown option: --spilt. Did you mean --split? Known: --split, --json, --help."),
        ("inspect --json=found.json", "--json takes no value: JSON goes to stdout. Received: --json=found.json."),
        ("show --drawn=1", "--drawn takes no value. Received: --drawn=1. Type: --drawn"),
        ("show --drwan", "Unknown option: --drwan. Did you mean --drawn? Known: --drawn, --parts."),
    ],
)
def test_a_mistake(capsys: pytest.CaptureFixture[str], words: str, expected: str) -> None:
    assert answer(capsys, *words.split()).startswith(f"error: {expected}")


@pytest.mark.parametrize("command", ["find-lr", "show", "inspect", "models", "resume x"])
@pytest.mark.parametrize("words", [("--lr", "0.1"), ("--lr=0.1",), ("--learning-rate", "0.1")])
def test_a_setting_that_is_typed_as_an_option(
    capsys: pytest.CaptureFixture[str], command: str, words: tuple[str, ...]
) -> None:
    line = answer(capsys, *command.split(), *words)
    assert line == f"error: Settings are written key=value. Received: {' '.join(words)}. Type: lr=0.1"


def test_a_file_whose_name_begins_with_a_dash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "-neg").mkdir()
    monkeypatch.chdir(tmp_path)
    for command in ("evaluate", "predict", "inspect"):
        assert answer(capsys, command, "-neg").endswith("For a file or folder with this name: ./-neg")


@pytest.mark.parametrize("words", ["evaluate x --data=", "compare ", "predict x "])
def test_an_empty_path_is_not_the_working_folder(capsys: pytest.CaptureFixture[str], words: str) -> None:
    assert "must be a path. Received an empty one." in answer(capsys, *words.split(" "))


def test_a_tilde_behind_an_equals_sign_is_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert a_path("~/findings.html") == tmp_path / "findings.html"
    assert a_path("~") == tmp_path
    assert a_path("~nobody-of-this-name/x") == Path("~nobody-of-this-name/x")
    assert a_path("a~b") == Path("a~b")


def test_pages_are_written_below_the_home(
    photo_folder: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert main(["inspect", str(photo_folder()), "--html=~/findings.html"]) == 0
    assert (tmp_path / "findings.html").is_file()
    capsys.readouterr()


@pytest.mark.parametrize("command", ["inspect", "show", "find-lr"])
def test_commands_tell_which_source_a_path_has_chosen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert main([command, f"dataset.path={tmp_path}"]) == 2
    first, *_, last = capsys.readouterr().err.splitlines()
    assert first == "dataset=folder, because dataset.path is a folder"
    assert last.startswith("error: The folder of images contains nothing")


ASKS_FOR_A_PATH = (
    "inspect PATH",
    "inspect --html PATH",
    "inspect --run PATH",
    "predict PATH a.jpg",
    "evaluate PATH",
    "evaluate . --data PATH",
    "evaluate . --confusion PATH",
    "report PATH",
    "compare PATH",
    "compare . --html PATH",
    "compare --inside PATH .",
    "resume PATH",
    "repeat PATH",
    "board PATH",
    "export PATH --format savedmodel",
    "demo PATH",
    "grade PATH",
    "atlas PATH",
    "film PATH",
    "activations PATH a.jpg",
    "--config-dir PATH",
    "dataset.path=PATH",
    "model=transfer model.weights=PATH",
    "model=transfer model.backbone=own model.weights=PATH",
)


@pytest.mark.parametrize("words", ASKS_FOR_A_PATH)
def test_a_path_at_which_the_system_cannot_look_is_named(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name of 300 letters, as of a text that was pasted, was a traceback; a link to itself never was."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    for path, why in (("x" * 300, "File name too long"), ("loop/photos", "")):
        assert main([word.replace("PATH", path) for word in words.split()]) == 2
        (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
        assert why in line and path in line


@pytest.mark.parametrize(
    ("words", "named"), [("board", "PATH"), ("--config-dir", "--config-dir"), ("inspect", "PATH"), ("compare", "PATH")]
)
def test_an_empty_path_is_refused_wherever_it_is_read(
    words: str, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answer(capsys, words, " ") == f"error: {named} must be a path. Received an empty one."


def test_an_error_of_the_disk_is_one_line_in_any_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from catsdogs_exp.cli import models

    def refused(_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", "somewhere/file.csv")

    monkeypatch.setattr(models, "main", refused)
    assert answer(capsys, "models") == (
        "error: A file or folder cannot be used: Permission denied: somewhere/file.csv. "
        "Check its path and its permissions"
    )

    def full(_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", "somewhere/file.csv")

    monkeypatch.setattr(models, "main", full)
    assert main(["models"]) == 1
    assert capsys.readouterr().err == (
        "error: The disk or its quota is full: No space left on device: somewhere/file.csv. Free some space there\n"
    )


def test_the_python_interface_says_the_same() -> None:
    with pytest.raises(
        BadInput, match=r"RUN must be a run folder\. Received: xxx.*, which cannot be read: File name too long"
    ):
        open_run("x" * 300)
