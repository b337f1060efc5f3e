"""Checks what an ONNX file would do before it is run."""

from pathlib import Path
from typing import Any

from catsdogs_exp.inference.exported.messages import kind, parts

_STANDARD = ("", "ai.onnx")
"""The domain of ONNX's own operators, which compute and nothing else. Others can name files and libraries."""


def what_onnx_does(path: Path) -> str:
    """Returns what a file does that no export does, or `""`.

    Exports use only ONNX's own operators, including in subgraphs, and contain their own weights.
    """
    import onnx  # noqa: PLC0415  (an extra)

    model = onnx.load_model(str(path), format="protobuf", load_external_data=False)
    every: list[Any] = list(parts(model))
    foreign = {f"{each.domain}.{each.op_type}" for each in every if _is_foreign(each)}
    if foreign:
        return f"it has operators that are not ONNX's own: {', '.join(sorted(foreign)[:8])}"
    if any(kind(each) == "FunctionProto" for each in every):
        return "it defines operators of its own"
    if any(kind(each) == "TensorProto" and (each.data_location or each.external_data) for each in every):
        return "its weights are in other files"
    return ""


def _is_foreign(part: Any) -> bool:
    return kind(part) == "NodeProto" and part.domain not in _STANDARD
