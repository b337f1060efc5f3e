"""`result.json` holds the state of a run at every moment, and is always readable."""

import importlib.metadata
import json
import math
import os
import threading

import pytest

from catsdogs_exp.record.folder import result as result_module
from catsdogs_exp.record.folder.result import Result, config_hash, versions, write_json

FIELDS = {
    "status",
    "objective",
    "metrics",
    "epochs",
    "seconds",
    "parameters",
    "classes",
    "counts",
    "quarantined",
    "counts_by_rule",
    "images_per_second",
    "waiting",
    "config_hash",
    "data_hash",
    "versions",
    "machine",
    "git",
    "threads",
    "command",
    "resumed",
    "stopped",
    "lr_search_seconds",
    "crop_sensitivity",
    "error",
}


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_there_from_the_start_with_every_field(tmp_path):
    path = tmp_path / "result.json"
    Result(path, command="python -m catsdogs_exp lr=1")
    content = read(path)
    assert set(content) == FIELDS
    assert content["status"] == "running"
    assert content["command"] == "python -m catsdogs_exp lr=1"
    assert content["objective"] is content["error"] is None
    assert content["versions"] == versions()


def test_every_change_is_on_disk_when_the_call_returns(tmp_path):
    result = Result(tmp_path / "result.json")
    result.update(epochs=1, objective={"name": "val_accuracy", "value": 0.5, "epoch": 1})
    assert read(result.path)["objective"] == {"name": "val_accuracy", "value": 0.5, "epoch": 1}
    result.update(status="ok")
    content = read(result.path)
    assert (content["status"], content["epochs"]) == ("ok", 1)
    assert content == result.content


def test_an_unknown_field_is_refused_and_nothing_is_written(tmp_path):
    result = Result(tmp_path / "result.json")
    with pytest.raises(KeyError, match="acuracy"):
        result.update(epochs=3, acuracy=0.5)
    assert result.content["epochs"] == 0
    assert read(result.path)["epochs"] == 0
    with pytest.raises(KeyError, match="colour"):
        Result(tmp_path / "other.json", colour="red")
    assert not (tmp_path / "other.json").exists()


def test_two_results_share_nothing(tmp_path):
    first, second = Result(tmp_path / "a.json"), Result(tmp_path / "b.json")
    first.content["metrics"]["val"] = {"loss": 1.0}
    assert second.content["metrics"] == {}


def test_nan_and_infinity_become_null(tmp_path):
    path = tmp_path / "result.json"
    Result(path, metrics={"val": {"loss": math.nan, "accuracy": 0.5}}, classes=["a", -math.inf], seconds=math.inf)

    def refuse(word):
        raise AssertionError(f"{word} is not JSON")

    content = json.loads(path.read_text(), parse_constant=refuse)
    assert content["metrics"] == {"val": {"loss": None, "accuracy": 0.5}}
    assert content["classes"] == ["a", None]
    assert content["seconds"] is None


def test_names_in_any_script_are_readable(tmp_path):
    write_json(tmp_path / "a.json", {"classes": ["Kätzchen", "犬"]})
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert "Kätzchen" in text
    assert "犬" in text
    assert text.endswith("}\n")


def test_tuples_become_lists(tmp_path):
    write_json(tmp_path / "a.json", {"size": (1, 2)})
    assert read(tmp_path / "a.json") == {"size": [1, 2]}


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "result.json"
    write_json(path, {"good": 1})
    with pytest.raises(TypeError, match="not JSON serializable"):
        write_json(path, {"start": 1, "bad": object()})
    assert read(path) == {"good": 1}


def test_synced_before_it_takes_the_name(tmp_path, monkeypatch):
    path = tmp_path / "result.json"
    path.write_text('"old"')
    seen = []

    def fsync(descriptor):
        assert os.fstat(descriptor).st_size > 0
        seen.append(read(path))

    monkeypatch.setattr(result_module.os, "fsync", fsync)
    write_json(path, "new")
    assert seen == ["old"]
    assert read(path) == "new"


def test_no_scratch_file_remains(tmp_path):
    result = Result(tmp_path / "result.json")
    result.update(status="ok")
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def test_readable_at_any_time(tmp_path, monkeypatch):
    monkeypatch.setattr(result_module.os, "fsync", lambda descriptor: None)  # faster: more writes to read between
    path = tmp_path / "result.json"
    result = Result(path)
    done = threading.Event()

    def write():
        try:
            for number in range(300):
                result.update(epochs=number, classes=["name"] * (number % 7) * 100)
        finally:
            done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = []
    while not done.is_set():
        content = read(path)
        assert set(content) == FIELDS
        assert len(content["classes"]) == content["epochs"] % 7 * 100
        seen.append(content["epochs"])
    writer.join()
    assert read(path)["epochs"] == 299
    assert seen == sorted(seen)


def test_versions_name_python_and_the_packages():
    found = versions()
    assert found["python"].startswith("3.")
    assert found["tensorflow"] == importlib.metadata.version("tensorflow")
    assert found["hydra-core"][0].isdigit()


def test_a_package_that_is_not_there(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    assert versions()["keras"] == "not installed"


NEVER = {"training": {"ema": 0.0, "checkpoint": {"every": "never"}}}


@pytest.fixture
def plain(monkeypatch):
    """A stand-in for a config: `config_hash` sees what `to_plain` gives."""
    content = {
        "lr": 0.001,
        "seed": 0,
        "output_dir": "a",
        "experiment": None,
        "logging": {"samples": 1},
        "depth": 3,
        "model": {"name": "cnn", "depth": 3},
        "optimizer": {"learning_rate": 0.001},
        "training": {"ema": 0.0, "checkpoint": {"every": "1epochs"}},
    }
    monkeypatch.setattr(result_module, "to_plain", lambda config: content | config)
    return config_hash


def test_the_hash_changes_with_what_changes_the_numbers(plain):
    faster = {"lr": 0.01, "optimizer": {"learning_rate": 0.01}}
    hashes = [plain({}), plain(faster), plain({"seed": 1}), plain({"model": {"name": "cnn", "depth": 4}})]
    assert len(set(hashes)) == 4
    assert all(len(value) == 16 for value in hashes)


@pytest.mark.parametrize(
    "change",
    [{"output_dir": "b"}, {"experiment": "course"}, {"logging": {"samples": 9}}, NEVER, {}, {"depth": 9}, {"lr": 0.5}],
    ids=str,
)
def test_the_hash_stays_with_what_does_not(plain, change):
    assert plain(change) == plain({})


def test_the_hash_knows_no_depth_of_a_network_without_one(plain):
    transfer = {"model": {"name": "transfer"}}
    assert plain(transfer | {"depth": 2}) == plain(transfer | {"depth": 3})


def test_the_hash_does_not_depend_on_the_order_of_keys(plain):
    assert plain({"model": {"depth": 3, "name": "cnn"}}) == plain({})
