"""The filters of a network's first convolution as a picture."""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catsdogs_exp.record.pictures.contact_sheet import BACKGROUND, as_picture

_MOST = 64
_COLUMNS = 8
_TILE, _GAP = 48, 3  # pixels


def filter_sheet(kernel: NDArray[np.float32]) -> Image.Image:
    """Lays filters out in rows of eight; mid grey is 0, and all share one scale, so that weak filters look weak.

    Args:
        kernel: float32 [height, width, 3 or 1, filters]. At most 64 are drawn.
    """
    # a diverged network has NaN weights: its filters are mid grey
    kernel = np.nan_to_num(np.asarray(kernel, np.float32)[..., :_MOST], posinf=0, neginf=0)
    strongest = float(np.abs(kernel).max(initial=0)) or 1.0
    pixels = np.clip(127.5 + 127.5 * kernel / strongest, 0, 255).round().astype(np.uint8)
    count = kernel.shape[-1]
    columns = min(_COLUMNS, count)
    step = _TILE + _GAP
    sheet = Image.new("RGB", (columns * step + _GAP, math.ceil(count / columns) * step + _GAP), BACKGROUND)
    for number in range(count):
        tile = as_picture(pixels[..., number]).resize((_TILE, _TILE), Image.Resampling.NEAREST)
        sheet.paste(tile, (_GAP + number % columns * step, _GAP + number // columns * step))
    return sheet
