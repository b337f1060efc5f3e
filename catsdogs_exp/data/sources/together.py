"""Several folders as one: a folder of links to them in the cache folder, so that no two paths are the same."""

import hashlib
from collections.abc import Sequence
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
    return list_parts(_links(parts), parts, selection)


def listed_splits(folders: dict[str, Path], splits: dict[str, int], selection: Selection) -> Listing:
    """Lists folders that are a split each, such as `train` and `validation`."""
    parts = [Part(name, folder, splits.get(name, UNDECIDED)) for name, folder in folders.items()]
    return list_parts(_links(parts), parts, selection)


def _different(names: Sequence[str]) -> list[str]:
    """The names, numbered where two are the same."""
    found: list[str] = []
    for name in names:
        numbered = (name if number == 1 else f"{name}-{number}" for number in range(1, len(names) + 1))
        taken = {other.casefold() for other in found}
        found.append(next(each for each in numbered if each.casefold() not in taken))
    return found


def _links(parts: Sequence[Part]) -> Path:
    """A folder with a link to each part, the same for the same parts."""
    identity = "\n".join(f"{part.name}\0{part.folder}" for part in parts)
    target = cache_folder("together") / hashlib.sha256(identity.encode(errors="surrogateescape")).hexdigest()[:16]
    try:
        with made_once(target) as scratch:
            if scratch is not None:
                for part in parts:
                    (scratch / part.name).symlink_to(part.folder, target_is_directory=True)
    except OSError as error:  # Windows, where links need a privilege
        raise BadInput(
            f"Several folders are taken together by links to them, which cannot be made here: {error.strerror}: "
            f"{target}. Put the folders into one instead."
        ) from error
    return target
