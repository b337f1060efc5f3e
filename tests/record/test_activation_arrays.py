"""Activation arrays: what is saved, the size limit, and what is rejected."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from catsdogs_exp.errors import BadInput
from catsdogs_exp.insight.maps import LayerActivations, NetworkActivations
from catsdogs_exp.record.activation_arrays import ActivationFiles, KeptActivations, epoch_files, read_activations


def kept(epoch: int, side: int = 32, channels: int = 8) -> KeptActivations:
    rng = np.random.default_rng(epoch)
    maps = rng.normal(size=(2, side, side, channels)).astype(np.float32)
    answers = NetworkActivations((LayerActivations("block1_conv", maps),), rng.random((2, 3), np.float32))
    return KeptActivations(epoch, ("cats [x]/é.jpg", "dogs 2.jpg"), np.zeros((2, 9, 9, 3), np.uint8), answers)


def test_what_is_kept_comes_back_in_half_precision(tmp_path: Path) -> None:
    files, given = ActivationFiles(tmp_path / "a", 10**7), kept(3, side=128)
    files.add(given, channels=5)
    (path,) = epoch_files(tmp_path / "a")
    found = read_activations(path)
    assert (found.epoch, found.probes) == (3, given.probes)
    maps = found.answers.layers[0].maps
    assert maps.shape == (2, 64, 64, 5) and maps.dtype == np.float32
    np.testing.assert_allclose(maps[0, 0, 0], given.answers.layers[0].maps[0, :2, :2, :5].mean((0, 1)), atol=1e-3)
    np.testing.assert_array_equal(found.answers.probabilities, given.answers.probabilities)


def test_the_size_is_bounded_and_the_first_and_last_epochs_stay(tmp_path: Path) -> None:
    size = 2 * 32 * 32 * 8 * 2 + 9000
    files = ActivationFiles(tmp_path, 6 * size)
    for epoch in range(1, 40):
        files.add(kept(epoch), 8)
        assert sum(path.stat().st_size for path in tmp_path.glob("epoch-*.npz")) <= 6 * size
    epochs = [read_activations(path).epoch for path in epoch_files(tmp_path)]
    assert epochs[0] == 1 and epochs[-1] == 39 and len(epochs) >= 3


def test_nothing_is_kept_when_nothing_may_be(tmp_path: Path) -> None:
    ActivationFiles(tmp_path / "a", 0).add(kept(1), 8)
    assert not (tmp_path / "a").exists()


def test_a_run_that_goes_on_forgets_what_came_after(tmp_path: Path) -> None:
    files = ActivationFiles(tmp_path, 10**7)
    for epoch in (1, 5, 10):
        files.add(kept(epoch), 8)
    files.take_back(5)
    assert [path.name for path in epoch_files(tmp_path)] == ["epoch-00001.npz", "epoch-00005.npz"]


def test_a_pickle_in_the_file_is_refused(tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "executed",))

    with (tmp_path / "epoch-00001.npz").open("wb") as handle:
        np.savez(handle, about=np.array([Hostile()], dtype=object), images=np.zeros(3))
    with pytest.raises(BadInput, match="Not an activations file"):
        read_activations(tmp_path / "epoch-00001.npz")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no zip at all"])
def test_a_damaged_file_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "best.npz").write_bytes(content)
    with pytest.raises(BadInput, match="Not an activations file"):
        read_activations(tmp_path / "best.npz")
    with pytest.raises(BadInput, match="saved no activations"):
        read_activations(tmp_path / "missing.npz")


def test_what_half_precision_cannot_hold_is_its_largest_number(tmp_path: Path) -> None:
    given = kept(1)
    given.answers.layers[0].maps[0, 0, 0, :2] = (1e6, -1e30)
    ActivationFiles(tmp_path, 10**7).add(given, 8)
    maps = read_activations(epoch_files(tmp_path)[0]).answers.layers[0].maps
    assert maps[0, 0, 0, :2].tolist() == [65504, -65504]


def test_a_strip_keeps_a_row(tmp_path: Path) -> None:
    maps = np.random.default_rng(0).normal(size=(2, 6, 600, 3)).astype(np.float32)
    given = replace(kept(1), answers=NetworkActivations((LayerActivations("a", maps),), np.ones((2, 3), np.float32)))
    ActivationFiles(tmp_path, 10**7).add(given, 8)
    assert read_activations(epoch_files(tmp_path)[0]).answers.layers[0].maps.shape == (2, 1, 60, 3)
