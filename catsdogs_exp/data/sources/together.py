"""Several folders as one: a folder of links in the cache folder, so that all paths are unique."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from catsdogs_exp.data.cache_folder import cache_folder, made_once
from catsdogs_exp.data.sources.listing import UNDECIDED, Listing, Part, list_images, list_parts
from catsdogs_exp.data.sources.selection import Selection
from catsdogs_exp.errors import BadInput


def list_together(folders: Sequence[Path], selection: Selection, names: Sequence[str] = ()) -> Listing:
    """Lists one folder, or several together.

    Args:
        folders: where the files are.
        selection: which of them to use.
        names: names of the folders in the paths; their own names if empty.

    Raises:
        BadInput: for a folder named twice, and as for `list_images`.
    """
    if len(folders) == 1:
        return list_images(folders[0], selection)
    for folder in folders:
        if folders.count(folder) > 1:
            raise BadInput(f"dataset.path must name different folders or archives. Received twice: {folder}")
    different = _different(names or [folder.name or "root" for folder in folders])
    parts = [Part(name, folder) for name, folder in zip(different, folders, strict=True)]
    return list_parts(*_placed(parts), selection)


def list_splits(folders: dict[str, Path], splits: dict[str, int], selection: Selection) -> Listing:
    """Lists folders that are one split each, such as `train` and `validation`."""
    parts = [Part(name, folder, splits.get(name, UNDECIDED)) for name, folder in folders.items()]
    return list_parts(*_placed(parts), selection)


def _different(names: Sequence[str]) -> list[str]:
    """Makes names unique by numbering repeated ones."""
    found: list[str] = []
    for name in names:
        numbered = (name if number == 1 else f"{name}-{number}" for number in range(1, len(names) + 1))
        taken = {other.casefold() for other in found}
        found.append(next(each for each in numbered if each.casefold() not in taken))
    return found


def _placed(parts: Sequence[Part]) -> tuple[Path, list[Part]]:
    """A folder that contains all parts, and the parts with their names in it.

    It consists of links, so that paths begin with the parts' names. If links cannot be created, as for ordinary users
    on Windows, it is the folders' common parent, and the names are the paths from there.
    """
    try:
        return _links(parts), list(parts)
    except OSError as error:
        folders = [part.folder.absolute() for part in parts]
        try:
            common = Path(os.path.commonpath(folders))
        except ValueError:  # several drives
            raise BadInput(
                f"Several folders are combined through links, which cannot be created here: {error.strerror}. "
                f"Put them on one drive, or into one folder. Received: {', '.join(map(str, folders))}"
            ) from error
        names = [folder.relative_to(common).as_posix() for folder in folders]
        named = zip(parts, names, folders, strict=True)
        return common, [replace(part, name="" if name == "." else name, folder=folder) for part, name, folder in named]


def _links(parts: Sequence[Part]) -> Path:
    """A folder with a link to each part, the same for the same parts.

    Raises:
        OSError: if links cannot be created.
    """
    identity = "\n".join(f"{part.name}\0{part.folder}" for part in parts)
    target = cache_folder("together") / hashlib.sha256(identity.encode(errors="surrogateescape")).hexdigest()[:16]
    with made_once(target) as scratch:
        if scratch is not None:
            for part in parts:
                (scratch / part.name).symlink_to(part.folder, target_is_directory=True)
    return target
