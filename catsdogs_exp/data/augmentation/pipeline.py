"""Applies sampled parameters: one warp, then colours, detail, and erasing last."""

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.config.schema import Augment
from catsdogs_exp.data.augmentation import colour, detail
from catsdogs_exp.data.augmentation.custom import apply_custom
from catsdogs_exp.data.augmentation.geometry import affine, apply_affine
from catsdogs_exp.data.augmentation.policies import apply_colour, geometry_of
from catsdogs_exp.data.augmentation.sampling import Drawn

Image = NDArray[np.uint8]


def apply(image: Image, drawn: Drawn, augment: Augment) -> Image:
    """Applies the sampled changes to an image.

    Args:
        image: uint8 [height, width, channels], 3 channels or 1. It is not modified.
        drawn: the changes.
        augment: how to fill the exterior and erased regions.

    Returns:
        uint8 of the same shape; the same array if nothing changes.
    """
    height, width = image.shape[:2]
    change = affine(drawn.warp, height, width)
    for done in drawn.operations:  # the policy's geometry goes into the same warp, which avoids a second interpolation
        further = geometry_of(done, height, width)
        change = change.then(further) if further else change
    image = apply_affine(image, change, augment.fill_mode, augment.fill_value)
    # channel shift before brightness: ImageDataGenerator's order
    if drawn.channel_shift:
        image = colour.channel_shift(image, drawn.channel_shift)
    if drawn.brightness != 1:
        image = colour.brightness(image, drawn.brightness)
    if drawn.contrast != 1:
        image = colour.contrast(image, drawn.contrast)
    if drawn.saturation != 1:
        image = colour.saturation(image, drawn.saturation)
    if drawn.hue:
        image = colour.hue(image, drawn.hue)
    if drawn.grey:
        image = colour.greyscale(image)
    for done in drawn.operations:
        image = apply_colour(image, done)
    if drawn.blur:
        image = detail.blur(image, drawn.blur)
    if drawn.noise:
        image = detail.add_noise(image, drawn.noise, drawn.noise_key)
    if drawn.erased:
        image = detail.erase(image, drawn.erased, augment.erased_value)
    if drawn.cut:
        image = detail.cut_out(image, drawn.cut, augment.erased_value)
    for own in drawn.custom:
        image = apply_custom(image, own)
    return image
