"""Residual networks with normalisation before each convolution: He et al., 2016 (pre-activation)."""

from typing import Any

import keras

from catsdogs_exp.config.schema.residual import ResnetModel
from catsdogs_exp.models.registry import Head, register
from catsdogs_exp.models.residual import activated, conv, halved, staged


@register("resnet")
def resnet(model: ResnetModel, input_shape: tuple[int, int, int], head: Head) -> keras.Model:
    """Builds `depth` stages of blocks of two 3 x 3 convolutions.

    `depth=4 model.filters=64 model.blocks=2 model.stem=pooled` is ResNet-18.

    Args:
        model: depth, blocks, filters, stem, ...
        input_shape: height, width, channels.
        head: the last layer.
    """

    def block(x: Any, filters: int, step: int, stage: int, name: str) -> tuple[Any, Any]:
        first = activated(x, model, f"{name}_in")
        past = x
        if step == 2 or x.shape[-1] != filters:  # the shortcut branches off after the activation, as in the paper
            if model.shortcut == "average":
                past = conv(halved(first, step, f"{name}_pool"), filters, 1, 1, f"{name}_past")
            else:
                past = conv(first, filters, 1, step, f"{name}_past")
        branch = conv(first, filters, 3, step, f"{name}_conv1")
        return conv(activated(branch, model, f"{name}_mid"), filters, 3, 1, f"{name}_conv2"), past

    return staged(model, input_shape, head, block)
