"""best.keras: self-contained, readable by plain Keras, nothing executed, clear errors."""

import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from catsdogs_exp.errors import BadInput
from catsdogs_exp.models import build_model
from catsdogs_exp.training.checkpoint.model_file import ModelCard, load_model, read_card, save_model

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
