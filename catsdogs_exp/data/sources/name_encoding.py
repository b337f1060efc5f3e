"""Guesses the encoding of names that are not UTF-8, as in old archives and tables.

Encoding detectors for text need more than a few words (charset-normalizer 3.5 reads `猫` and `犬` in Shift-JIS as
Korean). Names are few and short, but consist of common letters, so each encoding is scored by its share of common
letters.
"""

import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from catsdogs_exp.data.sources.wording import shown
from catsdogs_exp.errors import BadInput, did_you_mean

_ENOUGH = 0.6  # share of common letters
_MOST_NAMES = 2000
_RUSSIAN = dict.fromkeys("оеаинтсрвлкмдпуяыьгзбчйхж", 1.0) | dict.fromkeys("шюцщэфъё", 0.3)


@dataclass(frozen=True)
class Guess:
    """The guessed encoding of some names.

    Attributes:
        encoding: Python's name for it.
        example: a decoded name.
        others: encodings that fit equally well, each with the example decoded.
    """

    encoding: str
    example: str = ""
    others: tuple[tuple[str, str], ...] = ()

    def note(self, where: str) -> str:
        """The guess as one line."""
        others = " and ".join(f"{encoding} ({shown(example)})" for encoding, example in self.others)
        return (
            f"the names in {where} are not UTF-8 and are read as {self.encoding}, such as {shown(self.example)}; "
            f"{f'{others} fit equally well; ' if others else ''}dataset.encoding=NAME overrides this"
        )


def check_encoding(name: str | None) -> None:
    """Rejects an encoding that Python does not know.

    Raises:
        BadInput: suggesting the closest one.
    """
    try:
        "".encode(name or "utf-8")
    except LookupError:
        known = ("utf-8", "utf-16", "shift_jis", *_ENCODINGS)
        raise BadInput(
            f"dataset.encoding must be the name of an encoding, such as {', '.join(known[1:])}. "
            f"Received: {name}.{did_you_mean(name or '', known)}"
        ) from None


def guessed(names: Iterable[bytes], usual: str) -> Guess:
    """The most likely encoding of some names.

    Args:
        names: bytes that are not all ASCII.
        usual: the typical encoding of such names; used if no other is more likely.
    """
    few = list(dict.fromkeys(names))[:_MOST_NAMES]
    scores = {encoding: _score(few, encoding, letters) for encoding, letters in _ENCODINGS.items()}
    best = max(scores.values())
    found = [encoding for encoding, score in scores.items() if score == best and score >= _ENOUGH]
    found = sorted(found, key=lambda encoding: encoding != usual) or [_readable(few, usual)]
    example = next((name for name in few if not name.isascii()), b"")
    others = {
        name.decode(encoding, "replace"): encoding for name, encoding in ((example, each) for each in found[::-1])
    }
    text = example.decode(found[0], "replace")
    return Guess(found[0], text, tuple((each, other) for other, each in others.items() if other != text))


def _readable(names: Iterable[bytes], encoding: str) -> str:
    """The encoding, or Latin-1, which can decode any byte, if it cannot decode the names."""
    try:
        for name in names:
            name.decode(encoding)
    except UnicodeDecodeError:
        return "latin-1"
    return encoding


def mistaken(names: Iterable[bytes]) -> Guess | None:
    """The encoding of names that were wrongly decoded as cp437: `öL` for `猫`.

    Args:
        names: in cp437.

    Returns:
        The guess, or None if the names may be correct.
    """
    few = list(names)
    guess = guessed(few, "cp437")
    latin = _score(few, "cp437", _latin)
    surely = guess.encoding in _TWO_BYTES and _score(few, guess.encoding, _ENCODINGS[guess.encoding]) == 1
    return guess if surely and latin < _ENOUGH else None


def _score(names: Iterable[bytes], encoding: str, usual: Callable[[str, str, str], float]) -> float:
    """How common the letters beyond ASCII are on average, 0..1; 0 if a name cannot be decoded."""
    total, count = 0.0, 0
    for name in names:
        try:
            text = name.decode(encoding)
        except UnicodeDecodeError:
            return 0.0
        for before, letter, after in zip(f" {text}", text, f"{text[1:]} ", strict=False):
            if not letter.isascii():
                total += usual(before, letter, after)
                count += 1
    return total / count if count else 0.0


def _certain(before: str, letter: str, after: str) -> float:
    """UTF-8 is certain: other bytes hardly ever form it by chance."""
    return 1.0


def _of_two_bytes(encoding: str, *ranges: tuple[int, int]) -> Callable[[str, str, str], float]:
    """Letters whose two bytes are in the ranges of common ones, and not inside a Latin word."""

    def usual(before: str, letter: str, after: str) -> float:
        raw = letter.encode(encoding)
        number = int.from_bytes(raw) if len(raw) == 2 else 0
        inside = before.isascii() and before.isalpha() and after.isascii() and after.isalpha()
        return float(not inside and any(low <= number <= high for low, high in ranges))

    return usual


def _latin(before: str, letter: str, after: str) -> float:
    """Accented Latin letters in a word of plain ones."""
    if not unicodedata.name(letter, "").startswith("LATIN"):
        return 0.0
    if (letter.islower() and after.isupper()) or (letter.isupper() and before.islower()):
        return 0.0
    return 1.0 if before.isascii() and after.isascii() else 0.5


def _russian(before: str, letter: str, after: str) -> float:
    """Russian letters, weighted by frequency; no capital after a small letter, no Latin letter next to one."""
    mixed = any(near.isascii() and near.isalpha() for near in (before, after))
    return 0.0 if mixed or (before.islower() and letter.isupper()) else _RUSSIAN.get(letter.lower(), 0.0)


# Ties go to the first.
_ENCODINGS: dict[str, Callable[[str, str, str], float]] = {
    "utf-8": _certain,
    # kana, and the kanji of the first level
    "cp932": _of_two_bytes("cp932", (0x829F, 0x82F1), (0x8340, 0x8396), (0x815B, 0x815B), (0x889F, 0x9872)),
    "euc_jp": _of_two_bytes("euc_jp", (0xA4A1, 0xA4F3), (0xA5A1, 0xA5F6)),
    # the first level, ordered by sound
    "gb18030": _of_two_bytes("gb18030", (0xB0A1, 0xD7F9)),
    "big5": _of_two_bytes("big5", (0xA440, 0xC67E)),
    "cp949": _of_two_bytes("cp949", (0xB0A1, 0xC8FE)),
    "cp437": _latin,
    "cp850": _latin,
    "cp1252": _latin,
    "cp866": _russian,
    "cp1251": _russian,
}
_TWO_BYTES = ("cp932", "euc_jp", "gb18030", "big5", "cp949")
