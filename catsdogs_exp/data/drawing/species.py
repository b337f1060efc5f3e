"""The classes: a `Species` is a row of traits."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

MAX_CLASSES = 360
"""The largest number of classes for `class_names` and `draw`."""


@dataclass(frozen=True)
class Species:
    """The traits of a class. Ears, muzzle, crown and whiskers together are unique to it."""

    name: str
    ears: str
    muzzle: str
    whiskers: bool = False
    crown: str = "none"
    pupils: str = "round"
    tail: str = "short"
    tongue: float = 0.0
    build: float = 1.0


_NAMED = (
    Species("cats", "pointed", "short", whiskers=True, pupils="slit", tail="long", build=0.85),
    Species("dogs", "floppy", "long", tail="short", tongue=0.9, build=1.05),
    Species("rabbits", "long", "teeth", whiskers=True, tail="pompom"),
    Species("bears", "round", "broad", tail="none", build=1.25),
    Species("foxes", "pointed", "narrow", tail="bushy", build=0.85),
    Species("mice", "dish", "narrow", whiskers=True, tail="thin", build=0.9),
    Species("pigs", "side", "disc", tail="curly", build=1.25),
    Species("owls", "tufts", "beak", tail="none", build=1.15),
    Species("cows", "side", "broad", crown="horns", tail="thin", build=1.2),
    Species("lions", "round", "long", whiskers=True, crown="mane", tail="thin", build=1.1),
    Species("deer", "side", "narrow", crown="antlers", tail="short", build=0.9),
    Species("goats", "floppy", "narrow", crown="horns", pupils="bar", tail="short"),
    Species("cockatoos", "none", "beak", crown="crest", tail="none", build=0.9),
    Species("hamsters", "round", "teeth", whiskers=True, tail="none", build=1.3),
)


_EARS = ("pointed", "floppy", "long", "round", "dish", "side", "tufts", "none")


_MUZZLES = ("short", "long", "teeth", "broad", "narrow", "disc", "beak")


_CROWNS = ("none", "horns", "antlers", "mane", "crest")


_TAILS = ("long", "short", "pompom", "none", "bushy", "thin", "curly")


def _traits(species: Species) -> tuple[str, str, str, bool]:
    return species.ears, species.muzzle, species.crown, species.whiskers


def _all_species() -> tuple[Species, ...]:
    known = {_traits(species) for species in _NAMED}
    rest = [t for t in itertools.product(_EARS, _MUZZLES, _CROWNS, (False, True)) if t not in known]
    # A stride coprime to the number of combinations visits each once, with neighbours far apart.
    stride = next(step for step in range(197, len(rest)) if math.gcd(step, len(rest)) == 1)
    made = []
    for number in range(len(_NAMED), MAX_CLASSES):
        ears, muzzle, crown, whiskers = rest[number * stride % len(rest)]
        made.append(
            Species(
                f"creature_{number:03d}",
                ears,
                muzzle,
                whiskers,
                crown,
                pupils=("round", "slit", "bar")[number % 3],
                tail=_TAILS[number % len(_TAILS)],
            )
        )
    return (*_NAMED, *made)


SPECIES = _all_species()


def class_names(count: int) -> list[str]:
    """The names of the first `count` classes: cats, dogs, further animals, then invented creatures.

    Raises:
        ValueError: if `count` is not between 2 and `MAX_CLASSES`.
    """
    if not 2 <= count <= MAX_CLASSES:
        raise ValueError(f"dataset.classes must be between 2 and {MAX_CLASSES}. Received: dataset.classes={count}")
    return [species.name for species in SPECIES[:count]]
