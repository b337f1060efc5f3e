"""The graph of a network laid flat: no network within the network, every layer within reach."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from catsdogs_exp.models.graph import parents


@dataclass(frozen=True)
class Layer:
    """A layer where the network calls it.

    Attributes:
        name: unique in the network; layers of a nested network carry its name in front.
        operation: the Keras layer or operation.
        output: its symbolic output.
    """

    name: str
    operation: Any
    output: Any


class FlatNetwork:
    """A network whose nested networks are laid open.

    A network without nested ones is used as it is. Otherwise a copy of its layers is called once more, one after
    another, so that the original keeps its graph; `refresh` brings the copy's weights up to date.

    Args:
        model: a functional or sequential network.

    Attributes:
        model: functional, without nested networks; the same function as the original.
        layers: the layers with an output, from the input upwards.

    Raises:
        ValueError: for a network that has no graph (a subclass of `keras.Model` with a `call` of its own).
    """

    def __init__(self, model: keras.Model) -> None:
        if isinstance(model, keras.Sequential):
            model = keras.Model(model.inputs, model.outputs, name=model.name)
        if not hasattr(model, "operations"):
            raise ValueError(f"The network {model.name} has no graph of layers to look into.")
        self._pairs: list[tuple[Any, Any]] = []
        nested = any(_is_network(operation) for operation in model.operations)
        self.model = self._laid_open(model) if nested else model
        self.layers = tuple(
            Layer(operation.name, operation, operation.output)
            for operation in self.model.operations
            if not isinstance(operation, keras.layers.InputLayer) and not isinstance(operation.output, Sequence)
        )

    def refresh(self) -> None:
        """Takes over the weights that the original network has now."""
        for source, copy in self._pairs:
            copy.set_weights(source.get_weights())

    def layer(self, name: str) -> Layer:
        """The layer of this name.

        Raises:
            KeyError: when there is none.
        """
        return next(layer for layer in self.layers if layer.name == name)

    def _laid_open(self, model: keras.Model) -> keras.Model:
        inputs = [keras.Input(batch_shape=each.shape, dtype=each.dtype, name=each.name) for each in model.inputs]
        outputs = self._walk(model, inputs, "")
        flat = keras.Model(inputs, outputs, name=model.name)
        self.refresh()
        return flat

    def _walk(self, model: keras.Model, inputs: list[Any], prefix: str) -> Any:
        copies: dict[int, Any] = {}  # original layer -> its copy
        made: dict[int, Any] = {}  # original or copied layer -> its new output

        def copied(layer: Any) -> Any:
            if _is_network(layer):
                return layer
            config = layer.get_config()
            config["name"] = f"{prefix}{layer.name}"
            copies[id(layer)] = type(layer).from_config(config)
            if getattr(layer, "weights", None):
                self._pairs.append((layer, copies[id(layer)]))
            return copies[id(layer)]

        def call(layer: Any, *arguments: Any, **more: Any) -> Any:
            if _is_network(layer):
                made[id(layer)] = self._walk(layer, keras.tree.flatten(arguments), f"{prefix}{layer.name}_")
            else:
                made[id(layer)] = layer(*arguments, **more)
            return made[id(layer)]

        if isinstance(model, keras.Sequential):
            model = keras.Model(model.inputs, model.outputs, name=model.name)
        structure = keras.tree.pack_sequence_as(model.input, inputs)
        keras.models.clone_model(model, input_tensors=structure, clone_function=copied, call_function=call)
        outputs = []  # as called above: those of the clone may be copies, of a graph cut off at its inputs
        for tensor in model.outputs:
            last = next(op for op in model.operations if any(tensor is t for t in keras.tree.flatten(op.output)))
            outputs.append(made[id(copies.get(id(last), last))])
        return outputs[0] if len(outputs) == 1 else outputs


def _is_network(operation: Any) -> bool:
    return isinstance(operation, keras.Sequential) or (
        isinstance(operation, keras.Model) and hasattr(operation, "operations")
    )


def above(model: keras.Model, layer: Layer) -> tuple[list[Any], keras.Model]:
    """What computes the network's output from a layer's output, without running anything below it again.

    Args:
        model: flat.
        layer: one of its layers.

    Returns:
        The symbolic tensors that it takes (the layer's output first, then what reaches the layers above by another
        way, such as a skip connection) and the network from these to the output.
    """
    feeding = parents(model)
    depends: set[Any] = {layer.operation}
    for operation in _from_below(feeding):
        if any(source in depends for source in feeding[operation]):
            depends.add(operation)
    made_above = {id(tensor) for operation in depends for tensor in keras.tree.flatten(operation.output)}
    tensors = {id(layer.output): layer.output}
    for operation in feeding:  # in the order of the network
        if operation in depends and operation is not layer.operation:
            for tensor in keras.tree.flatten(operation.input):
                if id(tensor) not in made_above:
                    tensors.setdefault(id(tensor), tensor)
    inputs = list(tensors.values())
    return inputs, keras.Model(inputs, model.output)


def _from_below(feeding: dict[Any, list[Any]]) -> list[Any]:
    """The operations in an order in which each one comes after all that feed it."""
    order: list[Any] = []
    done: set[Any] = set()
    for start in feeding:
        waiting = [start]
        while waiting:
            operation = waiting[-1]
            missing = [source for source in feeding[operation] if source not in done]
            if missing and operation not in done:
                waiting += missing
                continue
            waiting.pop()
            if operation not in done:
                done.add(operation)
                order.append(operation)
    return order
