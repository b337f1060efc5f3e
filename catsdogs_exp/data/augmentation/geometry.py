"""Geometric changes: one affine map, one interpolation.

Units and meaning follow Keras's `ImageDataGenerator` (docs/course.md, "Augmentation"): rotation and shear in degrees,
shifts as fractions of the size, zoom sampled per axis, all about the image's centre. The same parameters give the same
image, including beyond the edges, where each fill mode works as in SciPy, which Keras uses.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

_BORDER = {
    "nearest": cv2.BORDER_REPLICATE,
    "reflect": cv2.BORDER_REFLECT,
    "constant": cv2.BORDER_REPLICATE,  # pixels outside are painted over afterwards
}
_ALMOST = 1e-6  # pixels: rounding must not map the last row to the outside
_FAR = 1e6  # pixels beyond which OpenCV's coordinates overflow; there is only fill


@dataclass(frozen=True)
class Warp:
    """The parameters sampled for one image.

    Attributes:
        rotation: degrees, counterclockwise.
        shear: degrees, along the rows.
        shift_y, shift_x: fractions of height and width; above 0 the image moves up, to the left.
        zoom_y, zoom_x: factors; below 1 enlarges the image.
        flip_x, flip_y: mirror left-right, up-down.
    """

    rotation: float = 0.0
    shear: float = 0.0
    shift_y: float = 0.0
    shift_x: float = 0.0
    zoom_y: float = 1.0
    zoom_x: float = 1.0
    flip_x: bool = False
    flip_y: bool = False


@dataclass(frozen=True)
class Affine:
    """The source position of each pixel of the result, in pixels relative to the image's centre.

    `source_x = xx * x + xy * y + x0`, `source_y = yx * x + yy * y + y0`.
    """

    xx: float = 1.0
    xy: float = 0.0
    x0: float = 0.0
    yx: float = 0.0
    yy: float = 1.0
    y0: float = 0.0

    def then(self, later: "Affine") -> "Affine":
        """Returns the single map equivalent to applying this one first and `later` afterwards."""
        return Affine(
            xx=self.xx * later.xx + self.xy * later.yx,
            xy=self.xx * later.xy + self.xy * later.yy,
            x0=self.xx * later.x0 + self.xy * later.y0 + self.x0,
            yx=self.yx * later.xx + self.yy * later.yx,
            yy=self.yx * later.xy + self.yy * later.yy,
            y0=self.yx * later.x0 + self.yy * later.y0 + self.y0,
        )

    def pixels(self, height: int, width: int) -> NDArray[np.float64]:
        """Returns the same map for pixels counted from the corner: float64 [2, 3], `source = matrix @ (x, y, 1)`."""
        cx, cy = width / 2 - 0.5, height / 2 - 0.5
        x0 = self.x0 + cx - self.xx * cx - self.xy * cy
        y0 = self.y0 + cy - self.yx * cx - self.yy * cy
        return np.array(((self.xx, self.xy, x0), (self.yx, self.yy, y0)))


def affine(warp: Warp, height: int, width: int) -> Affine:
    """Returns the map of a warp; coordinates are transformed in ImageDataGenerator's order: zoom, shear, shift, rotate.

    Flips come last for the image, and therefore first for its coordinates.
    """
    a, s = math.radians(warp.rotation), math.radians(warp.shear)
    ca, sa, cs, ss = math.cos(a), math.sin(a), math.cos(s), math.sin(s)
    across = -warp.zoom_x if warp.flip_x else warp.zoom_x
    down = -warp.zoom_y if warp.flip_y else warp.zoom_y
    x, y = warp.shift_x * width, warp.shift_y * height
    return Affine(
        xx=ca * across,
        xy=-(ca * ss + sa * cs) * down,
        x0=ca * x - sa * y,
        yx=sa * across,
        yy=(ca * cs - sa * ss) * down,
        y0=sa * x + ca * y,
    )


def apply_affine(image: Image, change: Affine, fill_mode: str = "nearest", fill_value: float = 0.0) -> Image:
    """Warps an image, uint8 [height, width, channels], with bilinear interpolation; the result has the same shape and
    type.

    A pure flip only moves pixels; without any change, the same array is returned.
    """
    turned = (change.xy, change.x0, change.yx, change.y0)
    if turned == (0, 0, 0, 0) and abs(change.xx) == abs(change.yy) == 1:
        if change.xx == change.yy:
            return image if change.xx == 1 else np.asarray(cv2.flip(image, -1), np.uint8).reshape(image.shape)
        return np.asarray(cv2.flip(image, 1 if change.xx < 0 else 0), np.uint8).reshape(image.shape)
    height, width = image.shape[:2]
    matrix = change.pixels(height, width)
    if fill_mode == "wrap" or (np.abs(matrix) @ (width, height, 1)).max() > _FAR:
        warped = _sampled(image, matrix, fill_mode)
    else:
        warped = cv2.warpAffine(
            image,
            matrix,
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=_BORDER[fill_mode],
        )
    warped = warped.reshape(image.shape)  # OpenCV drops a channel axis of length one
    if fill_mode == "constant":
        x, y = _coordinates(matrix, height, width)
        outside = (x < -_ALMOST) | (x > width - 1 + _ALMOST) | (y < -_ALMOST) | (y > height - 1 + _ALMOST)
        warped[outside] = round(fill_value)
    return np.asarray(warped, dtype=np.uint8)


def _coordinates(matrix: NDArray[np.float64], height: int, width: int) -> tuple[NDArray[np.float64], ...]:
    """Returns the source position of each pixel: two float64 [height, width], x and y."""
    across, down = np.arange(width), np.arange(height)[:, None]
    (xx, xy, x0), (yx, yy, y0) = matrix.tolist()
    return xx * across + (xy * down + x0), yx * across + (yy * down + y0)


def _sampled(image: Image, matrix: NDArray[np.float64], fill_mode: str) -> Image:
    """Interpolates bilinearly at coordinates that are first mapped back into the image."""
    height, width = image.shape[:2]
    x, y = _coordinates(matrix, height, width)
    columns, rows = _inside(x, width, fill_mode), _inside(y, height, fill_mode)
    return np.asarray(cv2.remap(image, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _inside(values: NDArray[np.float64], size: int, fill_mode: str) -> NDArray[np.float32]:
    last = size - 1
    if fill_mode == "wrap" and last:
        # SciPy's period is one pixel less than the size: the first and the last pixel coincide
        turns = np.floor(values * (1 / last))
        turns[(values > -_ALMOST) & (values < last + _ALMOST)] = 0
        values = values - turns * last
    elif fill_mode == "reflect":
        values = np.abs((values - last - 0.5) % (2 * size) - size) - 0.5
    return np.asarray(np.clip(values, 0, last), dtype=np.float32)
