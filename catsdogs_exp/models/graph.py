"""The graph of a network: which layers feed which layers."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import keras

from catsdogs_exp.errors import BadInput, did_you_mean

HEAD = "head_"  # prefix of the names of layers above a backbone


def parents(model: keras.Model) -> dict[Any, list[Any]]:
    """Maps each layer or plain operation to its inputs, from the network's input upwards.

    Args:
        model: a functional model. For a layer called several times, only the first call counts.
    """
    operations = list(model.operations)
    made_by = {id(tensor): operation for operation in operations for tensor in keras.tree.flatten(operation.output)}
    return {
        operation: [
            made_by[id(tensor)]
            for tensor in keras.tree.flatten(operation.input)
            if made_by.get(id(tensor)) not in (None, operation)
        ]
        for operation in operations
    }


def has_graph(model: keras.Model) -> bool:
    """Returns whether it is known which layers feed which: not for a network of its own class."""
    return bool(getattr(model, "operations", ()))


def check_graph(model: keras.Model, setting: str) -> None:
    """Checks that a setting can tell the network's layers apart.

    Raises:
        BadInput: naming the setting, as `training.layer_decay < 1`.
    """
    if not has_graph(model):
        raise BadInput(
            f"{setting} needs a functional or sequential network, whose layers can be told apart. "
            f"Received: the network {model.name}, of the class {type(model).__name__}"
        )


def calls_layers_again(model: keras.Model) -> bool:
    """Returns whether the network calls a layer more than once, which `parents` does not show."""
    operations = list(model.operations)
    made = {id(tensor) for operation in operations for tensor in keras.tree.flatten(operation.output)}
    taken = [tensor for operation in operations for tensor in keras.tree.flatten(operation.input)]
    return any(id(tensor) not in made for tensor in [*taken, *model.outputs])


def up_to(model: keras.Model, layer: Any) -> set[Any]:
    """Returns a layer and everything it depends on."""
    feeding = parents(model)
    found, waiting = set(), [layer]
    while waiting:
        operation = waiting.pop()
        if operation not in found:
            found.add(operation)
            waiting += feeding[operation]
    return found


def head_of(model: keras.Model) -> set[Any]:
    """Returns the layers above the backbone: those called `head_...`, and the last one."""
    (made,) = model.outputs
    return {each for each in model.operations if each.name.startswith(HEAD) or each.output is made}


def body_of(model: keras.Model) -> list[keras.layers.Layer]:
    """Returns the layers of the backbone, from the input upwards."""
    head = head_of(model)
    return [layer for layer in model.layers if layer not in head]


def has_kernel(operation: Any) -> bool:
    """Returns whether this is a convolution or a dense layer, rather than a normalisation or a layer without
    weights.
    """
    return any(len(weight.shape) > 1 for weight in getattr(operation, "weights", ()))


def inner_layers(operation: Any) -> list[Any]:
    """Returns an operation and all layers inside it, at any depth, as in nested networks and wrappers."""
    found = {id(operation): operation}
    waiting = deque([operation])
    while waiting:
        for each in held_by(waiting.popleft()):
            if isinstance(each, keras.Operation) and id(each) not in found:
                found[id(each)] = each
                waiting.append(each)
    return list(found.values())


def held_by(operation: Any) -> Iterator[Any]:
    """Yields the values of an operation's attributes, including those within lists and dictionaries."""
    return _flat(list(vars(operation).values()))


def _flat(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, dict):
            yield from _flat(value.values())
        elif isinstance(value, list | tuple | set):
            yield from _flat(value)
        else:
            yield value


def named(model: keras.Model, name: str, setting: str, more: str = "") -> keras.layers.Layer:
    """Returns the layer of this name in the backbone.

    Args:
        model: the network.
        name: name of the layer.
        setting: the setting that names it, for the message.
        more: other allowed values of the setting.

    Raises:
        BadInput: if there is none; suggests similar names.
    """
    found = {layer.name: layer for layer in body_of(model)}
    if name not in found:
        raise BadInput(f"{setting} must be {more}{unknown_layer(name, found, setting)}")
    return found[name]


def unknown_layer(name: str, known: Any, setting: str) -> str:
    """Returns the end of a message about an unknown layer: what was received, and similar or available names."""
    names = list(known)
    guess = did_you_mean(name, names) or f" The topmost are {', '.join(names[-5:])}."
    return f"a layer of the backbone. Received: {setting}={name}.{guess}"
