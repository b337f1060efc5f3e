"""From settings to a manifest: source, listing, inspection, split, choice."""

from pathlib import Path

from catsdogs_exp.config.schema import Config
from catsdogs_exp.data.inspection import Progress, inspect
from catsdogs_exp.data.listing import Listing, list_images
from catsdogs_exp.data.manifest import Manifest, make_manifest
from catsdogs_exp.data.sources import check_source, files_of
from catsdogs_exp.data.subset import subset

__all__ = ["check_source", "gather", "manifest_of"]


def gather(config: Config, progress: Progress | None = None, enforce: bool = True) -> Manifest:
    """Finds, inspects and splits the images that a config asks for, and then chooses among those of train.

    Args:
        config: of the run.
        progress: called with what is done, how many are, of how many.
        enforce: whether data that a run must not use is refused; else the manifest says why it would be. All files
            count for that, chosen or not.

    Raises:
        BadInput: when there are none to train on, or `inspection.*` refuses them.
    """
    dataset = config.dataset
    manifest = _manifest(files_of(dataset, progress), config, progress, enforce)
    return subset(manifest, dataset.fraction, dataset.max_per_class, config.split.seed)


def manifest_of(root: Path, config: Config, progress: Progress | None = None) -> Manifest:
    """The manifest of a folder of images that is there already, all of them."""
    return _manifest(list_images(root), config, progress)


def _manifest(listing: Listing, config: Config, progress: Progress | None, enforce: bool = True) -> Manifest:
    verdicts = inspect(listing, config.loader.workers, progress, config.inspection.max_pixels)
    return make_manifest(listing, verdicts, config.split, config.inspection, enforce)
