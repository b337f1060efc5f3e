"""The learning-rate range test: what it suggests, and that it leaves no trace."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from catsdogs_exp.__main__ import main
from catsdogs_exp.errors import RunFailed
from catsdogs_exp.training.range_test import smooth, suggest

RATES = np.geomspace(1e-6, 1, 100)


def test_the_middle_of_a_clear_fall_is_suggested() -> None:
    place = np.log10(RATES)
    losses = np.where(place < -5, 1.0, np.where(place < -2, 1.0 - 0.2 * (place + 5), 0.4))
    found = suggest(RATES, losses, broke=False)
    assert 1e-4 < found.suggestion < 3e-2
    assert found.why == "the middle of the longest fall of the loss"


def test_where_it_only_breaks_a_tenth_of_that_is_suggested() -> None:
    losses = np.full(60, 0.69)
    losses[-1] = 5.0
    found = suggest(RATES[:60], losses, broke=True)
    assert found.suggestion == pytest.approx(RATES[59] / 10, rel=0.05)
    assert "where the loss breaks without having fallen" in found.why


def test_where_nothing_happens_the_user_is_asked() -> None:
    with pytest.raises(RunFailed, match="found no learning rate with which the loss falls, nor one with"):
        suggest(RATES, np.full(100, 0.69), broke=False)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50))
def test_the_moving_average_stays_within_its_values(values: list[float]) -> None:
    found = smooth(np.array(values))
    assert (found <= max(values) * (1 + 1e-9) + 1e-9).all() and (found >= min(values) * (1 - 1e-9) - 1e-9).all()
    assert found[0] == pytest.approx(values[0])


SMALL = ("dataset.images=60", "target_size=32", "depth=2", "batch_size=8", "model.dense=16", "model.dropout=0.3")


def test_find_lr_draws_and_suggests(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["find-lr", *SMALL, f"output_dir={tmp_path}"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("suggestion: lr=")
    (folder,) = (tmp_path / "find-lr").iterdir()
    with Image.open(folder / "learning_rate.png") as picture:
        assert picture.size[0] > 500 and len(picture.convert("L").getcolors(256) or []) > 3
    rows = (folder / "learning_rate.csv").read_text().splitlines()
    assert rows[0] == "learning_rate,loss,smoothed" and rows[1].startswith("1e-06,")


def test_lr_auto_changes_nothing_but_the_rate(tmp_path: Path, weights_of: Callable[[Path], list[bytes]]) -> None:
    """The run is the one that has the found rate as its setting: weights, order, dropout, bit for bit."""
    assert main([*SMALL, "epochs=2", "lr=auto", f"output_dir={tmp_path / 'auto'}"]) == 0
    (auto,) = (tmp_path / "auto" / "drawn").iterdir()
    config = yaml.safe_load((auto / "config.yaml").read_text())
    assert config["lr"] == config["optimizer"]["learning_rate"] > 0
    assert main([*SMALL, "epochs=2", f"lr={config['lr']}", f"output_dir={tmp_path / 'set'}"]) == 0
    (fixed,) = (tmp_path / "set" / "drawn").iterdir()
    assert weights_of(auto) == weights_of(fixed)
    assert yaml.safe_load((fixed / "config.yaml").read_text())["lr"] == config["lr"]
