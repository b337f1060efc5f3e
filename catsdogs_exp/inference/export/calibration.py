"""Training images for calibrating the value ranges of a quantized network."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.data.images.preparing import Preparation
from catsdogs_exp.inference.export.checking import read_photos
from catsdogs_exp.inference.labelled_files import LabelledFiles

COUNT = 200


def representative_images(
    files: LabelledFiles, how: Preparation, say: Callable[[str], None], count: int = COUNT
) -> list[NDArray[np.uint8]]:
    """Yields up to `count` images, uint8 [height, width, channels], balanced by class; always the same ones.

    Args:
        files: the training images.
        how: how images are prepared.
        say: called with a message about each image that is left out.
        count: number of images.
    """
    rng = np.random.default_rng(0)
    by_class: dict[str, list[int]] = {}
    for place, (_, name) in enumerate(files.files):
        by_class.setdefault(name, []).append(place)
    shuffled = [rng.permutation(places) for _, places in sorted(by_class.items())]
    rng.shuffle(shuffled)  # with more classes than images, not only the first classes are represented
    turns = range(max(map(len, shuffled)))
    dealt = [int(places[turn]) for turn in turns for places in shuffled if turn < len(places)]
    chosen = [files.files[place] for place in dealt[:count]]
    return [photo.pixels for photo, _ in read_photos(chosen, how, say)]
