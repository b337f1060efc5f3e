"""Data sources: each turns its settings into a list of files with classes and splits."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from catsdogs_exp.config.registry import offer
from catsdogs_exp.config.schema.datasets import (
    DATASETS,
    ArchiveDataset,
    Dataset,
    DatasetSettings,
    DrawnDataset,
    FolderDataset,
)
from catsdogs_exp.data.progress import ReportProgress
from catsdogs_exp.data.sources.archive import archives, list_unpacked, other_parts, unpacked
from catsdogs_exp.data.sources.csv_table import csv_paths, csv_table
from catsdogs_exp.data.sources.drawn import drawn
from catsdogs_exp.data.sources.folder import folders as named_folders
from catsdogs_exp.data.sources.kaggle import kaggle, kaggle_installed
from catsdogs_exp.data.sources.known_sets import given_archives, known_set
from catsdogs_exp.data.sources.listing import UNDECIDED, Listing, list_images
from catsdogs_exp.data.sources.pixel_csv import pixel_csv, pixel_tables
from catsdogs_exp.data.sources.selection import Selection
from catsdogs_exp.data.sources.tfds import tfds, tfds_installed
from catsdogs_exp.data.sources.together import list_together
from catsdogs_exp.data.sources.wording import listed
from catsdogs_exp.errors import BadInput


@dataclass(frozen=True)
class Source:
    """The operations on a source's settings.

    Attributes:
        check: rejects obvious errors such as missing files, immediately and offline.
        files: downloads what is needed and lists it; receives `split.folders`.
    """

    check: Callable[[Any], object]
    files: Callable[[Any, ReportProgress | None, str], Listing]


def _drawn(dataset: DrawnDataset, progress: ReportProgress | None, folders: str) -> Listing:
    return list_images(drawn(dataset, progress), Selection(folders="classes"))


def _folder(dataset: FolderDataset, progress: ReportProgress | None, folders: str) -> Listing:
    return list_together(named_folders(dataset), Selection.of(dataset, folders))


def _archive(dataset: ArchiveDataset, progress: ReportProgress | None, folders: str) -> Listing:
    paths = archives(dataset)
    names = [path.name.split(".")[0] for path in paths]
    opened = [unpacked(path, progress, dataset.encoding) for path in paths]
    more = other_parts(paths[0]) if len(paths) == 1 else []
    hint = (
        f"{listed(path.name for path in more)} next to {paths[0].name} may be further parts of it: "
        f"dataset.path=[{','.join(map(str, (*paths, *more)))}]"
    )
    try:
        selection = replace(Selection.of(dataset, folders), escaped=opened[0].escaped)
        listing = list_unpacked(opened, lambda: list_together([each.folder for each in opened], selection, names))
    except BadInput as error:
        raise BadInput(f"{error} {hint}") if more else error from error
    notes = (*(note for each in opened for note in each.notes), *([hint] if more else []))
    return replace(listing, reading=(*notes, *listing.reading))


def _table(
    files: Callable[[Any, ReportProgress | None], Listing],
) -> Callable[[Any, ReportProgress | None, str], Listing]:
    """A source whose splits do not come from folder names."""
    return lambda dataset, progress, folders: files(dataset, progress)


SOURCES: dict[str, Source] = {
    "drawn": Source(lambda dataset: None, _drawn),
    "folder": Source(named_folders, _folder),
    "archive": Source(archives, _archive),
    "cats_vs_dogs": Source(given_archives, known_set),
    "cats_vs_dogs_filtered": Source(given_archives, known_set),
    "horses_or_humans": Source(given_archives, known_set),
    "rock_paper_scissors": Source(given_archives, known_set),
    "csv": Source(csv_paths, _table(csv_table)),
    "pixel_csv": Source(pixel_tables, _table(pixel_csv)),
    "kaggle": Source(kaggle_installed, kaggle),
    "tfds": Source(tfds_installed, _table(tfds)),
}


def register_source(
    name: str, *, settings: type[DatasetSettings], check: Callable[[Any], object] = lambda dataset: None
) -> Callable[[Callable[[Any], Path | Listing]], Callable[[Any], Path | Listing]]:
    """Registers a plugin's source: a function from its settings to a folder of class folders, or a listing.

    Args:
        name: selected with `dataset=NAME`.
        settings: a frozen dataclass with a default for every field, derived from `ImageFiles`. Its fields become the
            keys `dataset.KEY`.
        check: raises `BadInput` for obvious errors, before anything is written.

    Raises:
        ValueError: if the name is taken, or the settings are invalid.
    """
    if not issubclass(settings, DatasetSettings):
        raise ValueError(f"The settings of the dataset {name!r} must derive from ImageFiles.")

    def enter(files: Callable[[Any], Path | Listing]) -> Callable[[Any], Path | Listing]:
        def listing(dataset: Any, progress: ReportProgress | None, folders: str) -> Listing:
            found = files(dataset)
            return found if isinstance(found, Listing) else list_together([found], Selection.of(dataset, folders))

        offer("dataset", name, settings, DATASETS)
        SOURCES[name] = Source(check, listing)
        return files

    return enter


def check_source(dataset: Dataset) -> None:
    """Rejects a source with obvious errors, before anything is written.

    Raises:
        BadInput: for a missing path, a file where a folder is expected, or a package that is not installed.
    """
    SOURCES[dataset.name].check(dataset)


def files_of(dataset: Dataset, progress: ReportProgress | None = None, folders: str = "auto") -> Listing:
    """Returns the files of a dataset.

    Args:
        dataset: its settings.
        progress: called with the current task, the number done, and the total.
        folders: `split.folders`; with `merge`, no file has a split.

    Raises:
        BadInput: if there are none.
    """
    listing = SOURCES[dataset.name].files(dataset, progress, folders)
    if folders == "merge":
        return replace(listing, splits=np.full_like(listing.splits, UNDECIDED))
    return listing
