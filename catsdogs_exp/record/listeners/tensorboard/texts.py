"""Texts for TensorBoard: the config, the data and the network, as Markdown."""

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import yaml

from catsdogs_exp.config.build import to_plain
from catsdogs_exp.config.schema import Config
from catsdogs_exp.data.inspection.report import report, warnings_of
from catsdogs_exp.data.manifest import Manifest
from catsdogs_exp.printable import printable

_WIDTH = 110  # characters of the network's table


def config_text(config: Config, overrides: Sequence[str]) -> str:
    """Returns the overrides, then every setting as YAML."""
    typed = ["# overrides:", *(f"#   {word}" for word in overrides)] if overrides else ["# all defaults"]
    return _verbatim([*typed, *yaml.safe_dump(to_plain(config), sort_keys=False, allow_unicode=True).splitlines()])


def data_text(manifest: Manifest) -> str:
    """Returns images per split and class, files left out, and findings."""
    found = report(manifest)
    lines = []
    for split, classes in manifest.counts().items():
        lines.append(f"{split}: {sum(classes.values())} images")
        lines += [f"  {count:>7} {name}" for name, count in classes.items()]
    if found["quarantined"]:
        reasons = ", ".join(f"{count} {reason}" for reason, count in found["reasons"].items())
        lines.append(f"left out: {found['quarantined']} of {found['files']} files ({reasons})")
    return _verbatim([*lines, *warnings_of(manifest)])


def model_text(model: keras.Model) -> str:
    """Returns the network's layers, shapes and parameters."""
    lines: list[str] = []

    def keep(text: str, **_: Any) -> None:
        lines.extend(text.splitlines())

    model.summary(line_length=_WIDTH, print_fn=keep, show_trainable=True)
    return _verbatim(lines)


def _verbatim(lines: Iterable[str]) -> str:
    """Returns a code block: names appear literally, and nothing in them can end the block."""
    return "\n".join(f"    {printable(line)}" for line in lines)
