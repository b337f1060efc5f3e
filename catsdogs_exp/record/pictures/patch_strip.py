"""A channel's patches side by side: those that excite it most, then some from the middle of its range."""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from catsdogs_exp.insight.atlas import Channel, LayerAtlas, Patch
from catsdogs_exp.record.pictures.contact_sheet import BACKGROUND, as_picture, fitted, write

TILE = 56
_GAP, _BREAK = 2, 10
_TEXT = 190
_QUALITY = 80
_OUTSIDE = 200  # grey beyond the edge of the image


def patch_strip(channel: Channel, pixels: NDArray[np.uint8]) -> Image.Image:
    """Draws the strongest patches, a gap, and those from the middle of the range, each `TILE` pixels wide.

    Args:
        channel: of an atlas.
        pixels: uint8 [n, height, width, 3 or 1], the atlas' images.
    """
    groups = [channel.strongest, channel.middling]
    width = sum(len(group) * (TILE + _GAP) for group in groups) + _BREAK - _GAP
    strip = Image.new("RGB", (max(width, 1), TILE), BACKGROUND)
    x = 0
    for group in groups:
        for patch in group:
            strip.paste(_tile(patch, pixels), (x, 0))
            x += TILE + _GAP
        x += _BREAK - _GAP
    return strip


def strip_as_jpeg(channel: Channel, pixels: NDArray[np.uint8]) -> bytes:
    """Returns `patch_strip` as a JPEG."""
    content = io.BytesIO()
    patch_strip(channel, pixels).save(content, "JPEG", quality=_QUALITY)
    return content.getvalue()


def layer_sheet(layer: LayerAtlas, channels: Sequence[Channel], pixels: NDArray[np.uint8]) -> Image.Image:
    """Draws the strips of some channels in rows, each with its number, use and part."""
    strips = [patch_strip(channel, pixels) for channel in channels]
    width = _TEXT + max([strip.width for strip in strips], default=1)
    sheet = Image.new("RGB", (width, max(1, len(strips) * (TILE + 4))), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for number, (channel, strip) in enumerate(zip(channels, strips, strict=True)):
        y = number * (TILE + 4)
        lines = [f"channel {channel.number}", f"use {channel.use:+.3f}"]
        if channel.part:
            lines.append(f"{channel.part} {channel.iou:.2f}")
        for place, line in enumerate(lines):
            write(draw, (4, y + 2 + 17 * place), fitted(draw, line, _TEXT - 8))
        sheet.paste(strip, (_TEXT, y))
    return sheet


def _tile(patch: Patch, pixels: NDArray[np.uint8]) -> Image.Image:
    """Returns the receptive field, grey beyond the image's edge; at most the whole image."""
    image = pixels[patch.image]
    height, width = image.shape[:2]
    left, top, right, bottom = patch.box
    if right - left >= width and bottom - top >= height:
        left, top, right, bottom = 0, 0, width, height
    cut = np.full((bottom - top, right - left, image.shape[2]), _OUTSIDE, np.uint8)
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
    if x1 > x0 and y1 > y0:
        cut[y0 - top : y1 - top, x0 - left : x1 - left] = image[y0:y1, x0:x1]
    small = max(cut.shape[:2]) < TILE
    return as_picture(cut).resize((TILE, TILE), Image.Resampling.NEAREST if small else Image.Resampling.BOX)
