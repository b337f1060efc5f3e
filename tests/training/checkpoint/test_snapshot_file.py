"""Snapshots: complete or absent, verified when read, nothing in them is executed."""

import json
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catsdogs_exp.errors import BadInput
from catsdogs_exp.training.checkpoint.snapshot_file import KEPT, newest_snapshot, write_snapshot


def arrays(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "model/kernel": rng.standard_normal((3, 40)).astype(np.float32),
        "optimizer/iterations": np.array(seed, dtype=np.int64),
        "state/seed": rng.integers(0, 9, 2).astype(np.uint32),
        "empty": np.empty((0, 2), np.float32),
    }


def like(found: dict[str, np.ndarray]) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
    return {name: (array.shape, array.dtype) for name, array in found.items()}


def test_what_is_written_comes_back_bit_for_bit(tmp_path: Path) -> None:
    state = {"progress": {"steps": 7, "loss": 0.1 + 0.2}}
    path = write_snapshot(tmp_path, 7, arrays(), state)
    said: list[str] = []
    snapshot = newest_snapshot(tmp_path, said.append)
    assert snapshot is not None and snapshot.path == path and not said
    assert snapshot.state == state
    found = snapshot.arrays(like(arrays()))
    assert {name: array.tobytes() for name, array in found.items()} == {n: a.tobytes() for n, a in arrays().items()}
    with np.load(path, allow_pickle=False) as readable:  # by anybody who has NumPy
        assert (readable["00000"] == arrays()["model/kernel"]).all()


def test_the_newest_two_are_kept_and_later_ones_of_another_past_go(tmp_path: Path) -> None:
    for number in (1, 2, 3, 10):
        write_snapshot(tmp_path, number, arrays(number), {})
        (tmp_path / f"{number:09d}.best.keras").write_text("network")
    assert sorted(path.name for path in tmp_path.glob("*.npz")) == ["000000003.npz", "000000010.npz"]
    assert KEPT == 2
    write_snapshot(tmp_path, 5, arrays(5), {})
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "000000003.best.keras",
        "000000003.npz",
        "000000005.npz",
    ]


@given(st.data())
def test_damage_anywhere_is_found_and_the_one_before_is_used(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("snapshots")
    before = write_snapshot(folder, 1, arrays(1), {"n": 1})
    path = write_snapshot(folder, 2, arrays(2), {"n": 2})
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans(), "cut short"):
        content = content[: data.draw(st.integers(0, len(content) - 1), "length")]
    else:
        with zipfile.ZipFile(path) as archive:
            entries = [(i.header_offset + 30 + len(i.filename), i.file_size) for i in archive.infolist()]
        start, size = data.draw(st.sampled_from([e for e in entries if e[1] > 200]), "entry")
        place = start + 100 + data.draw(st.integers(0, size - 101), "place")
        content[place] ^= data.draw(st.integers(1, 255), "bits")
    path.write_bytes(content)
    said: list[str] = []
    snapshot = newest_snapshot(folder, said.append)
    assert snapshot is not None and snapshot.path == before and snapshot.state == {"n": 1}
    assert len(said) == 1 and said[0].startswith("checkpoint 000000002.npz is damaged (") and "skipped" in said[0]


def test_a_snapshot_of_another_network_is_refused_naming_what_differs(tmp_path: Path) -> None:
    write_snapshot(tmp_path, 1, arrays(), {})
    snapshot = newest_snapshot(tmp_path, print)
    assert snapshot is not None
    other = like(arrays()) | {"model/kernel": ((3, 5), np.dtype(np.float32))}
    with pytest.raises(BadInput, match=r"model/kernel is float32 \[3, 40\] there, float32 \[3, 5\] here"):
        snapshot.arrays(other)
    with pytest.raises(BadInput, match="Only one of them has: empty"):
        snapshot.arrays({name: form for name, form in like(arrays()).items() if name != "empty"})


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch /tmp/catsdogs_exp_was_here",)


def test_pickles_and_compressed_bombs_are_not_read(tmp_path: Path) -> None:
    path = write_snapshot(tmp_path, 1, arrays(), {})
    shape = like(arrays())
    np.savez(path, **{"00000": np.array([Evil()], dtype=object)}, allow_pickle=True)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("state.json", json.dumps({"names": ["model/kernel"], "state": {}}))
    snapshot = newest_snapshot(tmp_path, print)
    assert snapshot is not None
    with pytest.raises(BadInput, match="does not fit"):
        snapshot.arrays({"model/kernel": shape["model/kernel"]})
    assert not Path("/tmp/catsdogs_exp_was_here").exists()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("state.json", b"0" * 10_000_000)
    said: list[str] = []
    assert newest_snapshot(tmp_path, said.append) is None
    assert "it is compressed" in said[0]
    path.write_bytes(pickle.dumps(Evil()))
    assert newest_snapshot(tmp_path, said.append) is None
    assert not Path("/tmp/catsdogs_exp_was_here").exists()


def test_a_full_disk_leaves_the_one_before_and_no_scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_snapshot(tmp_path, 1, arrays(1), {"n": 1})

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_snapshot(tmp_path, 2, arrays(2), {"n": 2})
    assert [path.name for path in tmp_path.iterdir()] == ["000000001.npz"]
    snapshot = newest_snapshot(tmp_path, print)
    assert snapshot is not None and snapshot.state == {"n": 1}


def test_values_are_copied_into_memory_that_fits() -> None:
    import tensorflow as tf

    from catsdogs_exp.training.variable_values import value_of

    variable = tf.Variable([1.0, 2.0])
    first = value_of(variable)
    variable.assign([3.0, 4.0])
    assert first.tolist() == [1.0, 2.0]
    assert value_of(variable, first) is first
    assert first.tolist() == [3.0, 4.0]
    other = value_of(tf.Variable([[5.0]]), first)
    assert (other.tolist(), first.tolist()) == ([[5.0]], [3.0, 4.0])
