"""Guesses the intended value when a setting rejects one: `32x32`, `0,001`, `1e-3,`, `None`."""

import re
from collections.abc import Callable, Iterator, Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from catsdogs_exp.config.kinds import kinds_of
from catsdogs_exp.config.reading import show
from catsdogs_exp.config.words import Word
from catsdogs_exp.errors import BadInput

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_WORDS = {
    "": ("null",),
    "none": ("null",),
    "nil": ("null",),
    "off": ("null", "false"),
    "no": ("null", "false"),
    "n": ("false",),
    "on": ("true",),
    "yes": ("true",),
    "y": ("true",),
    "1": ("true",),
    "0": ("false", "null"),
}
_MOST = 4  # each candidate costs a composition


def corrected(error: BadInput, words: Sequence[Word], accepts: Callable[[Word], bool]) -> BadInput:
    """Returns the error for a rejected value, with a suggestion of what to type if it can be guessed.

    Args:
        error: its message begins with the key of one of the words.
        words: the overrides, as typed.
        accepts: returns whether a word would be accepted in place of the one with the same key.
    """
    message = str(error)
    if conflict := _of_recipe(message, words):
        return BadInput(conflict)
    word = next((each for each in reversed(words) if message.startswith(f"{each.key} must ")), None)
    if word is None or not kinds_of(word.key):
        return error
    message = _as_typed(message, word)
    if " Did you mean " in message or accepts(word):  # a config that was accepted shows no better value
        return BadInput(message)
    found = 0
    for value in dict.fromkeys(candidates(word.value or "")):
        if value == word.value:
            continue
        if accepts(Word(word.key, value)):
            return BadInput(f"{message.rstrip('.')}. Type: {word.key}={value}")
        found += 1
        if found == _MOST:
            break
    return BadInput(message)


def _of_recipe(message: str, words: Sequence[Word]) -> str:
    """Returns the message for a recipe's setting that another choice of its group does not have, or `""`: nobody typed
    the setting.
    """
    unknown = re.match(r"Unknown setting: (([a-z]+)\.[\w.]+)=", message)
    typed = {word.key: word.value for word in words}
    if unknown is None or unknown[1] in typed or not {"experiment", unknown[2]} <= typed.keys():
        return ""
    recipe, choice = f"experiment={typed['experiment']}", f"{unknown[2]}={typed[unknown[2]]}"
    return (
        f"{choice} does not have {unknown[1]}, which {recipe} sets. Received: {recipe} {choice}. "
        "Leave one of the two out"
    )


def _as_typed(message: str, word: Word) -> str:
    """Returns the message with the number as typed: `1e2`, where it shows `100.0`."""
    try:
        value = OverridesParser.create().parse_override(f"{word.key}={word.value}").value()
    except HydraException:
        return message
    if isinstance(value, bool) or not isinstance(value, int | float):
        return message
    return message.replace(f"Received: {word.key}={show(value)}", f"Received: {word.key}={(word.value or '').strip()}")


def candidates(value: str) -> Iterator[str]:
    """Yields the values that may have been intended, most likely first."""
    text = value.strip().strip("'\"").strip()
    yield text.rstrip(".,;:")
    yield from _WORDS.get(text.lower(), ())
    if re.fullmatch(r"\d+,\d+", text):
        yield text.replace(",", ".")
    if "=" in text:  # lr==0.1
        yield text.strip("= ")
    if (share := re.fullmatch(rf"({_NUMBER})\s*/\s*({_NUMBER})", text)) and float(share[2]):
        yield f"{float(share[1]) / float(share[2]):g}"
    if text.lower() != text:
        yield text.lower()
    if re.fullmatch(_NUMBER, text) and float(text).is_integer() and abs(float(text)) < 2**53:
        yield str(int(float(text)))
    if percent := re.fullmatch(rf"({_NUMBER})\s*%", text):
        yield f"{float(percent[1]) / 100:g}"
    numbers = re.findall(_NUMBER, text)
    if len(numbers) > 1 and re.fullmatch(rf"[\s(\[]*{_NUMBER}(?:[\s,;x×*/:]+{_NUMBER})+[\s)\]]*", text):  # noqa: RUF001
        yield f"[{','.join(numbers)}]"
