"""Listeners of plugins: they hear of the run, and their errors do not end it."""

import csv
import json
from pathlib import Path

import pytest

from catsdogs_exp.__main__ import main

PLUGIN = """
import json

from catsdogs_exp.record.listeners.custom import register_listener


@register_listener("notes")
class Notes:
    def __init__(self, run):
        self.path = run.folder / "notes.txt"
        self.write(f"{run.classes} {run.config.epochs} {run.model.count_params()}")
        for result in run.epochs:
            self.write(f"earlier epoch {result.epoch} {result.val['accuracy']!r}")

    def write(self, line):
        with self.path.open("a") as handle:
            handle.write(line + "\\n")

    def on_step(self, epoch, step, steps, steps_object):
        if step == steps:
            self.write(f"last step of epoch {epoch}")

    def on_epoch(self, result):
        self.write(f"epoch {result.epoch} {result.val['accuracy']!r} {len(result.outputs.labels)}")
        state = json.loads((self.path.parent / "result.json").read_text())
        assert state["epochs"] == result.epoch and (self.path.parent / "checkpoints" / "best.keras").is_file()

    def on_end(self, status):
        self.write(status)


@register_listener("silent")
class Silent:
    def __init__(self, run):
        pass


@register_listener("broken")
class Broken:
    def __init__(self, run):
        self.calls = 0

    def on_epoch(self, result):
        self.calls += 1
        assert self.calls == 1, "told again after it failed"
        raise RuntimeError("no room\\nfor notes")


@register_listener("impossible")
def impossible(run):
    raise KeyError("api_key")
"""
LEAVING = """
import sys

from catsdogs_exp.record.listeners.custom import register_listener


@register_listener("leaving")
class Leaving:
    def __init__(self, run):
        pass

    def on_step(self, epoch, step, steps, steps_object):
        sys.exit("done")
"""
QUICK = ("logging=minimal", "epochs=2", "plugins=[my_listeners]")


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "my_listeners.py").write_text(PLUGIN)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_of(folder: Path) -> Path:
    (found,) = (folder / "outputs" / "drawn").iterdir()
    return found


def test_a_listener_hears_of_steps_epochs_and_the_end(plugin: Path, tiny: tuple[str, ...]) -> None:
    assert main([*tiny, *QUICK, "logging.listeners=[notes,silent]"]) == 0
    run = run_of(plugin)
    result = json.loads((run / "result.json").read_text())
    first, *lines = (run / "notes.txt").read_text().splitlines()
    assert first == f"('cats', 'dogs') 2 {result['parameters']}"
    with (run / "metrics.csv").open() as handle:
        accuracies = [row["val_accuracy"] for row in csv.DictReader(handle)]
    count = sum(result["counts"]["validation"].values())
    expected = [[f"last step of epoch {epoch}", f"epoch {epoch} {accuracies[epoch - 1]} {count}"] for epoch in (1, 2)]
    assert lines == [*expected[0], *expected[1], "ok"]


def test_a_listener_that_raises_is_named_and_the_run_keeps_its_results(
    plugin: Path, tiny: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*tiny, *QUICK, "logging.listeners=[broken,notes]"]) == 0
    run = run_of(plugin)
    said = "the listener broken failed at epoch 1: RuntimeError: no room for notes. The run continues without it"
    assert capsys.readouterr().err.count(said) == 1
    log = (run / "run.log").read_text()
    assert said in log and "Traceback" in log and "my_listeners.py" in log
    result = json.loads((run / "result.json").read_text())
    assert (result["status"], result["epochs"]) == ("ok", 2)
    assert (run / "notes.txt").read_text().endswith("ok\n")  # the other one heard of everything
    assert (run / "checkpoints" / "best.keras").is_file()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("impossible", "logging.listeners: impossible cannot be created: KeyError: 'api_key'"),
        (
            "note",
            "logging.listeners must list listeners registered by plugins: notes, silent, broken, impossible. "
            "Received: logging.listeners=[note]. Did you mean notes?",
        ),
    ],
)
def test_listeners_that_cannot_be_made_are_refused(
    name: str, said: str, plugin: Path, tiny: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*tiny, *QUICK, f"logging.listeners=[{name}]"]) == 2
    assert said in capsys.readouterr().err


def test_a_listener_that_exits_does_not_end_the_run(
    plugin: Path, tiny: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    (plugin / "my_exits.py").write_text(LEAVING)
    assert main([*tiny, *QUICK, "plugins=[my_exits]", "logging.listeners=[leaving]"]) == 0
    said = "the listener leaving failed at epoch 1, step 1: SystemExit: done. The run continues without it"
    assert capsys.readouterr().err.count(said) == 1
    assert json.loads((run_of(plugin) / "result.json").read_text())["status"] == "ok"


def test_a_listener_without_methods_is_named(
    plugin: Path, tiny: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*tiny, *QUICK, "epochs=1", "logging.listeners=[silent,notes]"]) == 0
    said = capsys.readouterr().err
    assert "the listener silent is never called: it has none of on_step, on_epoch, on_end" in said
    assert "notes is never called" not in said


def test_a_finished_run_is_not_resumed_with_a_listener_that_cannot_be_made(plugin: Path, tiny: tuple[str, ...]) -> None:
    assert main([*tiny, *QUICK, "epochs=1", "logging.listeners=[notes]"]) == 0
    run = run_of(plugin)
    before = {path: path.read_bytes() for path in run.glob("*.*") if path.name != "run.log"}
    words = ["resume", str(run), "epochs=2", "--allow-changes"]
    assert main([*words, "logging.listeners=[impossible]"]) == 2
    assert {path: path.read_bytes() for path in before} == before
    assert json.loads((run / "result.json").read_text())["status"] == "ok"
    assert main(words) == 0


def test_a_listener_of_a_resumed_run_knows_the_epochs_before(plugin: Path, tiny: tuple[str, ...]) -> None:
    assert main([*tiny, *QUICK, "epochs=1", "logging.listeners=[notes]"]) == 0
    run = run_of(plugin)
    (run / "notes.txt").unlink()
    assert main(["resume", str(run), "epochs=2"]) == 0
    with (run / "metrics.csv").open() as handle:
        accuracies = [row["val_accuracy"] for row in csv.DictReader(handle)]
    _, *lines = (run / "notes.txt").read_text().splitlines()
    assert lines[0] == f"earlier epoch 1 {accuracies[0]}" and lines[1] == "last step of epoch 2"
    assert lines[2].startswith(f"epoch 2 {accuracies[1]} ") and lines[3:] == ["ok"]


def test_a_name_is_taken_once(plugin: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (plugin / "twice.py").write_text(PLUGIN)
    assert main(["plugins=[my_listeners,twice]"]) == 2
    assert "A listener named 'notes' is already registered by my_listeners." in capsys.readouterr().err
    assert not (plugin / "outputs").exists()
