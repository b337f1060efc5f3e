"""Transfer learning: a pretrained backbone, published or your own, with a new head, in one flat graph."""

from typing import Any

import keras
from keras import layers

from catsdogs_exp.config.schema.transfer import OWN, TransferModel, check_transfer, weights_file
from catsdogs_exp.errors import BadInput
from catsdogs_exp.models.backbones import graft, open_backbone, take_weights, trained_on
from catsdogs_exp.models.freezing import freeze
from catsdogs_exp.models.graph import HEAD, body_of
from catsdogs_exp.models.registry import Head, register

# of ImageNet, 0..255: keras.applications.imagenet_utils.preprocess_input
_BGR_MEAN = (103.939, 116.779, 123.68)
_RGB_MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)
_RGB_VARIANCE = ((0.229 * 255) ** 2, (0.224 * 255) ** 2, (0.225 * 255) ** 2)


@register("transfer")
@register("course_f")
@register("efficientnet_lite0")
@register("efficientnet_lite1")
@register("efficientnet_lite2")
def transfer(model: TransferModel, input_shape: tuple[int, int, int], head: Head) -> keras.Model:
    """Builds the backbone up to the cut, pooling, dense layers and the last layer; then freezes.

    Args:
        model: backbone, weights, cut, pooling, freeze, ...
        input_shape: height, width, channels: 3, or 1, repeated for a backbone that takes 3.
        head: the last layer.

    Raises:
        BadInput: for unavailable weights, unknown layers, or a size or channels that do not fit.
    """
    height, width, channels = input_shape
    check_transfer(model, (height, width), channels)
    own = model.backbone == OWN
    source = open_backbone(model, height, width)
    taken = source.input_shape[-1]
    if channels > taken:
        raise BadInput(
            f"dataset.channels must be {taken}, as in the run of model.weights. Received: dataset.channels={channels}"
        )
    inputs = keras.Input(input_shape, name="pixels")
    x = inputs if channels == taken else layers.Concatenate(name="grey_to_rgb")([inputs] * taken)
    x = preprocessed(x, trained_on(model.backbone) if model.preprocessing == "auto" else model.preprocessing)
    x = graft(source, model.cut, x, own)
    del source
    outputs = _head(x, model, head)
    network = keras.Model(inputs, outputs, name=model.name)
    if not own and weights_file(model.weights).suffix == ".keras":
        take_weights(network, body_of(network), weights_file(model.weights))
    from_scratch = model.weights == "none" and model.freeze == "none"
    freeze(network, model.freeze, batch_norm=model.freeze_batch_norm and not from_scratch)
    return network


def preprocessed(x: Any, values: str) -> Any:
    """Converts pixels, 0..255, to the input range a backbone was trained with.

    Args:
        x: [b, height, width, 3].
        values: `none` (0..255), `unit` (0..1), `symmetric` (-1..1), `caffe` (BGR, mean 0) or `torch` (mean 0, standard
            deviation 1).

    Returns:
        float32 of the same shape, even if the network computes in lower precision.
    """
    if values == "unit":
        return layers.Rescaling(1 / 255, name="rescale", dtype="float32")(x)
    if values == "symmetric":
        return layers.Rescaling(1 / 127.5, offset=-1, name="rescale", dtype="float32")(x)
    if values == "caffe":
        x = keras.ops.flip(x, axis=-1)
        return layers.Normalization(mean=_BGR_MEAN, variance=(1.0, 1.0, 1.0), name="rescale", dtype="float32")(x)
    if values == "torch":
        return layers.Normalization(mean=_RGB_MEAN, variance=_RGB_VARIANCE, name="rescale", dtype="float32")(x)
    return x


def _head(x: Any, model: TransferModel, head: Head) -> Any:
    if len(x.shape) == 4:
        pool = {"average": layers.GlobalAveragePooling2D, "max": layers.GlobalMaxPooling2D, "flatten": layers.Flatten}
        x = pool[model.pooling](name=f"{HEAD}{model.pooling}")(x)
    for number, units in enumerate(model.dense, start=1):
        x = layers.Dense(units, activation=model.activation, name=f"{HEAD}dense{number}")(x)
    if model.dropout:
        x = layers.Dropout(model.dropout, name=f"{HEAD}dropout")(x)
    return layers.Dense(head.units, activation=head.activation, dtype="float32", name="probability")(x)
