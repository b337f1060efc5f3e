"""The learning-rate range test: what it suggests; and `find-lr` and `lr=auto`, which try what it does."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from catsdogs_exp.__main__ import main
from catsdogs_exp.run import auto_rate
from catsdogs_exp.training.feed import Feed
from catsdogs_exp.training.range_test import RangeTest, range_test, smooth, suggest
from catsdogs_exp.training.steps import Steps

RATES = np.geomspace(1e-6, 1, 100)


def test_the_middle_of_a_clear_fall_is_suggested() -> None:
    place = np.log10(RATES)
    losses = np.where(place < -5, 1.0, np.where(place < -2, 1.0 - 0.2 * (place + 5), 0.4))
    found = suggest(RATES, losses, broke=False)
    assert 1e-4 < found.suggestion < 3e-2
    assert found.why == "the middle of the longest descent of the loss"


def test_where_it_only_breaks_a_tenth_of_that_is_suggested() -> None:
    losses = np.full(60, 0.69)
    losses[-1] = 5.0
    found = suggest(RATES[:60], losses, broke=True)
    assert found.suggestion == pytest.approx(RATES[59] / 10, rel=0.05)
    assert "where the loss diverges without having fallen" in found.why


def test_where_no_step_has_a_loss_nothing_is_suggested() -> None:
    found = suggest(RATES[:1], np.array([np.nan]), broke=True)
    assert found.suggestion is None and found.why == "the loss is NaN or infinite from the first step on"


def test_where_nothing_happens_nothing_is_suggested() -> None:
    found = suggest(RATES, np.full(100, 0.69), broke=False)
    assert found.suggestion is None
    assert found.why == "no rate makes the loss fall or diverge in so few steps"


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50))
def test_the_moving_average_stays_within_its_values(values: list[float]) -> None:
    found = smooth(np.array(values))
    assert (found <= max(values) * (1 + 1e-9) + 1e-9).all() and (found >= min(values) * (1 - 1e-9) - 1e-9).all()
    assert found[0] == pytest.approx(values[0])


SMALL = ("dataset.images=60", "target_size=32", "depth=2", "batch_size=8", "model.dense=16", "model.dropout=0.3")


def test_find_lr_prints_draws_and_suggests_what_was_tried(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["find-lr", *SMALL, f"output_dir={tmp_path}"]) == 0
    said = capsys.readouterr().out.splitlines()
    (folder,) = (tmp_path / "find-lr").iterdir()
    with Image.open(folder / "learning_rate.png") as picture:
        assert picture.size[0] > 500 and len(picture.convert("L").getcolors(256) or []) > 3
    rows = (folder / "learning_rate.csv").read_text().splitlines()
    assert rows[0] == "learning_rate,loss,smoothed" and rows[1].startswith("1e-06,")
    with (folder / "learning_rates_tried.csv").open(newline="", encoding="utf-8") as handle:
        tried = list(csv.DictReader(handle))
    rates = [float(row["learning_rate"]) for row in tried]
    assert rates == sorted(rates) and {0.0003, 0.001, 0.003} <= set(rates)
    assert max(int(row["steps"]) for row in tried) == 30  # all steps of the run: 48 images, 5 epochs
    shown = [line.split() for line in said[1 : 1 + len(rates)]]
    assert [float(words[0]) for words in shown] == rates
    assert [words[1] for words in shown] == [row["steps"] for row in tried]
    (best,) = (words[0] for words in shown if words[-1] == "best")
    assert f"suggestion: lr={best}, the best of those tried" in said
    assert any(line.startswith("range test: ") for line in said)
    finished = {float(row["learning_rate"]): float(row["loss"]) for row in tried if row["steps"] == "30"}
    assert finished[float(best)] < min(finished.values()) + 0.02


@pytest.mark.slow
def test_lr_auto_changes_nothing_but_the_rate(tmp_path: Path, weights_of: Callable[[Path], list[bytes]]) -> None:
    """The run is the one that has the found rate as its setting: weights, order, dropout, bit for bit."""
    assert main([*SMALL, "epochs=2", "lr=auto", f"output_dir={tmp_path / 'auto'}"]) == 0
    (auto,) = (tmp_path / "auto" / "drawn").iterdir()
    config = yaml.safe_load((auto / "config.yaml").read_text())
    assert config["lr"] == config["optimizer"]["learning_rate"] > 0
    result = json.loads((auto / "result.json").read_text(encoding="utf-8"))
    assert result["lr_search_seconds"] > 0
    assert {"learning_rate.png", "learning_rate.csv", "learning_rates_tried.csv"} <= {p.name for p in auto.iterdir()}
    assert main([*SMALL, "epochs=2", f"lr={config['lr']}", f"output_dir={tmp_path / 'set'}"]) == 0
    (fixed,) = (tmp_path / "set" / "drawn").iterdir()
    assert weights_of(auto) == weights_of(fixed)
    assert yaml.safe_load((fixed / "config.yaml").read_text())["lr"] == config["lr"]


@pytest.mark.slow
def test_the_head_on_a_frozen_backbone_is_tried_on_its_features(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], weights_of: Callable[[Path], list[bytes]]
) -> None:
    frozen = ("model=transfer", "model.backbone=MobileNetV2", "model.weights=none", "model.cut=block_3_expand_relu")
    words = ["dataset.images=60", "target_size=32", "batch_size=8", "epochs=2", *frozen, "model.dense=[8]"]
    assert main([*words, "lr=auto", f"output_dir={tmp_path / 'auto'}"]) == 0
    said = capsys.readouterr().err
    assert said.count("cut at block_3_expand_relu") == 1
    (auto,) = (tmp_path / "auto" / "drawn").iterdir()
    rate = yaml.safe_load((auto / "config.yaml").read_text())["lr"]
    assert f"lr=auto: lr={rate:g} is the best of " in said
    assert main([*words, f"lr={rate}", f"output_dir={tmp_path / 'set'}"]) == 0
    (fixed,) = (tmp_path / "set" / "drawn").iterdir()
    assert weights_of(auto) == weights_of(fixed)


def test_of_many_images_the_range_test_takes_some_of_each_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fed = []

    def test_on_few(steps: Steps, train: Feed, progress: Callable[[str, int, int], None]) -> RangeTest:
        fed.append(train)
        return range_test(steps, train, count=3, progress=progress)

    monkeypatch.setattr(auto_rate, "COUNT", 3)
    monkeypatch.setattr(auto_rate, "range_test", test_on_few)
    assert main(["find-lr", *SMALL, "epochs=1", f"output_dir={tmp_path}"]) == 0
    assert np.bincount(fed[0].labels).tolist() == [12, 12] and len(set(fed[0].rows.tolist())) == 24
    assert "suggestion: lr=" in capsys.readouterr().out
