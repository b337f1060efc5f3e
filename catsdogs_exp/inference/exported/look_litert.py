"""Checks what a LiteRT file would do before it is run."""

from math import prod
from pathlib import Path
from typing import Any

_LARGEST = 2**30  # elements of a tensor
_NONE = -1  # stands for an input that is left out


def what_litert_does(path: Path) -> str:
    """Returns what a file does that no export does, or `""`.

    Exports use only LiteRT's builtin operators and contain their own weights.

    Raises:
        Exception: of many kinds, for a damaged file.
    """
    from ai_edge_litert import schema_py_generated as schema  # noqa: PLC0415  (an extra)

    data = path.read_bytes()
    if not schema.Model.ModelBufferHasIdentifier(data, 0):
        return "it is no LiteRT file"
    model = schema.ModelT.InitFromPackedBuf(data)
    foreign = {_name(code) for code in model.operatorCodes or () if _is_foreign(code, schema.BuiltinOperator)}
    if foreign:
        return f"it has operators that are not LiteRT's own: {', '.join(sorted(foreign)[:8])}"
    if getattr(model, "externalBuffers", None) or getattr(model, "externalBufferGroups", None):
        return "its weights are in other files"
    if any(each.offset + each.size > len(data) for each in model.buffers or ()):
        return "its weights reach beyond its end"
    for graph in model.subgraphs or ():
        found = _in_graph(graph, model)
        if found:
            return found
    return ""


def _in_graph(graph: Any, model: Any) -> str:
    """Returns what is wrong with a graph: the interpreter trusts most of it, and would write beyond its memory."""
    tensors, operators = graph.tensors or [], graph.operators or []
    known = range(len(tensors))
    for tensor in tensors:
        shape = [] if tensor.shape is None else [int(side) for side in tensor.shape]
        if any(side < 0 for side in shape) or prod(shape) > _LARGEST:
            return f"it has a tensor of the shape {shape}"
        if tensor.buffer not in range(len(model.buffers)):
            return "it names weights that it does not have"
    written = _numbers(graph.inputs)
    for operator in operators:
        inputs, outputs = _numbers(operator.inputs), _numbers(operator.outputs) | _numbers(operator.intermediates)
        if operator.opcodeIndex not in range(len(model.operatorCodes)) or not (inputs - {_NONE} | outputs) <= {*known}:
            return "it names operators or tensors that it does not have"
        unknown = [tensors[each] for each in inputs - {_NONE} - written]
        if not all(each.isVariable or _is_empty(each) or _holds(each, model) for each in unknown):
            return "it reads tensors that nothing writes"
        written |= outputs
    if not (written | _numbers(graph.outputs)) <= {*known}:
        return "it names operators or tensors that it does not have"
    if any(_holds(tensors[each], model) for each in written):
        return "it writes where its weights are"
    return ""


def _numbers(indices: Any) -> set[int]:
    return set() if indices is None else {int(each) for each in indices}


def _is_empty(tensor: Any) -> bool:
    return tensor.shape is not None and 0 in tensor.shape


def _holds(tensor: Any, model: Any) -> bool:
    """Returns whether a tensor's values are in the file."""
    buffer = model.buffers[tensor.buffer]
    return buffer.size > 0 or (buffer.data is not None and len(buffer.data) > 0)


def _is_foreign(code: Any, known: Any) -> bool:
    codes = {code.builtinCode, code.deprecatedBuiltinCode}
    return bool(code.customCode) or not codes.isdisjoint((known.CUSTOM, known.DELEGATE))


def _name(code: Any) -> str:
    """Returns a custom operator's name, such as `FlexWriteFile`."""
    text = code.customCode or b"a delegate"
    return text.decode(errors="replace") if isinstance(text, bytes) else str(text)
