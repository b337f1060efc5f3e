"""The depth of each weight below the head."""

import numpy as np
import pytest

from catsdogs_exp.models import build_model
from catsdogs_exp.models.layer_rates import depth_of, layer_rates


def build(config, name: str, *words: str, size: int = 96):
    overrides = ("model=transfer", "model.weights=none", "model.freeze=none", f"target_size={size}")
    return build_model(config(*overrides, f"model.backbone={name}", *words).model, (size, size), 2)


@pytest.mark.parametrize(
    ("name", "blocks", "weights"),
    [
        # from the head downwards, by the network's own names
        ("VGG16", 5, {"block5_conv1": 1, "block5_conv3": 1, "block4_conv2": 2, "block1_conv1": 5}),
        pytest.param(
            *("InceptionV3", 16, {"conv2d_93": 1, "conv2d_85": 1, "conv2d_84": 2, "conv2d_4": 12, "conv2d": 16}),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            *("ResNet50", 17, {"conv5_block3_3_conv": 1, "conv5_block2_1_bn": 2, "conv1_conv": 17}),
            marks=pytest.mark.slow,
        ),
        ("MobileNetV2", 19, {"Conv_1": 1, "block_16_expand": 2, "block_15_project_BN": 3, "Conv1": 19}),
        ("efficientnet_lite0", 18, {"top_bn": 1, "block7a_expand_conv": 2, "block6d_expand_conv": 3, "stem_conv": 18}),
        pytest.param(
            *("ConvNeXtTiny", 23, {"layer_normalization": 1, "convnext_tiny_stage_3_block_2_depthwise_conv": 2}),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            *("Xception", 14, {"block14_sepconv2": 1, "block13_sepconv1": 2, "conv2d_3": 2, "block1_conv1": 14}),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_blocks_are_counted_from_the_head(config, name: str, blocks: int, weights: dict[str, int]) -> None:
    model = build(config, name)
    depths = depth_of(model)
    assert {depths[weight.path] for weight in model.weights} == set(range(blocks + 1))
    assert depths["probability/kernel"] == 0
    assert {layer: depths[model.get_layer(layer).weights[0].path] for layer in weights} == weights


@pytest.mark.slow
def test_depth_never_rises_towards_the_head(config) -> None:
    model = build(config, "NASNetMobile")
    depths = depth_of(model)
    lowest, highest = (depths[model.get_layer(name).weights[0].path] for name in ("stem_conv1", "normal_bn_1_12"))
    assert lowest == max(depths.values()) > 10
    assert highest == 1


def test_rates_fall_by_the_factor_and_leave_out_what_is_frozen(config) -> None:
    model = build(config, "VGG16", "model.freeze=block3_pool", "model.dense=[4]", size=32)
    rates = layer_rates(model, 0.5)
    assert set(rates) == {variable.path for variable in model.trainable_variables}
    assert rates["probability/kernel"] == rates["head_dense1/bias"] == 1
    assert rates["block5_conv2/kernel"] == 0.5
    assert rates["block4_conv1/kernel"] == 0.25
    assert set(layer_rates(model, 1.0).values()) == {1.0}


def test_the_courses_network_falls_from_layer_to_layer(config) -> None:
    model = build_model(config("depth=3", "target_size=32").model, (32, 32), 2)
    rates = layer_rates(model, 0.1)
    order = ["probability", "dense", "block3_conv", "block2_conv", "block1_conv"]
    np.testing.assert_allclose([rates[f"{name}/kernel"] for name in order], [1, 0.1, 0.01, 0.001, 0.0001])
