"""`zip(lr=0.1,0.01,depth=2,3)`: keys that are varied together."""

import itertools
import re
from collections.abc import Sequence

from catsdogs_exp.config.composer import key_of
from catsdogs_exp.config.quoting import inside, split
from catsdogs_exp.config.words import Word, parsed
from catsdogs_exp.errors import BadInput

_ZIP = re.compile(r"(?:([A-Za-z_]\w*)=)?zip\((.*)\)", re.DOTALL)


def typed_keys(settings: Sequence[str]) -> set[str]:
    """Returns the keys that are set, on their own or in `zip(...)`."""
    return {*map(key_of, settings), *keys_of_zips(settings)}


def keys_of_zips(settings: Sequence[str]) -> set[str]:
    """Returns the keys in `zip(...)` words."""
    return set(itertools.chain(*without_zips(settings)[1]))


def without_zips(words: Sequence[str]) -> tuple[list[str], list[tuple[str, ...]]]:
    """Returns the words, with the members of each `zip(...)` as separate words, and the keys of each."""
    plain: list[str] = []
    groups = []
    for word in words:
        found = _ZIP.fullmatch(word.strip())
        members = [] if found is None else _members(word, found[2])
        plain += map(str, members) if members else [word]
        if members:
            groups.append(tuple(member.key for member in members))
    return plain, groups


def _members(word: str, text: str) -> list[Word]:
    """Splits `lr=0.1,0.01,depth=[2,3]` into one word per key. A part without `=` belongs to the key before it."""
    members: list[list[str]] = []
    for part in map(str.strip, split(text)):
        key = parsed(part).key if parsed(part).value is not None else ""
        if re.fullmatch(r"[A-Za-z_][\w./@-]*", key):
            members.append([part])
        elif members:
            members[-1][0] += f",{part}"
        elif part:
            raise BadInput(f"zip(...) takes keys with their values: zip(lr=0.1,0.01,depth=2,3). Received: {word}")
    found = [parsed(part) for (part,) in members]
    if len(found) < 2:
        raise BadInput(f"zip(...) needs two keys or more: zip(lr=0.1,0.01,depth=2,3). Received: {word}")
    for member in found:
        if re.match(r"(shuffle|zip|interval|tag)\s*\(", member.value or ""):
            raise BadInput(
                f"zip(...) takes values, choice(...), range(...) and glob(...) for each key. Received: {member}"
            )
    return [_unlisted(member) for member in found]


def _unlisted(member: Word) -> Word:
    """`lr=[0.1,0.01]` as `lr=0.1,0.01`: inside a zip, a list holds the values of the rows."""
    items = inside(member.value or "", "[]")
    return member if items is None else Word(member.key, items, member.prefix)
