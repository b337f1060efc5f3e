"""Determines which layers return the same output for the same image in every training step.

Keras's own layers draw from a `SeedGenerator` attribute, wherever it is and whatever its name. Code that is neither
Keras's nor ours may do anything, so it counts as random.
"""

from typing import Any

import keras

from catsdogs_exp.models.graph import held_by, inner_layers

_TRUSTED = ("keras", "catsdogs_exp")
# Keras's layers that run other code, or change variables in training although nothing is trainable
_UNSURE = ("FlaxLayer", "JaxLayer", "Lambda", "SpectralNormalization", "TFSMLayer", "TorchModuleWrapper")
# The rate of dropout and noise: 0 if inactive, such as dropout in frozen layers, see `freezing`
_STRENGTHS = ("rate", "stddev", "drop_path_rate", "dropout", "recurrent_dropout")


def why_it_varies(operation: Any) -> str:
    """Returns why an operation may return different outputs for the same image during training, or `""` if it cannot.

    Args:
        operation: a layer, a nested network, or an operation of `keras.ops`.
    """
    for each in inner_layers(operation):
        if why := _why(each):
            return f"{each.name if each is operation else f'{each.name} in {operation.name}'} {why}"
    return ""


def _why(layer: Any) -> str:
    held = list(held_by(layer))
    # for a nested network, its layers decide
    if getattr(layer, "weights", ()) and layer.trainable and not isinstance(layer, keras.Model):
        return "learns"
    if not _is_trusted(type(layer)) or type(layer).__name__ in _UNSURE:
        return "may be random: its code is unknown"
    if not all(_is_trusted(each) for each in held if callable(each) and not isinstance(each, keras.Operation)):
        return "may be random: it calls an unknown function"
    strengths = [getattr(layer, name) for name in _STRENGTHS if isinstance(getattr(layer, name, None), int | float)]
    if any(isinstance(each, keras.random.SeedGenerator) for each in held) and (not strengths or any(strengths)):
        return "is random"
    return ""


def _is_trusted(thing: Any) -> bool:
    return str(getattr(thing, "__module__", "")).partition(".")[0] in _TRUSTED
