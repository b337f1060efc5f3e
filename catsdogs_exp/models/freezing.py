"""Freezes layers of a backbone and unfreezes them for fine-tuning.

A frozen layer runs in inference mode: batch normalisation keeps its statistics (Keras does this itself) and dropout is
off. Numbers of layers count only those with a kernel: convolutions and dense layers. Flags affect only functions traced
afterwards, so set them before creating `training.steps.Steps`.
"""

from typing import Any
from weakref import WeakKeyDictionary

import keras

from catsdogs_exp.errors import BadInput
from catsdogs_exp.models.graph import body_of, check_graph, has_kernel, inner_layers, named, up_to

_FREEZE, _UNFREEZE = "model.freeze", "training.finetune.unfreeze"  # the settings, for messages
# The dropout rates of frozen layers, restored when they are unfrozen.
_rates: WeakKeyDictionary[keras.layers.Layer, float] = WeakKeyDictionary()
_RATES = ("rate", "drop_path_rate")  # in Keras's dropout layers, and in ConvNeXt's


def freeze(model: keras.Model, setting: str, batch_norm: bool = False) -> None:
    """Freezes a part of the backbone; the rest of the network is trained.

    Args:
        model: the network; its head is never frozen, see `graph.head_of`.
        setting: `all`, `none`, a number of the lowest layers with a kernel, or a layer and everything below it.
        batch_norm: whether to freeze batch normalisation in the rest of the backbone, too.

    Raises:
        BadInput: for a layer that does not exist, or more layers than there are.
    """
    body = body_of(model)
    if setting == "none":
        frozen: set[Any] = set()
    elif setting == "all":
        frozen = set(body)
    elif setting.lstrip("-").isdecimal():
        frozen = _lowest(body, _count(setting, body, _FREEZE))
    else:
        frozen = up_to(model, named(model, setting, _FREEZE, "all, none, a number of layers, or "))
    _set(model, frozen, batch_norm)


def unfreeze(model: keras.Model, start: str, batch_norm: bool = True) -> None:
    """Unfreezes a part of the backbone for fine-tuning; everything below it is frozen.

    Args:
        model: the network.
        start: `all`, a number of the topmost layers with a kernel, or a layer and everything above it.
        batch_norm: whether to keep batch normalisation frozen, so that small batches do not spoil its statistics.

    Raises:
        BadInput: for a layer that does not exist, or more layers than there are.
    """
    _set(model, _frozen_below(model, start), batch_norm)


def check_start(model: keras.Model, start: str) -> None:
    """Checks the `start` for `unfreeze` before the first stage rather than after it.

    Raises:
        BadInput: for a layer that does not exist, more layers than there are, or a network without a graph.
    """
    check_graph(model, "training.finetune.epochs > 0")
    _frozen_below(model, start)


def _frozen_below(model: keras.Model, start: str) -> set[Any]:
    """Returns everything below the first layer to be unfrozen."""
    body = body_of(model)
    if start == "all":
        return set()
    if start.lstrip("-").isdecimal():
        return _lowest(body, sum(map(has_kernel, body)) - _count(start, body, _UNFREEZE))
    layer = named(model, start, _UNFREEZE, "all, a number of layers, or ")
    return up_to(model, layer) - {layer}


def _count(text: str, body: list[keras.layers.Layer], name: str) -> int:
    kernels = sum(map(has_kernel, body))
    if not 0 <= int(text) <= kernels:
        raise BadInput(
            f"{name} must be >= 0 and <= {kernels}, the convolutions in the backbone. Received: {name}={text}"
        )
    return int(text)


def _lowest(body: list[keras.layers.Layer], count: int) -> set[Any]:
    """Returns the lowest layers up to the given number with a kernel, and those without one directly above."""
    found: set[Any] = set()
    for layer in body:
        count -= has_kernel(layer)
        if count < 0:
            break
        found.add(layer)
    return found


def _set(model: keras.Model, frozen: set[Any], batch_norm: bool) -> None:
    body = set(body_of(model))
    for layer in model.layers:
        norm = batch_norm and layer in body and isinstance(layer, keras.layers.BatchNormalization)
        still = layer in frozen
        layer.trainable = not (still or norm)
        _quiet(layer) if still else _loud(layer)


def _quiet(layer: keras.layers.Layer) -> None:
    for each in inner_layers(layer):
        for rate in _RATES:
            value = getattr(each, rate, 0.0)
            if value and hasattr(each, "seed_generator"):
                _rates[each] = value
                setattr(each, rate, 0.0)


def _loud(layer: keras.layers.Layer) -> None:
    for each in inner_layers(layer):
        if each in _rates:
            rate = next(name for name in _RATES if hasattr(each, name))
            setattr(each, rate, _rates.pop(each))
