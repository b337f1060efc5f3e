"""What a LiteRT file would do, read before it is run."""

from math import prod
from pathlib import Path
from typing import Any

_LARGEST = 2**30  # elements of a tensor


def what_litert_does(path: Path) -> str:
    """What a file does that no export does, or `""`.

    Exports have LiteRT's builtin operators only, and hold their weights themselves.

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
        for tensor in graph.tensors or ():
            shape = () if tensor.shape is None else tuple(map(int, tensor.shape))
            if any(side < 0 for side in shape) or prod(shape) > _LARGEST:
                return f"it has a tensor of the shape {list(shape)}"
    return ""


def _is_foreign(code: Any, known: Any) -> bool:
    codes = {code.builtinCode, code.deprecatedBuiltinCode}
    return bool(code.customCode) or not codes.isdisjoint((known.CUSTOM, known.DELEGATE))


def _name(code: Any) -> str:
    """`FlexWriteFile`, of a custom operator."""
    text = code.customCode or b"a delegate"
    return text.decode(errors="replace") if isinstance(text, bytes) else str(text)
