"""Mixes two images and their labels: MixUp (Zhang et al., 2018) and CutMix (Yun et al., 2019)."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.config.schema import Augment

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Mix:
    """How an image is mixed with another one.

    Attributes:
        partner: the other image's index among the training images; may be the image itself.
        share: the partner's fraction of the label, 0..1.
        box: top, bottom, left, right, in pixels, of the region cut from the partner; None: both images are blended.
    """

    partner: int
    share: float
    box: tuple[int, int, int, int] | None = None


def draw_mix(augment: Augment, generator: np.random.Generator, count: int, size: tuple[int, int]) -> Mix:
    """Samples how an image is mixed.

    Args:
        augment: `mixup` or `cutmix` above 0; with both, either is used with equal probability.
        generator: the image's own for the epoch: `randomness.mix_generator`.
        count: number of training images; each is equally likely to be the partner.
        size: height and width of the images.
    """
    height, width = size
    partner = int(generator.integers(count))
    choice, y, x = generator.random(3).tolist()
    cuts = augment.cutmix > 0 and (augment.mixup == 0 or choice < 0.5)
    alpha = augment.cutmix if cuts else augment.mixup
    share = float(generator.beta(alpha, alpha))
    if not cuts:
        return Mix(partner, share)
    down, across = height * math.sqrt(share), width * math.sqrt(share)
    top, bottom = _clipped(y * height, down, height)
    left, right = _clipped(x * width, across, width)
    # the label follows the visible pixels: the box may extend beyond the edge
    return Mix(partner, (bottom - top) * (right - left) / (height * width), (top, bottom, left, right))


def _clipped(centre: float, length: float, size: int) -> tuple[int, int]:
    first, last = round(centre - length / 2), round(centre + length / 2)
    return min(max(first, 0), size), min(max(last, 0), size)


def apply_mix(image: Image, partner: Image, mix: Mix) -> Image:
    """Combines both images, uint8 [height, width, channels] of the same shape."""
    if mix.box is None:
        return np.asarray(cv2.addWeighted(image, 1 - mix.share, partner, mix.share, 0)).reshape(image.shape)
    top, bottom, left, right = mix.box
    result = image.copy()
    result[top:bottom, left:right] = partner[top:bottom, left:right]
    return result
