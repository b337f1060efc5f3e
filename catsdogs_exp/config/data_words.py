"""Infers the source for `dataset.path=PATH` without `dataset=` from the content at the path."""

import re
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from catsdogs_exp.config.kinds import kinds_of
from catsdogs_exp.config.quoting import split
from catsdogs_exp.config.words import Word, texts_of
from catsdogs_exp.errors import BadInput
from catsdogs_exp.platforms import expanded

_ARCHIVES = (".zip", ".tar", ".tgz", ".tbz2", ".txz", ".gz", ".bz2", ".xz")
_OTHER_ARCHIVES = (".7z", ".rar", ".zst", ".lz4", ".lzma", ".z", ".iso", ".dmg")
_PART = re.compile(r"\.(?:zip|tar|t?gz|t?bz2|t?xz|7z)\.(?:\d{3}|part|partial|crdownload|download|opdownload|tmp)$")
"""Names of one part of a split archive, and of a download that a browser did not finish."""
_TABLES = (".csv", ".tsv")
_PIXELS = 64  # tables with at least this many columns count as pixels: 8 x 8
_HEAD = 2**16  # bytes of a table to examine
_FITTING = {"folder": "a folder", "archive": "an archive", "csv": "a table", "pixel_csv": "a table of pixels"}
_TABLE_SOURCES = ("csv", "pixel_csv")
_ALLOWED = "dataset.path must be a folder of images, an archive of them (zip, tar), or a table (.csv)"


def source_for(path: str) -> str:
    """Returns the `dataset=` for the content of a path, or for its name if it does not exist.

    Raises:
        BadInput: if the path is a file that is neither an archive nor a table, or cannot be read.
    """
    found = expanded(path)
    suffix = found.suffix.lower()
    try:
        if found.is_dir() or (not found.exists() and suffix not in (*_ARCHIVES, *_TABLES)):
            return "folder"
        if suffix in _TABLES:
            return "pixel_csv" if _is_of_pixels(found) else "csv"
        if suffix in _ARCHIVES or zipfile.is_zipfile(found) or tarfile.is_tarfile(found):
            return "archive"
        if _PART.search(found.name.lower()):  # opening it tells how to complete it
            return "archive"
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadInput(f"dataset.path cannot be read: {reason}: {found}") from error
    if suffix in _OTHER_ARCHIVES:
        raise BadInput(f"{_ALLOWED}. Received another kind of file: {found}. Unpack it, then name the folder")
    raise BadInput(
        f"{_ALLOWED}. Received a file: {found}. Name its folder, or for a table with another extension: dataset=csv"
    )


def with_source(
    words: Sequence[Word], chosen_dataset: Callable[[], str | None], sweep: bool
) -> tuple[list[Word], list[str]]:
    """Adds `dataset=...` to words that have a `dataset.path` but no choice of a matching source.

    Args:
        words: as typed.
        chosen_dataset: the dataset that would be chosen otherwise, perhaps by a recipe; None if unknown.
        sweep: whether commas separate the values of several runs.

    Returns:
        The words, and a message about what was added.

    Raises:
        BadInput: if the paths of a sweep are of different kinds, or the kind of one is unknown.
    """
    typed = [word.value for word in words if word.key == "dataset.path"]
    if typed[-1:] == [""]:  # as of a shell variable without value
        raise BadInput(f"{_ALLOWED}. Received nothing: dataset.path=. Type: dataset.path=PATH")
    values = [value for value in typed if value not in (None, "null")]
    if not values or any(word.key == "dataset" for word in words):
        return list(words), []
    chosen = chosen_dataset()
    if chosen is None or (chosen not in _FITTING and kinds_of("dataset.path", {"dataset": chosen})):
        return list(words), []
    value = str(values[-1])  # the last one wins
    paths = [
        path for part in (split(value) if sweep else [value]) for path in texts_of(part.strip() if sweep else part)
    ]
    sources = list(dict.fromkeys(source_for(path) for path in paths))
    if len(sources) > 1:
        kinds = " and ".join(_FITTING[source] for source in sources)
        raise BadInput(
            f"dataset.path must name paths of one kind. Received {kinds}: dataset.path={value}. "
            f"Choose the source: dataset={sources[0]}"
        )
    if not sources or sources[0] == chosen or (sources[0] in _TABLE_SOURCES and chosen in _TABLE_SOURCES):
        return list(words), []
    told = f"dataset={sources[0]}, because dataset.path is {_FITTING[sources[0]]}"
    return [Word("dataset", sources[0]), *words], [told]


def _is_of_pixels(table: Path) -> bool:
    if not table.is_file():
        return False
    with table.open("rb") as handle:
        lines = handle.read(_HEAD).splitlines()[:2]
    if any(max(line.count(mark) for mark in (b",", b";", b"\t")) >= _PIXELS for line in lines[:1]):
        return True
    # All pixels of an image in one field, separated by spaces, as in FER2013.
    fields = [field for line in lines[1:] for field in re.split(rb"[,;\t]", line)]
    return any(re.fullmatch(rb'[\s"]*\d+(?: +\d+){%d,}[\s"]*' % (_PIXELS - 1), field) for field in fields)
