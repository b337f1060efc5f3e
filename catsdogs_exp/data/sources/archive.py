"""The source `archive`: a zip or tar of a folder of images, unpacked once into the cache folder.

Nested archives are unpacked, too, one level deep.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from catsdogs_exp import platforms
from catsdogs_exp.config.schema.datasets import ArchiveDataset, several
from catsdogs_exp.data.cache_folder import cache_folder, made_once, remove_tree
from catsdogs_exp.data.progress import ReportProgress
from catsdogs_exp.data.sources.clutter import is_clutter
from catsdogs_exp.data.sources.kept_notes import keep_notes, kept_notes
from catsdogs_exp.data.sources.known_names import ARCHIVES
from catsdogs_exp.data.sources.listing import Listing, naming_archives
from catsdogs_exp.data.sources.name_encoding import check_encoding
from catsdogs_exp.data.sources.unpacking import Unpacking, Unusable, unpack
from catsdogs_exp.errors import BadInput, did_you_mean_path
from catsdogs_exp.platforms import expanded, restricts_names

VERSION = 2  # change this whenever the same archive would give different files


def archives(dataset: ArchiveDataset) -> list[Path]:
    """Returns the existing archives of `dataset.path`.

    Raises:
        BadInput: if one is missing or a folder.
    """
    return [archive_file(path) for path in several(dataset.path) or ("",)]


def archive_file(path: str, key: str = "dataset.path") -> Path:
    """Returns an archive's full path.

    Args:
        path: as the user wrote it.
        key: the setting it comes from, for messages.

    Raises:
        BadInput: if it does not exist or is a folder.
    """
    found = expanded(path)
    if not found.exists():
        raise BadInput(f"{key} must be an archive of images. There is none at: {found}{did_you_mean_path(path)}")
    if found.is_dir():
        raise BadInput(
            f"{key} must be a zip or tar file. Received a folder: {found}. Use dataset=folder dataset.path={found}"
        )
    return found.resolve()


@dataclass(frozen=True)
class Unpacked:
    """The files of an unpacked archive.

    Attributes:
        folder: the folder that contains them.
        archive: the archive.
        notes: decisions and omissions while unpacking, one line each.
    """

    folder: Path
    archive: Path
    notes: tuple[str, ...] = ()

    @property
    def escaped(self) -> bool:
        """Whether its names were changed by `platforms.safe_name`."""
        return restricts_names(self.folder)


def unpacked(path: Path, progress: ReportProgress | None = None, encoding: str | None = None) -> Unpacked:
    """Returns the folder with an archive's unpacked images.

    Args:
        path: the archive.
        progress: called with the current task, the number done, and the total.
        encoding: encoding of names that are not UTF-8; None to guess it.

    Raises:
        BadInput: if the file is not a zip or tar, is damaged or encrypted, or would write outside its folder.
    """
    check_encoding(encoding)
    status = path.stat()
    identity = f"{VERSION}\n{path}\n{status.st_size}\n{status.st_mtime_ns}\n{encoding}"
    name = (
        f"{path.name.split('.')[0][:40]}-{hashlib.sha256(identity.encode(errors='surrogateescape')).hexdigest()[:12]}"
    )
    target = cache_folder("archives") / name
    with made_once(target) as scratch:
        if scratch is not None:
            unpacking = Unpacking.of(path, progress, encoding)
            _unpack_inner(scratch, unpack(path, scratch, unpacking), unpacking)
            keep_notes(target, unpacking.notes)
    return Unpacked(target, path, kept_notes(target))


def list_unpacked(opened: Sequence[Unpacked], files: Callable[[], Listing]) -> Listing:
    """Lists unpacked archives; messages, now and later, name the archives rather than the cache.

    Args:
        opened: the archives.
        files: lists their files.

    Raises:
        BadInput: as for `files`.
    """
    unpacked_from = tuple((each.folder, each.archive) for each in opened)
    try:
        return replace(files(), unpacked_from=unpacked_from)
    except BadInput as error:
        raise BadInput(naming_archives(str(error), unpacked_from)) from error


def other_parts(path: Path) -> list[Path]:
    """Archives next to this one that may be further parts of it, such as `photos-002.zip` for `photos-001.zip`."""
    numbered = re.fullmatch(r"(.*?[-_. ]?(?:part)?)(\d+)((?:\.tar)?\.\w+)", path.name)
    if numbered is None:
        return []
    part = re.compile(f"{re.escape(numbered[1])}\\d{{{len(numbered[2])}}}{re.escape(numbered[3])}")
    return sorted(other for other in path.parent.iterdir() if part.fullmatch(other.name) and other != path)


def _unpack_inner(folder: Path, files: list[Path], unpacking: Unpacking) -> None:
    """Unpacks archives found among the files, each in its own place, and removes them; archives inside these stay
    packed.
    """
    for path in files:
        inside = path.relative_to(folder)
        if not path.name.lower().endswith(ARCHIVES) or any(map(is_clutter, inside.parts)):
            continue
        target = path.with_name(re.sub(r"(\.tar)?\.\w+$", "", path.name))
        if target.exists():
            unpacking.notes.append(f"{inside} in the archive stays packed: {target.name} is next to it")
            continue
        scratch = path.with_name(f"{path.name}.part")
        scratch.mkdir()
        try:
            unpack(path, scratch, unpacking)
        except Unusable as error:
            remove_tree(scratch)
            unpacking.notes.append(f"{inside} in the archive stays packed: {str(error).replace(str(path), path.name)}")
            continue
        platforms.replace(scratch, target)
        path.unlink()
