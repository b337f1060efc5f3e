"""Augmentation: every geometric change of a picture composed into one affine warp.

Units and meaning are those of Keras's `ImageDataGenerator` (COURSE lesson 4): rotation and shear in degrees,
shifts as shares of the size, zoom drawn for each axis, about the picture's centre.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.config.schema import Augment
from catsdogs_exp.data.randomness import sample_uniforms

_BORDER = {
    "nearest": cv2.BORDER_REPLICATE,
    "reflect": cv2.BORDER_REFLECT,
    "wrap": cv2.BORDER_WRAP,
    "constant": cv2.BORDER_CONSTANT,
}


@dataclass(frozen=True)
class Warp:
    """What was drawn for one picture.

    Attributes:
        rotation: degrees, counterclockwise.
        shear: degrees, along the rows.
        shift_y, shift_x: shares of height and width; above 0 the picture moves up, to the left.
        zoom_y, zoom_x: factors; below 1 the picture grows.
        flip_x, flip_y: mirrored left-right, up-down.
    """

    rotation: float = 0.0
    shear: float = 0.0
    shift_y: float = 0.0
    shift_x: float = 0.0
    zoom_y: float = 1.0
    zoom_x: float = 1.0
    flip_x: bool = False
    flip_y: bool = False


def changes_pictures(augment: Augment) -> bool:
    """Whether these settings change anything."""
    ranges = (
        augment.rotation_range,
        augment.width_shift_range,
        augment.height_shift_range,
        augment.shear_range,
        augment.zoom_range,
    )
    return any(ranges) or augment.horizontal_flip or augment.vertical_flip


def draw_warp(augment: Augment, seed: int, epoch: int, index: int) -> Warp:
    """The warp of image `index` in an epoch: a function of (seed, epoch, index) and nothing else."""
    u = sample_uniforms(seed, epoch, index, 8)
    spread = (2 * u - 1).tolist()  # -1..1
    return Warp(
        rotation=augment.rotation_range * spread[0],
        shift_y=augment.height_shift_range * spread[1],
        shift_x=augment.width_shift_range * spread[2],
        shear=augment.shear_range * spread[3],
        zoom_y=1 + augment.zoom_range * spread[4],
        zoom_x=1 + augment.zoom_range * spread[5],
        flip_x=augment.horizontal_flip and bool(u[6] < 0.5),
        flip_y=augment.vertical_flip and bool(u[7] < 0.5),
    )


def matrix(warp: Warp, height: int, width: int) -> NDArray[np.float64]:
    """The affine map from pixels of the result to pixels of the source.

    Returns:
        float64 [2, 3] for (x, y) coordinates: `source = matrix @ (x, y, 1)`.
    """
    a, s = np.deg2rad(warp.rotation), np.deg2rad(warp.shear)
    # (x, y, 1) coordinates about the centre, in ImageDataGenerator's order: rotate, shift, shear, zoom
    rotation = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    shift = np.array([[1, 0, warp.shift_x * width], [0, 1, warp.shift_y * height], [0, 0, 1]])
    shear = np.array([[1, -np.sin(s), 0], [0, np.cos(s), 0], [0, 0, 1]])
    zoom = np.diag([warp.zoom_x, warp.zoom_y, 1.0])
    centre_x, centre_y = width / 2 - 0.5, height / 2 - 0.5
    to_centre = np.array([[1, 0, -centre_x], [0, 1, -centre_y], [0, 0, 1]])
    back = np.array([[1, 0, centre_x], [0, 1, centre_y], [0, 0, 1]])
    flip = np.diag([-1.0 if warp.flip_x else 1.0, -1.0 if warp.flip_y else 1.0, 1.0])
    # flips come last for the picture, so first for its coordinates
    whole = back @ rotation @ shift @ shear @ zoom @ flip @ to_centre
    return np.asarray(whole[:2])


def apply_warp(
    image: NDArray[np.uint8], warp: Warp, fill_mode: str = "nearest", fill_value: float = 0.0
) -> NDArray[np.uint8]:
    """Warps a picture, uint8 [height, width, channels], with bilinear interpolation; same shape and type returned."""
    height, width = image.shape[:2]
    warped = cv2.warpAffine(
        image,
        matrix(warp, height, width),
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=_BORDER[fill_mode],
        borderValue=(fill_value,) * 4,
    )
    return np.asarray(warped, dtype=np.uint8).reshape(image.shape)  # OpenCV drops an axis of one channel
