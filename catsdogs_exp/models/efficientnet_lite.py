"""EfficientNet-Lite0 to Lite2 with ImageNet weights from Python packages: backbones that work offline.

The networks are those of the TensorFlow team (M. Tan, `efficientnet/lite`, 2020): EfficientNet without
squeeze-and-excitation, with ReLU6 instead of swish, and a stem and top of fixed size. Trainable parameters including
the top, ImageNet accuracy and image size: Lite0 4,652,008, 75.1 % at 224 x 224; Lite1 5,416,680, 76.7 % at 240; Lite2
6,092,072, 77.6 % at 260. Layers are named as in the EfficientNets of `keras.applications`. Stochastic depth, used to
train the originals, is left out.
"""

import math
from typing import NamedTuple

import keras
from keras import layers

from catsdogs_exp.config.schema.transfer import LITES
from catsdogs_exp.errors import BadInput
from catsdogs_exp.models.efficientnet_lite_weights import fill_with_imagenet

_CLASSES = 1000
_STEM, _TOP = 32, 1280
_LAST_FEATURES = "top_activation"
# Scale factors of a stage's filters and blocks
_SCALES = {"efficientnet_lite0": (1.0, 1.0), "efficientnet_lite1": (1.0, 1.1), "efficientnet_lite2": (1.1, 1.2)}


class _Stage(NamedTuple):
    blocks: int
    kernel: int
    strides: int  # of the first block
    expand: int
    filters: int


_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)


def efficientnet_lite(
    name: str, input_shape: tuple[int | None, int | None, int], weights: str, include_top: bool = False
) -> keras.Model:
    """Builds a network of the family, with its preprocessing inside.

    Args:
        name: `efficientnet_lite0`, `efficientnet_lite1` or `efficientnet_lite2`.
        input_shape: height, width, channels: 3. A side may be None.
        weights: `imagenet`, or `none` for random ones.
        include_top: whether to add pooling and the 1,000 classes of ImageNet.

    Returns:
        A model from pixels [b, height, width, 3], 0..255, to the last feature map [b, ceil(height / 32), ceil(width /
        32), 1280], or, with the top, to float32 probabilities [b, 1000].

    Raises:
        BadInput: for other weights or channels, or if the package with the weights is missing or damaged.
    """
    assert name in LITES
    if weights not in ("imagenet", "none"):
        raise BadInput(f"weights must be one of imagenet, none. Received: weights={weights}.")
    if input_shape[2] != 3:
        raise BadInput(f"{name} takes pixels of 3 channels. Received: {input_shape[2]}.")
    whole = _with_top(name, input_shape)
    if weights == "imagenet":
        fill_with_imagenet(whole)
    if include_top:
        return whole
    return keras.Model(whole.input, whole.get_layer(_LAST_FEATURES).output, name=name)


def _scaled(name: str) -> list[_Stage]:
    """Returns the stages of one network: filters in multiples of 8; the first and the last stage keep a single
    block.
    """
    width, depth = _SCALES[name]
    return [
        stage._replace(
            filters=int(stage.filters * width + 4) // 8 * 8,
            blocks=stage.blocks if stage.blocks == 1 else math.ceil(stage.blocks * depth),
        )
        for stage in _STAGES
    ]


def _with_top(name: str, input_shape: tuple[int | None, int | None, int]) -> keras.Model:
    inputs = keras.Input(input_shape, name="pixels")
    x = layers.Rescaling(1 / 128, offset=-127 / 128, name="rescale", dtype="float32")(inputs)  # as the original
    x = layers.Conv2D(_STEM, 3, strides=2, padding="same", use_bias=False, name="stem_conv")(x)
    x = _norm(x, "stem_bn")
    x = _relu6(x, "stem_activation")
    for number, stage in enumerate(_scaled(name), start=1):
        for block in range(stage.blocks):
            x = _block(x, stage, stage.strides if block == 0 else 1, f"block{number}{chr(ord('a') + block)}_")
    x = layers.Conv2D(_TOP, 1, use_bias=False, name="top_conv")(x)
    x = _norm(x, "top_bn")
    x = _relu6(x, _LAST_FEATURES)
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    outputs = layers.Dense(_CLASSES, activation="softmax", dtype="float32", name="predictions")(x)
    return keras.Model(inputs, outputs, name=name)


def _block(inputs: keras.KerasTensor, stage: _Stage, strides: int, name: str) -> keras.KerasTensor:
    """An inverted residual block: expand, depthwise convolution, project, and add if the shape is unchanged."""
    channels, x = inputs.shape[-1], inputs
    if stage.expand > 1:
        x = layers.Conv2D(stage.expand * channels, 1, use_bias=False, name=f"{name}expand_conv")(x)
        x = _norm(x, f"{name}expand_bn")
        x = _relu6(x, f"{name}expand_activation")
    x = layers.DepthwiseConv2D(stage.kernel, strides=strides, padding="same", use_bias=False, name=f"{name}dwconv")(x)
    x = _norm(x, f"{name}bn")
    x = _relu6(x, f"{name}activation")
    x = layers.Conv2D(stage.filters, 1, use_bias=False, name=f"{name}project_conv")(x)
    x = _norm(x, f"{name}project_bn")
    return layers.Add(name=f"{name}add")([x, inputs]) if strides == 1 and channels == stage.filters else x


def _norm(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.BatchNormalization(momentum=0.99, epsilon=1e-3, name=name)(x)


def _relu6(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.ReLU(max_value=6.0, name=name)(x)
