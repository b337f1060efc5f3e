"""The operators that read files give the pixels of the project's own decoder and resizer."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from catsdogs_exp.data.images.preparing import Preparation, image_of
from catsdogs_exp.inference.export.bytes_in import preparing
from catsdogs_exp.inference.export.exif import orientation_of

TAG = 0x0112


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    sink = io.BytesIO()
    image.save(sink, kind, **options)
    return sink.getvalue()


def pixels(data: bytes, how: Preparation) -> np.ndarray:
    return preparing(how)(tf.constant([data])).numpy()[0].astype(int)


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos"])
def test_resizing(photo: Callable[..., Image.Image], resize: str, interpolation: str) -> None:
    how = Preparation((20, 24), resize, interpolation, pad_value=40)
    for size in ((70, 51), (33, 90), (11, 7)):
        data = encoded(photo(size, seed=3))
        difference = np.abs(pixels(data, how) - image_of(data, how))
        assert difference.max() <= (0 if interpolation == "nearest" else 1), size
        assert (difference > 0).mean() < 0.02


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP"])
def test_formats(photo: Callable[..., Image.Image], kind: str) -> None:
    image = photo((60, 40), seed=1).convert("P" if kind == "GIF" else "RGB")
    data, how = encoded(image, kind), Preparation((30, 30))
    assert np.abs(pixels(data, how) - image_of(data, how)).max() <= 1


def test_grey(photo: Callable[..., Image.Image]) -> None:
    data, how = encoded(photo((60, 40), seed=1)), Preparation((30, 30), channels=1)
    assert pixels(data, how).shape == (30, 30, 1)
    assert np.abs(pixels(data, how) - image_of(data, how)).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
def test_photos_are_turned_upright(photo: Callable[..., Image.Image], orientation: int, order: str) -> None:
    exif = Image.Exif()
    exif.endian = order
    exif[TAG] = orientation
    exif[0x010F] = "Maker"  # an entry before it
    data, how = encoded(photo((48, 32), seed=5), "JPEG", exif=exif, quality=95), Preparation((24, 36))
    assert orientation_of(tf.constant(data)).numpy() == orientation
    assert np.abs(pixels(data, how) - image_of(data, how)).max() <= 1


@pytest.mark.parametrize(
    "data", [b"", b"Exif\0\0", b"Exif\0\0II*\0", b"\xff\xd8Exif\0\0MM\0*\xff\xff\xff\xff" + b"\xff" * 40, b"x" * 70_000]
)
def test_nonsense_has_no_orientation(data: bytes) -> None:
    assert orientation_of(tf.constant(data)).numpy() == 1


def test_a_file_that_is_no_image_is_an_error_of_tensorflow() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError):
        pixels(b"hello", Preparation((8, 8)))
