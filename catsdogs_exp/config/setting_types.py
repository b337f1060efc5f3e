"""The types that a setting may have. Plugins with other types are rejected when they register."""

import types
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass, replace
from functools import lru_cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from catsdogs_exp.compat import is_frozen
from catsdogs_exp.config.schema.limits import NAMES, RANGE, SIZE, Limits
from catsdogs_exp.errors import one_line

SCALARS = (bool, int, float, str)
_SUPPORTED = (
    "bool, int, float, str, Literal of texts or of whole numbers, tuples and dictionaries such as tuple[int, ...], "
    "tuple[str, float] and dict[str, float], str | tuple[str, ...], a frozen dataclass, or one of these | None"
)
_INSTEAD = {"list": "tuple[TYPE, ...]", "set": "tuple[TYPE, ...]", "frozenset": "tuple[TYPE, ...]", "Path": "str"}
_NEEDED = {SIZE: tuple[int, int], RANGE: tuple[float, float], NAMES: dict[str, str]}


@dataclass(frozen=True)
class Setting:
    """One field of a dataclass of settings.

    Attributes:
        hint: its resolved type, without `| None`.
        optional: whether it may be None.
        limits: limits of its values.
        field: the dataclass field.
    """

    hint: Any
    optional: bool
    limits: Limits
    field: "Field[Any]"

    @property
    def required(self) -> bool:
        """Returns whether it has no default."""
        return self.field.default is MISSING and self.field.default_factory is MISSING


@lru_cache(maxsize=256)
def settings_of(cls: type) -> dict[str, Setting]:
    """Returns the settings of a dataclass by name.

    Raises:
        ValueError: if a type cannot be resolved.
    """
    try:
        hints = get_type_hints(cls)
    except Exception as error:  # a plugin's annotation can be any expression
        raise ValueError(f"a type of {cls.__name__} cannot be resolved: {one_line(error)}") from error
    found = {}
    for each in fields(cls):
        hint, optional = _without_none(hints[each.name])
        limits = each.metadata.get("limits", Limits())
        if get_origin(hint) is Literal and not limits.choices:
            found[each.name] = Setting(type(get_args(hint)[0]), optional, replace(limits, choices=get_args(hint)), each)
        else:
            found[each.name] = Setting(hint, optional, limits, each)
    return found


def _without_none(hint: Any) -> tuple[Any, bool]:
    hint = getattr(hint, "__value__", hint)  # type NAME = ...
    if get_origin(hint) not in (types.UnionType, Union):
        return hint, False
    parts = [part for part in get_args(hint) if part is not types.NoneType]
    return Union[tuple(parts)], len(parts) < len(get_args(hint))  # noqa: UP007  (as many as there are)


def check_settings(cls: Any, path: str = "") -> None:
    """Rejects a dataclass whose settings cannot be read.

    Args:
        cls: the dataclass.
        path: the field of this type, for messages.

    Raises:
        ValueError: names the field and the supported types.
    """
    if not isinstance(cls, type) or not is_dataclass(cls) or not is_frozen(cls):
        raise ValueError(f"{path or 'it'} must be a frozen dataclass")
    for name, found in settings_of(cls).items():
        key = f"{path}.{name}" if path else name
        if not found.field.init:
            raise ValueError(f"{key} must be a field that can be passed to the constructor, without init=False")
        if is_dataclass(found.hint):
            check_settings(found.hint, key)
        else:
            _check(key, found)


def _check(key: str, found: Setting) -> None:
    hint, limits = found.hint, found.limits
    parts = scalars_of(hint)
    if limits.kind is not None and hint != _NEEDED.get(limits.kind):
        needed = _shown(_NEEDED[limits.kind]) if limits.kind in _NEEDED else f"one of {', '.join(_NEEDED)}"
        raise ValueError(f"{key} has kind={limits.kind}, which needs the type {needed}, not {_shown(hint)}")
    if limits.around is not None and limits.kind != RANGE:
        raise ValueError(f"{key} has around, which needs kind=RANGE")
    if limits.word is not None:
        if set(get_args(hint)) not in ({float, str}, {int, str}):
            raise ValueError(f"{key} has a word, which needs the type float | str, not {_shown(hint)}")
        parts = (get_args(hint)[0],)
    elif not parts:
        shown = _shown(hint)
        instead = _INSTEAD.get(shown.partition("[")[0], "")
        raise ValueError(
            f"{key} has the type {shown}, which is not supported."
            f"{f' Use {instead} instead.' if instead else ''} Supported: {_SUPPORTED}"
        )
    if any(bound is not None for bound in limits.bounds) and not set(parts) <= {int, float}:
        raise ValueError(f"{key} has bounds, which need numbers, not {_shown(hint)}")
    if limits.choices and not all(type(choice) in parts and type(choice) is not bool for choice in limits.choices):
        raise ValueError(f"{key} has choices that are not of its type {_shown(hint)}")


def scalars_of(hint: Any) -> tuple[type, ...]:
    """Returns the types of the single values that a type consists of; empty if it is not supported."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in SCALARS:
        return (hint,)
    if origin in (types.UnionType, Union):
        return (str,) if set(arguments) == {str, tuple[str, ...]} else ()
    if origin is dict:
        arguments = arguments[1:] if arguments[0] is str else ()
    elif origin is tuple:
        arguments = tuple(each for each in arguments if each is not Ellipsis)
    else:
        return ()
    return arguments if all(each in SCALARS for each in arguments) else ()


def _shown(hint: Any) -> str:
    """Formats a type as in source code."""
    if get_origin(hint) in (types.UnionType, Union):
        return " | ".join(map(_shown, get_args(hint)))
    return hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint).replace("typing.", "")
