"""Converts plain values from YAML into dataclasses of settings, checking types and limits."""

import math
import re
from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import Any, get_args, get_origin

from catsdogs_exp.config.schema.limits import NAMES, RANGE, SIZE, Limits
from catsdogs_exp.config.setting_types import Setting, settings_of
from catsdogs_exp.config.words import names_of, numbers_of
from catsdogs_exp.errors import BadInput, did_you_mean
from catsdogs_exp.printable import printable

Variants = Mapping[str, Mapping[str, type]]


def read_object(cls: type, plain: Any, path: str, variants: Variants) -> Any:
    """Builds a dataclass from a dictionary.

    Args:
        cls: the dataclass, or any of the group's if `path` is one of `variants`.
        plain: values as in YAML.
        path: dotted name of the current position, for messages.
        variants: groups whose entry `name` selects the dataclass.

    Raises:
        BadInput: for an invalid value; names the setting, the allowed values and the received one.
    """
    if path in variants:
        cls = _variant(path, plain, variants[path])
    if not isinstance(plain, dict):
        inside = ", ".join(f"{path}.{name}" for name in settings_of(cls))
        raise BadInput(f"{path} is a group of settings: {inside}. Received: {path}={show(plain)}")
    known = settings_of(cls)
    for key in plain:
        if key not in known:
            name = _join(path, str(key))
            raise BadInput(
                f"Unknown setting: {name}={show(plain[key])}.{did_you_mean(str(key), known)} "
                f"Known here: {', '.join(known)}."
            )
    values: dict[str, Any] = {}
    for key, found in known.items():
        name = _join(path, key)
        if key in plain:
            inner = name in variants or is_dataclass(found.hint)
            if inner and not (found.optional and plain[key] is None):
                values[key] = read_object(found.hint, plain[key], name, variants)
            else:
                values[key] = read_value(found, plain[key], name)
        elif found.required:
            raise BadInput(f"{name} is missing. Set it: {name}=...")
    try:
        return cls(**values)
    except ValueError as error:  # from a plugin's own check
        raise BadInput(f"{path} is rejected: {' '.join(str(error).split())}") from error


def read_value(found: Setting, value: Any, name: str) -> Any:
    """Reads a single setting.

    Raises:
        BadInput: for an invalid value; names the setting, the allowed values and the received one.
    """
    hint, limits = found.hint, found.limits
    if found.optional and value is None:
        return None
    if limits.word is not None:  # a number, or this word
        return value if value == limits.word else _scalar(get_args(hint)[0], value, name, limits)
    if limits.kind is not None:
        return {SIZE: _size, RANGE: _range, NAMES: _names}[limits.kind](value, name, limits)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is dict:
        return _mapping(arguments[1], value, name, limits)
    if origin is tuple and Ellipsis in arguments:
        return _several(arguments[0], value, name, limits)
    if origin is tuple:
        return _so_many(arguments, value, name, limits)
    return _texts(value, name) if arguments else _scalar(hint, value, name, limits)


def _variant(group: str, plain: Any, known: Mapping[str, type]) -> type:
    if isinstance(plain, str):  # only possible in a YAML file
        raise BadInput(
            f"{group} is a group of settings. Received: {group}: {show(plain)}. In a YAML file, choose it in the list "
            f"of defaults: - override /{group}: {show(plain)}"
        )
    name = plain.get("name") if isinstance(plain, dict) else None
    if not isinstance(name, str) or name not in known:
        raise BadInput(
            f"{group}.name must be one of {', '.join(known)}. Received: {group}.name={show(name)}."
            f"{did_you_mean(str(name), known)} Choose it with {group}=NAME."
        )
    return known[name]


def _scalar(kind: type, value: Any, name: str, limits: Limits) -> Any:
    allowed = _allowed(kind, limits)
    refused = BadInput(f"{name} must be {allowed}. Received: {name}={show(value)}")
    if kind is bool:
        if not isinstance(value, bool):
            raise refused
        return value
    if kind is str:
        if isinstance(value, bool | dict | list) or value is None:
            raise refused
        text = _text(value, name)
        if limits.choices and text not in limits.choices:
            raise BadInput(
                str(refused) + (f".{guess}" if (guess := did_you_mean(text, map(str, limits.choices))) else "")
            )
        return text
    if isinstance(value, bool) or not isinstance(value, int if kind is int else int | float):
        raise refused
    if not _is_finite(value) or not _within(value, limits) or (limits.choices and value not in limits.choices):
        raise refused
    return kind(value)


def _is_finite(value: float) -> bool:
    """Returns whether a number is finite as a float: not an integer of 400 digits."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _within(value: float, limits: Limits) -> bool:
    return (
        (limits.above is None or value > limits.above)
        and (limits.at_least is None or value >= limits.at_least)
        and (limits.below is None or value < limits.below)
        and (limits.at_most is None or value <= limits.at_most)
    )


def _size(value: Any, name: str, limits: Limits) -> tuple[int, int]:
    pair = value if isinstance(value, list) else [value, value]
    whole = [item for item in pair if isinstance(item, int) and not isinstance(item, bool)]
    if len(whole) != len(pair) or len(pair) != 2 or not all(_within(item, limits) for item in whole):
        raise BadInput(
            f"{name} must be a whole number of pixels from {limits.at_least} to {limits.at_most}, "
            f"or two: [height,width]. Received: {name}={show(value)}"
        )
    return whole[0], whole[1]


def _several(kind: type, value: Any, name: str, limits: Limits) -> tuple[Any, ...]:
    """Reads any number of numbers or texts; a single one becomes a list of one."""
    items = value if isinstance(value, list) else [value]
    try:
        return tuple(_scalar(kind, item, name, limits) for item in items)
    except BadInput as error:
        example = {int: "[512,128]", float: "[0.5,0.1]", bool: "[true,false]"}.get(kind, "[a,b]")
        one = {str: "text", bool: "value"}.get(kind, "number")
        raise BadInput(
            f"{name} must be a list, such as [] or {example}, or a single {one}, each {_allowed(kind, limits)}. "
            f"Received: {name}={show(value)}"
        ) from error


def _so_many(kinds: tuple[type, ...], value: Any, name: str, limits: Limits) -> tuple[Any, ...]:
    """Reads one value per kind; if there is only one kind, the brackets may be omitted."""
    items = value if isinstance(value, list) else [value]
    try:
        if len(items) != len(kinds):
            raise BadInput("too few or too many")
        return tuple(_scalar(kind, item, name, limits) for kind, item in zip(kinds, items, strict=True))
    except BadInput as error:
        each = ", ".join(_allowed(kind, limits) for kind in kinds)
        raise BadInput(f"{name} must be a list of {len(kinds)}: [{each}]. Received: {name}={show(value)}") from error


def _mapping(kind: type, value: Any, name: str, limits: Limits) -> dict[str, Any]:
    """Reads a mapping of names to values, also in text form, as typed."""
    if isinstance(value, str):
        pairs = names_of(value) if kind is str else numbers_of(value)
        value = value if pairs is None else dict(pairs)
    try:
        if not isinstance(value, dict) or not all(isinstance(key, str | int | float) for key in value):
            raise BadInput("no names")
        return {str(key): _scalar(kind, item, name, limits) for key, item in value.items()}
    except BadInput as error:
        raise BadInput(
            f"{name} must be a mapping of names to values, {{a: ..., b: ...}}, each {_allowed(kind, limits)}. "
            f"Received: {name}={show(value)}"
        ) from error


def _range(value: Any, name: str, limits: Limits) -> tuple[float, float]:
    """Reads two numbers, lower first; or one, if the limits define a centre."""
    pair = value
    if limits.around is not None and isinstance(value, int | float) and not isinstance(value, bool):
        pair = [limits.around - value, limits.around + value]
    numbers = [item for item in pair if isinstance(item, int | float)] if isinstance(pair, list) else []
    good = len(numbers) == 2 == len(pair) and all(_is_finite(n) and _within(n, limits) for n in numbers)
    if not good or any(isinstance(item, bool) for item in pair) or numbers[0] > numbers[1]:
        one = "" if limits.around is None else f"; or one number n for {limits.around:g}-n..{limits.around:g}+n"
        raise BadInput(
            f"{name} must be two numbers, [lowest,highest], each {_allowed(float, limits)}{one}. "
            f"Received: {name}={show(value)}"
        )
    return float(numbers[0]), float(numbers[1])


def _texts(value: Any, name: str) -> str | tuple[str, ...]:
    """Reads one text, or a list of texts."""
    if isinstance(value, list):
        if value and all(isinstance(item, str | int | float) and not isinstance(item, bool) for item in value):
            return tuple(_text(item, name) for item in value)
    elif not isinstance(value, bool | dict):
        return _text(value, name)
    raise BadInput(f"{name} must be a text or a list of texts: [a,b]. Received: {name}={show(value)}")


def _text(value: Any, name: str) -> str:
    """Reads a text, or an integer from a YAML file. Other numbers have lost their spelling: 1.10 has become 1.1."""
    if isinstance(value, float):
        raise BadInput(f"{name} must be a text. Received a number, {name}: {value}. Quote it in the YAML file")
    return str(value)


def _names(value: Any, name: str, limits: Limits) -> dict[str, str]:
    """Reads a mapping of names to names; a list keeps the names unchanged. Both may be in text form, as typed."""
    pairs = names_of(value) if isinstance(value, str) else None
    if isinstance(value, list):
        pairs = [(item, item) for item in value if not isinstance(item, dict | list)]
    plain = dict(pairs) if pairs is not None else value
    if not isinstance(plain, dict) or not plain or (pairs is not None and len(plain) != len(pairs)):
        raise BadInput(
            f"{name} must be a list of different names, [cat,dog], or old names with new ones, "
            f"{{kitten: cat, dog: dog}}. Received: {name}={show(value)}"
        )
    for old, new in plain.items():
        if any(isinstance(each, bool | dict | list) or each is None or str(each).strip() == "" for each in (old, new)):
            raise BadInput(f"{name} must contain names. Received: {name}={show(value)}")
        if printable(f"{old}{new}") != f"{old}{new}":
            raise BadInput(f"{name} must contain printable names. Received: {name}={show(value)}")
    return {str(old): str(new) for old, new in plain.items()}


def _allowed(kind: type, limits: Limits) -> str:
    """Describes the allowed values: `> 0`, `a whole number >= 1`, `one of none, memory`."""
    if limits.choices:
        return f"one of {', '.join(map(str, limits.choices))}"
    if kind is bool:
        return "true or false"
    if kind is str:
        return "a text"
    bounds = [
        f"{sign} {bound:g}" if bound < 2**20 else f"{sign} {bound}"
        for sign, bound in (
            (">", limits.above),
            (">=", limits.at_least),
            ("<", limits.below),
            ("<=", limits.at_most),
        )
        if bound is not None
    ]
    words = ["a whole number"] if kind is int else [] if bounds else ["a number"]
    return " ".join([*words, " and ".join(bounds)]).strip()


def show(value: Any) -> str:
    """Formats a value as a user would type it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ",".join(show(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{show(key)}: {show(item)}" for key, item in value.items()) + "}"
    text = printable(str(value))  # a message is one line
    if isinstance(value, str) and re.match(r"[-+]?\.?\d", text):
        return f"'{text}'"  # a text that looks like a number
    return text


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
