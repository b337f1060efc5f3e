"""A map over an image: grey where the map is near zero, coloured elsewhere.

Strength also shows as lightness, and signed maps use blue and orange, so that they can be read with common colour
vision deficiencies.
"""

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catsdogs_exp.record.pictures.contact_sheet import as_picture

_FAINT = 0.25  # of the strongest place: weaker ones fade out
_OPAQUE = 0.75
_FOR, _AGAINST = np.array((255, 150, 30)) / 255, np.array((40, 110, 230)) / 255


def heat_overlay(image: NDArray[np.uint8], heat: NDArray[np.float32], side: int = 160) -> Image.Image:
    """Draws a map over its image.

    Args:
        image: uint8 [height, width, 3 or 1].
        heat: float32 [rows, columns] over the whole image, of any size. Negative values are blue, positive ones yellow
            to red, or orange if there are both.
        side: pixels of the picture's longer side.

    Returns:
        RGB.
    """
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    grey = np.asarray(as_picture(image).resize(size, Image.Resampling.BICUBIC).convert("L"), np.float32)
    strongest = float(np.abs(heat).max(initial=0))
    if not np.isfinite(strongest) or strongest == 0:
        return Image.fromarray(grey.astype(np.uint8)).convert("RGB")
    small = Image.fromarray(np.asarray(heat / strongest, np.float32))
    smooth = np.asarray(small.resize(size, Image.Resampling.BILINEAR), np.float32)
    if heat.min() < 0:
        colours = np.where(smooth[..., None] < 0, _AGAINST, _FOR)
    else:
        colours = matplotlib.colormaps["inferno"](0.35 + 0.6 * smooth)[..., :3]
    strength = np.clip(np.abs(smooth) / _FAINT, 0, 1)[..., None] * _OPAQUE * np.sqrt(np.abs(smooth))[..., None]
    mixed = grey[..., None] * (1 - strength) + 255 * colours * strength
    return Image.fromarray(np.clip(mixed, 0, 255).round().astype(np.uint8))
