"""The splits, and the names of folders and rows that stand for them."""

import re
from collections.abc import Sequence

SPLITS = ("train", "validation", "test")
TRAIN, VALIDATION, TEST = range(3)
UNDECIDED = -1
UNLABELLED = -2

_WORDS = {
    "train": TRAIN,
    "training": TRAIN,
    "trainval": TRAIN,
    "validation": VALIDATION,
    "valid": VALIDATION,
    "val": VALIDATION,
    "dev": VALIDATION,
    "development": VALIDATION,
    "eval": VALIDATION,
    "evaluation": VALIDATION,
    "publictest": VALIDATION,  # from the competition whose faces are called FER2013
    "test": TEST,
    "testing": TEST,
    "privatetest": TEST,
    "unlabelled": UNLABELLED,
    "unlabeled": UNLABELLED,
}
_BESIDE = "set|sets|data|dataset|images|image|imgs|img|pictures|photos|samples|split|folder|dir|mini|full|final"
_SPLIT = re.compile(f"(?:{_BESIDE})?({'|'.join(_WORDS)})(?:{_BESIDE})?")
_AFFIX = re.compile(r"(train|training|val|valid|validation|test|testing)", re.ASCII)

KNOWN = tuple(word for word, split in _WORDS.items() if split != UNLABELLED and word != "trainval")
"""Words for a split, used for suggestions."""


def split_of(name: str) -> int | None:
    """The split that a name means: `train`, `Val`, `test_set`, `images-train`, `test1`; `UNLABELLED`; else None."""
    found = _SPLIT.fullmatch(re.sub(r"[\W\d_]+", "", name.casefold()))
    return _WORDS[found[1]] if found else None


def without_evaluation(splits: dict[str, int]) -> dict[str, int]:
    """The splits, with `evaluation` as the test set if another folder is for validation and none for test."""
    second = [name for name, split in splits.items() if split == VALIDATION and "eval" in name.casefold()]
    others = [name for name, split in splits.items() if split == VALIDATION and name not in second]
    if not others or TEST in splits.values():
        return splits
    return splits | dict.fromkeys(second, TEST)


def split_in(name: str) -> int | None:
    """The split that a word in a name means: `trainLabels.csv`, `train_images/part1`; None if there is none."""
    words = re.split(r"[\W\d_]+|(?<=[a-z])(?=[A-Z])", name)
    return next((split for word in words if (split := split_of(word)) is not None), None)


def beside_training(names: Sequence[str]) -> dict[str, int]:
    """A folder and those named after it and a split, with their splits: `rps` and `rps-test-set`; `{}` if none is."""
    words = {name: [word for word in re.split(r"[\s_.-]+", name.casefold()) if word] for name in names}
    for name, own in words.items():
        found = {name: TRAIN}
        for other, its in words.items():
            added = its[len(own) :] if its[: len(own)] == own else its[: -len(own)] if its[-len(own) :] == own else []
            split = split_of("".join(added))
            if split in (VALIDATION, TEST):
                found[other] = split
        if len(found) > 1:
            return found
    return {}


def affixed(names: Sequence[str]) -> dict[str, tuple[str, int]]:
    """Folders named after a split and something else (`seg_train`, `cats-test`): the something else, and the split.

    Ignores those whose something else occurs with only one split, such as `bullet_train`.
    """
    found = {}
    for name in names:
        first, *rest = re.split(r"[\s_.-]+", name.casefold())
        if rest and _AFFIX.fullmatch(rest[-1]):
            found[name] = ("_".join([first, *rest[:-1]]), _WORDS[rest[-1]])
        elif rest and _AFFIX.fullmatch(first):
            found[name] = ("_".join(rest), _WORDS[first])
    return {
        name: (other, split)
        for name, (other, split) in found.items()
        if len({s for o, s in found.values() if o == other}) > 1
    }
