"""Which layers of a backbone are trained, before and during fine-tuning."""

import keras
import numpy as np
import pytest

from catsdogs_exp.errors import BadInput
from catsdogs_exp.models import build_model
from catsdogs_exp.models.freezing import freeze, unfreeze

WORDS = ("model=transfer", "model.weights=none", "target_size=32", "model.freeze_batch_norm=false")


@pytest.fixture(scope="module")
def vgg(config) -> keras.Model:
    return build_model(config(*WORDS, "model.backbone=VGG16", "model.freeze=none").model, (32, 32), 2)


def learning(model: keras.Model) -> list[str]:
    return [layer.name for layer in model.layers if layer.trainable_weights]


CONVOLUTIONS = [
    f"block{block}_conv{number}" for block, count in enumerate((2, 2, 3, 3, 3), 1) for number in range(1, count + 1)
]


@pytest.mark.parametrize(
    ("setting", "frozen"),
    [("none", 0), ("all", 13), ("0", 0), ("4", 4), ("13", 13), ("block3_conv1", 5), ("block3_pool", 7)],
)
def test_the_lowest_layers_are_frozen(vgg: keras.Model, setting: str, frozen: int) -> None:
    freeze(vgg, setting)
    assert learning(vgg) == [*CONVOLUTIONS[frozen:], "probability"]


@pytest.mark.parametrize(
    ("start", "thawed"), [("all", 13), ("0", 0), ("3", 3), ("block5_conv1", 3), ("block4_pool", 3)]
)
def test_the_highest_layers_are_thawed(vgg: keras.Model, start: str, thawed: int) -> None:
    freeze(vgg, "all")
    unfreeze(vgg, start)
    assert learning(vgg) == [*CONVOLUTIONS[13 - thawed :], "probability"]


def test_mistakes_name_the_setting(vgg: keras.Model) -> None:
    with pytest.raises(BadInput, match=r"model.freeze must be all, none, .* model.freeze=block3_con1. Did you mean"):
        freeze(vgg, "block3_con1")
    with pytest.raises(BadInput, match=r"model.freeze must be >= 0 and <= 13, .* Received: model.freeze=14"):
        freeze(vgg, "14")
    with pytest.raises(BadInput, match=r"training.finetune.unfreeze must be >= 0 and <= 13.* Received: .*unfreeze=-1"):
        unfreeze(vgg, "-1")
    with pytest.raises(BadInput, match=r"training.finetune.unfreeze must be all, a number of layers, or a layer of"):
        unfreeze(vgg, "none")
    with pytest.raises(BadInput, match=r"a layer of the backbone. Received: model.freeze=probability"):
        freeze(vgg, "probability")


def test_branches_below_a_layer_are_frozen_and_those_beside_it_are_not(config) -> None:
    words = ("model.backbone=ResNet50", "model.cut=conv2_block1_out", "model.freeze=conv2_block1_1_relu")
    model = build_model(config(*WORDS, *words).model, (32, 32), 2)
    names = learning(model)
    assert "conv1_conv" not in names
    assert "conv2_block1_1_conv" not in names
    assert "conv2_block1_0_conv" in names  # the shortcut


def test_frozen_batch_normalisation_and_dropout_are_in_inference_mode(config) -> None:
    words = (*WORDS[:3], "model.backbone=EfficientNetB0", "model.cut=block3b_add", "model.dropout=0")
    model = build_model(config(*words).model, (32, 32), 2)
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    before = model(images, training=False)
    np.testing.assert_allclose(model(images, training=True), before, rtol=1e-5)
    assert model.get_layer("block2b_drop").rate == 0
    unfreeze(model, "block3a_expand_conv")
    assert model.get_layer("block2b_drop").rate == 0
    assert model.get_layer("block3b_drop").rate == 0.05
    assert "block3a_expand_conv" in learning(model)
    assert not model.get_layer("block3a_bn").trainable  # its statistics are kept
    assert np.abs(model(images, training=True) - before).max() > 0
    unfreeze(model, "all", batch_norm=False)
    assert model.get_layer("block3a_bn").trainable
    assert model.get_layer("block2b_drop").rate > 0


@pytest.mark.parametrize(("weights", "kept"), [("none", False), ("FILE", True)])
def test_batch_normalisation_is_kept_where_there_are_statistics_to_keep(config, tmp_path, weights, kept) -> None:
    path = tmp_path / "best.keras"
    words = ("model=transfer", "target_size=32", "model.backbone=MobileNetV2", "model.freeze=none")
    build_model(config(*words, "model.weights=none").model, (32, 32), 2).save(path)
    settings = config(*words, f"model.weights={path if weights == 'FILE' else weights}").model
    model = build_model(settings, (32, 32), 2)
    assert model.get_layer("bn_Conv1").trainable is not kept
    assert model.get_layer("Conv1").trainable


def test_a_network_without_a_backbone_is_frozen_below_its_last_layer(config) -> None:
    model = build_model(config("depth=2", "target_size=32").model, (32, 32), 2)
    freeze(model, "all")
    assert learning(model) == ["probability"]
    unfreeze(model, "1")
    assert learning(model) == ["dense", "probability"]
