"""The best network is written while training continues, and the run's state never refers to one that is not there."""

import json
import threading
from pathlib import Path

import numpy as np
import pytest

from catsdogs_exp.models import build_model
from catsdogs_exp.record.folder.result import Result
from catsdogs_exp.record.listeners.best_model import KeepBest, SavedNetwork
from catsdogs_exp.training.checkpoint.background import Background
from catsdogs_exp.training.checkpoint.card import ModelCard
from catsdogs_exp.training.checkpoint.model_file import load_model
from catsdogs_exp.training.progress import EpochResult, History


@pytest.fixture
def network(tmp_path: Path, config) -> SavedNetwork:
    card = ModelCard(("cats", "dogs"), (16, 20), "stretch", "bilinear")
    return SavedNetwork(
        build_model(config("depth=1", "target_size=[16,20]").model, (16, 20), 2), card, tmp_path / "best.keras"
    )


def epoch_of(history: History, accuracy: float) -> EpochResult:
    values = {"loss": 0.5, "accuracy": accuracy}
    result = EpochResult(len(history.epochs) + 1, 1, values, values, 0.001, 1.0, 100.0, 0.0, is_best=True)
    history.epochs.append(result)
    return result


def test_the_network_is_saved_as_it_was_at_the_end_of_the_epoch(tmp_path: Path, network: SavedNetwork) -> None:
    result, history = Result(tmp_path / "result.json"), History("val_accuracy")
    before, disk_is_free = [np.array(weight) for weight in network.model.weights], threading.Event()
    with Background() as background:
        background.submit(disk_is_free.wait)
        keep = KeepBest(network, result, history, background)
        keep.on_epoch(epoch_of(history, 0.75))
        for weight in network.model.weights:
            weight.assign(weight + 1)  # the next epoch
        assert not network.path.exists()
        assert json.loads(result.path.read_text())["objective"] is None
        disk_is_free.set()
        keep.wait()
        assert json.loads(result.path.read_text())["objective"]["value"] == 0.75
    saved, card = load_model(network.path)
    assert card == network.card
    for was, weight, trained in zip(before, saved.weights, network.model.weights, strict=True):
        np.testing.assert_array_equal(weight, was)
        np.testing.assert_array_equal(trained, was + 1)
    keep.bring_back()
    for was, weight in zip(before, network.model.weights, strict=True):
        np.testing.assert_array_equal(weight, was)


def test_after_a_failure_nothing_else_is_written(tmp_path: Path, network: SavedNetwork) -> None:
    result, history = Result(tmp_path / "result.json"), History("val_accuracy")
    missing = SavedNetwork(network.model, network.card, tmp_path / "gone" / "best.keras")
    with Background() as background:
        keep = KeepBest(missing, result, history, background)
        keep.on_epoch(epoch_of(history, 0.75))
        later = background.submit((tmp_path / "snapshot").write_text, "refers to the network")
        with pytest.raises(FileNotFoundError, match="gone"):
            keep.wait()
        with pytest.raises(FileNotFoundError, match="gone"):
            later.result()
    assert not (tmp_path / "snapshot").exists()
    assert json.loads(result.path.read_text())["objective"] is None


def test_others_may_read_the_files_when_an_epoch_ends(tmp_path: Path, network: SavedNetwork) -> None:
    result, history = Result(tmp_path / "result.json"), History("val_accuracy")
    with Background() as background:
        KeepBest(network, result, history, background, at_once=True).on_epoch(epoch_of(history, 0.5))
        assert load_model(network.path)[1] == network.card
        assert json.loads(result.path.read_text())["objective"]["epoch"] == 1
