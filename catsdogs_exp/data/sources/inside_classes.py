"""What class folders contain: folders of their own, which may be the classes, or parts of one set of images."""

import re
from collections.abc import Sequence

from catsdogs_exp.data.sources.alike import likeness
from catsdogs_exp.data.sources.known_names import is_beside, is_container
from catsdogs_exp.data.sources.split_names import TRAIN, split_of
from catsdogs_exp.data.sources.tree import Tree, below, last
from catsdogs_exp.data.sources.wording import shown, some

_PARTS = {"part", "parts", "batch", "batches", "chunk", "chunks", "shard", "shards", "piece", "volume", "vol", "disk"}
_OF_CAMERA = re.compile(r"[1-9]\d\d(?P<camera>[A-Z_][A-Z0-9_]{4})", re.ASCII)  # as the standard for cameras says
_DEEPEST = 20


def classes_inside(tree: Tree, name: str) -> list[str]:
    """The folders in a folder that may be classes: also inside `images/`, and inside `train/` and `val/`."""
    inside = _through(tree, name)
    found = tree.branches(inside)
    if any(split_of(each) == TRAIN for each in found):
        found = [each for split in found for each in tree.branches(_through(tree, below(inside, split)))]
    return [each for each in dict.fromkeys(found) if not is_container(each) and not _is_plainly_beside(each)]


def _is_plainly_beside(name: str) -> bool:
    return is_beside(name) and not re.search(r"\d", name)  # unlike Sample001, Sample002, ...


def _through(tree: Tree, inside: str) -> str:
    """Passes through `name/name` and `name/images`, which contain nothing else."""
    for _ in range(_DEEPEST):
        inner = tree.main_branch(inside)
        if inner is None or tree.images(inside):
            break
        if not is_container(inner) and likeness(inner) != likeness(last(inside)):
            break
        inside = below(inside, inner)
    return inside


def are_numbered_parts(names: Sequence[str]) -> bool:
    """Whether folders are called like parts of one set: `photos_part_1`, `images_001`, or `100APPLE` on a camera."""
    cameras = [_OF_CAMERA.fullmatch(name) for name in names]
    if all(cameras):
        return len({found["camera"] for found in cameras if found}) == 1
    stems = {re.sub(r"\d+", "", name.casefold()) for name in names}
    numbered = all(re.search(r"\d", name) for name in names)
    words = [word for stem in stems for word in re.split(r"[\W_]+", stem) if word]
    return numbered and len(stems) == 1 and bool(words) and (words[-1] in _PARTS or is_container(words[-1]))


def note_of_folders(tree: Tree, names: Sequence[str], setting: str) -> list[str]:
    """Tells that folders inside the classes belong to them, if they contain all the images.

    Args:
        tree: where the classes are.
        names: of the classes.
        setting: what takes the inner folders as the classes, or `""`.
    """
    inner = {name: classes_inside(tree, name) for name in names if not tree.images(name)}
    found = [f"{name}/{each}" for name, inside in inner.items() if len(inside) > 1 for each in inside]
    if not found:
        return []
    all_have = all(len(inner.get(name, [])) > 1 for name in names)
    as_classes = f"; to take them as the classes: {setting}" if setting and all_have else ""
    return [f"folders inside a class belong to it: {some(map(shown, found), 3)}{as_classes}"]
