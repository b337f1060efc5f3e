"""The quick look at an ordinary JPEG agrees with Pillow, about good files and bad ones."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from catsdogs_exp.data.images import jpeg as short_way
from catsdogs_exp.data.images.decoding import MAX_PIXELS, Examined, Undecodable, examine


def jpeg(width: int, height: int, mode: str = "RGB", **settings: object) -> bytes:
    ramp = np.add.outer(np.arange(height) * 3, np.arange(width) * 2) % 256
    pixels = np.stack([ramp, ramp.T[:1].repeat(height, 0)[:, :1].repeat(width, 1), 255 - ramp], axis=-1)
    handle = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).convert(mode).save(handle, "JPEG", **settings)
    return handle.getvalue()


def both(data: bytes, suffix: str = ".jpg", at_least: int = 32, max_pixels: int = MAX_PIXELS) -> tuple[object, object]:
    """What is said with the short way, and without it."""
    said = []
    quick = short_way.header_of
    for way in (quick, lambda _: None):
        short_way.header_of = way
        try:
            found: object = examine(data, suffix, at_least, max_pixels)
        except Undecodable as error:
            found = str(error)
        finally:
            short_way.header_of = quick
        said.append(found)
    return said[0], said[1]


def same(one: object, other: object) -> bool:
    if not isinstance(one, Examined) or not isinstance(other, Examined):
        return one == other
    plain = [(each.width, each.height, each.kind, each.mode, each.note) for each in (one, other)]
    return plain[0] == plain[1] and np.array_equal(np.asarray(one.small), np.asarray(other.small))


@given(
    width=st.integers(1, 400),
    height=st.integers(1, 400),
    mode=st.sampled_from(["RGB", "L", "CMYK"]),
    quality=st.integers(1, 100),
    subsampling=st.sampled_from([0, 1, 2]),
    progressive=st.booleans(),
    suffix=st.sampled_from([".jpg", ".JPEG", ".png", ""]),
)
def test_any_jpeg_looks_the_same(
    width: int, height: int, mode: str, quality: int, subsampling: int, progressive: bool, suffix: str
) -> None:
    data = jpeg(width, height, mode, quality=quality, subsampling=subsampling, progressive=progressive)
    assert same(*both(data, suffix))


@given(st.binary(min_size=1, max_size=8), st.floats(0.02, 0.999))
def test_a_damaged_one_is_refused_or_looks_the_same(junk: bytes, place: float) -> None:
    """What the short way cannot read without a warning, Pillow decides."""
    data = bytearray(jpeg(90, 70))
    at = int(place * len(data))
    assert same(*both(bytes(data[:at])))
    data[at : at + len(junk)] = junk
    assert same(*both(bytes(data)))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_ones_look_the_same(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = jpeg(60, 40, exif=exif)
    found, expected = both(data)
    assert same(found, expected) and isinstance(found, Examined)
    assert (found.width, found.height) == ((60, 40) if orientation < 5 else (40, 60))
    assert ("EXIF orientation" in found.note) == (orientation > 1)


def test_several_pictures_in_one_are_not_taken_for_one() -> None:
    handle = io.BytesIO()
    pictures = [Image.new("RGB", (50, 40), colour) for colour in ("red", "blue")]
    pictures[0].save(handle, "MPO", save_all=True, append_images=pictures[1:])
    found, expected = both(handle.getvalue())
    assert same(found, expected) and isinstance(found, Examined) and found.kind == "MPO"


def test_the_limit_of_pixels_holds() -> None:
    assert both(jpeg(50, 40), max_pixels=1999) == ("too large", "too large")
    assert isinstance(both(jpeg(50, 40), max_pixels=2000)[0], Examined)


def test_all_real_photos_look_the_same(real_photos: Path) -> None:
    with zipfile.ZipFile(real_photos) as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")][::10]
        assert len(names) == 300
        assert all(same(*both(archive.read(name))) for name in names)
