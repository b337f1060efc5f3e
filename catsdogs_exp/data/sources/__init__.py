"""Where images come from: each source turns its settings into a folder on disk."""

from pathlib import Path

from catsdogs_exp.config.schema import ArchiveDataset, Dataset, DrawnDataset
from catsdogs_exp.data.inspection import Progress
from catsdogs_exp.data.sources.archive import archive
from catsdogs_exp.data.sources.drawn import drawn
from catsdogs_exp.data.sources.folder import folder


def images_of(dataset: Dataset, progress: Progress | None = None) -> Path:
    """Returns the folder of images that a dataset's settings stand for.

    Raises:
        BadInput: when there is none.
    """
    if isinstance(dataset, DrawnDataset):
        return drawn(dataset, progress)
    if isinstance(dataset, ArchiveDataset):
        return archive(dataset, progress)
    return folder(dataset)
