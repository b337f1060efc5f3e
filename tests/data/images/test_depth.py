"""Images with more than eight bits: every type against the grey levels it means, alone and in a data set."""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from catsdogs_exp.__main__ import main
from catsdogs_exp.config.schema import Config
from catsdogs_exp.data.images import depth
from catsdogs_exp.data.images.decoding import Undecodable, decode, examine, pixels
from catsdogs_exp.data.images.pixels import open_pixels
from catsdogs_exp.data.manifest import Manifest
from catsdogs_exp.data.open_data import gather

W, H = 64, 48
RAMP = np.tile(np.linspace(0, 1, W), (H, 1))
GREY = np.round(RAMP * 255).astype(np.uint8)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def tiff(values: np.ndarray, bits: int, sample_format: int, photometric: int = 1, extra: int | None = None) -> bytes:
    """An uncompressed TIFF of [h, w] or [h, w, channels]; Pillow does not write all of these."""
    height, width = values.shape[:2]
    channels = values.shape[2] if values.ndim == 3 else 1
    data = values.tobytes()
    entries = {256: (4, 1, width), 257: (4, 1, height), 259: (3, 1, 1), 262: (3, 1, photometric), 277: (3, 1, channels)}
    entries |= {278: (4, 1, height), 279: (4, 1, len(data)), 258: (3, 0, 0), 339: (3, 0, 0), 273: (4, 1, 0)}
    entries |= {} if extra is None else {338: (3, 1, extra)}
    place, arrays = 8 + 2 + 12 * len(entries) + 4, b""
    for tag, value in ((258, bits), (339, sample_format)):
        raw = struct.pack(f"<{channels}H", *[value] * channels)
        if len(raw) <= 4:
            entries[tag] = (3, channels, int.from_bytes(raw.ljust(4, b"\0"), "little"))
        else:
            entries[tag] = (3, channels, place + len(arrays))
            arrays += raw
    entries[273] = (4, 1, place + len(arrays))
    table = b"".join(struct.pack("<HHII", tag, *entry) for tag, entry in sorted(entries.items()))
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + table + bytes(4) + arrays + data


def png(samples: np.ndarray, bits: int, colour: int, transparent: bytes = b"") -> bytes:
    """A PNG of packed rows, uint8 or big-endian uint16 [h, w(, channels)]."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width = samples.shape[:2]
    if bits < 8:
        per = 8 // bits
        packed = np.zeros((height, -(-width // per)), np.uint8)
        for place in range(width):
            packed[:, place // per] |= samples[:, place] << (8 - bits - bits * (place % per))
        rows = packed
    else:
        rows = samples.astype(">u2") if bits == 16 else samples
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    middle = chunk(b"tRNS", transparent) if transparent else b""
    end = chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + middle + end


def bmp(rgb: np.ndarray, alpha: np.ndarray) -> bytes:
    """32 bits with a mask for transparency, which many programs leave zero."""
    data = np.dstack([rgb[:, :, ::-1], alpha])[::-1].astype(np.uint8).tobytes()
    header = struct.pack("<IiiHHIIiiII", 108, rgb.shape[1], rgb.shape[0], 1, 32, 3, len(data), 2835, 2835, 0, 0)
    header += struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + b"BGRs" + bytes(48)
    return b"BM" + struct.pack("<IHHI", 14 + len(header) + len(data), 0, 0, 14 + len(header)) + header + data


def floats(values: np.ndarray) -> bytes:
    return saved(Image.fromarray(values.astype(np.float32)), "TIFF")


def check(data: bytes, expected: np.ndarray, within: int = 1) -> str:
    """The pixels are those, by every way; returns the note."""
    found = pixels(data)
    assert np.array_equal(found, np.asarray(decode(data)))
    wanted = expected if expected.ndim == 3 else np.repeat(expected[..., None], 3, axis=2)
    assert found.shape == wanted.shape
    assert np.abs(found.astype(int) - wanted).max() <= within
    return examine(data, None, 32).note


HOLES = np.where(RAMP < 0.1, np.nan, RAMP)


@pytest.mark.parametrize(
    ("data", "note"),
    [
        (floats(RAMP), "F"),
        (floats(RAMP * 1.03), "F"),
        (floats(RAMP * 255), "F"),
        (floats(RAMP * 65535), "F"),
        (saved(Image.fromarray((RAMP * 65535).astype(np.int32)), "TIFF"), "I"),
        (saved(Image.fromarray((RAMP * (2**31 - 1)).astype(np.int32)), "TIFF"), "I"),
        (saved(Image.fromarray((RAMP * 255).astype(np.int32)), "TIFF"), "I"),
        (saved(Image.fromarray((RAMP * 65535).astype(np.uint16)), "PNG"), "I;16"),
        (saved(Image.fromarray((RAMP * 65535).astype(np.uint16)), "TIFF"), "I;16"),
        (tiff((RAMP * 65535).astype("<u4"), 32, 1), "I"),
        (tiff((RAMP * (2**32 - 1)).astype("<u4"), 32, 1), "I"),
        (tiff(((1 - RAMP) * 65535).astype("<u2"), 16, 1, photometric=0), "I;16"),
        (tiff(((1 - RAMP) * 255).astype("u1"), 8, 1, photometric=0), "grey"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_ramp_from_black_to_white_is_one(data: bytes, note: str) -> None:
    within = 7 if data == floats(RAMP * 1.03) else 1  # what overshoots is white
    assert check(data, GREY, within) == note


def test_what_the_type_means_stays() -> None:
    """A dark picture of 16 bits is dark, whatever its brightest pixel."""
    dark = saved(Image.fromarray((RAMP * 4095).astype(np.uint16)), "PNG")
    assert check(dark, (RAMP * 4095 / 257).astype(np.uint8)) == "I;16"
    signed = tiff((RAMP * 32767).astype("<i2"), 16, 2)
    assert check(signed, (RAMP * 127).astype(np.uint8)) == "I"
    low = saved(Image.fromarray((RAMP * 200).astype(np.int32)), "TIFF")
    assert check(low, (RAMP * 200).astype(np.uint8)) == "I"


@pytest.mark.parametrize(
    ("values", "expected", "note"),
    [
        (HOLES, np.where(RAMP < 0.1, 0, GREY), "NaN, F"),
        (HOLES * 255, np.where(RAMP < 0.1, 0, GREY), "NaN, F"),
        (np.where(RAMP > 0.9, np.inf, RAMP), np.where(RAMP > 0.9, 255, GREY), "infinite values, F"),
        (np.where(RAMP < 0.1, -np.inf, RAMP), np.where(RAMP < 0.1, 0, GREY), "infinite values, F"),
        (np.where(RAMP < 0.1, -3, RAMP), np.where(RAMP < 0.1, 0, GREY), "values below 0, F"),
        (np.full((H, W), np.nan), np.zeros((H, W), np.uint8), "NaN, F"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_what_is_no_number_is_noted(values: np.ndarray, expected: np.ndarray, note: str) -> None:
    assert check(floats(values), expected.astype(np.uint8)) == note


def test_transparent_values_lie_over_white_at_every_depth() -> None:
    for bits in (1, 2, 4, 8, 16):
        samples = np.round(RAMP * (2**bits - 1)).astype(np.uint16 if bits == 16 else np.uint8)
        samples[:10] = 0
        levels = samples >> 8 if bits == 16 else samples * (255 // (2**bits - 1))
        for value in {0, int(samples[20, 40])}:
            expected = np.where(samples == value, 255, levels).astype(np.uint8)
            check(png(samples, bits, 0, struct.pack(">H", value)), expected)
    colours = np.dstack([GREY, GREY[:, ::-1], GREY // 2])
    colours[:10] = (1, 2, 3)
    expected = np.where((colours == (1, 2, 3)).all(axis=2, keepdims=True), 255, colours).astype(np.uint8)
    check(png(colours, 8, 2, struct.pack(">HHH", 1, 2, 3)), expected, within=0)
    deep = colours.astype(np.uint16) * 256 + 9
    check(png(deep, 16, 2, struct.pack(">HHH", 256 + 9, 2 * 256 + 9, 3 * 256 + 9)), expected, within=0)


def test_a_bitmap_whose_transparency_was_left_zero_is_opaque() -> None:
    rgb = np.dstack([GREY, GREY[:, ::-1], GREY // 2])
    assert check(bmp(rgb, np.zeros((H, W))), rgb, within=0) == "RGBA"
    half = np.where(np.arange(W) < 32, 255, 0)[None].repeat(H, 0)
    check(bmp(rgb, half), np.where(half[..., None] > 0, rgb, 255).astype(np.uint8), within=0)
    check(saved(Image.new("RGBA", (W, H)), "PNG"), np.full((H, W, 3), 255, np.uint8), within=0)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_tiffs_are_noted(orientation: int) -> None:
    image = Image.fromarray(GREY[:, ::-1] // 2).convert("RGB")
    data = saved(image, "TIFF", tiffinfo={0x112: orientation})
    seen = examine(data, ".tif", 32)
    assert seen.note == ("" if orientation == 1 else f"EXIF orientation {orientation}")
    assert (seen.width, seen.height) == decode(data).size == ((W, H) if orientation < 5 else (H, W))


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (tiff((np.dstack([RAMP] * 3)).astype("<f4"), 32, 3, 2), "TIFF of 3 x 32-bit floats"),
        (tiff(RAMP.astype("<f8"), 64, 3), "TIFF of 64-bit floats"),
        (tiff((RAMP * 127).astype("i1"), 8, 2), "TIFF of 8-bit signed integers"),
        (tiff(np.dstack([GREY] * 5), 8, 1, 2, extra=0), "TIFF of 5 x 8-bit integers"),
    ],
)
def test_kinds_of_tiff_that_are_not_read_are_named(data: bytes, name: str) -> None:
    for way in (decode, pixels, lambda data: examine(data, None, 32)):
        with pytest.raises(Undecodable, match=f"^unsupported format: {name}$"):
            way(data)


def test_a_tiff_that_does_not_state_its_format_holds_unsigned_integers() -> None:
    stated = tiff((RAMP * (2**32 - 1)).astype("<u4"), 32, 1)
    check(stated.replace(struct.pack("<HHI", 339, 3, 1), struct.pack("<HHI", 60000, 3, 1)), GREY)


def test_a_palette_of_values_up_to_255() -> None:
    """Some programs write them instead of values up to 65,535, and all was black."""
    levels = np.arange(256, dtype="<u2")
    palette = np.array([levels, levels[::-1], levels // 2])
    image = Image.fromarray(GREY)
    image.putpalette(palette.T.astype("u1").tobytes())
    data = saved(image, "TIFF")
    expected = np.dstack([GREY, 255 - GREY, GREY // 2])
    check(data, expected)
    wide = (palette * 256).tobytes()
    assert wide in data
    check(data.replace(wide, palette.tobytes()), expected)


@pytest.mark.parametrize("tag", [330, 50706])  # of further images inside, and of DNG
def test_the_thumbnail_in_a_cameras_file_is_not_the_photo(tag: int) -> None:
    table = TiffImagePlugin.ImageFileDirectory_v2()
    table[254], table[tag] = 1, (1,) if tag == 330 else b"\1\4\0\0"
    table.tagtype[tag] = 4 if tag == 330 else 1
    data = saved(Image.fromarray(GREY).convert("RGB"), "TIFF", tiffinfo=table)
    for way in (decode, pixels, lambda data: examine(data, None, 32)):
        with pytest.raises(Undecodable, match=r"^unsupported format: RAW of a camera$"):
            way(data)


def test_a_tiff_without_a_table_is_no_image() -> None:
    for data in (b"II*\0", b"II*\0\x08\0\0\0", b"MM\0*" + b"\xff" * 40, b"II+\0" + bytes(30)):
        with pytest.raises(Undecodable, match=r"^not an image$"):
            decode(data)


# Data sets


@pytest.mark.parametrize(
    ("mode", "peaks", "white"),
    [
        ("F", [0.2, 0.9, 1.0], 1.0),
        ("F", [1.0, 1.02, 0.98], 1.0),
        ("F", [254.0, 0.3, 250.0, 251.0], 255.0),
        ("F", [1.0] * 11 + [200.0], 1.0),
        ("F", [1.0] * 4 + [200.0], 255.0),
        ("F", [3000.0, 40000.0], 65535.0),
        ("F", [1e9], 65535.0),
        ("F", [0.0], 1.0),
        ("I", [200.0, 255.0], 255.0),
        ("I", [200.0, 256.0], 65535.0),
        ("I", [70000.0], 2.0**31 - 1),
        ("I", [4e9], 2.0**32 - 1),
    ],
)
def test_the_range_of_a_data_set_holds_nine_in_ten(mode: str, peaks: list[float], white: float) -> None:
    assert depth.white_levels([mode] * len(peaks), np.array(peaks)) == {mode: white}
    assert depth.white_levels(["RGB", "L"], np.array([0.0, 0.0])) == {}
    assert depth.white_levels([], np.array([])) == {}


@pytest.fixture
def data_set(tmp_path: Path, cache: Path, config: Callable[..., Config]) -> Callable[..., Manifest]:
    """Two classes of TIFFs, a function of (class, number) -> float32 [h, w] each."""

    def make(values: Callable[[int, int], np.ndarray], count: int = 6) -> Manifest:
        for kind, name in enumerate(("cats", "dogs")):
            (tmp_path / "set" / name).mkdir(parents=True)
            for number in range(count):
                (tmp_path / "set" / name / f"{number}.tif").write_bytes(floats(values(kind, number)))
        return gather(config("dataset=folder", f"dataset.path={tmp_path / 'set'}", "inspection.near_distance=0"))

    return make


def speckled(seed: int, white: float) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.3, 0.9, (H, W)) * white


def test_a_dark_picture_among_bright_ones_stays_dark(
    data_set: Callable[..., Manifest], config: Callable[..., Config]
) -> None:
    """Its own range would be 0 to 1, and it would be bright."""
    dark = 0.9
    manifest = data_set(lambda kind, number: speckled(10 * kind + number, dark if (kind, number) == (0, 3) else 255))
    assert manifest.verdicts.white_levels == {"F": 255.0}
    row = manifest.listing.paths.tolist().index("cats/3.tif")
    loader = replace(config().loader, target_size=(H, W), cache="none")
    found = open_pixels(manifest, loader)(np.array([row, row + 1]))
    assert found[0].max() <= 1
    assert found[1].mean() > 100
    assert manifest.verdicts.blank.sum() == 1 and manifest.verdicts.blank[row]
    assert manifest.verdicts.mean[row].max() < 1 < 100 < manifest.verdicts.mean[row + 1].min()


def test_the_range_is_part_of_the_cache(data_set: Callable[..., Manifest], config: Callable[..., Config]) -> None:
    manifest = data_set(lambda kind, number: speckled(10 * kind + number, 1.0))
    loader = replace(config().loader, target_size=(8, 8), cache="disk")
    rows = manifest.usable()
    bright = open_pixels(manifest, loader)(rows)
    other = replace(manifest, verdicts=replace(manifest.verdicts, white_levels={"F": 255.0}))
    assert bright.mean() > 100
    assert open_pixels(other, loader)(rows).max() <= 1


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            lambda kind, number: speckled(10 * kind + number, 1.0),
            "12 floating-point images: 0 to 1 become black to white",
        ),
        (
            lambda kind, number: speckled(10 * kind + number, 90.0 if (kind, number) == (0, 0) else 1.0),
            "12 floating-point images: 0 to 1 become black to white; 1 of them have larger values, which become white",
        ),
    ],
)
def test_inspection_tells_what_was_decided(
    data_set: Callable[..., Manifest],
    values: Callable[[int, int], np.ndarray],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = data_set(values).listing.root
    assert main(["inspect", str(root)]) == 0
    out = capsys.readouterr().out
    assert said in out.splitlines()
    assert "nearly all images: F (12 of 12)" in out
    assert "odd" not in out


def test_missing_values_are_odd_however_many_have_them(
    data_set: Callable[..., Manifest], capsys: pytest.CaptureFixture[str]
) -> None:
    holes = data_set(lambda kind, number: np.where(RAMP > 0.95, np.nan, speckled(10 * kind + number, 255)))
    assert main(["inspect", str(holes.listing.root)]) == 0
    out = capsys.readouterr().out
    assert "12  NaN" in out and "12 odd" in out


def test_pictures_of_one_colour_are_found(
    data_set: Callable[..., Manifest], capsys: pytest.CaptureFixture[str]
) -> None:
    flat = data_set(lambda kind, number: np.full((H, W), 0.5) if (kind, number) == (1, 2) else speckled(number, 1.0))
    assert main(["inspect", str(flat.listing.root)]) == 0
    out = capsys.readouterr().out
    assert "of a single colour: dogs/2.tif" in out and "1 blank" in out
    assert main(["inspect", str(flat.listing.root), "--fail-on", "blank"]) == 1
