"""Names printed literally, but on one line."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catsdogs_exp.printable import printable


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("cat [small] :cat: [/y].jpg", "cat [small] :cat: [/y].jpg"),
        ("Fotos ä 图片 👩\u200d🚀 a\u3000b", "Fotos ä 图片 👩\u200d🚀 a\u3000b"),
        ("two\nlines\t\x1b[2J", r"two\nlines\t\x1b[2J"),
        ("caf\udce9.jpg", r"caf\udce9.jpg"),
        ("a\u2028b\x85c", r"a\u2028b\x85c"),
        ("gpj.\u202egnp", r"gpj.\u202egnp"),
        ("back\\slash", "back\\slash"),
    ],
)
def test_what_is_shown(name: str, shown: str) -> None:
    assert printable(name) == shown


@given(st.text(st.characters()))
def test_it_is_one_line_that_any_encoding_takes_and_letters_stay(name: str) -> None:
    shown = printable(name)
    assert len(f"{shown}.".splitlines()) == 1
    shown.encode("utf-8")
    assert printable(shown) == shown
    letters = [character for character in name if unicodedata.category(character)[0] in "LNPS"]
    kept = iter(shown)
    assert all(letter in kept for letter in letters)
