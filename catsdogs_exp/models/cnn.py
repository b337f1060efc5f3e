"""The course's network and its relatives: blocks of convolution + max-pooling, then a dense layer."""

import keras
from keras import layers

from catsdogs_exp.config.models import CnnModel
from catsdogs_exp.models.registry import Head, register


@register("cnn")
def cnn(model: CnnModel, input_shape: tuple[int, int, int], head: Head) -> keras.Model:
    """Builds `depth` blocks, a dense layer and the head.

    `depth=3` at 150 x 150 with a sigmoid is the course's lesson 2: 9,494,561 parameters.

    Args:
        model: depth, filters, dense, dropout, ...
        input_shape: height, width, channels; large enough, see `config.model_fit`.
        head: the last layer.
    """
    inputs = keras.Input(input_shape, name="pixels")
    x = layers.Rescaling(1 / 255, name="rescale")(inputs)
    filters = min(model.filters, model.max_filters)
    for block in range(1, model.depth + 1):
        activation = None if model.batch_norm else "relu"
        x = layers.Conv2D(
            filters,
            model.kernel_size,
            activation=activation,
            use_bias=not model.batch_norm,
            name=f"block{block}_conv",
        )(x)
        if model.batch_norm:
            x = layers.BatchNormalization(name=f"block{block}_norm")(x)
            x = layers.ReLU(name=f"block{block}_relu")(x)
        x = layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
        filters = min(2 * filters, model.max_filters)
    x = layers.Flatten(name="flatten")(x)
    if model.dropout:
        x = layers.Dropout(model.dropout, name="dropout")(x)
    x = layers.Dense(model.dense, activation="relu", name="dense")(x)
    outputs = layers.Dense(head.units, activation=head.activation, dtype="float32", name="probability")(x)
    return keras.Model(inputs, outputs, name="cnn")
