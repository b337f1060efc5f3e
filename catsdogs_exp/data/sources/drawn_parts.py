"""The parts of drawn images: masks with part numbers, drawn on demand."""

import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catsdogs_exp import platforms
from catsdogs_exp.config.schema.datasets import DrawnDataset
from catsdogs_exp.data import drawing
from catsdogs_exp.data.cache_folder import cache_errors, cache_folder
from catsdogs_exp.data.in_processes import in_processes
from catsdogs_exp.data.progress import ReportProgress
from catsdogs_exp.data.sources.drawn import VERSION

_CHUNK = 25
_NUMBER = re.compile(r"[a-z_0-9]+\.([0-9]+)\.(?:jpg|png)")


def drawn_parts(
    dataset: DrawnDataset, paths: Sequence[str], progress: ReportProgress | None = None
) -> list[NDArray[np.uint8]]:
    """Returns the masks of images of the source `drawn`, upright, like the images.

    They are stored in the cache folder; missing and damaged masks are drawn.

    Args:
        dataset: the settings that the images were drawn with.
        paths: paths of the images within the data set: `cats/cat.12.jpg`.
        progress: called with the progress.

    Returns:
        uint8 [height, width] per image: at each pixel, the index in `drawing.PARTS` of the frontmost part.

    Raises:
        ValueError: for a path that the source does not have.
        CacheUnusable: if missing masks cannot be stored.
    """
    folder = cache_folder("drawn-parts") / f"v{VERSION}-{dataset.classes}-{dataset.seed}"
    classes = drawing.class_names(dataset.classes)
    tasks = []
    for path in paths:
        parts = PurePosixPath(path).parts
        found = _NUMBER.fullmatch(parts[-1])
        if len(parts) != 2 or parts[0] not in classes or not found:
            raise ValueError(f"The source drawn has no image {path}.")
        number = int(found[1])
        tasks.append((folder / parts[0] / f"{number}.png", classes.index(parts[0]), number, dataset.seed))
    masks = [_stored(file) for file, *_ in tasks]
    missing = [place for place, mask in enumerate(masks) if mask is None]
    with cache_errors(folder):
        for name in {tasks[place][0].parent for place in missing}:
            name.mkdir(parents=True, exist_ok=True)
        _draw_all([tasks[place] for place in missing], progress)
        for place in missing:
            with Image.open(tasks[place][0]) as image:
                masks[place] = np.asarray(image, np.uint8)
    return [mask for mask in masks if mask is not None]


def _stored(file: Path) -> NDArray[np.uint8] | None:
    """Returns a stored mask, or None if there is none, or only a damaged one."""
    try:
        with Image.open(file) as image:
            return np.asarray(image, np.uint8)
    except (OSError, SyntaxError, ValueError):  # as Pillow raises for damaged files
        return None


def _draw_all(tasks: list[tuple[Path, int, int, int]], progress: ReportProgress | None) -> None:
    chunks = [tasks[start : start + _CHUNK] for start in range(0, len(tasks), _CHUNK)]
    for done in in_processes(_draw_some, chunks):
        if progress:
            progress("drawing parts", min(done * _CHUNK, len(tasks)), len(tasks))


def _draw_some(tasks: list[tuple[Path, int, int, int]]) -> None:
    for path, label, number, seed in tasks:
        scratch = path.with_name(f"{path.name}.{os.getpid()}.part")
        drawing.draw_parts(label, number, seed).save(scratch, "PNG")
        platforms.replace(scratch, path)
