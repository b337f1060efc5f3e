"""The benchmark images: real photos if available, otherwise drawn ones; the table says which."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.timing import say
from catsdogs_exp.config.compose import config_of
from catsdogs_exp.data.images.pixels import open_pixels
from catsdogs_exp.data.manifest import Manifest
from catsdogs_exp.data.open_data import gather
from catsdogs_exp.data.sources.listing import TRAIN
from catsdogs_exp.errors import BadInput

CHECKOUT = Path(__file__).resolve().parent.parent
MIN_IMAGES = 40  # two batches
COURSE = ("model=cnn", "optimizer=rmsprop", "depth=3", "target_size=150", "batch_size=20", "augment=none")
"""The settings of the course's first lesson, to which all targets refer."""

_DEFAULT = CHECKOUT.parent / "shared" / "data" / "cats_and_dogs_filtered.zip"


@dataclass(frozen=True)
class Photos:
    """The same training images for every contender.

    Attributes:
        folder: one subfolder per class, with links to the files: for Keras's loaders.
        images, labels: files with uint8 [n, height, width, 3] and float32 [n, 1]: for `fit` on arrays.
        count: n.
    """

    folder: Path
    images: Path
    labels: Path
    count: int


def archive(asked: Path | None) -> Path | None:
    """The requested archive of photos, or the one next to the checkout, or None.

    Raises:
        BadInput: if the requested one does not exist.
    """
    if asked is None:
        return _DEFAULT if _DEFAULT.is_file() else None
    if not asked.is_file():
        raise BadInput(f"--photos must be a zip or tar of photos. There is none at: {asked}")
    return asked.resolve()


def source(photos: Path | None) -> tuple[str, ...]:
    """The overrides that select the archive, or drawn images."""
    if photos is None:
        return ("dataset=drawn", "dataset.images=2500", "dataset.broken=0")
    return ("dataset=archive", path_override(photos))


def path_override(photos: Path) -> str:
    """`dataset.path=...`, quoted for Hydra."""
    text = str(photos).replace("'", "\\'")
    return f"dataset.path='{text}'"


def describe(photos: Path | None) -> str:
    """A description for the line above the table."""
    return f"photos of {photos.name}" if photos else "pictures drawn here"


def chosen(manifest: Manifest, images: int | None) -> np.ndarray:
    """The training rows to use: all, or `images` of them, the same in every process."""
    count = len(manifest.rows(TRAIN))
    return np.sort(np.random.default_rng(0).permutation(count)[:images])


def lay_out(overrides: tuple[str, ...], images: int | None, folder: Path) -> Photos:
    """Unpacks, inspects and decodes what is not cached yet; writes the inputs of Keras's side into `folder`.

    Raises:
        BadInput: for photos of more than two classes, or too few.
    """
    config = config_of(overrides)
    say("finding and inspecting the pictures")
    manifest = gather(config)
    fetch = open_pixels(manifest, config.loader)
    rows = manifest.rows(TRAIN)[chosen(manifest, images)]
    if len(manifest.classes) != 2 or len(rows) < MIN_IMAGES:
        raise BadInput(
            f"--photos must have two classes and {MIN_IMAGES} training images or more. "
            f"Received: {len(manifest.classes)} classes, {len(rows)} training images"
        )
    for name in manifest.classes:
        (folder / "train" / name).mkdir(parents=True)
    for row in rows.tolist():
        path = manifest.path(row)
        path.read_bytes()  # into the system's file cache, for all sides
        name = manifest.classes[manifest.listing.labels[row]]
        (folder / "train" / name / f"{row}{path.suffix}").symlink_to(path)
    laid = Photos(folder / "train", folder / "images.npy", folder / "labels.npy", len(rows))
    np.save(laid.images, fetch(rows))
    np.save(laid.labels, manifest.listing.labels[rows, None].astype(np.float32))
    return laid
