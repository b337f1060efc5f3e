"""The appendix of best.keras: read back as written, small, and harmless whoever wrote it."""

import errno
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catsdogs_exp.errors import BadInput
from catsdogs_exp.metrics.familiarity import Familiarity
from catsdogs_exp.metrics.temperature import Calibration
from catsdogs_exp.training.checkpoint.appendix import Appendix, append, read_appendix

ENTRY, FEATURES = "catsdogs_exp_appendix.json", "catsdogs_exp_training_images.f2"
CENTRE = "catsdogs_exp_training_centre.f4"
CALIBRATION = {"temperature": 1.5, "images": 100, "error_before": 0.1, "error_after": 0.02}
KNOWN = {"images": 4, "limit": 0.5, "checked": 30}


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """A file with the entries of a network; their content does not matter here."""
    path = tmp_path / "best.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", bytes(1000))
    return path


def test_it_comes_back_as_it_was(network: Path) -> None:
    assert read_appendix(network) is None
    features = np.random.default_rng(0).normal(size=(30, 7)).astype(np.float16)
    written = Appendix(
        Calibration(1.5, 100, 0.1, 0.02), Familiarity(features, features[0].astype(np.float32), 0.25, 80)
    )
    assert append(written, network)
    found = read_appendix(network)
    assert found is not None and found.calibration == written.calibration and found.familiarity is not None
    np.testing.assert_array_equal(found.familiarity.features, features)
    np.testing.assert_array_equal(found.familiarity.centre, features[0])
    assert (found.familiarity.limit, found.familiarity.checked) == (0.25, 80)
    assert [path.name for path in network.parent.iterdir()] == ["best.keras"]
    with zipfile.ZipFile(network) as archive:
        assert archive.testzip() is None and archive.read("model.weights.h5") == bytes(1000)


def test_an_appendix_is_kept(network: Path) -> None:
    assert append(Appendix(Calibration(1.5, 100, 0.1, 0.02)), network)
    before = network.read_bytes()
    assert not append(Appendix(Calibration(9.0, 100, 0.1, 0.02)), network)
    assert network.read_bytes() == before
    assert read_appendix(network) == Appendix(Calibration(1.5, 100, 0.1, 0.02), None)


def test_an_appendix_is_replaced_if_asked_for(network: Path) -> None:
    features = np.ones((20, 7), np.float16)
    known = Familiarity(features, features[0].astype(np.float32), 0.25, 80)
    append(Appendix(Calibration(9.0, 100, 0.1, 0.02), known), network)
    assert append(Appendix(Calibration(1.5, 100, 0.1, 0.02)), network, replace=True)
    assert read_appendix(network) == Appendix(Calibration(1.5, 100, 0.1, 0.02), None)
    with zipfile.ZipFile(network) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["config.json", "model.weights.h5", ENTRY]
        assert archive.read("model.weights.h5") == bytes(1000)


def test_links_to_the_file_keep_the_old_one(network: Path) -> None:
    """A snapshot's copy of the best network may be a hard link."""
    copy = network.with_name("copy.keras")
    copy.hardlink_to(network)
    append(Appendix(), network)
    assert read_appendix(copy) is None and read_appendix(network) == Appendix()


class Bomb:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("this must not run",))


@pytest.mark.parametrize(
    ("content", "features"),
    [
        (b"no json", b""),
        (pickle.dumps(Bomb()), b""),
        (b"[]", b""),
        (b"{}", b""),
        ({"calibration": {"temperature": 1}, "familiarity": None}, b""),
        ({"calibration": CALIBRATION | {"temperature": 0}, "familiarity": None}, b""),
        ({"calibration": CALIBRATION | {"temperature": 1e999}, "familiarity": None}, b""),
        ({"calibration": CALIBRATION | {"temperature": "x"}, "familiarity": None}, b""),
        ({"calibration": CALIBRATION | {"error_after": 2}, "familiarity": None}, b""),
        ({"calibration": None, "familiarity": KNOWN}, None),
        ({"calibration": None, "familiarity": KNOWN}, b""),
        ({"calibration": None, "familiarity": KNOWN}, bytes(9)),
        ({"calibration": None, "familiarity": KNOWN | {"images": 10**18}}, bytes(8)),
        ({"calibration": None, "familiarity": KNOWN | {"images": -4}}, bytes(8)),
        ({"calibration": None, "familiarity": KNOWN | {"limit": None}}, bytes(8)),
        ({"calibration": None, "familiarity": KNOWN | {"limit": 1e999}}, bytes(8)),
        ({"calibration": None, "familiarity": KNOWN}, pickle.dumps(Bomb())[:64]),
        ({"calibration": None, "familiarity": KNOWN}, np.full(4, np.inf, "<f2").tobytes()),
    ],
)
def test_damaged_or_hostile_ones(network: Path, content: Any, features: bytes | None, capsys) -> None:
    with zipfile.ZipFile(network, "a") as archive:
        archive.writestr(ENTRY, content if isinstance(content, bytes) else json.dumps(content))
        if features is not None:
            archive.writestr(FEATURES, features)
            archive.writestr(CENTRE, np.zeros(1, "<f4").tobytes())
    with pytest.raises(BadInput, match=r"The appendix of the network cannot be read: .*best\.keras \("):
        read_appendix(network)
    assert capsys.readouterr().out == ""


def test_large_ones_are_not_read(network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(network, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(ENTRY, json.dumps({"calibration": None, "familiarity": KNOWN}))
        archive.writestr(FEATURES, bytes(2**26 + 8))
        archive.writestr(CENTRE, bytes(4))
    with pytest.raises(BadInput, match=r"catsdogs_exp_training_images\.f2 is too large"):
        read_appendix(network)


def test_a_full_disk_leaves_the_network_as_it_was(network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = network.read_bytes()

    def full(_: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("catsdogs_exp.platforms.sync_file", full)
    with pytest.raises(OSError, match="No space left on device"):
        append(Appendix(Calibration(1.5, 100, 0.1, 0.02)), network)
    assert network.read_bytes() == before and [path.name for path in network.parent.iterdir()] == ["best.keras"]
