"""`models`: available networks, and the layers of one."""

import json
import subprocess
import sys

import pytest

from catsdogs_exp.__main__ import main
from catsdogs_exp.config.compose import config_of
from catsdogs_exp.config.known_models import ABOUT, known_models, values_of
from catsdogs_exp.config.schema.models import MODELS
from catsdogs_exp.config.search_path import groups

Capture = pytest.CaptureFixture[str]


def listed(capsys: Capture, *words: str) -> list[dict[str, object]]:
    assert main(["models", "--json", *words]) == 0
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, list)
    return found


def test_the_quick_list_has_every_choice_and_needs_no_tensorflow() -> None:
    program = (
        "import sys; from catsdogs_exp.__main__ import main; code = main(['models', '--quick']); "
        "print(sorted({'tensorflow', 'keras'} & set(sys.modules)), code)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    *lines, last = done.stdout.splitlines()
    assert last == "[] 0" and done.stderr == ""
    assert [line.split()[0] for line in lines] == ["name", *groups()["model"]]
    (cnn,) = [line for line in lines if line.startswith("cnn ")]
    assert "150x150x3" in cnn and "val_accuracy 0.724 (course_week1)" in cnn


def test_every_network_has_a_description_and_a_size_that_its_config_has() -> None:
    for known in known_models():
        assert 20 < len(known.description) <= 120, known
        assert config_of([f"model={known.name}"]).target_size == known.target_size
    assert set(MODELS) >= set(ABOUT)


def test_counts_of_the_courses_networks(capsys: Capture) -> None:
    first, last = listed(capsys, "course_[ae]")
    assert (first["name"], first["parameters"], first["trained"]) == ("course_a", 9_494_561, 9_494_561)
    by_hand = 148**2 * 27 * 16 + 72**2 * 9 * 16 * 32 + 34**2 * 9 * 32 * 64 + 18496 * 512 + 512
    assert first["multiply_adds"] == by_hand and first["pixels"] == "0..1"
    assert (last["name"], last["target_size"]) == ("course_e", [28, 28])


@pytest.mark.slow
def test_settings_count(capsys: Capture) -> None:
    (found,) = listed(capsys, "course_", "dataset.channels=1", "--classes=26")[-2:-1]
    assert (found["name"], found["channels"], found["parameters"]) == ("course_e", 1, 245_850)


def test_what_cannot_be_built_is_said_and_the_others_are_listed(capsys: Capture) -> None:
    assert main(["models", "--json", "course_[be]", "target_size=28"]) == 0
    said = capsys.readouterr()
    first, last = json.loads(said.out)
    assert first["parameters"] is None and last["parameters"] is not None
    assert "course_b: depth must be <= 3 for target_size=[28,28]" in said.err
    assert "building 2 networks to count parameters (skip with --quick)" in said.err


def test_the_layers_of_one(capsys: Capture) -> None:
    assert main(["models", "cnn", "depth=2", "target_size=32", "model.dense=[]"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["layer", "kind", "output", "parameters", "trained", "multiply-adds"]
    assert lines[3].split() == ["block1_conv", "Conv2D", "30", "x", "30", "x", "16", "448", "448", "388,800"]
    assert lines[-1].startswith("6,241 parameters, 6,241 trained, ")


def test_a_pattern_finds_backbones_too(capsys: Capture) -> None:
    found = listed(capsys, "--quick", "resnet*")
    assert [row["name"] for row in found[:3]] == ["resnet", "ResNet101", "ResNet101V2"]
    assert str(found[1]["description"]).endswith(": model=transfer model.backbone=ResNet101")
    assert len(listed(capsys, "--quick", "v2")) == 12


def test_backbones_are_counted(capsys: Capture) -> None:
    first, *others = listed(capsys, "mobilenet?2", "target_size=64")
    assert (first["name"], first["parameters"], first["trained"]) == ("MobileNetV2", 2_259_265, 1281) and not others


@pytest.mark.parametrize("word", ["mobilenetv2", "MobileNetV2"])
def test_a_backbone_as_a_network_names_the_way(word: str, capsys: Capture) -> None:
    assert main([f"model={word}"]) == 2
    expected = f"Received: model={word}. MobileNetV2 is a backbone: model=transfer model.backbone=MobileNetV2\n"
    assert capsys.readouterr().err.endswith(expected)


def test_layers_to_cut_at(capsys: Capture) -> None:
    """Weights of ImageNet would have to be fetched; they are not, as nothing is computed."""
    assert main(["models", "--json", "mobilenetv2", "target_size=96"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["name"] == "MobileNetV2"
    shapes = {layer["name"]: layer["shape"] for layer in found["layers"]}
    assert shapes["block_13_expand_relu"] == [6, 6, 576]
    assert found["trained"] == 1281 and found["parameters"] > 2_000_000


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["cnnn"], "No network matches: cnnn. Did you mean cnn? Known: cnn, course_a,"),
        (["MobileNetV5"], "No network matches: MobileNetV5. Did you mean MobileNetV2 or MobileNet or"),
        (["cnn", "transfer"], "One NAME or PATTERN, in quotes. Received: cnn transfer"),
        (["cnn", "--classes=1"], "--classes must be a whole number >= 2. Received: --classes=1"),
        (["cnn", "model.dept=3"], "Unknown setting: model.dept. Did you mean model.depth"),
    ],
)
def test_mistakes(words: list[str], message: str, capsys: Capture) -> None:
    assert main(["models", *words]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith(f"error: {message}")


@pytest.mark.parametrize("name", [name for name, about in ABOUT.items() if about.mean is not None])
def test_what_is_said_of_pixels_is_true(name: str) -> None:
    import keras
    import numpy as np

    from catsdogs_exp.config.known_models import without_weights
    from catsdogs_exp.models import build_model

    config = config_of([f"model={name}", "target_size=64"])
    model = build_model(without_weights(config.model), (64, 64), 2)
    pixels = np.stack([np.zeros((64, 64, 3), np.uint8), np.full((64, 64, 3), 255, np.uint8)])
    # what the first convolution is given
    first = next(layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D))
    given = np.asarray(keras.Model(model.input, first.input)(pixels)).mean(axis=(1, 2))
    about = ABOUT[name]
    assert about.mean and about.std
    for pixel, got in zip((0, 255), given, strict=True):
        expected = np.broadcast_to((pixel - np.array(about.mean)) / np.array(about.std), 3)
        assert got == pytest.approx(expected, abs=1e-4)
    low, high = map(float, values_of(config.model).split(".."))
    assert given.min() == pytest.approx(low, abs=0.01) and given.max() == pytest.approx(high, abs=0.01)
