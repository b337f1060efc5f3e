"""A network as a single HTML file that classifies photos in any browser: runtime, decoder, weights and page."""

import base64
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from markupsafe import Markup

from catsdogs_exp.data.images.decoding import MAX_PIXELS
from catsdogs_exp.inference.export.browser_graph import BrowserGraph
from catsdogs_exp.printable import printable
from catsdogs_exp.report import page
from catsdogs_exp.training.checkpoint.card import ModelCard

_NAMED = 6  # maximum number of classes that are named
_RUNTIME = "vendor/tfjs"
_JPEG = "vendor/mozjpeg"
_SCRIPTS = (
    f"{_RUNTIME}/tf-core.es2017.min.js",
    f"{_RUNTIME}/tf-converter.es2017.min.js",
    f"{_RUNTIME}/tf-backend-wasm.es2017.min.js",
    f"{_JPEG}/mozjpeg_dec.js",
)
_BINARIES = {
    "simd": f"{_RUNTIME}/tfjs-backend-wasm-simd.wasm",
    "plain": f"{_RUNTIME}/tfjs-backend-wasm.wasm",
    "jpeg": f"{_JPEG}/mozjpeg_dec.wasm",
}


def network_page(card: ModelCard, graph: BrowserGraph, facts: Sequence[tuple[str, str]]) -> str:
    """Returns the page as HTML.

    Args:
        card: classes and preprocessing, which the page reproduces.
        graph: the network.
        facts: rows of its table.
    """
    names = [printable(name) for name in card.classes]
    folder = Path(__file__).parent
    settings = {
        "classes": names,
        "preparation": asdict(card),
        "most_pixels": MAX_PIXELS,
        "graph": {"topology": graph.topology, "specs": graph.specs, "input": graph.input, "output": graph.output},
    }
    few = len(names) <= _NAMED
    return page.render(
        "network.html.j2",
        scripts=(*_SCRIPTS, "jpeg.js", "resample.js", "network.js"),
        title=f"{_listed(names, 'or')}?" if few else "Which is it?",
        classes=names,
        sentence=f"Tells {len(names)} classes apart."
        if len(names) > _NAMED
        else f"Tells {_listed(names, 'and')} apart.",
        facts=facts,
        settings=_json(settings),
        weights=_base64(graph.weights),
        **{name: _base64((folder / file).read_bytes()) for name, file in _BINARIES.items()},
    )


def _listed(names: Sequence[str], word: str) -> str:
    """`a, b and c`"""
    return f" {word} ".join([*([", ".join(names[:-1])] if names[:-1] else []), *names[-1:]])


def _json(content: Any) -> Markup:
    """Returns JSON for a script element; no text in it can close the element."""
    text = json.dumps(content, separators=(",", ":")).replace("<", "\\u003c")
    return Markup(text)  # noqa: S704  (it has no markup)


def _base64(data: bytes) -> Markup:
    return Markup(base64.b64encode(data).decode())  # noqa: S704  (letters and digits)
