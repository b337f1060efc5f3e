"""Half-downloaded, zero-filled and patched JPEGs: what libjpeg warns of counts, and harmless bytes cost no photo."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catsdogs_exp.__main__ import main
from catsdogs_exp.data.images import jpeg
from catsdogs_exp.data.images.decoding import Undecodable, decode, examine, pixels

END = b"\xff\xd9"
EXIF = Image.Exif()
EXIF[0x0112] = 6
KINDS: dict[str, tuple[str, dict[str, object]]] = {
    "colour": ("RGB", {}),
    "progressive": ("RGB", {"progressive": True}),
    "grey": ("L", {}),
    "grey progressive": ("L", {"progressive": True}),
    "cmyk": ("CMYK", {}),
    "turned": ("RGB", {"exif": EXIF}),
    "restart": ("RGB", {"restart_marker_rows": 1}),
    "profile": ("RGB", {"icc_profile": b"no profile"}),
}


def whole(kind: str = "colour") -> bytes:
    mode, options = KINDS[kind]
    noise = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    image = Image.fromarray(noise).resize((400, 300), Image.Resampling.BICUBIC)
    speckled = np.asarray(image) ^ np.random.default_rng(1).integers(0, 32, (300, 400, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(speckled).convert(mode).save(file, "JPEG", quality=90, **options)
    return file.getvalue()


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def verdict(data: bytes) -> str:
    """The reason or, in brackets, the note; the same by every way."""
    try:
        seen = examine(data, None, 32)
    except Undecodable as error:
        for way in (decode, pixels):
            with pytest.raises(Undecodable) as caught:
                way(data)
            assert str(caught.value) == str(error)
        return str(error)
    assert np.array_equal(pixels(data), np.asarray(decode(data)))
    return f"({seen.note})"


@pytest.mark.parametrize("kind", KINDS)
def test_half_a_picture_is_truncated_whatever_stands_at_its_end(kind: str) -> None:
    cut = half(whole(kind))
    for ending in (b"", END, b"\0" * 100 + END, b"\0" * len(cut), END + b"\0" * 5000):
        assert verdict(cut + ending) in ("truncated", "(corrupt JPEG data: extraneous bytes)"), ending
    for share in (0.5, 0.75, 0.95):
        assert verdict(whole(kind)[: int(share * len(whole(kind)))] + END) == "truncated"


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_too_many_cost_no_picture(kind: str) -> None:
    data = whole(kind)
    expected = pixels(data)
    for count in (99, 2226):
        extra = data[:-2] + b"\x11" * count + END
        assert "corrupt JPEG data: extraneous bytes" in verdict(extra)
        assert np.array_equal(pixels(extra), expected)
    behind = data + b"\0" * 5000
    assert "corrupt" not in verdict(behind)
    assert np.array_equal(pixels(behind), expected)


def test_only_the_end_marker_missing_is_truncated() -> None:
    assert verdict(whole()[:-2]) == "truncated"


def test_garbage_inside_is_noted_or_refused() -> None:
    data, junk = whole(), np.random.default_rng(0).integers(0, 255, 3000, dtype=np.uint8).tobytes()
    middle = len(data) // 2
    for patched in (
        data[:middle] + junk + data[middle + 3000 :],
        data[:middle] + b"\0" * 3000 + data[middle + 3000 :],
        data[:middle] + b"\0" * (len(data) - middle - 2) + END,
    ):
        assert verdict(patched).startswith(("(corrupt JPEG data: ", "truncated", "undecodable"))


def test_an_unknown_version_of_jfif_hides_nothing() -> None:
    """libjpeg tells its first warning only, and of photos of the Kaggle set this is the first."""
    data = whole()
    at = data.index(b"JFIF\0") + 5
    odd = data[:at] + b"\0\0" + data[at + 2 :]
    assert verdict(odd) == "()"
    assert verdict(half(odd) + END) == "truncated"
    assert verdict(odd[:-2] + b"\x11" * 99 + END) == "(corrupt JPEG data: extraneous bytes)"


def test_a_grey_end_is_no_fault() -> None:
    image = Image.new("RGB", (64, 64), (128, 128, 128))
    image.paste((200, 10, 10), (0, 0, 64, 20))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=95)
    assert verdict(file.getvalue()) == "()"
    assert verdict(file.getvalue()[:-2] + b"\x11" * 99 + END) == "(corrupt JPEG data: extraneous bytes)"


def frame(data: bytes, marker: int, precision: int) -> bytes:
    """The same with another kind of frame."""
    at = data.index(b"\xff\xc0")
    return data[: at + 1] + bytes([marker]) + data[at + 2 : at + 4] + bytes([precision]) + data[at + 5 :]


@pytest.mark.parametrize(
    ("marker", "precision", "name"),
    [(0xC1, 12, "12-bit JPEG"), (0xC1, 16, "16-bit JPEG"), (0xC3, 8, "lossless JPEG"), (0xC5, 8, "hierarchical JPEG")],
)
def test_kinds_of_jpeg_that_are_not_read_are_named(marker: int, precision: int, name: str) -> None:
    assert verdict(frame(whole(), marker, precision)) == f"unsupported format: {name}"
    assert jpeg.unread_kind(whole()) is None


def test_inspection_tells_of_a_cut_photo_with_an_end(
    photo_folder: Callable[..., Path], cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = photo_folder({"cats": 4, "dogs": 4})
    (root / "cats" / "half_then_eoi.jpg").write_bytes(half(whole()) + END)
    (root / "cats" / "extraneous.jpg").write_bytes(whole()[:-2] + b"\x11" * 99 + END)
    assert main(["inspect", str(root)]) == 0
    said = capsys.readouterr().out
    assert "cats/half_then_eoi.jpg: truncated" in said
    assert "1  corrupt JPEG data: extraneous bytes" in said
    assert "1 bad" in said and "1 odd" in said


def test_no_real_photo_is_lost(real_photos: Path) -> None:
    with zipfile.ZipFile(real_photos) as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")]
        assert len(names) == 3000
        for name in names[::25]:
            data = archive.read(name)
            assert verdict(data) == "()"
            assert verdict(half(data) + END) == "truncated"


@pytest.mark.parametrize("quality", [20, 30, 50, 75, 90, 100])
def test_the_quality_of_a_jpeg_is_read_from_its_tables(quality: int, photo) -> None:
    content = io.BytesIO()
    photo((40, 30)).save(content, "JPEG", quality=quality)
    assert abs(jpeg.quality_of(content.getvalue()) - quality) <= 1
    assert examine(content.getvalue(), None, 32).quality == jpeg.quality_of(content.getvalue())
    for cut in range(0, 200, 7):  # a file that ends anywhere
        assert 0 <= jpeg.quality_of(content.getvalue()[:cut]) <= 100


def test_what_is_no_jpeg_has_no_quality(photo) -> None:
    content = io.BytesIO()
    photo((40, 30)).save(content, "PNG")
    assert jpeg.quality_of(content.getvalue()) == 0
