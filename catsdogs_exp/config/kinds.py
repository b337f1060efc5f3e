"""The kind of value each setting takes, from the schema: text is taken literally, everything else is parsed by
Hydra.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, is_dataclass, replace
from enum import Enum
from typing import Any, Union, get_args, get_origin

from catsdogs_exp.config.schema import VARIANTS, Config
from catsdogs_exp.config.schema.limits import RANGE, SIZE
from catsdogs_exp.config.setting_types import Setting, settings_of


class Form(Enum):
    """How a value is typed."""

    TEXT = "a text"
    TEXTS = "text, or a list: [a,b]"
    LIST = "several texts: [a,b]"
    NAMES = "names, [a,b], or old ones with new ones, {a: b}"
    NUMBERS = "names with numbers, or with true or false: {a: 1}"
    OTHER = "a number, true or false, or several of them"


@dataclass(frozen=True)
class Kind:
    """The kind of value a setting takes.

    Attributes:
        form: how it is typed.
        optional: whether `null` turns it off.
        choices: the only allowed words; empty if there is no restriction.
    """

    form: Form
    optional: bool = False
    choices: tuple[str | int, ...] = ()


def kinds_of(key: str, names: Mapping[str, str] | None = None) -> set[Kind]:
    """Returns the kinds of a dotted key: several if the choices of a group differ, none for an unknown key.

    Args:
        key: such as `dataset.path`.
        names: group -> its choice, such as `{"dataset": "folder"}`; for other groups, all choices count.
    """
    is_group = key in (*VARIANTS, "experiment")  # the config stores the experiment's name, but it is a group
    return {_kind(setting) for setting in _reached(key, names or {}) if not is_group}


def is_name(key: str) -> bool:
    """Returns whether a key is an entry of a mapping, such as `dataset.classes.kitten`."""
    return any(kind.form in (Form.NAMES, Form.NUMBERS) for kind in kinds_of(key.rpartition(".")[0]))


def owners_of(key: str) -> list[str]:
    """The names of those choices of a group that have a setting: `resnet` and `mbconv` for `model.blocks`."""
    group, _, rest = key.partition(".")
    return [name for name in VARIANTS.get(group, ()) if kinds_of(key, {group: name})] if rest else []


def takes_several(key: str) -> bool:
    """Whether a setting takes several numbers, such as `target_size=[120,160]`."""
    return any(
        setting.limits.kind in (SIZE, RANGE) or get_origin(setting.hint) is tuple for setting in _reached(key, {})
    )


def known_keys() -> list[str]:
    """Returns every dotted key that exists for some choice."""
    keys: dict[str, None] = {}
    for name, setting in settings_of(Config).items():
        for owner in _chosen(name, {}) if name in VARIANTS else [setting.hint]:
            keys.update(dict.fromkeys(_below(name, owner)))
    return list(keys)


def _reached(key: str, names: Mapping[str, str]) -> list[Setting]:
    """The settings that a dotted key names, one for each choice that has it."""
    first, *rest = key.split(".")
    reached = [each for name, each in settings_of(Config).items() if name == first]
    for depth, part in enumerate(rest):
        variants = depth == 0 and first in VARIANTS
        owners = _chosen(first, names) if variants else [setting.hint for setting in reached]
        reached = [inner for owner in owners for inner in _inside(owner, part)]
    return [setting for setting in reached if not is_dataclass(setting.hint)]


def _chosen(group: str, names: Mapping[str, str]) -> list[Any]:
    """Returns the dataclasses of a group's choices, or only of the one that `names` selects."""
    variants = VARIANTS[group]
    name = names.get(group)
    return [variants[name]] if name in variants else list(dict.fromkeys(variants.values()))


def _inside(owner: Any, part: str) -> list[Setting]:
    """The field of a dataclass, or the entry of a mapping, with a given name."""
    if get_origin(owner) is dict:
        return [replace(settings_of(_Name)["new"], hint=get_args(owner)[1])]
    found = settings_of(owner).get(part) if is_dataclass(owner) else None  # type: ignore[arg-type]
    return [] if found is None else [found]


@dataclass(frozen=True)
class _Name:
    """An entry of a mapping of names."""

    new: str


def _below(path: str, owner: Any) -> Iterator[str]:
    if not is_dataclass(owner):
        yield path
        return
    for name, setting in settings_of(owner).items():  # type: ignore[arg-type]
        yield from _below(f"{path}.{name}", setting.hint)


def _kind(setting: Setting) -> Kind:
    hint, optional = setting.hint, setting.optional
    if hint is str:
        return Kind(Form.TEXT, optional, setting.limits.choices)
    if get_origin(hint) is Union and set(get_args(hint)) == {str, tuple[str, ...]}:
        return Kind(Form.TEXTS, optional)
    if hint == dict[str, str]:
        return Kind(Form.NAMES, optional)
    if get_origin(hint) is dict:
        return Kind(Form.NUMBERS, optional)
    if get_origin(hint) is tuple and set(get_args(hint)) <= {str, Ellipsis}:
        return Kind(Form.LIST, optional)
    return Kind(Form.OTHER, optional, setting.limits.choices)
