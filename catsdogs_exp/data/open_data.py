"""Turns settings into the data of a run: source, listing, inspection, split, subset, pixels."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from catsdogs_exp.config.schema import Config
from catsdogs_exp.data.images.pixels import Fetch, open_pixels, open_stored
from catsdogs_exp.data.inspection.inspect import inspect
from catsdogs_exp.data.manifest import Manifest, make_manifest
from catsdogs_exp.data.progress import ReportProgress
from catsdogs_exp.data.sources.listing import Listing, list_images
from catsdogs_exp.data.sources.registry import check_source, files_of
from catsdogs_exp.data.sources.selection import Selection
from catsdogs_exp.data.subset import subset
from catsdogs_exp.errors import BadInput

__all__ = ["Data", "check_source", "gather", "manifest_of", "open_data", "open_images"]


@dataclass(frozen=True)
class Data:
    """The data of a config.

    Attributes:
        manifest: the files with their splits.
        fetch: returns images as used for evaluation.
        stored: returns the images to cut from, if `loader.resize` cuts random boxes; otherwise None.
    """

    manifest: Manifest
    fetch: Fetch
    stored: Fetch | None = None


def open_data(config: Config, progress: ReportProgress, say: Callable[[str], None]) -> Data:
    """Finds, inspects, splits and opens the images.

    Raises:
        BadInput: as for `gather`.
    """
    check_source(config.dataset)
    manifest = gather(config, progress)
    if manifest.verdicts.trouble:
        say(manifest.verdicts.trouble)
    return open_images(manifest, config, progress, say)


def open_images(
    manifest: Manifest,
    config: Config,
    progress: ReportProgress | None = None,
    say: Callable[[str], None] | None = None,
) -> Data:
    """Opens the images of a manifest: decoded now or on demand, depending on `loader.cache`."""
    fetch = open_pixels(manifest, config.loader, progress, say)
    return Data(manifest, fetch, open_stored(manifest, config.loader, progress, say))


def gather(config: Config, progress: ReportProgress | None = None, enforce: bool = True) -> Manifest:
    """Finds, inspects and splits the images of a config, then takes a subset of the training images.

    Args:
        config: the run's config.
        progress: called with the current task, the number done, and the total.
        enforce: whether to reject data that no run may use; otherwise, the manifest contains the reason. All files
            count for this, whether in the subset or not.

    Raises:
        BadInput: if there are no training images, or `inspection.*` rejects the data.
    """
    dataset = config.dataset
    manifest = _manifest(files_of(dataset, progress, config.split.folders), config, progress, enforce)
    return subset(manifest, dataset.fraction, dataset.max_per_class, config.split.seed)


def manifest_of(root: Path, config: Config, progress: ReportProgress | None = None) -> Manifest:
    """Returns the manifest of an existing folder of images, with all its images."""
    return _manifest(list_images(root, Selection(folders=config.split.folders)), config, progress)


def _manifest(listing: Listing, config: Config, progress: ReportProgress | None, enforce: bool = True) -> Manifest:
    verdicts = inspect(listing, config.loader.workers, progress, config.inspection.max_pixels)
    try:
        return make_manifest(listing, verdicts, config.split, config.inspection, enforce)
    except BadInput as error:
        raise BadInput(listing.in_users_words(str(error))) from error
