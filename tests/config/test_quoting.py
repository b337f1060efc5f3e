"""Any text survives Hydra's grammar and OmegaConf's references."""

from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import example, given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from catsdogs_exp.config.quoting import inside, joined, quoted, split, unescaped, unquoted

TEXT = st.text("\\'\"${}[]()a,:=#~ \n\t") | st.text()
SAID = TEXT.filter(lambda text: text != "???")


def resolved(word: str) -> object:
    value = OverridesParser.create().parse_override(word).value()
    return OmegaConf.to_container(OmegaConf.create({"key": value}), resolve=True)["key"]  # type: ignore[index, call-overload]


@given(SAID)
@example("${x}")
@example("\\${")
@example("ends with \\")
def test_a_quoted_text_is_that_text_in_the_config(text: str) -> None:
    assert resolved(f"key={quoted(text)}") == text
    assert unescaped(str(unquoted(quoted(text)))) == text


@given(st.lists(SAID, min_size=1, max_size=4))
def test_a_list_of_quoted_texts_is_split_where_it_was_joined(texts: list[str]) -> None:
    words = [quoted(text) for text in texts]
    assert resolved(f"key={joined(words)}") == texts
    assert split(",".join(words)) == words
    assert split(str(inside(joined(words), "[]"))) == words


@given(TEXT)
def test_splitting_loses_nothing(text: str) -> None:
    assert ",".join(split(text)) == text


def test_commas_in_brackets_and_quotes_do_not_split() -> None:
    assert split("a,[b,c],(d,e),{f: g,h: i},'j,k',l") == ["a", "[b,c]", "(d,e)", "{f: g,h: i}", "'j,k'", "l"]
    assert split("o'brien,d'arcy") == ["o'brien", "d'arcy"]
    assert split("photos (1),b)") == ["photos (1)", "b)"]
    assert split("[open,b") == ["[open", "b"]
    assert split("'it's',b") == ["'it's'", "b"]


def test_only_a_pair_around_the_whole_is_a_quote() -> None:
    assert unquoted("'a'") == unquoted('"a"') == "a"
    assert [unquoted(text) for text in ("a", "'a", "a'", "'a'b", "'", "", "'a','b'")] == [None] * 7
    assert unquoted(r"'o\'brien'") == "o'brien"
