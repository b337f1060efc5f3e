"""A text setting takes the typed text literally: alone, in sweeps, and when read from the record."""

import shlex
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from catsdogs_exp.config.compose import config_of
from catsdogs_exp.config.quoting import quoted, split, unquoted
from catsdogs_exp.config.schema import Config
from catsdogs_exp.config.words import as_typed, for_hydra, names_of, parsed, texts_of
from catsdogs_exp.errors import BadInput
from catsdogs_exp.sweep.grid import expand

FOLDERS = (
    *("1.10", "1e3", "007", "0x10", "1_000", "true", "False", "nan", "inf", "a=b", "=", "photos (1)", "(1)", "a,b"),
    *("#1", "a#b", "[set1", "set]1", "{x", "a{x}", "o'brien", "it's (a) test=1, ok", 'q"uote', "back\\slash", "end\\"),
    *("ä", "Fotos ä", "图片", "🐱", "${x}", "$HOME", "${oc.env:HOME}", "\\${x}", "x: y", "a:b", "a;b", "a&b", "x!"),
    *("100%", "@home", "a+b", "-neg", "~", "tilde~", "trail ", " lead", "two\nlines", "tab\t", "null ", "None"),
    *("choice(a,b)", "range(3)", "glob(*)", "'half", 'half"', "|", "?", "*", "caf\udce9", "\x7f", "???x"),
)
OF_FOLDER = {"dataset": "folder"}


def configs_of(words: list[str], config_dir: str | None = None) -> list[Config]:
    """The configs of a sweep's jobs."""
    return [config_of(job, config_dir) for job in expand(words, config_dir).jobs()]


@pytest.mark.parametrize("text", FOLDERS)
def test_a_path_is_taken_to_the_letter(text: str) -> None:
    config = config_of(["dataset=folder", f"dataset.path={text}", f"output_dir={text}"])
    assert config.dataset.path == text
    assert config.output_dir == text


@settings(max_examples=40)
@given(st.text(st.characters(exclude_characters="\0"), min_size=1) | st.text("'\"[]{}()\\,=:$# ~a1.", min_size=1))
@example("'a'")
@example('"a", "b"')
@example("[a]")
@example("null")
def test_whatever_is_typed_is_what_the_setting_is(text: str) -> None:
    """But for one pair of quotes around all of it, quoted values side by side, and the mark of a missing value."""
    if text.strip() == "???" or all(unquoted(part.strip()) is not None for part in split(text)):
        return
    assert config_of([f"output_dir={text}"]).output_dir == text


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("'1.10'", "1.10"),
        ('"a b"', "a b"),
        ('"clip_([0-9]+)"', "clip_([0-9]+)"),
        (r"'o\'brien'", "o'brien"),
        ("'null'", "null"),
        ("'${x}'", "${x}"),
        ("''", ""),
        ("null", None),
        ("NULL", "NULL"),
    ],
)
def test_a_pair_of_quotes_is_taken_away_and_null_switches_off(typed: str, read: str | None) -> None:
    assert config_of(["dataset=csv", "dataset.path=x", f"dataset.split_column={typed}"]).dataset.split_column == read


def test_null_is_a_name_where_the_setting_cannot_be_off() -> None:
    assert config_of(["output_dir=null"]).output_dir == "null"


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("[a,b]", ("a", "b")),
        ("[ 1.10 , true, a b]", ("1.10", "true", "a b")),
        ("['a,b', \"c]\", o'brien]", ("a,b", "c]", "o'brien")),
        ("[photos (1),[x]]", ("photos (1)", "[x]")),
        ("[a]", ("a",)),
        ("[a][b]", "[a][b]"),
        ("hp/[a,b]", "hp/[a,b]"),
        ("~/photos", "~/photos"),
    ],
)
def test_several_paths_stand_in_brackets(typed: str, read: object) -> None:
    assert config_of(["dataset=folder", f"dataset.path={typed}"]).dataset.path == read


def test_brackets_belong_to_a_folder_of_this_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "[set1,set2]").mkdir()
    assert config_of(["dataset=folder", "dataset.path=[set1,set2]"]).dataset.path == "[set1,set2]"
    assert config_of(["dataset=folder", "dataset.path=[set1,set3]"]).dataset.path == ("set1", "set3")


def test_a_table_has_one_path_whatever_its_name() -> None:
    assert config_of(["dataset=csv", "dataset.path=[a,b].csv"]).dataset.path == "[a,b].csv"
    assert config_of(["dataset=csv", "dataset.path=[a,b]"]).dataset.path == "[a,b]"


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("[cat,dog]", {"cat": "cat", "dog": "dog"}),
        ("[1,007,1.10,true]", {"1": "1", "007": "007", "1.10": "1.10", "true": "true"}),
        ("{kitten: cat, dog: dog}", {"kitten": "cat", "dog": "dog"}),
        ("{ä b:图,'x:y': 'a,b',007: 7}", {"ä b": "图", "x:y": "a,b", "007": "7"}),
        ("{a: b: c}", {"a": "b: c"}),
        ("['a,b',c (d)]", {"a,b": "a,b", "c (d)": "c (d)"}),
        ("null", None),
    ],
)
def test_names_of_classes_are_text(typed: str, read: object) -> None:
    assert config_of(["dataset=folder", "dataset.path=x", f"dataset.classes={typed}"]).dataset.classes == read


@pytest.mark.parametrize("typed", ["cat", "{a}", "[a,a]", "{}", "[]", "{a: b, a: c}", "{: b}", "{a:}", "3"])
def test_what_names_no_classes_is_refused(typed: str) -> None:
    with pytest.raises(BadInput, match=r"dataset\.classes must (be a list of different|contain) names"):
        config_of(["dataset=folder", "dataset.path=x", f"dataset.classes={typed}"])


def test_a_recipes_names_are_replaced_not_added_to(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    text = "# @package _global_\ndefaults:\n  - override /dataset: folder\ndataset:\n  classes: {kitten: cat}\n"
    (tmp_path / "experiment" / "mine.yaml").write_text(text, encoding="utf-8")
    words = ["experiment=mine", "dataset.path=x", "dataset.classes={puppy: dog}"]
    assert config_of(words, str(tmp_path)).dataset.classes == {"puppy": "dog"}


def test_numbers_stay_numbers_and_words_for_them_are_no_text() -> None:
    config = config_of(["lr=1e-3", "seed=7", "model.freeze=3", "model=transfer", "training.checkpoint.every=2epochs"])
    assert (config.lr, config.seed, config.model.freeze) == (0.001, 7, "3")  # type: ignore[union-attr]


# Sweeps


def swept(*words: str) -> list[object]:
    return [job.dataset.path for job in configs_of(["dataset=folder", *words])]  # type: ignore[union-attr]


def test_commas_outside_of_brackets_and_quotes_make_a_sweep() -> None:
    assert swept("dataset.path=1.10,b c,o'brien") == ["1.10", "b c", "o'brien"]
    assert swept("""dataset.path="hp/[set1]","hp/a,b" """.strip()) == ["hp/[set1]", "hp/a,b"]
    assert swept("dataset.path=[a,1.10],[c]") == [("a", "1.10"), ("c",)]
    assert swept("dataset.path=photos (1),x") == ["photos (1)", "x"]
    assert swept("dataset.path=${x},a=b") == ["${x}", "a=b"]
    assert swept("dataset.path='null',null'") == ["null", "null'"]


def test_hydras_functions_for_several_values_take_text_too() -> None:
    assert swept("dataset.path=choice(1.10,'a,b',ä)") == ["1.10", "a,b", "ä"]
    assert swept("dataset.path=sort(b, a)") == ["a", "b"]
    assert sorted(map(str, swept("dataset.path=shuffle(1.10,2.20)"))) == ["1.10", "2.20"]


def test_a_text_beside_a_swept_number_stays_what_it_is() -> None:
    jobs = configs_of(["dataset=folder", "dataset.path=a=b (1)", "lr=0.1,0.2"])
    assert [(job.dataset.path, job.lr) for job in jobs] == [("a=b (1)", 0.1), ("a=b (1)", 0.2)]  # type: ignore[union-attr]


@settings(max_examples=15)
@given(st.lists(st.text("'\"[]()\\,=$# ~a1ä.", min_size=1), min_size=1, max_size=3))
def test_quoted_texts_of_a_sweep_come_out_as_they_are(texts: list[str]) -> None:
    word = f"output_dir={','.join(map(quoted, texts))}"
    assert [job.output_dir for job in configs_of([word])] == texts


# The record


@given(st.text("'\"[]{}()\\,=:$# ~a1.\n") | st.text(), st.sampled_from(["output_dir", "dataset.path", "dataset.root"]))
def test_what_is_recorded_reads_as_what_was_typed(text: str, key: str) -> None:
    word = for_hydra(parsed(f"{key}={text}"), OF_FOLDER)
    recorded = as_typed(word, OF_FOLDER)
    assert for_hydra(parsed(recorded), OF_FOLDER) == word
    assert for_hydra(parsed(word), OF_FOLDER) == word


@pytest.mark.parametrize(
    "word",
    [
        "dataset.path=1.10",
        "dataset.path=it's (a) test=1, ok",
        "dataset.path=[a,b c]",
        "dataset.path=${x}",
        "dataset.classes={kitten: cat, 007: ä}",
        "dataset.classes=[a,b]",
        "dataset.include=*.jpg",
        "dataset.path=null",
        "lr=0.1",
        "model=cnn",
        "augment.custom=[a,b]",
    ],
)
def test_the_record_has_no_quotes_that_nobody_typed(word: str) -> None:
    assert as_typed(for_hydra(parsed(word), OF_FOLDER), OF_FOLDER) == word


def test_the_record_has_quotes_where_the_text_means_something_else_without() -> None:
    for text in ("'a'", "null", "[a]"):
        word = for_hydra(parsed(f"dataset.path={quoted(text)}"), OF_FOLDER)
        recorded = as_typed(word, OF_FOLDER)
        assert recorded != f"dataset.path={text}"
        assert config_of(["dataset=folder", *shlex.split(shlex.quote(recorded))]).dataset.path == text  # type: ignore[union-attr]


def test_lists_and_names_as_texts() -> None:
    assert texts_of("[a, 'b,c']") == ["a", "b,c"]
    assert texts_of("a,b") == ["a,b"]
    assert names_of("{a: b}") == [("a", "b")]
    assert names_of("[a,b]") == [("a", "a"), ("b", "b")]
    assert [names_of(text) for text in ("a", "{a}", "{a: b, c}", "[a", "3")] == [None] * 5
