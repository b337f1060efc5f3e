"""The export formats: what each needs, and how closely it must match the run's network. Does not import TensorFlow."""

import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from catsdogs_exp.errors import BadInput, did_you_mean

ALL = "all"
CLOSE = 1e-3
"""The largest allowed difference of a probability for formats that compute in float32 with the network's own
weights.
"""


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        name: name on the command line.
        file: its file or folder within the export.
        needs: modules for writing it, or opening it for the check, with the names of their packages.
        opened_by: modules that open it; none for TensorFlow.
    """

    name: str
    file: str
    needs: tuple[tuple[str, str], ...] = ()
    opened_by: tuple[tuple[str, str], ...] = ()


_ONNX = (("onnx", "onnx"), ("onnxruntime", "onnxruntime"))
_LITERT = (("ai_edge_litert", "ai-edge-litert"),)
FORMATS = {
    each.name: each
    for each in (
        Format("savedmodel", "savedmodel"),
        Format("litert", "network.tflite", _LITERT, _LITERT),
        Format("litert-int8", "network-int8.tflite", _LITERT, _LITERT),
        Format("onnx", "network.onnx", (("tf2onnx", "tf2onnx"), *_ONNX), _ONNX),
        Format("html", "network.html"),
    )
}


def chosen_formats(text: str) -> tuple[Format, ...]:
    """Parses a list of formats such as `litert,onnx`, each once; `all` means all of them.

    Raises:
        BadInput: for an unknown name, or a package that is not installed.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names or [text]:
        if name not in (ALL, *FORMATS):
            raise BadInput(
                f"--format must be one of {', '.join(FORMATS)}, several of them separated by commas, or {ALL}. "
                f"Received: --format {name}.{did_you_mean(name, (ALL, *FORMATS))}"
            )
    found = tuple(FORMATS.values()) if ALL in names else tuple(FORMATS[name] for name in dict.fromkeys(names))
    _check_installed(found)
    return found


def check_can_open(name: str, file: str) -> None:
    """Checks that a file in a format can be opened here.

    Raises:
        BadInput: for a package that is not installed.
    """
    packages = _lacking(FORMATS[name].opened_by)
    if packages:
        raise BadInput(
            f"{file} needs {', '.join(packages)}, not installed. Install: pip install 'catsdogs-exp[export]'"
        )


def _check_installed(formats: Sequence[Format]) -> None:
    lacking = {each.name: _lacking(each.needs) for each in formats}
    missing = dict.fromkeys(package for packages in lacking.values() for package in packages)
    if missing:
        names = ", ".join(name for name, packages in lacking.items() if packages)
        raise BadInput(
            f"--format {names} needs {', '.join(missing)}, not installed. Install: pip install 'catsdogs-exp[export]'"
        )


def _lacking(needs: Sequence[tuple[str, str]]) -> list[str]:
    return [package for module, package in needs if not _is_there(module)]


def _is_there(module: str) -> bool:
    return module in sys.modules or importlib.util.find_spec(module) is not None
