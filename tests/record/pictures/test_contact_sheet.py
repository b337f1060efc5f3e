"""Sheets of pictures with text below."""

import numpy as np
import pytest

from catsdogs_exp.record.pictures.contact_sheet import contact_sheet

IMAGE = np.full((20, 20, 3), 90, dtype=np.uint8)


def caption(text: str) -> bytes:
    return np.asarray(contact_sheet([IMAGE], [text]))[6 + 150 :].tobytes()


@pytest.mark.parametrize(
    "letters", ["\u00fc\u00e9\u00df\u00f1\u0142\u010d", "\u03b1\u03b3\u03c4", "\u043a\u043e\u0448"]
)
def test_names_in_other_languages_are_readable(letters: str) -> None:
    """All letters but those of ASCII were the same box."""
    assert len({caption(letter) for letter in letters}) == len(letters)
