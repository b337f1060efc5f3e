"""From settings to a manifest: source, listing, inspection, split."""

from pathlib import Path

from catsdogs_exp.config.schema import ArchiveDataset, Config, Dataset, FolderDataset
from catsdogs_exp.data.inspection import Progress, inspect
from catsdogs_exp.data.listing import list_images
from catsdogs_exp.data.manifest import Manifest, make_manifest
from catsdogs_exp.data.sources import images_of
from catsdogs_exp.data.sources.archive import archive_file
from catsdogs_exp.data.sources.folder import folder


def check_source(dataset: Dataset) -> None:
    """Refuses a source that is plainly not there, before anything is written.

    Raises:
        BadInput: for a missing path, or a file where a folder is expected.
    """
    if isinstance(dataset, FolderDataset):
        folder(dataset)
    elif isinstance(dataset, ArchiveDataset):
        archive_file(dataset)


def gather(config: Config, progress: Progress | None = None) -> Manifest:
    """Finds, inspects and splits the images that a config asks for.

    Raises:
        BadInput: when there are none to train on.
    """
    return manifest_of(images_of(config.dataset, progress), config, progress)


def manifest_of(root: Path, config: Config, progress: Progress | None = None) -> Manifest:
    """The same for a folder of images that is there already."""
    listing = list_images(root)
    return make_manifest(listing, inspect(listing, config.loader.workers, progress), config.split)
