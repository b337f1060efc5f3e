"""Converts the network to a graph for TensorFlow.js, with large weights rounded to two bytes each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from google.protobuf.json_format import MessageToDict
from numpy.typing import NDArray

from catsdogs_exp.errors import RunFailed
from catsdogs_exp.inference.export.network import image_spec
from catsdogs_exp.inference.export.runtime import OUTPUT, Opened, Photo
from catsdogs_exp.training.logits import class_probabilities, logits_of

_EXACT = 1_200_000  # extra bytes for keeping the smaller weights, on which the others depend, in float32
# Operators used by networks for which TensorFlow.js's WebAssembly backend has kernels.
_OPERATORS = frozenset(
    """
    Abs Add AddN AddV2 AvgPool BatchMatMul BatchMatMulV2 BatchToSpaceND BiasAdd Cast Ceil ClipByValue ConcatV2 Const
    Conv2D DepthToSpace DepthwiseConv2dNative Div Elu Erf Exp ExpandDims Fill Floor FusedBatchNorm FusedBatchNormV3
    GatherV2 Identity LeakyRelu Log MatMul Max MaxPool Maximum Mean Min Minimum MirrorPad Mul Neg Pack Pad PadV2
    Placeholder Pow Prelu Prod RealDiv Reciprocal Relu Relu6 Reshape ResizeBilinear ResizeNearestNeighbor Rsqrt Selu
    Shape Sigmoid Slice Softmax Softplus SpaceToBatchND SplitV Sqrt Square SquaredDifference Squeeze StridedSlice
    Sub Sum Tanh Tile Transpose Unpack ZerosLike
    """.split()  # noqa: SIM905  (a list would be three times as long)
)


@dataclass(frozen=True)
class BrowserGraph:
    """A model as TensorFlow.js loads it.

    Attributes:
        topology: a GraphDef as JSON, without the values of its constants.
        specs: name, shape and type of each constant, as TensorFlow.js lists them.
        weights: their values, concatenated.
        input, output: names of the tensors: float32 [1, height, width, channels] and [1, classes].
    """

    topology: dict[str, Any]
    specs: tuple[dict[str, Any], ...]
    weights: bytes
    input: str
    output: str


@dataclass(frozen=True)
class Rounded:
    """Weights in two bytes each.

    Attributes:
        values: float32, the values that the bytes represent.
        data: the bytes.
        quantization: how TensorFlow.js decodes them.
    """

    values: NDArray[np.float32]
    data: bytes
    quantization: dict[str, Any]


def browser_graph(model: keras.Model) -> BrowserGraph:
    """Converts a network in float32.

    Raises:
        RunFailed: naming operators that TensorFlow.js does not support.
    """
    network, rounded = _rounded(model)
    traced = tf.function(network, input_signature=[image_spec(model, 1, tf.float32)]).get_concrete_function()
    nodes = {node.name: node for node in traced.graph.as_graph_def().node}
    output = traced.outputs[0].op.name
    used = _reachable(nodes, output)
    foreign = sorted({nodes[name].op for name in used} - _OPERATORS - {"EnsureShape"})
    if foreign:
        raise RunFailed(f"TensorFlow.js does not support {', '.join(foreign)}: use a --format other than html")
    listed, specs, weights = [], [], []
    for name in used:
        node = nodes[name]
        if node.op == "Const":
            spec, data = _constant(name, tf.make_ndarray(node.attr["value"].tensor), rounded)
            specs.append(spec)
            weights.append(data)
            del node.attr["value"]
        elif node.op == "EnsureShape":  # TensorFlow checked it when it traced the graph
            node.op = "Identity"
            del node.attr["shape"]
        listed.append(MessageToDict(node))
    topology = {"node": listed, "library": {}, "versions": {"producer": 1}}
    return BrowserGraph(topology, tuple(specs), b"".join(weights), traced.inputs[0].name, f"{output}:0")


def open_in_tensorflow(model: keras.Model) -> Opened:
    """Opens the same graph with the same rounded weights in TensorFlow instead of a browser."""
    ask = tf.function(_rounded(model)[0], input_signature=[image_spec(model, 1, tf.float32)])

    def answer(photo: Photo) -> NDArray[np.float32]:
        return np.asarray(ask(photo.pixels[None].astype(np.float32)).numpy()[0], np.float32)

    return Opened("html", f"TensorFlow {tf.__version__}", answer, exact=False)


def _rounded(model: keras.Model) -> tuple[Callable[[tf.Tensor], tf.Tensor], dict[bytes, Rounded]]:
    """Returns the network as a function of images with its large weights rounded, and these weights by their bytes."""
    variables = [*model.trainable_variables, *model.non_trainable_variables]
    values = [each.numpy() for each in variables]
    left, rounded = _EXACT, {}
    for place in sorted(range(len(values)), key=lambda place: values[place].size):
        left -= 2 * values[place].size
        if left < 0 and values[place].dtype == np.float32:
            found = in_two_bytes(values[place])
            values[place] = found.values
            rounded[found.values.tobytes()] = found
    count = len(model.trainable_variables)

    def answer(images: tf.Tensor) -> tf.Tensor:
        constants = [tf.constant(each) for each in values]
        outputs, _ = model.stateless_call(constants[:count], constants[count:], images, training=False)
        return tf.identity(class_probabilities(logits_of(outputs)), OUTPUT)

    return answer, rounded


def in_two_bytes(values: NDArray[np.float32]) -> Rounded:
    """Rounds weights to float16, or to 65,536 even steps of their range, whichever is closer to them.

    Most kernels are closer in even steps: their values are alike in size, and float16 spends bits on tiny ones.
    """
    exact = values.astype(np.float64)
    choices = [_float16(values), *([_even_steps(values)] if np.isfinite(values).all() else [])]
    return min(choices, key=lambda each: float(np.square(each.values - exact).sum()))


def _float16(values: NDArray[np.float32]) -> Rounded:
    largest = float(np.finfo(np.float16).max)
    halves = values.clip(-largest, largest).astype("<f2")
    return Rounded(halves.astype(np.float32), halves.tobytes(), {"dtype": "float16"})


def _even_steps(values: NDArray[np.float32]) -> Rounded:
    low = float(values.min())
    scale = (float(values.max()) - low) / 65535 or 1.0
    steps = np.rint((values.astype(np.float64) - low) / scale).astype("<u2")
    read = (steps.astype(np.float64) * scale + low).astype(np.float32)  # as in TensorFlow.js
    return Rounded(read, steps.tobytes(), {"dtype": "uint16", "scale": scale, "min": low})


def _constant(name: str, values: NDArray[Any], rounded: dict[bytes, Rounded]) -> tuple[dict[str, Any], bytes]:
    """Returns a constant's entry in the list of weights, and its bytes."""
    kind = {np.float32: "float32", np.int32: "int32", np.bool_: "bool"}.get(values.dtype.type)
    if kind is None:
        raise RunFailed(f"TensorFlow.js has no {values.dtype} constants: use a --format other than html")
    spec: dict[str, Any] = {"name": name, "shape": list(values.shape), "dtype": kind}
    if kind == "float32" and (found := rounded.get(values.tobytes())) is not None:
        return {**spec, "quantization": found.quantization}, found.data
    return spec, values.astype(values.dtype.newbyteorder("<")).tobytes()


def _reachable(nodes: dict[str, Any], output: str) -> list[str]:
    """Returns the nodes that an output depends on, in the graph's order."""
    found, waiting = set(), [output]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [each.lstrip("^").partition(":")[0] for each in nodes[name].input]
    return [name for name in nodes if name in found]
