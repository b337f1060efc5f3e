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
    """How a picture is mixed with another one.

    Attributes:
        partner: the other picture's index among the training images; it may be the picture itself.
        share: the partner's, of the label, 0..1.
        box: top, bottom, left, right in pixels of what is cut from the partner; None: both lie over each other.
    """

    partner: int
    share: float
    box: tuple[int, int, int, int] | None = None


def draw_mix(augment: Augment, generator: np.random.Generator, count: int, size: tuple[int, int]) -> Mix:
    """How an image is mixed.

    Args:
        augment: `mixup` or `cutmix` above 0; with both, one of them is drawn with equal chance.
        generator: the image's own numbers for the epoch: `randomness.mix_generator`.
        count: training images; every one is the partner with equal chance.
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
    # the label follows what is really seen: the box may reach beyond the edge
    return Mix(partner, (bottom - top) * (right - left) / (height * width), (top, bottom, left, right))


def _clipped(centre: float, length: float, size: int) -> tuple[int, int]:
    first, last = round(centre - length / 2), round(centre + length / 2)
    return min(max(first, 0), size), min(max(last, 0), size)


def apply_mix(image: Image, partner: Image, mix: Mix) -> Image:
    """Both pictures, uint8 [height, width, channels] of one shape, in one."""
    if mix.box is None:
        return np.asarray(cv2.addWeighted(image, 1 - mix.share, partner, mix.share, 0)).reshape(image.shape)
    top, bottom, left, right = mix.box
    result = image.copy()
    result[top:bottom, left:right] = partner[top:bottom, left:right]
    return result
