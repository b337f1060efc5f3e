"""The page of a run's channel atlas."""

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.insight.atlas import Channel, LayerAtlas
from catsdogs_exp.insight.visualization import Vision
from catsdogs_exp.record.pictures.contact_sheet import as_picture
from catsdogs_exp.record.pictures.encoding import png_of
from catsdogs_exp.record.pictures.patch_strip import TILE, strip_as_jpeg
from catsdogs_exp.report import page

SHOWN = 64  # channels per layer; the others are in channels.csv
_SIDE = 112  # pixels of a feature visualisation


@dataclass(frozen=True)
class ShownChannel:
    """A channel on the page.

    Attributes:
        number: in its layer.
        uri: its patches, a data URI.
        width: of the strip, in pixels.
        use: the accuracy lost without it.
        losses: class name and probability lost, largest first.
        make_up: class name and fraction of the strongest images, largest first.
        top_class: the most frequent class among its strongest images.
        part: its name, or `""`.
        closest: the closest part with its IoU and that of the untrained network, as text; `""` without masks.
    """

    number: int
    uri: str
    width: int
    use: float
    losses: tuple[tuple[str, float], ...]
    make_up: tuple[tuple[str, float], ...]
    top_class: str
    part: str
    closest: str


@dataclass(frozen=True)
class LayerSection:
    """A layer on the page, with the number of channels not shown."""

    name: str
    shape: str
    field: str
    used_images: int
    channels: tuple[ShownChannel, ...]
    dead: int
    unused: int
    more: int


@dataclass(frozen=True)
class AtlasContent:
    """The content of the page besides its layers.

    Attributes:
        title: the heading.
        notes: paragraphs at the top.
        classes: names.
        masked: whether there were masks.
        visions: feature visualisations, drawn by gradient ascent.
    """

    title: str
    notes: tuple[str, ...]
    classes: tuple[str, ...]
    masked: bool
    visions: tuple[Vision, ...] = ()


@dataclass(frozen=True)
class ShownVision:
    """What excites a channel, with its strongest activation in an image for comparison."""

    layer: str
    number: int
    uri: str
    size: str
    answer: float
    strongest: float
    part: str


def write_page(layers: Sequence[LayerAtlas], pixels: NDArray[np.uint8], content: AtlasContent, path: Path) -> None:
    """Writes the page.

    Args:
        layers: the atlas.
        pixels: uint8 [n, height, width, 3 or 1], its images.
        content: the rest of the page's content.
        path: of the file.

    Raises:
        BadInput: if it cannot be written.
    """
    shown = [_layer(layer, pixels, content.classes) for layer in layers]
    parts = sorted({channel.part for layer in shown for channel in layer.channels if channel.part})
    html = page.render(
        "atlas.html.j2",
        scripts=("atlas.js",),
        title=content.title,
        notes=content.notes,
        layers=shown,
        classes=content.classes,
        parts=parts,
        masked=content.masked,
        tile=TILE,
        visions=_visions(layers, content.visions),
        side=_SIDE,
    )
    page.write(html, path)


def _visions(layers: Sequence[LayerAtlas], visions: Sequence[Vision]) -> list[ShownVision]:
    channels = {(layer.name, channel.number): channel for layer in layers for channel in layer.channels}
    shown = []
    for vision in visions:
        channel = channels[vision.layer, vision.channel]
        height, width = vision.pixels.shape[:2]
        shown.append(
            ShownVision(
                vision.layer,
                vision.channel,
                f"data:image/png;base64,{base64.b64encode(png_of(as_picture(vision.pixels))).decode()}",
                f"{width} x {height} pixels",
                vision.answer,
                max((patch.answer for patch in channel.strongest), default=math.nan),
                channel.part,
            )
        )
    return shown


def _layer(layer: LayerAtlas, pixels: NDArray[np.uint8], classes: Sequence[str]) -> LayerSection:
    used, unused = layer.used, layer.unused
    height, width, count = layer.shape
    field = layer.field
    size = f"{field.columns.size} x {field.rows.size} pixels" if field else "the whole image"
    return LayerSection(
        layer.name,
        f"{height} x {width}, {count} channels",
        size,
        layer.used_images,
        tuple(_channel(channel, pixels, classes) for channel in used[:SHOWN]),
        dead=len(layer.channels) - len(used) - len(unused),
        unused=len(unused),
        more=max(0, len(used) - SHOWN),
    )


def _channel(channel: Channel, pixels: NDArray[np.uint8], classes: Sequence[str]) -> ShownChannel:
    content = strip_as_jpeg(channel, pixels)
    losses = [
        (name, lost) for name, lost in zip(classes, channel.probability_lost, strict=True) if not math.isnan(lost)
    ]
    make_up = [(name, share) for name, share in zip(classes, channel.make_up, strict=True) if share]
    closest = ""
    if channel.closest_part and not math.isnan(channel.iou):
        closest = f"{channel.closest_part}: IoU {channel.iou:.2f}, untrained {channel.iou_untrained:.2f}"
    return ShownChannel(
        channel.number,
        f"data:image/jpeg;base64,{base64.b64encode(content).decode()}",
        (len(channel.strongest) + len(channel.middling)) * (TILE + 2) + 6,
        channel.use,
        tuple(sorted(losses, key=lambda pair: -abs(pair[1]))[:5]),
        tuple(sorted(make_up, key=lambda pair: -pair[1])[:5]),
        classes[channel.top_class],
        channel.part,
        closest,
    )
