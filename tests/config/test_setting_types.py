"""Types of settings: supported ones are read as declared, others are rejected at registration."""

from __future__ import annotations

import enum
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, Optional, Union

import pytest

from catsdogs_exp.__main__ import main
from catsdogs_exp.config.compose import config_of
from catsdogs_exp.config.reading import read_object
from catsdogs_exp.config.registry import offer
from catsdogs_exp.config.schema import VARIANTS, Config
from catsdogs_exp.config.schema.limits import NAMES, RANGE, SIZE, setting
from catsdogs_exp.config.setting_types import check_settings, settings_of
from catsdogs_exp.errors import BadInput


@dataclass(frozen=True)
class Inner:
    rate: float = setting("of something", default=0.5, at_least=0, at_most=1)
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Every:
    """One field of each supported type."""

    name: str = "every"
    flag: bool = False
    count: int = setting("of things", default=1, at_least=1)
    rate: float = 1.0
    text: str = "a"
    maybe: int | None = None
    old: Optional[float] = None  # noqa: UP045
    older: Union[str, None] = None  # noqa: UP007
    mode: Literal["fast", "exact"] = "fast"
    bits: Literal[8, 16] = 8
    how: Literal["a", "b"] | None = None
    some: tuple[int, ...] = setting("numbers", default=(1, 2), at_least=1)
    maybe_some: tuple[float, ...] | None = None
    texts: tuple[str, ...] = ()
    flags: tuple[bool, ...] = ()
    pair: tuple[str, str] = ("a", "b")
    point: tuple[int, int] = (3, 1)
    mixed: tuple[str, float, bool] = ("a", 1.0, True)
    single: tuple[int] = (1,)
    rates: dict[str, float] = field(default_factory=lambda: {"a": 0.5})
    labels: dict[str, str] = field(default_factory=dict)
    paths: str | tuple[str, ...] | None = None
    size: tuple[int, int] = setting("pixels", default=(4, 4), at_least=1, at_most=64, kind=SIZE)
    range: tuple[float, float] = setting("factors", default=(1, 2), at_least=0, at_most=10, around=1, kind=RANGE)
    classes: dict[str, str] | None = setting("names", default=None, kind=NAMES)
    rate_or_word: float | str = setting("rate", default="auto", above=0, word="auto")
    inner: Inner = Inner()
    maybe_inner: Inner | None = None
    head: str = "auto"


def read(**plain: Any) -> Every:
    made = read_object(Every, plain, "model", {})
    assert isinstance(made, Every)
    return made


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("flag", True, True),
        ("rate", 2, 2.0),
        ("maybe", None, None),
        ("maybe", 3, 3),
        ("old", 3, 3.0),
        ("older", "x", "x"),
        ("mode", "exact", "exact"),
        ("bits", 16, 16),
        ("how", None, None),
        ("how", "b", "b"),
        ("some", [4], (4,)),
        ("some", 4, (4,)),
        ("maybe_some", None, None),
        ("maybe_some", [1, 2.5], (1.0, 2.5)),
        ("texts", ["x", 2], ("x", "2")),
        ("flags", [True, False], (True, False)),
        ("pair", ["x", "y"], ("x", "y")),
        ("point", [3, 1], (3, 1)),
        ("mixed", ["x", 2, False], ("x", 2.0, False)),
        ("single", 5, (5,)),
        ("single", [5], (5,)),
        ("rates", {"x": 1, "y": 0.25}, {"x": 1.0, "y": 0.25}),
        ("rates", {}, {}),
        ("rates", {3: 1}, {"3": 1.0}),
        ("labels", {"x": "y"}, {"x": "y"}),
        ("paths", "x", "x"),
        ("paths", ["x", "y"], ("x", "y")),
        ("paths", None, None),
        ("size", 7, (7, 7)),
        ("size", [5, 6], (5, 6)),
        ("range", 0.5, (0.5, 1.5)),
        ("classes", ["cat", "dog"], {"cat": "cat", "dog": "dog"}),
        ("rate_or_word", "auto", "auto"),
        ("rate_or_word", 1, 1.0),
        ("inner", {"rate": 1}, Inner(rate=1.0)),
        ("maybe_inner", None, None),
        ("maybe_inner", {"words": ["x"]}, Inner(words=("x",))),
    ],
)
def test_every_supported_type_is_read_as_declared(name: str, value: Any, kept: Any) -> None:
    got = getattr(read(**{name: value}), name)
    assert got == kept and repr(got) == repr(kept)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("flag", 1, "true or false"),
        ("flag", "true", "true or false"),
        ("count", True, "a whole number >= 1"),
        ("count", 1.0, "a whole number >= 1"),
        ("count", None, "a whole number >= 1"),
        ("rate", True, "a number"),
        ("rate", "1", "a number"),
        ("text", None, "a text"),
        ("text", ["a"], "a text"),
        ("text", {"a": 1}, "a text"),
        ("maybe", 1.5, "a whole number"),
        ("mode", "slow", "one of fast, exact"),
        ("mode", None, "one of fast, exact"),
        ("bits", 9, "one of 8, 16"),
        ("bits", True, "one of 8, 16"),
        ("how", "c", "one of a, b"),
        ("some", [0], "a list, such as [] or [512,128], or a single number, each a whole number >= 1"),
        ("some", None, "a list, such as [] or [512,128], or a single number, each a whole number >= 1"),
        ("flags", [1], "a list, such as [] or [true,false], or a single value, each true or false"),
        ("pair", ["x"], "a list of 2: [a text, a text]"),
        ("pair", ["x", "y", "z"], "a list of 2: [a text, a text]"),
        ("pair", "x", "a list of 2: [a text, a text]"),
        ("pair", {"a": 1}, "a list of 2: [a text, a text]"),
        ("point", [1, "2"], "a list of 2: [a whole number, a whole number]"),
        ("mixed", [1, 2, 3], "a list of 3: [a text, a number, true or false]"),
        ("single", [1, 2], "a list of 1: [a whole number]"),
        ("rates", {"a": "x"}, "a mapping of names to values, {a: ..., b: ...}, each a number"),
        ("rates", {"a": True}, "a mapping of names to values, {a: ..., b: ...}, each a number"),
        ("rates", ["a"], "a mapping of names to values, {a: ..., b: ...}, each a number"),
        ("rates", None, "a mapping of names to values, {a: ..., b: ...}, each a number"),
        ("labels", {"a": None}, "a mapping of names to values, {a: ..., b: ...}, each a text"),
    ],
)
def test_what_does_not_fit_is_refused(name: str, value: Any, allowed: str) -> None:
    with pytest.raises(BadInput) as caught:
        read(**{name: value})
    assert str(caught.value).startswith(f"model.{name} must be {allowed}. Received: model.{name}=")


def test_values_are_shown_as_typed() -> None:
    with pytest.raises(BadInput, match=re.escape("Received: model.rates={a: x,b: [1,null]}")):
        read(rates={"a": "x", "b": [1, None]})
    with pytest.raises(BadInput, match=r"model.inner.rate must be >= 0 and <= 1\. Received: model.inner.rate=2"):
        read(inner={"rate": 2})
    with pytest.raises(BadInput, match=re.escape("Unknown setting: model.maybe_inner.word=1. Did you mean words?")):
        read(maybe_inner={"word": 1})


def test_our_own_settings_are_supported_and_say_what_pairs_and_names_are() -> None:
    for cls in {cls for known in VARIANTS.values() for cls in known.values()}:
        check_settings(cls)
    for name, found in settings_of(Config).items():
        if name not in VARIANTS and isinstance(found.hint, type) and hasattr(found.hint, "__dataclass_fields__"):
            check_settings(found.hint)
    assert settings_of(Config)["target_size"].limits.kind == SIZE


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Loose:
    rate: float = 1.0


SUPPORTED = " Supported: bool, int, float, str, Literal of texts or of whole numbers, tuples and dictionaries such as"
REFUSED = {
    "list[int]": f"x has the type list[int], which is not supported. Use tuple[TYPE, ...] instead.{SUPPORTED}",
    "list": f"x has the type list, which is not supported. Use tuple[TYPE, ...] instead.{SUPPORTED}",
    "set[str]": "x has the type set[str], which is not supported. Use tuple[TYPE, ...] instead.",
    "Path": "x has the type Path, which is not supported. Use str instead.",
    "Path | None": "x has the type Path, which is not supported. Use str instead.",
    "Colour": f"x has the type Colour, which is not supported.{SUPPORTED}",
    "tuple": "x has the type tuple, which is not supported.",
    "tuple[()]": "x has the type tuple[()], which is not supported.",
    "dict": "x has the type dict, which is not supported.",
    "dict[int, str]": "x has the type dict[int, str], which is not supported.",
    "dict[str, list[int]]": "x has the type dict[str, list[int]], which is not supported.",
    "tuple[tuple[int, int], ...]": "x has the type tuple[tuple[int, int], ...], which is not supported.",
    "tuple[int | None, ...]": "x has the type tuple[int | None, ...], which is not supported.",
    "int | str": "x has the type int | str, which is not supported.",
    "bytes": "x has the type bytes, which is not supported.",
    "complex": "x has the type complex, which is not supported.",
    "Any": "x has the type Any, which is not supported.",
    "object": "x has the type object, which is not supported.",
    "None": "x has the type NoneType, which is not supported.",
    "type[int]": "x has the type type[int], which is not supported.",
    "Every | Inner": "x has the type Every | Inner, which is not supported.",
    "Literal['a', 1]": "x has choices that are not of its type str",
    "Literal[True]": "x has choices that are not of its type bool",
    "Loose": "x must be a frozen dataclass",
    "Nowhere": "a type of Settings cannot be resolved: NameError: name 'Nowhere' is not defined",
    "not a type": "a type of Settings cannot be resolved: SyntaxError",
}


@pytest.mark.parametrize("kind", REFUSED)
def test_other_types_are_refused_when_a_plugin_is_registered(kind: str) -> None:
    namespace = {**globals(), "__name__": "made", "Any": Any}
    text = f"@dataclass(frozen=True)\nclass Settings:\n    name: str = 'x'\n    x: {kind!r} = None\n"
    module = ModuleType("made")
    sys.modules["made"] = module
    try:
        module.__dict__.update(namespace)
        exec(text, module.__dict__)
        with pytest.raises(ValueError) as caught:
            offer("model", "made", module.Settings, {})
    finally:
        del sys.modules["made"]
    message = str(caught.value)
    assert message.startswith("The settings of the model 'made': ") and REFUSED[kind] in message
    assert "\n" not in message


def made(hint: Any, default: Any, **limits: Any) -> type:
    cls = type("Settings", (), {"__annotations__": {"name": str, "x": hint}})
    cls.name, cls.x = "x", setting("of a test", default=default, **limits)
    return dataclass(frozen=True)(cls)


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (made(str, "a", at_least=1), "x has bounds, which need numbers, not str"),
        (made(bool, True, below=1), "x has bounds, which need numbers, not bool"),
        (made(tuple[str, ...], (), above=1), "x has bounds, which need numbers, not tuple[str, ...]"),
        (made(int, 1, choices=("a", "b")), "x has choices that are not of its type int"),
        (made(str, "1", choices=(1, 2)), "x has choices that are not of its type str"),
        (made(tuple[int, int], (1, 1), kind=RANGE), "x has kind=range, which needs the type tuple[float, float], not"),
        (
            made(dict[str, float], None, kind=NAMES),
            "x has kind=names, which needs the type dict[str, str], not dict[str, f",
        ),
        (made(int, 1, kind="pixels"), "x has kind=pixels, which needs the type one of size, range, names, not int"),
        (made(float, 1, around=1), "x has around, which needs kind=RANGE"),
        (made(float, 1, word="auto"), "x has a word, which needs the type float | str, not float"),
        (
            made(int, 0, at_least=1),
            "an invalid default: model.x must be a whole number >= 1. Received",
        ),
        (made(int, "a"), "an invalid default: model.x must be a whole number. Received: model.x=a"),
        (made(int, None), "an invalid default: model.x must be a whole number. Received: model.x=null"),
        (made(bool, 1), "an invalid default: model.x must be true or false. Received: model.x=1"),
        (made(str, "c", choices=("a", "b")), "an invalid default: model.x must be one of a, b."),
    ],
)
def test_limits_and_defaults_that_do_not_fit_their_type_are_refused(cls: type, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        offer("model", "made", cls, {})


def test_a_field_that_cannot_be_given_is_refused() -> None:
    @dataclass(frozen=True)
    class Settings:
        name: str = "made"
        x: int = field(default=1, init=False)

    with pytest.raises(ValueError, match="x must be a field that can be passed to the constructor, without init=False"):
        check_settings(Settings)


PLUGIN = """
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Optional

from catsdogs_exp.config.schema.limits import setting
from catsdogs_exp.models import register


@dataclass(frozen=True)
class Block:
    rate: float = setting("of dropout", default=0.5, at_least=0, below=1)


@dataclass(frozen=True)
class Settings:
    name: str = "late"
    width: int = setting("filters", default=8, at_least=1)
    pair: tuple[str, str] = ("relu", "tanh")
    weights: dict[str, float] = field(default_factory=lambda: {"cats": 1.0})
    more: Optional[tuple[float, ...]] = None
    mode: Literal["fast", "exact"] = "fast"
    block: Block = Block()
    head: str = "auto"

    def __post_init__(self) -> None:
        if self.pair[0] == self.pair[1]:
            raise ValueError("the two of pair must differ")


@register("late", settings=Settings)
def late(model, input_shape, head): ...
"""


def test_a_plugin_whose_annotations_are_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p_late.py").write_text(PLUGIN)
    words = ["plugins=[p_late]", "model=late"]
    made = config_of(words).model
    assert (made.name, made.width, made.pair, made.weights) == ("late", 8, ("relu", "tanh"), {"cats": 1.0})
    changed = config_of(
        [*words, "model.pair=[gelu,elu]", "model.weights.cats=2", "model.more=[1]", "model.mode=exact"]
    ).model
    assert (changed.pair, changed.weights, changed.more) == (("gelu", "elu"), {"cats": 2.0}, (1.0,))
    assert (changed.mode, config_of([*words, "model.block.rate=0"]).model.block.rate) == ("exact", 0.0)
    for word, message in {
        "model.name=1": "model.name",
        "model.width=true": "model.width must be a whole number >= 1. Received: model.width=true",
        "model.pair=[a]": "model.pair must be a list of 2: [a text, a text]. Received: model.pair=[a]",
        "model.pair=[a,a]": "model is rejected: the two of pair must differ",
        "model.mode=exat": "model.mode must be one of fast, exact. Received: model.mode=exat. Did you mean exact?",
        "model.block.rate=1": "model.block.rate must be >= 0 and < 1. Received: model.block.rate=1",
    }.items():
        with pytest.raises(BadInput, match=re.escape(message)):
            config_of([*words, word])


def test_the_command_line_says_which_field_is_not_supported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p_lists.py").write_text(PLUGIN.replace("width: int = setting(", "width: list[int] = setting("))
    assert main(["plugins=[p_lists]", "model=late", "--cfg", "job"]) == 2
    assert capsys.readouterr().err.startswith(
        "error: The plugin p_lists fails: ValueError: The settings of the model 'late': width has the type list[int], "
        "which is not supported. Use tuple[TYPE, ...] instead."
    )


def test_settings_survive_the_way_through_plain_values() -> None:
    from catsdogs_exp.config.build import to_plain

    ours = read(single=5, some=[1], rates={"a": 1}, inner={"words": "x"}, maybe_inner={}, size=3, paths=["x"])
    assert read(**to_plain(ours)) == ours
