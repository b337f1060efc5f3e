"""Inverted residuals, narrow outside and wide inside: Sandler et al., 2018 (MobileNetV2); fused: Tan and Le, 2021.

A fused block expands the channels and convolves spatially in one regular convolution. It is faster: a depthwise
convolution has few multiplications but is limited by memory bandwidth, especially on CPUs.
"""

from typing import Any

import keras
from keras import layers

from catsdogs_exp.config.schema.residual import MbconvModel
from catsdogs_exp.models.registry import Head, register
from catsdogs_exp.models.residual import activated, conv, halved, normalised, staged


@register("mbconv")
def mbconv(model: MbconvModel, input_shape: tuple[int, int, int], head: Head) -> keras.Model:
    """Builds `depth` stages: the first `fused` of them with fused blocks, the others with depthwise convolutions.

    Args:
        model: depth, blocks, filters, expansion, fused, ...
        input_shape: height, width, channels.
        head: the last layer.
    """

    def block(x: Any, filters: int, step: int, stage: int, name: str) -> tuple[Any, Any]:
        past = halved(x, step, f"{name}_pool")
        if past.shape[-1] != filters:
            past = normalised(conv(past, filters, 1, 1, f"{name}_past"), model, f"{name}_past_norm")
        inner = max(8, round(x.shape[-1] * model.expansion))
        if stage <= model.fused:
            wide = conv(x, inner, 3, step, f"{name}_conv")
        else:
            wide = activated(conv(x, inner, 1, 1, f"{name}_grow"), model, f"{name}_grow")
            wide = layers.DepthwiseConv2D(
                3, strides=step, padding="same", use_bias=False, depthwise_initializer="he_normal", name=f"{name}_conv"
            )(wide)
        branch = conv(activated(wide, model, f"{name}_mid"), filters, 1, 1, f"{name}_shrink")
        return normalised(branch, model, f"{name}_out_norm"), past

    return staged(model, input_shape, head, block)
