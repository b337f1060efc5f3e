"""Images for pages: small JPEGs as data URIs, with captions."""

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from catsdogs_exp.data.images import decoding

SIDE = 160
"""Pixels of a thumbnail's longer side."""

_QUALITY = 75


@dataclass(frozen=True)
class Thumbnail:
    """An image on a page.

    Attributes:
        name: its path, as shown to people.
        uri: a data URI; `""` if there is nothing to show.
        width, height: of the thumbnail, in pixels; 0 without one.
        problem: why there is none: `truncated`, `No such file or directory`, ...
        lines: the caption, above its name.
        marked: whether it is framed.
    """

    name: str
    uri: str = ""
    width: int = 0
    height: int = 0
    problem: str = ""
    lines: tuple[str, ...] = ()
    marked: bool = False


@dataclass(frozen=True)
class ThumbnailRow:
    """Thumbnails that belong together, under a title."""

    title: str
    thumbnails: list[Thumbnail]


def thumbnail(file: Path, name: str, lines: Iterable[str] = (), marked: bool = False, side: int = SIDE) -> Thumbnail:
    """Decodes an image file and shrinks it; a file that does not decode becomes a thumbnail with a `problem`."""
    try:
        data = file.read_bytes()
        examined = decoding.examine(data, None, side)
        image = decoding.decode(data) if examined.peak else examined.small  # more than 8 bits: not by its own range
    except decoding.Undecodable as error:
        return Thumbnail(name, problem=str(error), lines=tuple(lines), marked=marked)
    except OSError as error:
        return Thumbnail(name, problem=error.strerror or str(error), lines=tuple(lines), marked=marked)
    image.thumbnail((side, side))
    content = io.BytesIO()
    image.save(content, "JPEG", quality=_QUALITY)
    uri = f"data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode()}"
    return Thumbnail(name, uri, image.width, image.height, lines=tuple(lines), marked=marked)
