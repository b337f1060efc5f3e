"""Resizes images to the network's size: stretched, cropped or padded, with one resampling method.

The resampling is Pillow's, computed by a faster library (Rust's fast_image_resize): within one grey level of Pillow in
each direction. Bicubic and lanczos overshoot and are clipped between the two passes, so the order of the passes
matters. It is always horizontal, then vertical, as in Pillow before version 13. If the height shrinks more than the
width, Pillow 13 goes vertically first, which differs by up to 12 levels on photos and 48 on black and white specks.
"""

import math
import threading
from collections.abc import Sequence

import cykooz_resizer as rust
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catsdogs_exp.config.schema import LoaderSettings

Box = tuple[float, float, float, float]  # left, top, width, height in pixels

_TRIES = 10
BOX_UNIFORMS = 2 * _TRIES + 2
"""Random numbers needed for a random box."""
STORED = 1.5
"""Side of the images that random boxes are cut from, as a multiple of the target's: boxes are rarely enlarged."""

_FILTERS = {
    "bilinear": rust.FilterType.bilinear,
    "bicubic": rust.FilterType.catmull_rom,  # a = -0.5, as Pillow's
    "lanczos": rust.FilterType.lanczos3,
}
_PIXELS = {1: rust.PixelType.U8, 3: rust.PixelType.U8x3}


class _OfThread(threading.local):
    """A thread's resizer; it has scratch memory and must not be shared."""

    def __init__(self) -> None:
        self.resizer = rust.Resizer()
        self.options = {
            name: rust.ResizeOptions(resize_alg=rust.ResizeAlg.convolution(kernel), use_alpha=False)
            for name, kernel in _FILTERS.items()
        }


_thread = _OfThread()


def cuts_at_random(resize: str) -> bool:
    """Returns whether training cuts a random box out of each image."""
    return resize == "random_resized_crop"


def evaluated_as(resize: str) -> str:
    """Returns the resize method without randomness, for validation, test and prediction."""
    return "crop" if cuts_at_random(resize) else resize


def evaluation_size(loader: LoaderSettings) -> tuple[int, int]:
    """Returns height and width of images for validation, test and prediction."""
    return loader.evaluation_size or loader.target_size


def trains_on_others(loader: LoaderSettings) -> bool:
    """Returns whether training starts from larger or smaller images than evaluation."""
    return cuts_at_random(loader.resize) or evaluation_size(loader) != loader.target_size


def resized(  # noqa: PLR0913  (settings of the loader, by their own names)
    pixels: NDArray[np.uint8],
    target_size: tuple[int, int],
    resize: str,
    interpolation: str,
    pad_value: float = 0.0,
    region: Box | None = None,
) -> NDArray[np.uint8]:
    """Resizes an image.

    Args:
        pixels: uint8 [h, w, 1 or 3].
        target_size: height, width.
        resize: `stretch`; `crop`, the largest centred box with the target's aspect ratio (also for
            `random_resized_crop`, whose random boxes are cut by `crop_stored`); `pad`, the whole image, centred.
        interpolation: `nearest`, or one that antialiases: `bilinear`, `bicubic`, `lanczos`.
        pad_value: 0..255, the padding with `pad`.
        region: the image's region in `pixels`: left, top, width, height. Defaults to all of it.

    Returns:
        uint8 [height, width, 1 or 3].
    """
    left, top, width, height = region or (0.0, 0.0, float(pixels.shape[1]), float(pixels.shape[0]))
    if resize == "pad":
        return _padded(pixels, target_size, interpolation, pad_value, (left, top, width, height))
    if evaluated_as(resize) == "crop":
        across, down, box_width, box_height = middle_box(height, width, target_size)
        return resample(pixels, target_size, interpolation, (left + across, top + down, box_width, box_height))
    return resample(pixels, target_size, interpolation, region)


def middle_box(height: float, width: float, target_size: tuple[int, int]) -> Box:
    """Returns the largest centred box with the target's aspect ratio."""
    ratio = target_size[1] / target_size[0]
    box_width, box_height = min(width, height * ratio), min(height, width / ratio)
    return (width - box_width) / 2, (height - box_height) / 2, box_width, box_height


def random_box(height: int, width: int, scale: Sequence[float], ratio: Sequence[float], u: NDArray[np.float64]) -> Box:
    """Samples a random box of an image, as in Inception's training (Szegedy et al., 2015) and torchvision.

    The fraction of the area, the logarithm of the aspect ratio and the position are uniform. The first of ten attempts
    that fits into the image is used, else the largest centred box with an allowed aspect ratio.

    Args:
        height, width: size of the image, in pixels.
        scale: minimum and maximum fraction of the area, in (0, 1].
        ratio: minimum and maximum width / height.
        u: float64 [BOX_UNIFORMS], in [0, 1).

    Returns:
        left, top, width, height in pixels, within the image, at least one pixel each way.
    """
    numbers = u.tolist()
    low, high = math.log(ratio[0]), math.log(ratio[1])
    for try_ in range(_TRIES):
        area = height * width * (scale[0] + numbers[2 * try_] * (scale[1] - scale[0]))
        stretch = math.exp((low + numbers[2 * try_ + 1] * (high - low)) / 2)
        box_width, box_height = math.sqrt(area) * stretch, math.sqrt(area) / stretch
        if box_width <= width and box_height <= height:
            across, down = numbers[-2:]
            break
    else:
        across = down = 0.5
        box_width = min(width, height * ratio[1])
        box_height = min(height, width / ratio[0])
    box_width, box_height = max(1.0, box_width), max(1.0, box_height)
    return across * (width - box_width), down * (height - box_height), box_width, box_height


def stored_size(target_size: tuple[int, int]) -> tuple[int, int]:
    """Returns height and width of the stored images that random boxes are cut from."""
    return math.ceil(STORED * target_size[0]), math.ceil(STORED * target_size[1])


def crop_stored(
    stored: NDArray[np.uint8], width: int, height: int, loader: LoaderSettings, u: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """Cuts a random box out of an image stored at `stored_size`.

    Args:
        stored: uint8 [h, w, channels].
        width, height: size of the upright original: the box is sampled in its aspect ratio.
        loader: target size, crop_scale, crop_ratio and interpolation.
        u: float64 [BOX_UNIFORMS], in [0, 1).

    Returns:
        uint8 [height, width, channels] at the loader's target size.
    """
    left, top, box_width, box_height = random_box(height, width, loader.crop_scale, loader.crop_ratio, u)
    down, across = stored.shape[0] / height, stored.shape[1] / width
    box = (left * across, top * down, box_width * across, box_height * down)
    return resample(stored, loader.target_size, loader.interpolation, box)


def grey(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Converts RGB, uint8 [h, w, 3], to grey, uint8 [h, w, 1] (ITU-R 601 luma, rounded as in Pillow)."""
    return np.asarray(Image.fromarray(pixels).convert("L"), dtype=np.uint8)[..., None]


def resample(
    pixels: NDArray[np.uint8], target_size: tuple[int, int], interpolation: str, box: Box | None = None
) -> NDArray[np.uint8]:
    """Stretches an image, or a box of it, to a size.

    Args:
        pixels: uint8 [h, w, 1 or 3].
        target_size: height, width.
        interpolation: `nearest`, `bilinear`, `bicubic` or `lanczos`; all but nearest antialias when shrinking.
        box: left, top, width, height in pixels; parts beyond the image due to rounding are ignored.

    Returns:
        uint8 [height, width, 1 or 3]; read-only, perhaps `pixels` itself.
    """
    height, width = pixels.shape[:2]
    left, top, box_width, box_height = (0.0, 0.0, width, height) if box is None else _inside(box, height, width)
    whole = (left, top, box_width, box_height) == (0, 0, width, height)
    if whole and (height, width) == target_size:
        return pixels
    if interpolation == "nearest":
        image = Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[..., 0])
        limits = (left, top, left + box_width, top + box_height)
        image = image.resize(target_size[::-1], Image.Resampling.NEAREST, box=limits)
        return np.asarray(image, dtype=np.uint8).reshape(*target_size, -1)
    kind = _PIXELS[pixels.shape[2]]
    source = rust.ImageData(width, height, kind, pixels.tobytes())
    if interpolation != "bilinear":
        # These overshoot and are clipped between the two passes, so the order matters: horizontal, then vertical.
        between = rust.ImageData(target_size[1], height, kind)
        across = None if whole else rust.CropBox(left, 0, box_width, height)
        _thread.resizer.resize(source, between, _options(interpolation, across))
        source, left, box_width = between, 0.0, target_size[1]
    result = rust.ImageData(target_size[1], target_size[0], kind)
    part = None if whole else rust.CropBox(left, top, box_width, box_height)
    _thread.resizer.resize(source, result, _options(interpolation, part))
    return np.frombuffer(result.get_buffer(), dtype=np.uint8).reshape(*target_size, -1)


def _options(interpolation: str, box: rust.CropBox | None) -> rust.ResizeOptions:
    options = _thread.options[interpolation]
    if box is not None:
        options = options.copy()
        options.crop_box = box
    return options


def _inside(box: Box, height: int, width: int) -> Box:
    left, box_width = _within(box[0], box[2], width)
    top, box_height = _within(box[1], box[3], height)
    return left, top, box_width, box_height


def _within(start: float, length: float, limit: int) -> tuple[float, float]:
    """Returns a start and length that end at or before `limit`, even in the library's arithmetic."""
    start = max(0.0, start)
    length = min(length, limit - start)
    while start + length > limit:
        length = math.nextafter(length, 0)
    return start, length


def _padded(
    pixels: NDArray[np.uint8], target_size: tuple[int, int], interpolation: str, pad_value: float, region: Box
) -> NDArray[np.uint8]:
    width, height = region[2:]
    factor = min(target_size[0] / height, target_size[1] / width)
    inner = (
        min(target_size[0], max(1, round(height * factor))),
        min(target_size[1], max(1, round(width * factor))),
    )
    result = np.full((*target_size, pixels.shape[2]), round(pad_value), dtype=np.uint8)
    top, left = (target_size[0] - inner[0]) // 2, (target_size[1] - inner[1]) // 2
    result[top : top + inner[0], left : left + inner[1]] = resample(pixels, inner, interpolation, region)
    return result
