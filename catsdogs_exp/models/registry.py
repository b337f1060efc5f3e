"""Registers models by name. A builder is a plain function, registered once; unknown names list the known ones.

Does not import Keras, so that a plugin can register a network without importing TensorFlow.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from catsdogs_exp.config.known_models import ABOUT, About
from catsdogs_exp.config.registry import offer
from catsdogs_exp.config.schema.models import MODELS, Model
from catsdogs_exp.errors import BadInput, did_you_mean

if TYPE_CHECKING:
    import keras

_ROOM = "catsdogs_exp.models"
_OURS = ("cnn", "mbconv", "resnet", "transfer")  # modules of this package that register builders


@dataclass(frozen=True)
class Head:
    """The last layer, as determined by the number of classes.

    Attributes:
        units: 1 for a sigmoid over two classes, otherwise one per class.
        activation: `sigmoid` or `softmax`.
    """

    units: int
    activation: str


# (settings, (height, width, channels), head) -> a network from raw pixels, 0..255, to probabilities
Builder = Callable[[Any, tuple[int, int, int], Head], "keras.Model"]
_builders: dict[str, Builder] = {}


def register(
    name: str, *, settings: type | None = None, about: About | None = None, target_size: int | None = None
) -> Callable[[Builder], Builder]:
    """Registers a builder as `name`.

    Args:
        name: its `model.name`.
        settings: for a plugin's network: a frozen dataclass with a default for every field, including `name` and
            `head`. Its fields become the keys `model.KEY`, and `model=NAME` selects it.
        about: how the builder preprocesses pixels, and where the network comes from.
        target_size: for a plugin's network: the size that `model=NAME` sets, unless the user does.

    Raises:
        ValueError: if the name is taken, or the settings are invalid.
    """

    def enter(builder: Builder) -> Builder:
        ours = _is_ours(builder)
        if name in _builders or (name in MODELS and not ours):
            _read_ours()
            by = _builders[name].__module__ if name in _builders else "catsdogs_exp.config.schema.models"
            raise ValueError(f"A model named {name!r} is already registered by {by}.")
        if settings is not None:
            offer("model", name, settings, MODELS, needed=("head",), flat={"target_size": target_size})
        elif not ours:
            raise ValueError(f"The model {name!r} needs a dataclass of settings: @register({name!r}, settings=...)")
        if about is not None:
            ABOUT[name] = about
        _builders[name] = builder
        return builder

    return enter


def head_for(classes: int, head: str) -> Head:
    """Returns one sigmoid unit for two classes, softmax for more; `head="softmax"` forces the latter."""
    if classes == 2 and head == "auto":
        return Head(1, "sigmoid")
    return Head(classes, "softmax")


def build_model(
    model: Model, target_size: tuple[int | None, int | None], classes: int, channels: int = 3
) -> "keras.Model":
    """Builds a network with its preprocessing inside.

    Args:
        model: its settings.
        target_size: height, width; None for any size, if the network ends in global pooling.
        classes: number of classes, >= 2.
        channels: channels of the pixels: 3, or 1 for grey.

    Returns:
        A model from pixels [b, height, width, channels], 0..255, to float32 probabilities [b, 1] or [b, classes].

    Raises:
        BadInput: for an unknown name, settings that do not fit target_size, or a plugin's network that is no such
            model.
    """
    _read_ours()
    if model.name not in _builders:
        raise BadInput(
            f"model must be one of {', '.join(sorted(_builders))}. Received: model={model.name}."
            f"{did_you_mean(model.name, _builders)}"
        )
    shape: Any = (*target_size, channels)  # plugins may expect numbers, so networks of a fixed size get them
    builder = _builders[model.name]
    network = builder(model, shape, head_for(classes, model.head))
    if not _is_ours(builder):
        from catsdogs_exp.models.contract import checked  # noqa: PLC0415  (imports Keras)

        return checked(network, model.name, shape, classes)
    return network


def _is_ours(builder: Builder) -> bool:
    return builder.__module__.startswith(f"{_ROOM}.")


def _read_ours() -> None:
    for module in _OURS:
        importlib.import_module(f"{_ROOM}.{module}")
