"""Formats by name; packages that are missing."""

import importlib.util
from typing import Any

import pytest

from catsdogs_exp.errors import BadInput
from catsdogs_exp.inference.export.formats import FORMATS, chosen_formats


def names(text: str) -> list[str]:
    return [each.name for each in chosen_formats(text)]


def test_lists_and_all() -> None:
    assert names("onnx, litert,onnx") == ["onnx", "litert"]
    assert names("litert,all") == list(FORMATS)
    assert len({each.file for each in FORMATS.values()}) == len(FORMATS)


@pytest.mark.parametrize(("text", "received"), [("onx", "onx. Did you mean onnx?"), ("", ""), (",", ","), ("A,b", "A")])
def test_unknown_names(text: str, received: str) -> None:
    known = "savedmodel, litert, litert-int8, onnx, html, several of them separated by commas, or all"
    with pytest.raises(BadInput) as refused:
        chosen_formats(text)
    assert str(refused.value).startswith(f"--format must be one of {known}. Received: --format {received}")


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec

    def without(name: str, *arguments: Any) -> Any:
        return None if name in ("tf2onnx", "ai_edge_litert") else find(name, *arguments)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    for module in ("tf2onnx", "ai_edge_litert"):
        monkeypatch.delitem(__import__("sys").modules, module, raising=False)
    assert names("savedmodel,html") == ["savedmodel", "html"]
    with pytest.raises(BadInput) as refused:
        chosen_formats("all")
    assert str(refused.value) == (
        "--format litert, litert-int8, onnx needs ai-edge-litert, tf2onnx, not installed. "
        "Install: pip install 'catsdogs-exp[export]'"
    )
