"""The graph of a network without nesting, so that every layer is accessible."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from catsdogs_exp.errors import BadInput
from catsdogs_exp.models.graph import calls_layers_again, parents


@dataclass(frozen=True)
class Layer:
    """A layer at one of its calls.

    Attributes:
        name: unique in the network; layers of a nested network are prefixed with its name.
        operation: the Keras layer or operation.
        output: its symbolic output.
    """

    name: str
    operation: Any
    output: Any


class NoGraph(BadInput):
    """A network whose layers cannot be told apart."""


class FlatNetwork:
    """A network with its nested networks flattened.

    A network that calls each layer once and has no nested ones is used unchanged. Otherwise, a copy of its layers is
    called again, one after another, so that the original keeps its graph; `refresh` updates the copy's weights.

    Args:
        model: a functional or sequential network.

    Attributes:
        model: a functional model without nested networks that computes the same function as the original.
        layers: layers with an output, from the input upwards.

    Raises:
        ValueError: for a network without a graph (a subclass of `keras.Model` with its own `call`).
    """

    def __init__(self, model: keras.Model) -> None:
        if isinstance(model, keras.Sequential):
            model = keras.Model(model.inputs, model.outputs, name=model.name)
        if not hasattr(model, "operations"):
            raise NoGraph(f"The network {model.name} has no graph of layers to look into (a subclass of keras.Model)")
        self._pairs: list[tuple[Any, Any]] = []
        self._calls: dict[str, int] = {}  # how often the nested network of this name has been flattened
        nested = any(_is_network(operation) for operation in model.operations) or calls_layers_again(model)
        self.model = self._laid_open(model) if nested else model
        self.layers = tuple(
            Layer(operation.name, operation, operation.output)
            for operation in self.model.operations
            if not isinstance(operation, keras.layers.InputLayer) and not isinstance(operation.output, Sequence)
        )

    def refresh(self) -> None:
        """Copies the current weights of the original network."""
        for source, copy in self._pairs:
            copy.set_weights(source.get_weights())

    def layer(self, name: str) -> Layer:
        """Returns the layer of this name.

        Raises:
            KeyError: if there is none.
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
        repeats: list[Any] = []
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

        def repeated(layer: Any) -> Any:
            self._calls[layer.name] = self._calls.get(layer.name, 1) + 1
            copy = type(layer).from_config(layer.get_config() | {"name": f"{layer.name}_{self._calls[layer.name]}"})
            if source := next((source for source, other in self._pairs if other is layer), None):
                self._pairs.append((source, copy))
            repeats.append(copy)  # keeps the objects alive, so that their ids stay unique
            return copy

        def call(layer: Any, *arguments: Any, **more: Any) -> Any:
            if id(layer) in made and not _is_network(layer):  # called again: added under another name
                layer = repeated(layer)
            if _is_network(layer):
                inside = f"{prefix}{layer.name}"
                self._calls[inside] = self._calls.get(inside, 0) + 1
                again = f"_{self._calls[inside]}" if self._calls[inside] > 1 else ""
                made[id(layer)] = self._walk(layer, keras.tree.flatten(arguments), f"{inside}{again}_")
            else:
                made[id(layer)] = layer(*arguments, **more)
            return made[id(layer)]

        if isinstance(model, keras.Sequential):
            model = keras.Model(model.inputs, model.outputs, name=model.name)
        structure = keras.tree.pack_sequence_as(model.input, inputs)
        keras.models.clone_model(model, input_tensors=structure, clone_function=copied, call_function=call)
        # As called above: the clone's outputs may be copies, of a graph cut off at its inputs.
        outputs = [made[id(copies.get(id(last), last))] for last in _output_operations(model)]
        return outputs[0] if len(outputs) == 1 else outputs


def _output_operations(model: keras.Model) -> list[Any]:
    """The operations that make the outputs of a network.

    A layer that another network uses too, such as the one that a head was cut from, names only the tensor made there.
    The last of the sorted operations makes a single output.
    """
    if len(model.outputs) == 1:
        return [model.operations[-1]]
    return [
        next(op for op in model.operations if any(tensor is each for each in keras.tree.flatten(op.output)))
        for tensor in model.outputs
    ]


def _is_network(operation: Any) -> bool:
    return isinstance(operation, keras.Sequential) or (
        isinstance(operation, keras.Model) and hasattr(operation, "operations")
    )


def above(model: keras.Model, layer: Layer) -> tuple[list[Any], keras.Model]:
    """Returns the part of the network that computes the output from a layer's output, without recomputing anything
    below.

    Args:
        model: a flat network.
        layer: one of its layers.

    Returns:
        Its symbolic inputs (the layer's output first, then whatever reaches the layers above by another path, such as a
        skip connection) and the network from these to the output.
    """
    feeding = parents(model)
    depends: set[Any] = {layer.operation}
    for operation in _from_below(feeding):
        if any(source in depends for source in feeding[operation]):
            depends.add(operation)
    made_above = {id(tensor) for operation in depends for tensor in keras.tree.flatten(operation.output)}
    tensors = {id(layer.output): layer.output}
    for operation in feeding:  # in network order
        if operation in depends and operation is not layer.operation:
            for tensor in keras.tree.flatten(operation.input):
                if id(tensor) not in made_above:
                    tensors.setdefault(id(tensor), tensor)
    inputs = list(tensors.values())
    return inputs, keras.Model(inputs, model.output)


def _from_below(feeding: dict[Any, list[Any]]) -> list[Any]:
    """Sorts the operations so that each one follows all its inputs."""
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
