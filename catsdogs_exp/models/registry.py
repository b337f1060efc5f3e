"""Models by name. A builder is a plain function, entered once; unknown names list the known ones."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from catsdogs_exp.config.models import Model
from catsdogs_exp.errors import BadInput, did_you_mean


@dataclass(frozen=True)
class Head:
    """The last layer, as it follows from the number of classes.

    Attributes:
        units: 1 for a sigmoid over two classes, else one a class.
        activation: `sigmoid` or `softmax`.
    """

    units: int
    activation: str


# (settings, (height, width, channels), head) -> a network from raw pixels, 0..255, to probabilities
Builder = Callable[[Any, tuple[int, int, int], Head], keras.Model]
_builders: dict[str, Builder] = {}


def register(name: str) -> Callable[[Builder], Builder]:
    """Enters a builder under `name`.

    Raises:
        ValueError: when the name is taken.
    """

    def enter(builder: Builder) -> Builder:
        if name in _builders:
            raise ValueError(f"A model named {name!r} is registered already, by {_builders[name].__module__}.")
        _builders[name] = builder
        return builder

    return enter


def head_for(classes: int, head: str) -> Head:
    """One sigmoid unit for two classes, softmax for more; `head="softmax"` forces the latter."""
    if classes == 2 and head == "auto":
        return Head(1, "sigmoid")
    return Head(classes, "softmax")


def build_model(model: Model, target_size: tuple[int, int], classes: int, channels: int = 3) -> keras.Model:
    """Builds a network with its preprocessing inside.

    Args:
        model: its settings.
        target_size: height, width.
        classes: number of classes, >= 2.
        channels: of the pixels: 3, or 1 for grey.

    Returns:
        A model from pixels [b, height, width, channels], 0..255, to float32 probabilities [b, 1] or [b, classes].

    Raises:
        BadInput: for an unknown name, or settings that do not fit target_size.
    """
    if model.name not in _builders:
        raise BadInput(
            f"model must be one of {', '.join(sorted(_builders))}. Received: model={model.name}."
            f"{did_you_mean(model.name, _builders)}"
        )
    return _builders[model.name](model, (*target_size, channels), head_for(classes, model.head))
