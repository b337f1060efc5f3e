"""Names that are not UTF-8: guessing their encoding."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catsdogs_exp.data.sources.name_encoding import check_encoding, guessed, mistaken
from catsdogs_exp.errors import BadInput


@pytest.mark.parametrize(
    ("encoding", "names", "expected"),
    [
        ("utf-8", ["猫", "犬"], "utf-8"),
        ("shift_jis", ["猫", "犬"], "cp932"),
        ("shift_jis", ["ネコ", "いぬ"], "cp932"),
        ("shift_jis", ["表示", "写真"], "cp932"),
        ("euc_jp", ["ねこ", "イヌ"], "euc_jp"),
        ("gbk", ["猫", "狗"], "gb18030"),
        ("big5", ["貓", "狗"], "big5"),
        ("cp1251", ["кошка", "собака"], "cp1251"),
        ("cp1251", ["Кошка", "Собака"], "cp1251"),
        ("cp866", ["кошка", "собака"], "cp866"),
        ("cp866", ["КОШКИ", "СОБАКИ"], "cp866"),
        ("cp437", ["Kätzchen", "Vögel", "Hündchen"], "cp437"),
        ("cp850", ["São", "coração"], "cp850"),
        ("cp1252", ["chaton été", "garçon"], "cp1252"),
        ("cp1252", ["Müll", "Öl"], "cp1252"),
        ("cp437", ["öl"], "cp437"),
        ("latin-1", ["ché"], "cp1252"),
    ],
)
def test_the_likeliest_encoding(encoding: str, names: list[str], expected: str) -> None:
    guess = guessed([name.encode(encoding) for name in names], "cp437")
    assert guess.encoding == expected
    assert guess.example == names[0]


def test_what_fits_as_well_is_shown() -> None:
    guess = guessed(["고양이".encode("cp949")], "cp437")
    assert ("cp949", "고양이") in guess.others
    assert "cp949 (고양이)" in guess.note("pets.zip")


def test_noise_is_read_as_is_usual() -> None:
    assert guessed([b"\xb3\xb4\xb5"], "cp1252").encoding == "cp1252"


def test_what_is_usual_decides_between_equals() -> None:
    names = ["kätzchen".encode("cp1252")]
    assert guessed(names, "cp1252").example == "kätzchen"
    assert guessed(names, "cp850").example == "kõtzchen"
    assert guessed([b"\x81\xb3\x8f\xb4"], "cp1252").encoding == "latin-1"  # letters that cp1252 does not have


@given(st.lists(st.binary(min_size=1, max_size=6).filter(lambda name: not name.isascii()), min_size=1, max_size=4))
def test_any_names_can_be_guessed(names: list[bytes]) -> None:
    guess = guessed(names, "latin-1")
    assert all(isinstance(name.decode(guess.encoding), str) for name in names)
    mistaken(names)


@given(st.lists(st.text("abcäöüßéèçñ ", min_size=2, max_size=8), min_size=1, max_size=4))
def test_names_of_western_words_are_not_taken_for_garbled_ones(names: list[str]) -> None:
    raw = [name.encode("cp437") for name in names if not name.isascii()]
    guess = mistaken(raw) if raw else None
    # two marked letters side by side may be a sign of two bytes, one alone in a word never is
    assert guess is None or any(
        not one.isascii() and not two.isascii() for name in names for one, two in pairwise(name)
    )


def test_an_encoding_that_python_does_not_know() -> None:
    for name in (None, "Shift_JIS", "utf8", "cp437"):
        check_encoding(name)
    with pytest.raises(
        BadInput, match=r"^dataset.encoding must be the name of an encoding, such as .* Received: gb2321."
    ):
        check_encoding("gb2321")
