"""Shared parts of residual networks: stem, stages, normalisation, squeeze-and-excitation, stochastic depth, head.

No layer depends on the image size, so weights trained at one size work at another.
"""

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from catsdogs_exp.config.schema.residual import StagedModel, stages_of
from catsdogs_exp.models.batch_norm import FusedBatchNormalization
from catsdogs_exp.models.registry import Head

MEAN, STD = 128.0, 64.0  # a pixel p becomes (p - 128) / 64, -2..1.98: roughly unit standard deviation in photos
_MOMENTUM = 0.97  # of the moving statistics: averages about the last 30 batches, because runs are short
_GROUP = 32  # groups of `norm: group`, if the number of channels allows it: Wu and He, 2018

# (x, filters, step: 2 halves the size, number of the stage from 1, name) -> residual branch and shortcut
Block = Callable[[Any, int, int, int, str], tuple[Any, Any]]


def staged(model: StagedModel, input_shape: tuple[int, int, int], head: Head, block: Block) -> keras.Model:
    """Builds a network of `depth` stages.

    Args:
        model: its settings.
        input_shape: height, width, channels.
        head: the last layer.
        block: builds a residual block, without the addition.
    """
    inputs = keras.Input(input_shape, name="pixels")
    x = layers.Rescaling(1 / STD, offset=-MEAN / STD, name="rescale")(inputs)
    stages = stages_of(model)
    x = _stem(x, model, stages[0][0])
    total, done = sum(blocks for _, blocks in stages), 0
    for stage, (filters, blocks) in enumerate(stages, start=1):
        for number in range(1, blocks + 1):
            done += 1
            name = f"stage{stage}_block{number}"
            step = 2 if number == 1 and stage > 1 else 1
            branch, past = block(x, filters, step, stage, name)
            if model.squeeze:
                branch = _squeezed(branch, model.squeeze, f"{name}_squeeze")
            if model.stochastic_depth:  # later blocks are dropped more often: Huang et al., 2016
                rate = model.stochastic_depth * done / total
                branch = layers.Dropout(rate, noise_shape=(None, 1, 1, 1), name=f"{name}_depth")(branch)
            x = layers.Add(name=f"{name}_add")([past, branch])
    x = activated(x, model, "last")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    if model.dropout:
        x = layers.Dropout(model.dropout, name="dropout")(x)
    outputs = layers.Dense(head.units, activation=head.activation, dtype="float32", name="probability")(x)
    return keras.Model(inputs, outputs, name=model.name)


def conv(x: Any, filters: int, size: int, step: int, name: str) -> Any:
    """Adds a convolution without bias (normalisation has one) that keeps the size, or halves it, rounded up."""
    return layers.Conv2D(
        filters, size, strides=step, padding="same", use_bias=False, kernel_initializer="he_normal", name=name
    )(x)


def activated(x: Any, model: StagedModel, name: str) -> Any:
    """Applies normalisation followed by the activation."""
    return layers.Activation(model.activation, name=f"{name}_{model.activation}")(normalised(x, model, f"{name}_norm"))


def normalised(x: Any, model: StagedModel, name: str) -> Any:
    """Applies the normalisation selected by `model.norm`."""
    if model.norm == "batch":
        return FusedBatchNormalization(momentum=_MOMENTUM, name=name)(x)
    if model.norm == "group":
        return layers.GroupNormalization(math.gcd(_GROUP, x.shape[-1]), name=name)(x)
    return layers.LayerNormalization(epsilon=1e-6, name=name)(x)


def halved(x: Any, step: int, name: str) -> Any:
    """Averages 2 x 2 pixels if the step is 2, so that no pixel is ignored: He et al., 2019 (ResNet-D)."""
    return layers.AveragePooling2D(2, padding="same", name=name)(x) if step == 2 else x


def _stem(x: Any, model: StagedModel, filters: int) -> Any:
    if model.stem == "pooled":
        x = activated(conv(x, filters, 7, 2, "stem_conv"), model, "stem")
        return layers.MaxPooling2D(3, 2, padding="same", name="stem_pool")(x)
    if model.stem == "deep":
        x = activated(conv(x, max(8, filters // 2), 3, 2, "stem_conv1"), model, "stem")
        return conv(x, filters, 3, 2, "stem_conv2")
    return conv(x, filters, 3, 2 if model.stem == "strided" else 1, "stem_conv")


def _squeezed(x: Any, share: float, name: str) -> Any:
    """Multiplies each channel by a factor 0..1 that depends on the averages of all channels: Hu et al., 2018."""
    filters = x.shape[-1]
    factors = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_pool")(x)
    inner = max(8, round(filters * share))
    factors = layers.Conv2D(inner, 1, activation="relu", kernel_initializer="he_normal", name=f"{name}_in")(factors)
    factors = layers.Conv2D(filters, 1, activation="sigmoid", name=f"{name}_out")(factors)
    return layers.Multiply(name=f"{name}_scale")([x, factors])
