"""Damaged files never crash, hang or exhaust memory, and what inspection calls usable decodes for training."""

import io
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from catsdogs_exp.data.images.decoding import Undecodable, decode
from catsdogs_exp.data.images.preparing import Preparation, read_image
from catsdogs_exp.data.inspection.inspect import inspect_file

pytestmark = pytest.mark.filterwarnings("ignore")  # as in a run

SECONDS = 20.0  # of a few decodings: one damaged header asks for 50 million pixels
MEGABYTES = 1200  # likewise: Pillow keeps four copies of its canvas
REASONS = ("empty", "not an image", "truncated", "undecodable", "too large")


@lru_cache(maxsize=1)
def good_files() -> dict[str, bytes]:
    """Small files of every format that is read, in the ways that their formats know."""
    noise = np.random.default_rng(0).integers(0, 256, (2, 6, 8, 3), dtype=np.uint8)
    image, other = (Image.fromarray(small).resize((96, 80), Image.Resampling.BICUBIC) for small in noise)
    large = image.resize((300, 270))  # inspection decodes it at an eighth of its size, the others at a half
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a cat"
    pages: dict[str, Any] = {}
    kinds: dict[str, tuple[Image.Image, str, dict[str, Any]]] = {
        "jpeg": (image, "JPEG", {}),
        "jpeg progressive": (image, "JPEG", {"progressive": True}),
        "jpeg large": (large, "JPEG", {}),
        "jpeg large progressive": (large, "JPEG", {"progressive": True}),
        "jpeg exif": (image, "JPEG", {"exif": exif, "quality": 90, "subsampling": 0}),
        "jpeg grey": (image.convert("L"), "JPEG", {}),
        "jpeg cmyk": (image.convert("CMYK"), "JPEG", {}),
        "jpeg restart": (image, "JPEG", {"restart_marker_rows": 1}),
        "mpo": (image, "MPO", pages),
        "png": (image, "PNG", {}),
        "png palette": (image.quantize(16), "PNG", {"transparency": 3}),
        "png alpha": (image.convert("RGBA"), "PNG", {"exif": exif}),
        "png 16": (Image.fromarray(np.arange(1920, dtype=np.uint16).reshape(40, 48) * 34), "PNG", {}),
        "png animated": (image, "PNG", pages),
        "gif": (image, "GIF", {}),
        "gif animated": (image, "GIF", pages),
        "bmp": (image, "BMP", {}),
        "bmp palette": (image.quantize(16), "BMP", {}),
        "dib": (image, "DIB", {}),
        "webp": (image, "WEBP", {"exif": exif}),
        "webp lossless": (image.convert("RGBA"), "WEBP", {"lossless": True}),
        "webp animated": (image, "WEBP", pages),
        "tiff": (image, "TIFF", {}),
        "tiff lzw": (image, "TIFF", {"compression": "tiff_lzw"}),
        "tiff deflate": (image, "TIFF", {"compression": "tiff_adobe_deflate"}),
        "tiff packbits": (image.convert("L"), "TIFF", {"compression": "packbits"}),
        "tiff jpeg": (image, "TIFF", {"compression": "jpeg"}),
        "tiff group4": (image.convert("1"), "TIFF", {"compression": "group4"}),
        "tiff pages": (image, "TIFF", pages),
    }
    files = {}
    for name, (picture, kind, options) in kinds.items():
        file = io.BytesIO()
        # copies: Pillow keeps an encoder's settings in the picture that it saves
        more = {"save_all": True, "append_images": [other.copy()]} if options is pages else options
        picture.copy().save(file, kind, **more)
        files[name] = file.getvalue()
    return files


def flipped(data: bytes, rng: random.Random) -> bytes:
    """Up to eight bits, half of them in the first bytes, where sizes and offsets stand."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        place = rng.randrange(min(len(data), 64)) if rng.random() < 0.5 else rng.randrange(len(data))
        changed[place] ^= 1 << rng.randrange(8)
    return bytes(changed)


def cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def spliced(data: bytes, rng: random.Random) -> bytes:
    other = rng.choice(list(good_files().values()))
    return data[: rng.randrange(len(data))] + other[rng.randrange(len(other)) :]


def beheaded(data: bytes, rng: random.Random) -> bytes:
    """The first bytes of another format before the rest."""
    other = rng.choice(list(good_files().values()))
    size = rng.randint(1, 32)
    return other[:size] + data[size:]


def holed(data: bytes, rng: random.Random) -> bytes:
    """A stretch of zeros, ones or noise."""
    start, size = rng.randrange(len(data)), rng.randint(1, 64)
    hole = rng.choice([bytes(size), b"\xff" * size, rng.randbytes(size)])
    return data[:start] + hole + data[start + size :]


def shifted(data: bytes, rng: random.Random) -> bytes:
    """Some bytes gone, or doubled."""
    start, size = rng.randrange(len(data)), rng.randint(1, 16)
    if rng.random() < 0.5:
        return data[:start] + data[start + size :]
    return data[: start + size] + data[start:]


DAMAGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (flipped, cut, spliced, beheaded, holed, shifted)


def damaged_files(count: int) -> Iterator[tuple[str, bytes]]:
    """As many files, each format and damage in turn; the same every time."""
    names = list(good_files())
    for number in range(count):
        rng = random.Random(number)
        name, damage = names[number % len(names)], DAMAGES[number // len(names) % len(DAMAGES)]
        yield f"{number} {name} {damage.__name__}", damage(good_files()[name], rng)


def _peak() -> float:
    """MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def inspect_all(count: int, path: Path) -> Counter[str]:
    before = _peak()
    found: Counter[str] = Counter()
    for name, data in damaged_files(count):
        path.write_bytes(data)
        started = time.process_time()
        verdict = inspect_file(path)
        try:
            image = decode(data)
        except Undecodable as error:
            assert verdict.reason == str(error), name
        else:
            assert verdict.reason == "", name  # a good picture is not thrown away either
            assert image.size == (verdict.width, verdict.height), name
            del image  # the largest is 200 MB
            pixels = read_image(path, Preparation((16, 16)))
            assert (pixels.shape, pixels.dtype) == ((16, 16, 3), np.uint8), name
        assert verdict.reason in ("", *REASONS) or verdict.reason.startswith("unsupported format: "), name
        assert "\n" not in verdict.note, name
        assert time.process_time() - started < SECONDS, name  # of the processor: the machine may have other work
        found[verdict.reason] += 1
    assert _peak() - before < MEGABYTES
    return found


def test_the_good_files_are_usable(tmp_path: Path) -> None:
    for name, data in good_files().items():
        path = tmp_path / "file"
        path.write_bytes(data)
        assert inspect_file(path).reason == "", name


def test_damaged_files_are_usable_or_have_a_reason(tmp_path: Path) -> None:
    found = inspect_all(348, tmp_path / "file")
    assert found[""] > 30
    assert found["truncated"] + found["undecodable"] > 60


@pytest.mark.slow
def test_ten_thousand_damaged_files_are_usable_or_have_a_reason(tmp_path: Path) -> None:
    found = inspect_all(10_000, tmp_path / "file")
    assert sum(found.values()) == 10_000
    assert found[""] > 1000


@pytest.mark.parametrize(
    "name",
    [
        "jpeg",
        "jpeg progressive",
        "jpeg large",
        "jpeg large progressive",
        "jpeg exif",
        "jpeg grey",
        "jpeg cmyk",
        "jpeg restart",
        "mpo",
    ],
)
def test_every_prefix_of_a_jpeg_has_one_verdict(name: str, tmp_path: Path) -> None:
    """Inspection decodes JPEGs at a smaller scale: at every cut it has to agree with the full decoder."""
    data = good_files()[name]
    for end in range(1, len(data), max(1, len(data) // 400)):
        path = tmp_path / "file"
        path.write_bytes(data[:end])
        try:
            decode(data[:end])
            expected = ""
        except Undecodable as error:
            expected = str(error)
        assert inspect_file(path).reason == expected, end
