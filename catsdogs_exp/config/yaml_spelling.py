"""Rejects text in the user's YAML files that YAML reads as a number or a truth value: `007` as 7, `12:30` as 750,
`no` as false. Text on the command line is taken literally; a YAML file needs quotes for the same.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from catsdogs_exp.config.kinds import Form, kinds_of
from catsdogs_exp.config.search_path import CONF
from catsdogs_exp.errors import BadInput
from catsdogs_exp.printable import printable

_PACKAGE = re.compile(r"^\s*#\s*@package\s+(\S+)", re.MULTILINE)
_HEAD = 1000  # characters in which the package is declared
_READ_AS = {"int": "a number", "float": "a number", "bool": "true or false"}


def check_spelling(runtime: Any) -> None:
    """Checks the files of the chosen configs that are not our own.

    Args:
        runtime: `hydra.runtime` of a composed config: its choices, and where configs were found.

    Raises:
        BadInput: naming the text, the file and the line, and what to type.
    """
    choices = {str(group): str(choice) for group, choice in runtime.choices.items() if choice is not None}
    for source in runtime.config_sources:
        folder = Path(str(source.path))
        if source.schema not in ("file", "experiments") or folder == CONF:
            continue
        for group, choice in choices.items():
            own = choice if source.schema == "experiments" else f"{group}/{choice}"
            file = folder / f"{own}.yaml"
            if (source.schema == "file" or group == "experiment") and file.is_file():
                _check_file(file, group, file.stat().st_mtime_ns)


@lru_cache(maxsize=64)  # the jobs of a sweep share a few files
def _check_file(file: Path, group: str, changed: int) -> None:
    text = file.read_text(encoding="utf-8", errors="replace")
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:  # Hydra has reported it
        return
    declared = _PACKAGE.search(text[:_HEAD])
    package = declared[1] if declared else "_group_"
    above = {"_global_": "", "_group_": group.replace("/", ".")}.get(package, package)
    for key, scalar, one_of_several in _scalars(node, above):
        written, kind = scalar.value, scalar.tag.rpartition(":")[2]
        is_plain = kind not in _READ_AS or (kind == "int" and re.fullmatch(r"0|-?[1-9]\d*", written))
        if scalar.style is None and not is_plain and _is_text(key, one_of_several):
            raise BadInput(
                f"{key} must be a text. Received {printable(written)}, which YAML reads as {_READ_AS[kind]}: "
                f"{file}, line {scalar.start_mark.line + 1}. Put quotes around it: '{printable(written)}'"
            )


def _scalars(node: Any, key: str, one_of_several: bool = False) -> Iterator[tuple[str, Any, bool]]:
    """Yields the single values with their dotted keys, and whether they are one of several: items of a list, and the
    names in a mapping of names, have the key of the whole.
    """
    if isinstance(node, yaml.MappingNode):
        of_names = _is_of_names(key)
        for name, value in node.value:
            if of_names:
                yield key, name, True
                yield from _scalars(value, key, True)
            else:
                yield from _scalars(value, f"{key}.{name.value}" if key else str(name.value))
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _scalars(item, key, True)
    elif isinstance(node, yaml.ScalarNode):
        yield key, node, one_of_several


def _is_of_names(key: str) -> bool:
    return bool(key) and any(kind.form is Form.NAMES for kind in kinds_of(key))


def _is_text(key: str, one_of_several: bool) -> bool:
    """Returns whether a value is a text. `dataset.classes` is a number for one source, several names for the others."""
    texts = [kind.form not in (Form.OTHER, Form.NUMBERS) for kind in kinds_of(key)]
    return any(texts) if one_of_several else bool(texts) and all(texts)
