"""best.keras: self-contained, readable by plain Keras, nothing executed, clear errors."""

import contextlib
import io
import json
import pickle
import shutil
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from catsdogs_exp.errors import BadInput
from catsdogs_exp.models import build_model
from catsdogs_exp.training.checkpoint.card import ModelCard
from catsdogs_exp.training.checkpoint.model_file import load_model, read_card, save_model

CARD = ModelCard(("cats", "dogs"), (16, 20), "stretch", "bilinear")


@pytest.fixture
def saved(tmp_path: Path, config) -> Path:
    path = tmp_path / "best.keras"
    save_model(build_model(config("depth=1", "target_size=[16,20]").model, (16, 20), 2), CARD, path)
    return path


def test_it_comes_back_as_it_was(saved: Path) -> None:
    model, card = load_model(saved)
    assert card == CARD == read_card(saved)
    assert model.input_shape == (None, 16, 20, 3)
    assert [path.name for path in saved.parent.iterdir()] == ["best.keras"]


def test_plain_keras_reads_it_too(saved: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 16, 20, 3), dtype=np.uint8)
    np.testing.assert_array_equal(
        keras.saving.load_model(saved).predict(images, verbose=0), load_model(saved)[0].predict(images, verbose=0)
    )


def test_a_lambda_is_not_executed(tmp_path: Path) -> None:
    inputs = keras.Input((16, 20, 3))
    hostile = keras.Model(inputs, keras.layers.Lambda(lambda x: x)(inputs))
    path = tmp_path / "hostile.keras"
    save_model(hostile, CARD, path)
    with pytest.raises(BadInput, match=r"The network cannot be loaded: .*hostile.keras"):
        load_model(path)


def test_missing_foreign_and_damaged_files(tmp_path: Path, saved: Path) -> None:
    with pytest.raises(BadInput, match=r"There is no trained network at .*none.keras. Did the run finish its first"):
        read_card(tmp_path / "none.keras")
    text = tmp_path / "text.keras"
    text.write_text("hello")
    with pytest.raises(BadInput, match=r"Not a network written by catsdogs_exp: .*text.keras"):
        load_model(text)
    cut = tmp_path / "cut.keras"
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(cut, "w") as sink:
        for name in source.namelist():
            data = source.read(name)
            sink.writestr(name, data[: len(data) // 2] if name.endswith(".h5") else data)
    with pytest.raises(BadInput, match=r"The network cannot be loaded: .*cut.keras"):
        load_model(cut)
    foreign = tmp_path / "foreign.keras"
    with zipfile.ZipFile(foreign, "w") as sink:
        sink.writestr("catsdogs_exp.json", json.dumps({"classes": ["a"]}))
    with pytest.raises(BadInput, match="Not a network written by catsdogs_exp"):
        load_model(foreign)


@pytest.mark.parametrize(
    ("resize", "kept"), [("stretch", "stretch"), ("pad", "pad"), ("crop", "crop"), ("random_resized_crop", "crop")]
)
def test_the_card_says_how_pictures_are_evaluated(tmp_path: Path, config, resize: str, kept: str) -> None:
    settings = config(f"loader.resize={resize}", "loader.pad_value=40.5", "target_size=[16,20]", "depth=1")
    card = ModelCard.of(settings.loader, ("cats", "dogs"))
    assert (card.resize, card.pad_value) == (kept, 40.5)
    path = tmp_path / "best.keras"
    save_model(build_model(settings.model, (16, 20), 2), card, path)
    assert read_card(path) == card


def test_cards_of_before_padding_are_read(tmp_path: Path) -> None:
    old = {"classes": ["a", "b"], "target_size": [3, 4], "resize": "stretch", "interpolation": "nearest", "channels": 1}
    with zipfile.ZipFile(tmp_path / "old.keras", "w") as sink:
        sink.writestr("catsdogs_exp.json", json.dumps(old))
    assert read_card(tmp_path / "old.keras") == ModelCard(("a", "b"), (3, 4), "stretch", "nearest", 1, 0.0)


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.write_text, (self.path, "executed"))


def rewritten(source: Path, target: Path, **entries: bytes | None) -> Path:
    """A copy of a network's file with some entries replaced, added or, with None, left out; `__` stands for a dot."""
    changed = {name.replace("__", "."): data for name, data in entries.items()}
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w") as sink:
        for name in archive.namelist():
            if name not in changed:
                sink.writestr(name, archive.read(name))
        for name, data in changed.items():
            if data is not None:
                sink.writestr(name, data)
    return target


def config_with(saved: Path, layer: dict[str, Any]) -> bytes:
    """The network's config with a layer that was put into it."""
    with zipfile.ZipFile(saved) as archive:
        config = json.loads(archive.read("config.json"))
    first = config["config"]["layers"][1]
    config["config"]["layers"][1] = first | layer
    return json.dumps(config).encode()


@pytest.mark.parametrize(
    "layer",
    [
        {"module": "os", "class_name": "system", "registered_name": None, "config": {"command": "touch {mark}"}},
        {"module": "builtins", "class_name": "exec", "registered_name": None, "config": "open({mark!r}, 'w')"},
        {
            "module": "subprocess",
            "class_name": "Popen",
            "registered_name": None,
            "config": {"args": ["touch", "{mark}"]},
        },
        {"module": "builtins", "class_name": "function", "registered_name": "function", "config": "system"},
        {
            **{"module": "keras.utils", "class_name": "get_file", "registered_name": None},
            "config": {"fname": "{mark}", "origin": "file:///etc/hostname"},
        },
        {
            **{"module": "keras.layers", "class_name": "TorchModuleWrapper", "registered_name": None},
            "config": {"module": "aGVsbG8=", "name": "torch_module_wrapper"},
        },
    ],
    ids=lambda layer: layer["class_name"],
)
def test_a_config_that_names_code_runs_none(saved: Path, tmp_path: Path, layer: dict[str, Any]) -> None:
    mark = tmp_path / "mark"
    layer = json.loads(json.dumps(layer).replace("{mark}", str(mark)).replace("{mark!r}", repr(str(mark))))
    hostile = rewritten(saved, tmp_path / "hostile.keras", config__json=config_with(saved, layer))
    with pytest.raises(BadInput, match=r"The network cannot be loaded: .*hostile\.keras"):
        load_model(hostile)
    assert not mark.exists()


def test_pickles_within_the_file_are_not_unpickled(saved: Path, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    pickled = pickle.dumps(Bomb(mark))
    arrays = io.BytesIO()
    np.savez(arrays, weights=np.array([Bomb(mark)], dtype=object))
    for entries in (
        {"model__weights__h5": pickled},
        {"model__weights__h5": None, "model__weights__npz": arrays.getvalue()},
        {"catsdogs_exp__json": pickled},
        {"config__json": pickled},
    ):
        hostile = rewritten(saved, tmp_path / "hostile.keras", **entries)
        with pytest.raises(BadInput, match=r"hostile\.keras"):
            load_model(hostile)
    alone = tmp_path / "pickle.keras"
    alone.write_bytes(pickled)
    with pytest.raises(BadInput, match="Not a network written by catsdogs_exp"):
        load_model(alone)
    assert not mark.exists()


def test_entries_outside_of_the_archive_are_not_written(saved: Path, tmp_path: Path) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    hostile = below / "hostile.keras"
    shutil.copy(saved, hostile)
    outside = ("../escaped", f"{tmp_path}/escaped", "assets/../../escaped")
    with zipfile.ZipFile(hostile, "a") as archive:
        for name in outside:
            archive.writestr(name, "x")
    before = set(tmp_path.rglob("*"))
    with contextlib.suppress(BadInput):  # refused or ignored, but not written
        load_model(hostile)
    assert set(tmp_path.rglob("*")) == before


def test_a_card_that_is_too_large_is_not_read(saved: Path, tmp_path: Path) -> None:
    hostile = rewritten(saved, tmp_path / "hostile.keras", catsdogs_exp__json=b" " * (2**20 + 1))
    with pytest.raises(BadInput, match="the description is too large"):
        load_model(hostile)


def test_entries_that_would_fill_the_memory_are_not_unpacked(saved: Path, tmp_path: Path) -> None:
    hostile = tmp_path / "hostile.keras"
    shutil.copy(saved, hostile)
    with zipfile.ZipFile(hostile, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("assets/zeros", bytes(2**26 + 1))
    with pytest.raises(BadInput, match=r"\(assets/zeros would take 67,108,865 bytes of memory\)"):
        load_model(hostile)
