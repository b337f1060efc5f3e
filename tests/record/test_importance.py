"""Which setting decides: found by PED-ANOVA where Optuna is installed; too few runs are said to be too few."""

import importlib.util
import json
from pathlib import Path

import pytest
import yaml

from catsdogs_exp.record.comparison import compare
from catsdogs_exp.record.importance import importance


def make_runs(root: Path, count: int) -> None:
    """Runs whose accuracy depends on `lr`, hardly on `depth`, and not on `name`."""
    for number in range(count):
        rate, depth, name = 10.0 ** -(1 + number % 5), 1 + number % 3, "ab"[number % 2]
        value = 0.9 - 0.1 * (number % 5) + 0.001 * depth
        folder = root / str(number)
        folder.mkdir()
        objective = {"name": "val_accuracy", "value": value, "epoch": 1}
        result = {"status": "ok", "metrics": {"val": {"accuracy": value}}, "objective": objective}
        (folder / "result.json").write_text(json.dumps(result))
        (folder / "config.yaml").write_text(yaml.safe_dump({"lr": rate, "depth": depth, "name": name}))


def test_the_setting_that_decides_comes_first(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    make_runs(tmp_path, 30)
    found = importance(compare([tmp_path]))
    assert (found.reason, found.runs) == ("", 30)
    assert next(iter(found.shares)) == "lr"
    assert found.shares["lr"] > 0.8
    assert sum(found.shares.values()) == pytest.approx(1)


def test_runs_that_are_all_alike_say_nothing(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    make_runs(tmp_path, 30)
    for path in tmp_path.glob("*/result.json"):
        path.write_text(json.dumps({"status": "ok", "metrics": {"val": {"accuracy": 0.5}}}))
    found = importance(compare([tmp_path]))
    assert (found.shares, found.reason) == ({}, "no setting distinguishes the best tenth of the runs by val_accuracy")


def test_too_few_runs_say_nothing(tmp_path: Path) -> None:
    make_runs(tmp_path, 9)
    found = importance(compare([tmp_path]))
    assert found.shares == {}
    assert found.reason == "too few runs: 9 completed, but at least 20 are needed for 3 settings"


def test_without_optuna_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_runs(tmp_path, 24)
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *rest: None if name == "optuna" else find(name, *rest))
    assert importance(compare([tmp_path])).reason == "Optuna is not installed: pip install 'catsdogs-exp[search]'"
