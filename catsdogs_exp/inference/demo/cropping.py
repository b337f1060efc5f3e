"""Crops: boxes of an image, prepared for a network like whole images."""

import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catsdogs_exp.data.images.preparing import LARGE, Preparation, fit, reduction
from catsdogs_exp.inference.crop_grid import Box
from catsdogs_exp.inference.demo.refusal import Refused

_FORM = re.compile(r"[0-9]{1,6}(,[0-9]{1,6}){3}")


def read_crop(text: str, width: int, height: int) -> Box | None:
    """Reads `left,top,width,height`; None for an empty text or the whole image.

    Args:
        text: the value from a request's query.
        width, height: size of the image, in pixels.

    Raises:
        Refused: if it is something else, or not within the image.
    """
    if not text:
        return None
    crop = Box(*map(int, text.split(","))) if _FORM.fullmatch(text) else None
    if (
        crop is None
        or min(crop.width, crop.height) < 1
        or crop.left + crop.width > width
        or crop.top + crop.height > height
    ):
        raise Refused(
            400,
            f"crop must be left,top,width,height in whole pixels within the image of {width} x {height}. "
            f"Received: crop={text[:60]}",
        )
    return None if (crop.width, crop.height) == (width, height) else crop


def smaller(pixels: NDArray[np.uint8]) -> dict[int, NDArray[np.uint8]]:
    """Returns a large image at 1/2, 1/4 and 1/8 of its size, by factor; nothing for other images.

    Args:
        pixels: uint8 [h, w, 3].
    """
    if pixels.shape[0] * pixels.shape[1] < LARGE:
        return {}
    found, image = {}, Image.fromarray(np.ascontiguousarray(pixels))
    for factor in (2, 4, 8):
        image = image.reduce(2)
        found[factor] = np.asarray(image, dtype=np.uint8)
    return found


def prepared(pixels: Mapping[int, NDArray[np.uint8]], crop: Box, how: Preparation) -> NDArray[np.uint8]:
    """Returns the crop at the network's size, as if it were a separate file.

    Crops of large images are taken from a smaller copy under the conditions under which large photos are decoded
    smaller (`data.images.preparing`): half a grey level off on average, up to 8 levels at the edges of the crop.

    Args:
        pixels: the upright image, uint8 [h, w, 3], by the factor by which it is reduced; 1 and those of `smaller`.
        crop: a box within it.
        how: the network's preparation.

    Returns:
        uint8 [height, width, channels].
    """
    factor = reduction((crop.height, crop.width), how)
    factor = factor if factor in pixels else 1
    left, top = crop.left // factor, crop.top // factor
    right, bottom = -(-(crop.left + crop.width) // factor), -(-(crop.top + crop.height) // factor)
    region = (crop.left / factor - left, crop.top / factor - top, crop.width / factor, crop.height / factor)
    return fit(pixels[factor][top:bottom, left:right], how, region)
