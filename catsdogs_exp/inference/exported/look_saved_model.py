"""Checks what a SavedModel would do before TensorFlow opens it.

A SavedModel is a program. TensorFlow's operators can read and write any file and call Python, so its operators are
compared with a list of those that only compute.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from catsdogs_exp.compat import saved_model_in
from catsdogs_exp.inference.exported.messages import kind, parts

_GRAPH = "saved_model.pb"
_OTHER_GRAPHS = ("saved_model.pbtxt", "saved_model.cpb")
# Operators for networks and image decoding: none of these opens a file, a connection or a library.
_OPERATORS = frozenset(
    """
    Abs Add AddN AddV2 All Any ArgMax ArgMin AssignVariableOp AvgPool AvgPool3D BatchMatMul BatchMatMulV2 BatchMatMulV3
    BatchToSpaceND BiasAdd BroadcastArgs BroadcastTo Cast Ceil ClipByValue ConcatOffset ConcatV2 Const Conv2D
    Conv2DBackpropInput Conv3D Cos Cumprod Cumsum DecodeAndCropJpeg DecodeImage DecodeJpeg DecodeRaw DepthToSpace
    DepthwiseConv2dNative DisableCopyOnRead Div DivNoNan Einsum Elu EnsureShape Equal Erf Erfc Erfinv Exp ExpandDims
    Expm1 Fill Floor FloorDiv FloorMod FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 GatherNd GatherV2 Greater
    GreaterEqual HSVToRGB Identity IdentityN If ImageProjectiveTransformV3 InTopKV2 IsFinite IsInf IsNan L2Loss LRN
    LeakyRelu Less LessEqual LinSpace Log Log1p LogSoftmax LogicalAnd LogicalNot LogicalOr MatMul Max MaxPool MaxPool3D
    MaxPoolV2 Maximum Mean Min Minimum MirrorPad Mul MulNoNan Neg NoOp NotEqual OneHot OnesLike Pack Pad PadV2
    PartitionedCall Placeholder PlaceholderWithDefault Pow PreventGradient Prod RGBToHSV Range Rank ReadVariableOp
    RealDiv Reciprocal Relu Relu6 Reshape ResizeArea ResizeBicubic ResizeBilinear ResizeNearestNeighbor ReverseV2 Roll
    Round Rsqrt ScaleAndTranslate Select SelectV2 Selu Shape ShapeN Sigmoid Sign Sin Size Slice Softmax Softplus
    Softsign SpaceToBatchND SpaceToDepth Split SplitV Sqrt Square SquaredDifference Squeeze StatefulPartitionedCall
    StatelessIf StatelessWhile StaticRegexFullMatch StopGradient StridedSlice StringJoin Sub Substr Sum Tan Tanh
    TensorListConcatV2 TensorListElementShape TensorListFromTensor TensorListGetItem TensorListLength
    TensorListReserve TensorListResize TensorListSetItem TensorListStack Tile TopKV2 Transpose TruncateDiv TruncateMod
    Unpack VarHandleOp Where While Xdivy Xlog1py Xlogy ZerosLike
    """.split()  # noqa: SIM905  (a list would be three times as long)
)
_OF_SAVERS = frozenset(("MergeV2Checkpoints", "RestoreV2", "SaveV2", "ShardedFilename"))
"""Every SavedModel has them, in two functions that write and read its weights. TensorFlow does not call these to open
it, and nothing else may.
"""
_OBJECTS = frozenset(("bare_concrete_function", "captured_tensor", "constant", "function", "user_object", "variable"))
_USER_OBJECTS = frozenset(("_generic_user_object", "signature_map", "trackable_dict_wrapper", "trackable_list_wrapper"))


def what_saved_model_does(folder: Path) -> str:
    """Returns what a SavedModel does that no export does, or `""`.

    Raises:
        Exception: of several kinds, for a damaged file.
    """
    if any((folder / name).exists() for name in _OTHER_GRAPHS):  # TensorFlow might open them instead
        return f"it has another graph beside {_GRAPH}"
    graphs = saved_model_in((folder / _GRAPH).read_bytes()).meta_graphs
    if len(graphs) != 1 or not graphs[0].HasField("object_graph_def"):
        return "it was written by TensorFlow 1"
    (graph,) = graphs
    foreign = {node.op for node in graph.graph_def.node} | _operators_of(graph.graph_def.library.function)
    foreign -= _OPERATORS | _OF_SAVERS
    if foreign:
        return f"it has operators that do more than compute: {', '.join(sorted(foreign)[:8])}"
    if any("api_implements" in each.attr for each in graph.graph_def.library.function):
        return "its functions replace one another"
    savers = {each.signature.name for each in graph.graph_def.library.function if _operators_of([each]) & _OF_SAVERS}
    if savers & {*_used(graph, savers)}:
        return "it reads or writes files: its functions use those that save it"
    strange = {_kind_of(node) for node in graph.object_graph_def.nodes} - _OBJECTS - _USER_OBJECTS
    if strange:
        return f"it has objects that are not those of a network: {', '.join(sorted(strange)[:8])}"
    return ""


def _operators_of(functions: Iterable[Any]) -> set[str]:
    return {node.op for function in functions for node in function.node_def}


def _used(graph: Any, savers: set[str]) -> Iterator[str]:
    """Yields the functions that opening or running the network may call: all that are named except by the savers.

    The main graph, which TensorFlow does not run, names them for saving.
    """
    for each in parts(graph.object_graph_def):
        if kind(each) == "SavedBareConcreteFunction":
            yield each.concrete_function_name
        elif kind(each) == "SavedFunction":
            yield from each.concrete_functions
    yield from graph.object_graph_def.concrete_functions
    for function in graph.graph_def.library.function:
        if function.signature.name not in savers:
            yield from _named_in(function)
    for gradient in graph.graph_def.library.gradient:
        yield gradient.gradient_func


def _named_in(function: Any) -> Iterator[str]:
    for each in parts(function):
        if kind(each) == "NameAttrList":
            yield each.name
        elif kind(each) == "NodeDef":
            yield each.op  # a function's name may stand for an operator
        elif kind(each) == "AttrValue" and each.HasField("s"):
            yield each.s.decode(errors="replace")


def _kind_of(node: Any) -> str:
    """Returns the kind of an object in the file."""
    found = node.WhichOneof("kind") or "nothing"
    if node.registered_name:
        return str(node.registered_name)
    return str(node.user_object.identifier) if found == "user_object" else str(found)
