"""A network whose outputs are NaN outside training: its run ends well, and says so everywhere."""

import json
import math
from pathlib import Path

import pytest
from PIL import Image

from catsdogs_exp.__main__ import main
from catsdogs_exp.record.folder.predictions import predictions_of

NETWORK = '''
from dataclasses import dataclass
from catsdogs_exp.models import register

@dataclass(frozen=True)
class Settings:
    """Not a number."""
    name: str = "nowhere"
    head: str = "auto"

@register("nowhere", settings=Settings)
def build(model, input_shape, head):
    import keras

    @keras.saving.register_keras_serializable("no_numbers")
    class Nowhere(keras.layers.Layer):
        def call(self, x, training=False):
            return x if training else x * float("nan")

    layers = [
        keras.Input(input_shape),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Conv2D(4, 3, activation="relu"),
        keras.layers.GlobalAveragePooling2D(),
        Nowhere(),
        keras.layers.Dense(head.units, head.activation, dtype="float32"),
    ]
    return keras.Sequential(layers)
'''
WORDS = ["plugins=[no_numbers]", "model=nowhere", "dataset.images=60", "target_size=32", "epochs=2", "output_dir=."]


def test_a_network_without_predictions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "no_numbers.py").write_text(NETWORK, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main([*WORDS, "dataset.classes=7", "logging=everything", "schedule=reduce_on_plateau"]) == 0
    said = capsys.readouterr().err
    (count,) = {len(predictions_of(folder.parent)) for folder in tmp_path.glob("drawn/*/result.json")}
    assert f"No predictions: the network returns NaN for {count} of {count} validation images." in said
    assert "Collapsed" not in said and "Warning" not in said
    (folder,) = (tmp_path / "drawn").iterdir()
    result = json.loads((folder / "result.json").read_text())
    assert result["status"] == "ok"
    assert result["metrics"]["val"]["loss"] is None  # NaN is not JSON
    assert result["metrics"]["val"]["accuracy"] == result["metrics"]["val"]["top_5_accuracy"] == 0
    assert math.isfinite(result["metrics"]["train"]["loss"])
    page = (folder / "report.html").read_text()
    assert "Unknown: the network returns NaN" in page and ">nan<" not in page
    assert main(["evaluate", str(folder)]) == 1
    assert "the network returns NaN" in capsys.readouterr().err
    assert main(["compare", ".", "--by", "val_loss"]) == 0
    Image.new("RGB", (40, 40), (200, 90, 20)).save(tmp_path / "a.png")
    capsys.readouterr()
    for flags in ([], ["--json"], ["--explain", "--json"], ["--crops"]):
        assert main(["predict", str(folder), "a.png", *flags]) > 0
        said = capsys.readouterr()
        assert "the network returns NaN: its training has diverged" in said.err.replace("The", "the")
        assert "NaN" not in said.out.replace("returns NaN", "")
