"""The course's network and its variants: blocks of convolution and pooling, then dense layers."""

from typing import Any

import keras
from keras import layers

from catsdogs_exp.config.checks.cnn_size_check import filters_of
from catsdogs_exp.config.schema.models import CnnModel
from catsdogs_exp.models.registry import Head, register

_POOLINGS = {"max": layers.MaxPooling2D, "average": layers.AveragePooling2D}
_FLATTENINGS = {
    "flatten": layers.Flatten,
    "average": layers.GlobalAveragePooling2D,
    "max": layers.GlobalMaxPooling2D,
}


@register("cnn")
def cnn(model: CnnModel, input_shape: tuple[int, int, int], head: Head) -> keras.Model:
    """Builds `depth` blocks, the dense layers and the head.

    `depth=3` at 150 x 150 with a sigmoid is the course's lesson 2: 9,494,561 parameters.

    Args:
        model: depth, filters, dense, dropout, ...
        input_shape: height, width, channels; must be large enough, see `config.checks.cnn_size_check`.
        head: the last layer.
    """
    inputs = keras.Input(input_shape, name="pixels")
    x = layers.Rescaling(1 / 255, name="rescale")(inputs)
    for number, filters in enumerate(filters_of(model), start=1):
        x = _block(x, model, filters, f"block{number}")
    x = _FLATTENINGS[model.flatten](name="flatten")(x)
    if model.dropout:
        x = layers.Dropout(model.dropout, name="dropout")(x)
    for number, units in enumerate(model.dense, start=1):
        name = "dense" if len(model.dense) == 1 else f"dense{number}"
        x = layers.Dense(units, activation=model.activation, kernel_regularizer=_decay(model), name=name)(x)
    outputs = layers.Dense(
        head.units,
        activation=head.activation,
        kernel_regularizer=_decay(model),
        dtype="float32",
        name="probability",
    )(x)
    return keras.Model(inputs, outputs, name=model.name)


def _block(x: Any, model: CnnModel, filters: int, name: str) -> Any:
    for number in range(1, model.convs + 1):
        each = str(number) if model.convs > 1 else ""
        steps = 2 if model.pooling == "strided" and number == model.convs else 1
        x = layers.Conv2D(
            filters,
            model.kernel_size,
            strides=steps,
            padding=model.padding,
            activation=None if model.batch_norm else model.activation,
            use_bias=not model.batch_norm,  # normalisation adds its own bias
            kernel_regularizer=_decay(model),
            name=f"{name}_conv{each}",
        )(x)
        if model.batch_norm:
            x = layers.BatchNormalization(name=f"{name}_norm{each}")(x)
            x = layers.Activation(model.activation, name=f"{name}_{model.activation}{each}")(x)
    if model.pooling != "strided":
        x = _POOLINGS[model.pooling](2, name=f"{name}_pool")(x)
    if model.block_dropout:
        x = layers.Dropout(model.block_dropout, name=f"{name}_dropout")(x)
    return x


def _decay(model: CnnModel) -> keras.regularizers.Regularizer | None:
    return keras.regularizers.L2(model.l2) if model.l2 else None
