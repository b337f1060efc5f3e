"""Where images come from: each source turns its settings into a list of files with classes and splits."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catsdogs_exp.config.registry import offer
from catsdogs_exp.config.schema.datasets import DATASETS, ArchiveDataset, Dataset, DrawnDataset, FolderDataset, Pictures
from catsdogs_exp.data.progress import ReportProgress
from catsdogs_exp.data.sources.archive import archives, unpacked
from catsdogs_exp.data.sources.csv_table import csv_paths, csv_table
from catsdogs_exp.data.sources.drawn import drawn
from catsdogs_exp.data.sources.folder import folders
from catsdogs_exp.data.sources.kaggle import kaggle, kaggle_installed
from catsdogs_exp.data.sources.known_sets import given_archives, known_set
from catsdogs_exp.data.sources.listing import Listing, list_images
from catsdogs_exp.data.sources.pixel_csv import pixel_csv, pixel_tables
from catsdogs_exp.data.sources.selection import Selection
from catsdogs_exp.data.sources.tfds import tfds, tfds_installed
from catsdogs_exp.data.sources.together import listed


@dataclass(frozen=True)
class Source:
    """What can be done with a source's settings.

    Attributes:
        check: refuses what is plainly not there, at once and without a network.
        files: fetches what has to be fetched and lists it.
    """

    check: Callable[[Any], object]
    files: Callable[[Any, ReportProgress | None], Listing]


def _drawn(dataset: DrawnDataset, progress: ReportProgress | None) -> Listing:
    return list_images(drawn(dataset, progress))


def _folder(dataset: FolderDataset, progress: ReportProgress | None) -> Listing:
    return listed(folders(dataset), Selection.of(dataset))


def _archive(dataset: ArchiveDataset, progress: ReportProgress | None) -> Listing:
    paths = archives(dataset)
    names = [path.name.split(".")[0] for path in paths]
    return listed([unpacked(path, progress) for path in paths], Selection.of(dataset), names)


SOURCES: dict[str, Source] = {
    "drawn": Source(lambda dataset: None, _drawn),
    "folder": Source(folders, _folder),
    "archive": Source(archives, _archive),
    "cats_vs_dogs": Source(given_archives, known_set),
    "cats_vs_dogs_filtered": Source(given_archives, known_set),
    "horses_or_humans": Source(given_archives, known_set),
    "rock_paper_scissors": Source(given_archives, known_set),
    "csv": Source(csv_paths, csv_table),
    "pixel_csv": Source(pixel_tables, pixel_csv),
    "kaggle": Source(kaggle_installed, kaggle),
    "tfds": Source(tfds_installed, tfds),
}


def register_source(
    name: str, *, settings: type[Pictures], check: Callable[[Any], object] = lambda dataset: None
) -> Callable[[Callable[[Any], Path | Listing]], Callable[[Any], Path | Listing]]:
    """Enters a source of a plugin: a function from its settings to a folder of class folders, or a listing.

    Args:
        name: `dataset=NAME` chooses it.
        settings: a frozen dataclass with a default for every field, derived from `PictureFiles`. Its fields become
            the keys `dataset.KEY`.
        check: refuses, with `BadInput`, what is plainly not there, before anything is written.

    Raises:
        ValueError: when the name is taken, or the settings cannot be ones.
    """
    if not issubclass(settings, Pictures):
        raise ValueError(f"The settings of the dataset {name!r} must derive from PictureFiles.")

    def enter(files: Callable[[Any], Path | Listing]) -> Callable[[Any], Path | Listing]:
        def listing(dataset: Any, progress: ReportProgress | None) -> Listing:
            found = files(dataset)
            return found if isinstance(found, Listing) else listed([found], Selection.of(dataset))

        offer("dataset", name, settings, DATASETS)
        SOURCES[name] = Source(check, listing)
        return files

    return enter


def check_source(dataset: Dataset) -> None:
    """Refuses a source that is plainly not there, before anything is written.

    Raises:
        BadInput: for a missing path, a file where a folder is expected, or a package that is not installed.
    """
    SOURCES[dataset.name].check(dataset)


def files_of(dataset: Dataset, progress: ReportProgress | None = None) -> Listing:
    """Returns the files that a dataset's settings stand for.

    Raises:
        BadInput: when there are none.
    """
    return SOURCES[dataset.name].files(dataset, progress)
