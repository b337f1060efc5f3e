"""Images for pages."""

import base64
import io
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from catsdogs_exp.report.thumbnails import SIDE, thumbnail


def test_a_thumbnail_is_small_and_upright(photo: Callable[..., Image.Image], tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    photo((900, 600)).save(tmp_path / "1.jpg", exif=exif)
    made = thumbnail(tmp_path / "1.jpg", "1.jpg", ["a line"], marked=True)
    with Image.open(io.BytesIO(base64.b64decode(made.uri.partition(",")[2]))) as image:
        assert (image.format, image.size) == ("JPEG", (107, SIDE))
    assert (made.width, made.height) == (107, SIDE)
    assert (made.name, made.lines, made.marked, made.problem) == ("1.jpg", ("a line",), True, "")


def test_what_cannot_be_shown_says_why(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_bytes(b"no picture")
    for name, problem in (("text.jpg", "not an image"), ("gone.jpg", "No such file or directory")):
        made = thumbnail(tmp_path / name, name)
        assert (made.uri, made.width, made.problem) == ("", 0, problem)
