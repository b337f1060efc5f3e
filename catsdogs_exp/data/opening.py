"""All that a config says of data, ready for loaders, for commands that leave no run folder."""

from collections.abc import Callable
from dataclasses import dataclass

from catsdogs_exp.config.schema import Config
from catsdogs_exp.data.gather import check_source, gather
from catsdogs_exp.data.inspection import Progress
from catsdogs_exp.data.manifest import Manifest
from catsdogs_exp.data.pixels import Fetch, open_pixels, open_stored


@dataclass(frozen=True)
class Data:
    """The data of a config.

    Attributes:
        manifest: who is in which split.
        fetch: gives the pictures as they are evaluated.
        stored: gives the pictures to cut from, where `loader.resize` cuts at random; else None.
    """

    manifest: Manifest
    fetch: Fetch
    stored: Fetch | None


def open_data(config: Config, progress: Progress, say: Callable[[str], None]) -> Data:
    """Finds, inspects, splits and opens the images.

    Raises:
        BadInput: as `gather` does.
    """
    check_source(config.dataset)
    manifest = gather(config, progress)
    fetch = open_pixels(manifest, config.loader, progress, say)
    return Data(manifest, fetch, open_stored(manifest, config.loader, progress, say))
