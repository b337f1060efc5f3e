"""Images and the parts they were drawn from, side by side."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catsdogs_exp.record.pictures.contact_sheet import contact_sheet


def parts_sheet(
    images: Sequence[NDArray[np.uint8]], masks: Sequence[NDArray[np.uint8]], names: Sequence[str]
) -> Image.Image:
    """Draws images in the first row and their masks in colours below, with the names of the parts shown.

    Args:
        images: uint8 [height, width, 3 or 1] each.
        masks: uint8 [height, width] each, the number of the part at each pixel.
        names: of the parts, by number.
    """
    colours = (matplotlib.colormaps["nipy_spectral"](np.linspace(0, 1, len(names)))[:, :3] * 255).astype(np.uint8)
    coloured = [colours[mask] for mask in masks]
    captions = [", ".join(names[value] for value in np.unique(mask).tolist() if value) for mask in masks]
    return contact_sheet(
        [*images, *coloured], [*("" for _ in images), *(f"parts\n{text}" for text in captions)], columns=len(images)
    )
