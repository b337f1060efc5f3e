"""Names of files and classes are printed literally: no markup, no emoji codes, on one line, never cut."""

import ast
import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from catsdogs_exp.__main__ import main
from catsdogs_exp.cli import screen as screens
from catsdogs_exp.cli.screen import TerminalScreen, aside, output, table

Capture = pytest.CaptureFixture[str]
CLI = Path(screens.__file__).parent
NAMES = ("cat [small]", "cat [large]", ":cat:", "[red] a", "{x} %s", "ünï 图", "two\nlines")
QUICK = ("target_size=16", "depth=2", "model.dense=4", "batch_size=8", "epochs=1", "split.test=0.2")


def calls(module: Path) -> set[str]:
    """The functions that a module calls by name."""
    return {
        node.func.id
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }


@pytest.mark.parametrize("module", sorted(CLI.glob("*.py")), ids=lambda path: path.stem)
def test_consoles_and_tables_come_from_one_place(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    if module.stem == "screen":
        return
    assert not calls(module) & {"Console", "Table", "Progress"}
    assert "markup=" not in text and "rich.table" not in text and "rich.console" not in text


@pytest.mark.parametrize("name", ["x[/y].jpg", "IMG[bold].jpg", ":cat:.jpg", "a :smile: b", "[red]apple[/red]", "{x}"])
def test_names_are_no_markup(name: str, capsys: Capture) -> None:
    output().say(name)
    shown = table(name, "n")
    shown.add_row(name, 1)
    output().print(shown)
    aside(name)
    TerminalScreen("[1/2] ").say(name)
    said = capsys.readouterr()
    assert said.out.splitlines()[0] == name
    assert [line.split("  ")[0].rstrip() for line in said.out.splitlines()[1:]] == [name, name]
    assert said.err.splitlines() == [name, f"[1/2] {name}"]


def test_a_name_is_one_line_whatever_it_holds(capsys: Capture) -> None:
    shown = table("class")
    shown.add_row("two\nlines\x1b[2J")
    output().print(shown)
    output().say("two\nlines")
    TerminalScreen().say("caf\udce9")
    said = capsys.readouterr()
    assert [line.rstrip() for line in said.out.splitlines()] == ["class", r"two\nlines\x1b[2J", r"two\nlines"]
    assert said.err == "caf\\udce9\n"


def test_a_pipe_gets_long_names_whole_and_a_terminal_folds_them(capsys: Capture) -> None:
    path = "/".join(["long folder"] * 40)
    shown = table("picture", "class")
    shown.add_row(path, "cat")
    output().print(shown)
    assert capsys.readouterr().out.splitlines()[1].split("  ")[0] == path
    narrow = Console(file=io.StringIO(), width=40, force_terminal=True, color_system=None)
    narrow.print(shown)
    text = narrow.file.getvalue()  # type: ignore[attr-defined]
    assert "…" not in text and text.count("folder") == 40


def test_a_terminal_without_columns_shows_everything(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """Rich printed nothing at all."""
    monkeypatch.setenv("COLUMNS", "0")
    monkeypatch.setenv("TERM", "dumb")  # no colours
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    shown = table("class")
    shown.add_row("cats")
    output().print(shown)
    output().say("a line")
    TerminalScreen().say("another")
    said = capsys.readouterr()
    assert [line.rstrip() for line in said.out.splitlines()] == ["class", "cats", "a line"]
    assert said.err == "another\n"


def test_bars_show_names_as_they_are(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    screen = TerminalScreen("[1/2] ")
    screen.progress("downloading {x} [/bold] :cat:.zip", 1, 10)
    screen.close()
    assert "[1/2] downloading {x} [/bold] :cat:.zip" in capsys.readouterr().err


@pytest.fixture(scope="module")
def odd_run(tmp_path_factory: pytest.TempPathFactory, save_photo) -> Path:
    """A run whose classes have odd names, with TensorBoard and pictures."""
    root = tmp_path_factory.mktemp("odd")
    for number, name in enumerate((*NAMES, "n" * 200)):
        for image in range(7):
            save_photo(root / "photos" / name / f"{image}.jpg", (20, 20), 100 * number + image)
    (root / "photos" / ":cat:" / "0.jpg").rename(root / "photos" / ":cat:" / "caf\udce9.jpg")  # the byte E9
    assert main([f"dataset.path={root / 'photos'}", *QUICK, "augment=flip", f"output_dir={root / 'out'}"]) == 0
    (result,) = (root / "out").rglob("result.json")
    return result.parent


def test_odd_classes_train_to_the_end_with_all_files(odd_run: Path) -> None:
    assert json.loads((odd_run / "result.json").read_text())["status"] == "ok"
    assert set(NAMES) < set(json.loads((odd_run / "result.json").read_text())["classes"])
    with (odd_run / "manifest.csv").open(newline="", encoding="utf-8", errors="surrogateescape") as handle:
        rows = list(csv.DictReader(handle))
    assert set(NAMES) < {row["class"] for row in rows}
    left_out = json.loads((odd_run / "inspection.json").read_text())["left_out"]
    assert [entry["reason"] for entry in left_out if "caf" in entry["path"]] == ["name is not UTF-8"]
    pictures = [path.name for path in (odd_run / "activations").glob("best-*.png")]
    assert len(pictures) == len(NAMES) + 1 and not any(
        "\n" in name or len(os.fsencode(name)) > 255 for name in pictures
    )
    assert list((odd_run / "tensorboard").rglob("events*"))


def test_classes_that_differ_within_brackets_are_two_rows(odd_run: Path, capsys: Capture) -> None:
    assert main(["evaluate", str(odd_run), "--split", "train"]) == 0
    first = [line.split("  ")[0].strip() for line in capsys.readouterr().out.splitlines()]
    lines = "\n".join(first)
    for name in ("cat [small]", "cat [large]", ":cat:", "[red] a", r"two\nlines"):
        assert name in lines
    assert main(["compare", str(odd_run.parent)]) == 0


def test_predictions_name_every_file(odd_run: Path, tmp_path: Path, save_photo, capsys: Capture) -> None:
    names = ["x[/y].jpg", "IMG[bold].jpg", ":cat:.jpg", "[red] apple.jpg", "a\nb.jpg"]
    for number, name in enumerate(names):
        save_photo(tmp_path / name, (20, 20), number)
    assert main(["predict", str(odd_run), str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    for name in ("x[/y].jpg", "IMG[bold].jpg", ":cat:.jpg", "[red] apple.jpg", r"a\nb.jpg"):
        assert str(tmp_path / name) in shown
    assert main(["predict", str(odd_run), str(tmp_path), "--json"]) == 0
    assert {Path(row["path"]).name for row in json.loads(capsys.readouterr().out)} >= set(names) - {"x[/y].jpg"}


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1", "cp1252"])
def test_json_is_json_on_any_output(encoding: str, odd_run: Path, tmp_path: Path) -> None:
    """`ü` became Python's `\\xfc`, which is no JSON."""
    photos = odd_run.parents[2] / "photos"
    command = [sys.executable, "-m", "catsdogs_exp", "inspect", str(photos), "--json"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, check=False, env={**os.environ, "PYTHONIOENCODING": encoding}
    )
    assert set(NAMES) < set(json.loads(done.stdout.decode(encoding))["classes"])


def test_the_log_of_a_run_has_one_line_for_each_that_was_printed(odd_run: Path) -> None:
    lines = (odd_run / "run.log").read_text(encoding="utf-8").splitlines()
    assert any(r"two\nlines" in line for line in lines)
    assert not any(line.startswith("lines") for line in lines)


@pytest.mark.parametrize("encoding", ["utf-8:strict", "ascii:strict", "latin-1:strict", "cp1252:strict"])
def test_any_output_takes_any_name(encoding: str, odd_run: Path, tmp_path: Path) -> None:
    photos = odd_run.parents[2] / "photos"
    command = [sys.executable, "-m", "catsdogs_exp", "inspect", str(photos)]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, check=False, env={**os.environ, "PYTHONIOENCODING": encoding}
    )
    assert done.returncode == 0 and b"Traceback" not in done.stderr, done.stderr
    assert b"cat [small]" in done.stdout and rb"two\nlines" in done.stdout
