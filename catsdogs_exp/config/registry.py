"""Registers what plugins provide; their settings become choices of the config groups."""

from dataclasses import MISSING, asdict, fields
from typing import Any

from hydra.core.config_store import ConfigStore

from catsdogs_exp.config.reading import read_object
from catsdogs_exp.config.setting_types import check_settings
from catsdogs_exp.errors import BadInput, did_you_mean
from catsdogs_exp.printable import printable

# Group -> names registered by plugins; `augment.custom` -> names of operations.
OFFERED: dict[str, list[str]] = {}


def offer(  # noqa: PLR0913  (facts about one choice, all but the first three with a name at each call)
    group: str,
    name: str,
    settings: type,
    known: dict[str, type],
    needed: tuple[str, ...] = (),
    flat: dict[str, Any] | None = None,
) -> None:
    """Adds a choice `group=name` whose keys and defaults are the fields of a dataclass.

    Args:
        group: `model` or `dataset`.
        name: name of the choice; the default of its field `name`.
        settings: the dataclass.
        known: the group's choices with their dataclasses; the new one is added.
        needed: required fields besides `name`.
        flat: flat keys that the choice sets; None leaves a key unchanged.

    Raises:
        ValueError: if the name is taken, or the dataclass lacks a required field.
    """
    if name in known:
        raise ValueError(f"A {group} named {name!r} already exists.")
    try:
        check_settings(settings)
    except ValueError as error:
        raise ValueError(f"The settings of the {group} {name!r}: {error}.") from error
    without = [f.name for f in fields(settings) if f.default is MISSING and f.default_factory is MISSING]
    if without and without != ["name"]:
        raise ValueError(f"The settings of the {group} {name!r} need a default for: {', '.join(without)}.")
    there = [f.name for f in fields(settings)]
    for key in ("name", *needed):
        if key not in there:
            raise ValueError(f"The settings of the {group} {name!r} need the field: {key}.")
    make: Any = settings
    values = _plain(asdict(make(name=name)))
    try:
        read_object(settings, values, group, {})
    except BadInput as error:
        raise ValueError(f"The settings of the {group} {name!r} have an invalid default: {error}") from error
    above = {key: value for key, value in (flat or {}).items() if value is not None}
    if above:
        ConfigStore.instance().store(group=group, name=name, node={**above, group: values}, package="_global_")
    else:
        ConfigStore.instance().store(group=group, name=name, node=values)
    known[name] = settings
    OFFERED.setdefault(group, []).append(name)


def check_operations(names: tuple[str, ...]) -> None:
    """Rejects operations in `augment.custom` that no loaded plugin has registered.

    Raises:
        BadInput: listing the known ones.
    """
    _check_registered("augment.custom", "operations", names)


def check_listeners(names: tuple[str, ...]) -> None:
    """Rejects listeners in `logging.listeners` that no loaded plugin has registered.

    Raises:
        BadInput: listing the known ones.
    """
    _check_registered("logging.listeners", "listeners", names)


def _check_registered(setting: str, what: str, names: tuple[str, ...]) -> None:
    known = OFFERED.get(setting, [])
    for name in names:
        if name not in known:
            there = ", ".join(known) or "none is registered"
            raise BadInput(
                f"{setting} must list {what} registered by plugins: {there}. "
                f"Received: {setting}=[{printable(','.join(names))}].{did_you_mean(name, known)} "
                "Name the module that registers it: plugins=[MODULE]"
            )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value
