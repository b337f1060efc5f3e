"""The groups of images among which the report looks for slices; for brightness and sharpness, files are decoded."""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from threading import Event

import numpy as np
from PIL import Image

from catsdogs_exp.data.images import decoding
from catsdogs_exp.data.images.file_identity import identities
from catsdogs_exp.record.folder.predictions import Predictions
from catsdogs_exp.record.image_groups import groups_of_images, lowest_and_highest

_MOST = 1000  # maximum number of images whose brightness and sharpness are measured
_PART = 50  # files per task of a thread: most are cached, and a task costs more than looking one up
_SIDE = 64  # pixels of the shorter side on which they are measured


def groups_of(folder: Path | None, predictions: Predictions, root: Path | None) -> dict[str, list[str]]:
    """Returns the groups of each image by kind, as `find_slices` expects them.

    Args:
        folder: of the run; None if the images are not the run's.
        predictions: for the images.
        root: that their paths are relative to; None: unknown.
    """
    groups = groups_of_images(folder, predictions)
    if root is not None and len(predictions) <= _MOST:
        files = [str(root / path) for path in predictions.paths]
        named = list(zip(files, map(bytes, identities(files)), strict=True))
        parts = [named[start : start + _PART] for start in range(0, len(named), _PART)]
        with ThreadPoolExecutor(2) as pool:
            found = [
                each for part in pool.map(lambda part: [_measured(*file) for file in part], parts) for each in part
            ]
        bright, sharp = np.array(found, np.float64).reshape(-1, 2).T
        groups["brightness"] = lowest_and_highest(bright, "dark", "bright")
        groups["sharpness"] = lowest_and_highest(sharp, "blurred", "sharp")
    return groups


def measure(files: Sequence[str], until: Event) -> None:
    """Decodes the files that `groups_of` will need, and caches their brightness and sharpness; stops at the event.

    Does nothing if there are too many, just like `groups_of`.
    """
    for file, identity in zip(files, identities(files), strict=True):
        if until.is_set() or len(files) > _MOST:
            return
        _measured(file, bytes(identity))


@lru_cache(maxsize=4 * _MOST)  # the jobs of a sweep share their images
def _measured(file: str, _identity: bytes) -> tuple[float, float]:
    """Mean grey level and sharpness (the mean size of the Laplacian) of a file; NaN if it is unreadable."""
    try:
        small = decoding.examine(Path(file).read_bytes(), None, _SIDE).small.convert("L")
    except (decoding.Undecodable, OSError):
        return math.nan, math.nan
    scale = _SIDE / min(small.size)
    size = max(3, round(small.width * scale)), max(3, round(small.height * scale))
    grey = np.asarray(small.resize(size, Image.Resampling.BILINEAR), np.float32)
    edges = 4 * grey[1:-1, 1:-1] - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]
    return float(grey.mean()), float(np.abs(edges).mean())
