"""Several folders as one: a folder of links to them in the cache folder, so that no two paths are the same."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from catsdogs_exp.data.cache_folder import cache_folder, made_once
from catsdogs_exp.data.sources.listing import UNDECIDED, Listing, Part, list_images, list_parts
from catsdogs_exp.data.sources.selection import Selection
from catsdogs_exp.errors import BadInput


def listed(folders: Sequence[Path], selection: Selection, names: Sequence[str] = ()) -> Listing:
    """Lists one folder, or several together.

    Args:
        folders: where the files are.
        selection: which of them to take.
        names: what the folders are called in the paths; their own names where empty.

    Raises:
        BadInput: for a folder named twice, and as `list_images` does.
    """
    if len(folders) == 1:
        return list_images(folders[0], selection)
    for folder in folders:
        if folders.count(folder) > 1:
            raise BadInput(f"dataset.path must name different folders or archives. Received twice: {folder}")
    different = _different(names or [folder.name or "root" for folder in folders])
    parts = [Part(name, folder) for name, folder in zip(different, folders, strict=True)]
    return list_parts(*_placed(parts), selection)


def listed_splits(folders: dict[str, Path], splits: dict[str, int], selection: Selection) -> Listing:
    """Lists folders that are a split each, such as `train` and `validation`."""
    parts = [Part(name, folder, splits.get(name, UNDECIDED)) for name, folder in folders.items()]
    return list_parts(*_placed(parts), selection)


def _different(names: Sequence[str]) -> list[str]:
    """The names, numbered where two are the same."""
    found: list[str] = []
    for name in names:
        numbered = (name if number == 1 else f"{name}-{number}" for number in range(1, len(names) + 1))
        taken = {other.casefold() for other in found}
        found.append(next(each for each in numbered if each.casefold() not in taken))
    return found


def _placed(parts: Sequence[Part]) -> tuple[Path, list[Part]]:
    """A folder that holds all parts, and the parts under their names in it.

    It is a folder of links to them, so that paths begin with their names. Where links cannot be made, as by ordinary
    users of Windows, it is the folder that they have in common, and their names are the way from there.
    """
    try:
        return _links(parts), list(parts)
    except OSError as error:
        folders = [part.folder.absolute() for part in parts]
        try:
            common = Path(os.path.commonpath(folders))
        except ValueError:  # several drives
            raise BadInput(
                f"Several folders are taken together by links to them, which cannot be made here: {error.strerror}. "
                f"Put them on one drive, or into one folder. Received: {', '.join(map(str, folders))}"
            ) from error
        names = [folder.relative_to(common).as_posix() for folder in folders]
        named = zip(parts, names, folders, strict=True)
        return common, [replace(part, name="" if name == "." else name, folder=folder) for part, name, folder in named]


def _links(parts: Sequence[Part]) -> Path:
    """A folder with a link to each part, the same for the same parts.

    Raises:
        OSError: where links cannot be made.
    """
    identity = "\n".join(f"{part.name}\0{part.folder}" for part in parts)
    target = cache_folder("together") / hashlib.sha256(identity.encode(errors="surrogateescape")).hexdigest()[:16]
    with made_once(target) as scratch:
        if scratch is not None:
            for part in parts:
                (scratch / part.name).symlink_to(part.folder, target_is_directory=True)
    return target
