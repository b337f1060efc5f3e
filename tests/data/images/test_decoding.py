import io
import struct
import subprocess
import sys
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from catsdogs_exp.data.images import decoding, jpeg, preparing, resizing
from catsdogs_exp.data.images.decoding import TooLarge, Undecodable, decode, examine, pixels
from catsdogs_exp.data.images.preparing import Preparation, read_image

Photo = Callable[..., Image.Image]
WHITE = (255, 255, 255)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def decode_with_note(data: bytes, suffix: str | None) -> tuple[Image.Image, str]:
    """The picture for training, and what inspection says of the file: the two must agree."""
    seen = examine(data, suffix, 32)
    image = decode(data)
    assert (seen.width, seen.height) == image.size
    assert seen.small.mode == image.mode == "RGB"
    return image, seen.note


def refusal(data: bytes) -> str:
    with pytest.raises(Undecodable) as caught:
        decode(data)
    with pytest.raises(Undecodable) as seen:
        examine(data, None, 32)
    assert str(seen.value) == str(caught.value)
    return str(caught.value)


def difference(first: Image.Image, second: Image.Image) -> float:
    """Mean over pixels and channels, in grey levels."""
    assert first.size == second.size
    return float(np.abs(np.asarray(first, dtype=float) - np.asarray(second, dtype=float)).mean())


@pytest.mark.parametrize(
    ("kind", "options", "suffix", "tolerance"),
    [
        ("JPEG", {"quality": 95}, ".jpg", 6),
        ("JPEG", {"quality": 95, "progressive": True}, ".JPEG", 6),
        ("PNG", {}, ".png", 0),
        ("GIF", {}, ".gif", 6),
        ("BMP", {}, ".bmp", 0),
        ("DIB", {}, ".dib", 0),
        ("WEBP", {"lossless": True}, ".webp", 0),
        ("TIFF", {}, ".tif", 0),
        ("TIFF", {"compression": "tiff_lzw"}, ".tiff", 0),
        ("MPO", {"quality": 95}, ".jpg", 6),
    ],
)
def test_every_format_comes_out_as_rgb(
    photo: Photo, kind: str, options: dict[str, Any], suffix: str, tolerance: float
) -> None:
    original = photo((40, 30))
    image, note = decode_with_note(encoded(original, kind, **options), suffix)
    assert image.mode == "RGB"
    assert difference(image, original) <= tolerance
    assert note == ("palette" if kind == "GIF" else "")


# What was done to the upright picture before it was stored under each orientation.
STORED = {
    1: [],
    2: [Image.Transpose.FLIP_LEFT_RIGHT],
    3: [Image.Transpose.ROTATE_180],
    4: [Image.Transpose.FLIP_TOP_BOTTOM],
    5: [Image.Transpose.TRANSPOSE],
    6: [Image.Transpose.ROTATE_90],
    7: [Image.Transpose.TRANSVERSE],
    8: [Image.Transpose.ROTATE_270],
}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize(("kind", "suffix", "tolerance"), [("PNG", ".png", 0), ("JPEG", ".jpg", 8)])
def test_exif_orientation_is_applied(photo: Photo, orientation: int, kind: str, suffix: str, tolerance: float) -> None:
    upright = stored = photo((40, 30), seed=3)
    for change in STORED[orientation]:
        stored = stored.transpose(change)
    exif = Image.Exif()
    exif[0x0112] = orientation
    lossy = {"quality": 95, "subsampling": 0} if kind == "JPEG" else {}
    image, note = decode_with_note(encoded(stored, kind, exif=exif, **lossy), suffix)
    assert difference(image, upright) <= tolerance
    assert note == ("" if orientation == 1 else f"EXIF orientation {orientation}")


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_none(photo: Photo, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image, note = decode_with_note(encoded(photo(), "PNG", exif=exif), ".png")
    assert (difference(image, photo()), note) == (0, "")


@pytest.mark.filterwarnings("ignore")  # as in a run
@pytest.mark.parametrize("garbage", [b"Exif\0\0MM\0*garbage", b"Exif\0\0II*\0\x08\0\0\0\xff\xff", b"Exif\0\0", b"?"])
def test_corrupt_exif_costs_no_picture(photo: Photo, garbage: bytes) -> None:
    image, note = decode_with_note(encoded(photo(), "JPEG", quality=95, exif=garbage), ".jpg")
    assert difference(image, photo()) < 8
    assert note == ""


def test_corrupt_exif_is_no_noise_on_the_screen(photo: Photo, tmp_path: Path) -> None:
    (tmp_path / "1.jpg").write_bytes(encoded(photo(), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff"))
    program = "import sys, pathlib; from catsdogs_exp.data.images.decoding import decode; "
    program += "print(decode(pathlib.Path(sys.argv[1]).read_bytes()).size)"
    command = [sys.executable, "-c", program, str(tmp_path / "1.jpg")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("(24, 16)\n", "")


@pytest.mark.parametrize(("kind", "suffix", "tolerance"), [("JPEG", ".jpg", 8), ("TIFF", ".tif", 1)])
def test_cmyk_keeps_its_colours(photo: Photo, kind: str, suffix: str, tolerance: float) -> None:
    image, note = decode_with_note(encoded(photo((40, 30)).convert("CMYK"), kind), suffix)
    assert difference(image, photo((40, 30))) < tolerance
    assert note == "CMYK"


def test_grey(photo: Photo) -> None:
    grey = photo().convert("L")
    image, note = decode_with_note(encoded(grey, "PNG"), ".png")
    assert difference(image, grey.convert("RGB")) == 0
    assert note == "grey"


def test_black_and_white() -> None:
    bits = Image.new("1", (4, 2))
    bits.putpixel((1, 0), 1)
    image, note = decode_with_note(encoded(bits, "PNG"), ".png")
    assert image.getpixel((1, 0)) == WHITE
    assert image.getpixel((0, 0)) == (0, 0, 0)
    assert note == "black and white"


@pytest.mark.parametrize(("alpha", "expected"), [(255, (200, 100, 0)), (0, WHITE), (128, (227, 177, 127))])
def test_transparency_lies_over_white(alpha: int, expected: tuple[int, int, int]) -> None:
    image, note = decode_with_note(encoded(Image.new("RGBA", (3, 2), (200, 100, 0, alpha)), "PNG"), ".png")
    assert np.abs(np.subtract(image.getpixel((1, 1)), expected)).max() <= 1
    assert note == "RGBA"


def test_grey_with_transparency_lies_over_white() -> None:
    image, note = decode_with_note(encoded(Image.new("LA", (3, 2), (100, 0)), "PNG"), ".png")
    assert image.getpixel((0, 0)) == WHITE
    assert note == "LA"


@pytest.mark.parametrize(
    ("kind", "suffix", "transparency"), [("PNG", ".png", 0), ("PNG", ".png", b"\x00\xff\xff"), ("GIF", ".gif", 0)]
)
def test_a_transparent_palette_entry_lies_over_white(kind: str, suffix: str, transparency: int | bytes) -> None:
    palette = Image.new("P", (4, 2), 0)
    palette.putpalette([10, 20, 30, 200, 100, 50, 0, 0, 0])
    palette.putpixel((1, 1), 1)
    image, note = decode_with_note(encoded(palette, kind, transparency=transparency), suffix)
    assert image.getpixel((0, 0)) == WHITE
    assert image.getpixel((1, 1)) == (200, 100, 50)
    assert note == "palette"


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_of_large_pictures_is_laid_over_white_in_bands(
    mode: str, photo: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = photo((40, 30)).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    data = encoded(image.convert(mode), "PNG", **({"transparency": 3} if mode == "P" else {}))
    whole = np.asarray(decode(data))
    monkeypatch.setattr(decoding, "_BAND", 7 * 40)
    np.testing.assert_array_equal(np.asarray(decode(data)), whole)


def test_a_transparent_colour_of_an_rgb_png_lies_over_white(photo: Photo) -> None:
    image = decode(encoded(Image.new("RGB", (2, 2), (1, 2, 3)), "PNG", transparency=(1, 2, 3)))
    assert image.getpixel((0, 0)) == WHITE


@pytest.mark.parametrize(("kind", "suffix"), [("PNG", ".png"), ("TIFF", ".tif")])
def test_sixteen_bits_keep_their_upper_eight(kind: str, suffix: str) -> None:
    values = np.array([[0, 255, 256, 32768, 65535]], dtype=np.uint16)
    image, note = decode_with_note(encoded(Image.fromarray(values), kind), suffix)
    assert np.asarray(image)[0, :, 0].tolist() == [0, 0, 1, 128, 255]
    assert note == "I;16"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 100, 255]], dtype=np.int32), [0, 100, 255]),
        (np.array([[0, 32768, 65535]], dtype=np.int32), [0, 128, 255]),
        (np.array([[-5.0, 12.4, 255.0]], dtype=np.float32), [0, 12, 255]),
    ],
)
def test_wider_numbers_are_brought_to_eight_bits(values: np.ndarray, expected: list[int]) -> None:
    image = decode(encoded(Image.fromarray(values), "TIFF"))
    assert np.asarray(image)[0, :, 2].tolist() == expected


@pytest.mark.parametrize(("kind", "suffix", "mode"), [("GIF", ".gif", ", palette"), ("WEBP", ".webp", "")])
def test_of_an_animation_the_first_frame_is_taken(kind: str, suffix: str, mode: str) -> None:
    first, second = Image.new("RGB", (8, 8), (255, 0, 0)), Image.new("RGB", (8, 8), (0, 0, 255))
    data = encoded(first, kind, save_all=True, append_images=[second])
    image, note = decode_with_note(data, suffix)
    red, _, blue = image.getpixel((4, 4))
    assert red > 240
    assert blue < 15
    assert note == f"animated{mode}"


@pytest.mark.parametrize(
    ("suffix", "note"),
    [(".jpg", "named .jpg, is PNG"), ("", "named without extension, is PNG"), (".png", ""), (".PNG", ""), (None, "")],
)
def test_a_name_that_does_not_fit_the_format_is_noted(photo: Photo, suffix: str | None, note: str) -> None:
    assert decode_with_note(encoded(photo(), "PNG"), suffix)[1] == note


def test_notes_add_up(photo: Photo) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(photo().convert("L"), "JPEG", exif=exif)
    assert decode_with_note(data, ".png")[1] == "named .png, is JPEG, grey, EXIF orientation 6"


# What cannot be decoded


def _png(width: int, height: int) -> bytes:
    """A PNG that says it is of this size and holds next to nothing."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "data", [b"not a picture at all\n", b"<html></html>", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"\0"]
)
def test_other_files_are_not_images(data: bytes) -> None:
    assert refusal(data) == "not an image"


def test_a_pointer_of_git_lfs_names_the_command() -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    assert refusal(pointer) == "pointer of Git LFS (git lfs pull)"


def test_an_empty_file() -> None:
    assert refusal(b"") == "empty"


@pytest.mark.parametrize(
    ("kind", "name"),
    [("PPM", "Netpbm"), ("ICO", "ICO"), ("PDF", "PDF"), ("JPEG2000", "JPEG 2000"), ("AVIF", "AVIF"), ("DDS", "DDS")],
)
def test_pictures_of_other_formats_are_called_by_their_name(photo: Photo, kind: str, name: str) -> None:
    assert refusal(encoded(photo((32, 32)), kind)) == f"unsupported format: {name}"


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"8BPS\0\1" + bytes(20), "PSD"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "AVIF"),
        (b"<?xml version='1.0'?>\n<!-- a cat -->\n<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\xef\xbb\xbf<SVG />", "SVG"),
        (b"\xff\x0a\xfa", "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "PostScript"),
        (b"gimp xcf v011", "XCF"),
        (b"qoif\0\0\0\1", "QOI"),
        (b"II*\0\x10\0\0\0CR\2\0", "RAW of a camera"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "RAW of a camera"),
        (b"FOVb" + bytes(20), "RAW of a camera"),
        (b"II\xbc\x01" + bytes(20), "JPEG XR"),
        (b"\0\0\2" + bytes(9) + b"\x20\0\x20\0\x18\0", "TGA"),
        (b"\0\0\2\0\1\0" + bytes(20), "CUR"),
        (bytes(128) + b"DICM" + bytes(20), "DICOM"),
        (b"P3\n# a comment\n2 2\n255\n", "Netpbm"),
    ],
)
def test_pictures_of_other_formats_are_told_by_their_first_bytes(data: bytes, name: str) -> None:
    assert refusal(data) == f"unsupported format: {name}"


@pytest.mark.parametrize(
    "data", [b"<html><svg></svg></html>", b"<" * 5000, b"P7 text", b"\0\0\1", b"\0\0\0\x18ftypmp42"]
)
def test_what_only_begins_like_one_is_no_image(data: bytes) -> None:
    assert refusal(data) == "not an image"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP"])
def test_a_file_cut_short_is_truncated(kind: str) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8))
    data = encoded(noise, kind)
    assert refusal(data[: len(data) * 3 // 5]) == "truncated"


@pytest.mark.parametrize(
    "how",
    [
        {"format": "WEBP"},
        {"format": "WEBP", "lossless": True},
        *({"format": "TIFF", "compression": name} for name in (None, "tiff_lzw", "tiff_deflate", "packbits", "jpeg")),
    ],
    ids=str,
)
@pytest.mark.parametrize("share", [0.4, 0.8, 0.95])
def test_half_a_download_is_truncated_wherever_the_format_has_its_tables(how: dict[str, Any], share: float) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8))
    stream = io.BytesIO()
    noise.save(stream, **how)
    data = stream.getvalue()
    cut = data[: int(share * len(data))]
    assert refusal(cut) == "truncated"
    for way in (pixels, lambda part: examine(part, None, 32)):
        with pytest.raises(Undecodable, match=r"^truncated$"):
            way(cut)


def test_damage_in_the_middle_is_undecodable() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    data = bytearray(encoded(Image.fromarray(noise), "PNG"))
    data[len(data) // 2 : len(data) // 2 + 40] = bytes(40)
    assert refusal(bytes(data)) == "undecodable"


@pytest.mark.parametrize(("width", "height"), [(13_500, 13_500), (50_000, 50_000), (178_956_971, 1)])
@pytest.mark.parametrize("action", ["error", "ignore"])
def test_a_decompression_bomb_is_too_large(width: int, height: int, action: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter(action)
        assert refusal(_png(width, height)) == "too large"


def test_the_limit_of_pixels_can_be_set(photo: Photo) -> None:
    data = encoded(photo((40, 30)), "PNG")
    assert examine(data, None, 8, max_pixels=1200).width == 40
    with pytest.raises(TooLarge, match="too large") as caught:
        examine(data, None, 8, max_pixels=1199)
    assert (caught.value.width, caught.value.height) == (40, 30)


@pytest.mark.parametrize("size", [(640, 480), (1000, 64), (333, 777), (33, 33), (7, 5)])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"quality": 20}])
def test_a_look_at_a_jpeg_sees_a_smaller_picture_of_the_same(
    photo: Photo, size: tuple[int, int], options: dict[str, Any]
) -> None:
    data = encoded(photo(size), "JPEG", **options)
    seen, whole = examine(data, ".jpg", 32), decode(data)
    assert (seen.width, seen.height, seen.kind, seen.mode, seen.note) == (*size, "JPEG", "RGB", "")
    assert min(seen.small.size) >= min(32, *size)
    assert difference(seen.small.resize(size), whole) < 8


def test_several_pages_are_no_animation(photo: Photo) -> None:
    data = encoded(photo(), "TIFF", save_all=True, append_images=[photo(seed=1)])
    image, note = decode_with_note(data, ".tif")
    assert (difference(image, photo()), note) == (0, "several pages")


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "PNG", "WEBP"])
def test_damage_behind_the_first_frame_costs_no_picture(photo: Photo, kind: str) -> None:
    whole = encoded(photo(), kind, save_all=True, append_images=[photo(seed=1), photo(seed=2)])
    alone = decode(encoded(photo(), kind))
    for end in (len(whole) - 1, len(whole) - 20):
        try:
            image, note = decode_with_note(whole[:end], None)
        except Undecodable as error:
            assert str(error) in ("truncated", "undecodable"), (kind, end)  # the whole file is one stream
        else:
            assert image.size == alone.size
            assert "\n" not in note


@given(st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8\xff\xe0", b"GIF89a", b"BM", b"II*\0", b"RIFF"]))
@pytest.mark.filterwarnings("ignore")  # as in a run
def test_random_bytes_are_undecodable_and_nothing_worse(data: bytes, magic: bytes) -> None:
    reason = refusal(magic + data).partition(": ")[0]
    assert reason in ("empty", "not an image", "truncated", "undecodable", "too large", "unsupported format")


@pytest.mark.filterwarnings("ignore")
@given(data=st.data(), seed=st.integers(0, 3))
def test_a_damaged_jpeg_is_a_picture_or_undecodable(photo: Photo, data: st.DataObject, seed: int) -> None:
    whole = bytearray(encoded(photo(seed=seed), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0"))
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=6)):
        whole[place] ^= 1 << data.draw(st.integers(0, 7))
    end = data.draw(st.just(len(whole)) | st.integers(1, len(whole)))
    try:
        image, note = decode_with_note(bytes(whole[:end]), ".jpg")
    except Undecodable as error:
        reason = str(error).partition(": ")[0]
        assert reason in ("not an image", "truncated", "undecodable", "too large", "unsupported format")
    else:
        assert image.mode == "RGB"
        assert "\n" not in note


@pytest.mark.filterwarnings("ignore")
@given(kind=st.sampled_from(["PNG", "GIF", "BMP", "WEBP", "TIFF"]), share=st.floats(0, 0.999))
def test_a_prefix_of_a_file_is_a_picture_or_undecodable(photo: Photo, kind: str, share: float) -> None:
    whole = encoded(photo(), kind)
    try:
        assert decode(whole[: int(share * len(whole))]).mode == "RGB"
    except Undecodable as error:
        assert str(error) in ("empty", "not an image", "truncated", "undecodable")


# Sizes


def test_read_image_reads_decodes_and_resizes(photo: Photo, tmp_path: Path) -> None:
    photo((40, 30)).save(tmp_path / "1.png")
    original = np.asarray(photo((40, 30)))
    found = read_image(tmp_path / "1.png", Preparation((15, 20)))
    assert np.array_equal(found, resizing.resized(original, (15, 20), "stretch", "bilinear"))
    padded = read_image(tmp_path / "1.png", Preparation((15, 30), "pad", pad_value=9))
    assert np.array_equal(padded, resizing.resized(original, (15, 30), "pad", "bilinear", 9))
    with pytest.raises(FileNotFoundError):
        read_image(tmp_path / "2.png", Preparation((15, 20)))


def test_one_channel_is_the_luma_of_the_resized_picture(photo: Photo, tmp_path: Path) -> None:
    photo((40, 30)).save(tmp_path / "1.png")
    colour = read_image(tmp_path / "1.png", Preparation((15, 20)))
    grey = read_image(tmp_path / "1.png", Preparation((15, 20), channels=1))
    assert np.array_equal(grey[..., 0], np.asarray(Image.fromarray(colour).convert("L")))


# The fast way


def fast(data: bytes) -> np.ndarray | None:
    """What the fast way gives; it must be what Pillow gives."""
    header = jpeg.header_of(data)
    if header is None or header.width * header.height > decoding.MAX_PIXELS:
        return None
    found = jpeg.pixels_of(data, header)
    if found is not None:
        assert found.dtype == np.uint8
        assert np.array_equal(found, np.asarray(decode(data)))
    return found


@st.composite
def jpegs(draw: st.DrawFn) -> bytes:
    """Ordinary JPEGs as cameras, browsers and editors write them."""
    width, height = draw(st.integers(1, 70)), draw(st.integers(1, 70))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    smooth = rng.integers(0, 256, (2, 2, 3), dtype=np.uint8)
    image = Image.fromarray(smooth).resize((width, height), Image.Resampling.BICUBIC)
    if draw(st.booleans()):
        image = Image.fromarray(np.asarray(image) ^ rng.integers(0, 64, (height, width, 3), dtype=np.uint8))
    kind = draw(st.sampled_from(["colour", "grey", "rgb", "turbo"]))
    quality = draw(st.integers(1, 100))
    if kind == "turbo":  # subsamplings that Pillow does not write
        subsampling = draw(st.sampled_from(["444", "422", "420", "440", "411", "Gray"]))
        return simplejpeg.encode_jpeg(np.asarray(image), quality, colorsubsampling=subsampling)
    options: dict[str, Any] = {"quality": quality}
    options |= {"progressive": draw(st.booleans()), "optimize": draw(st.booleans())}
    if draw(st.booleans()):
        options["restart_marker_blocks"] = draw(st.integers(1, 5))
    if draw(st.booleans()):
        options["icc_profile"] = draw(st.binary(min_size=1, max_size=80))
    if draw(st.booleans()):
        options["comment"] = draw(st.binary(max_size=40))
    if kind == "rgb":
        options["keep_rgb"] = True  # Adobe's transform 0
    elif kind == "colour":
        options["subsampling"] = draw(st.integers(0, 2))
    return encoded(image.convert("L") if kind == "grey" else image, "JPEG", **options)


@given(jpegs())
def test_the_fast_way_gives_pillows_pixels(data: bytes) -> None:
    found = pixels(data)
    assert found.shape[2] == 3
    assert np.array_equal(found, np.asarray(decode(data)))


@pytest.mark.parametrize("kind", ["colour", "grey", "rgb"])
def test_ordinary_jpegs_go_the_fast_way(photo: Photo, kind: str) -> None:
    image = photo((41, 33)).convert("L" if kind == "grey" else "RGB")
    assert fast(encoded(image, "JPEG", keep_rgb=kind == "rgb")) is not None


def test_exif_that_turns_nothing_is_no_hindrance(photo: Photo) -> None:
    exif = Image.Exif()
    exif[0x010F] = "camera"
    assert fast(encoded(photo(), "JPEG", exif=exif)) is not None
    exif[0x0112] = 1
    assert fast(encoded(photo(), "JPEG", exif=exif)) is not None


@pytest.mark.parametrize("orientation", range(2, 9))
def test_what_has_to_be_turned_is_turned_as_by_pillow(photo: Photo, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(photo((40, 30)), "JPEG", exif=exif)
    assert fast(data) is not None
    assert np.array_equal(pixels(data), np.asarray(decode(data)))
    xmp = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><tiff:Orientation>{orientation}</tiff:Orientation></x:xmpmeta>'
    data = encoded(photo((40, 30)), "JPEG", xmp=xmp.encode())
    assert fast(data) is not None
    assert np.array_equal(pixels(data), np.asarray(decode(data)))


def test_cmyk_and_other_formats_go_to_pillow(photo: Photo) -> None:
    for data in (encoded(photo().convert("CMYK"), "JPEG"), encoded(photo(), "PNG"), encoded(photo(), "MPO")):
        assert np.array_equal(pixels(data), np.asarray(decode(data)))
    assert fast(encoded(photo().convert("CMYK"), "JPEG")) is None
    assert fast(encoded(photo(), "PNG")) is None


@pytest.mark.parametrize("progressive", [False, True])
def test_every_cut_is_judged_as_pillow_judges_it(photo: Photo, progressive: bool) -> None:
    data = encoded(photo((40, 30)), "JPEG", progressive=progressive)
    for end in range(0, len(data), 3):
        fast(data[:end])
        try:
            expected = np.asarray(decode(data[:end]))
        except Undecodable as error:
            with pytest.raises(Undecodable, match=f"^{error}$"):
                pixels(data[:end])
        else:
            assert np.array_equal(pixels(data[:end]), expected)


@given(jpegs(), st.data())
def test_damage_is_judged_as_pillow_judges_it(data: bytes, more: st.DataObject) -> None:
    damaged = bytearray(data)
    for _ in range(more.draw(st.integers(1, 3))):
        place = more.draw(st.integers(2, len(damaged) - 1))
        damaged[place] = more.draw(st.integers(0, 255))
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(bytes(damaged))
    except ValueError:
        height = width = 0
    if height * width < 10**6:  # a damaged header may claim anything
        fast(bytes(damaged))


def test_the_limit_on_pixels_holds_on_the_fast_way(photo: Photo, monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(photo((40, 30)), "JPEG")
    monkeypatch.setattr(decoding, "MAX_PIXELS", 40 * 30)
    assert fast(data) is not None
    monkeypatch.setattr(decoding, "MAX_PIXELS", 40 * 30 - 1)
    with pytest.raises(TooLarge):
        pixels(data)


def test_pictures_do_not_share_the_memory_they_are_decoded_in(photo: Photo, tmp_path: Path) -> None:
    for number in range(2):
        photo((40, 30), seed=number).save(tmp_path / f"{number}.jpg")
    for size in ((30, 40), (15, 20)):
        for resize in ("stretch", "crop", "pad"):
            first, second = (read_image(tmp_path / f"{i}.jpg", Preparation(size, resize)) for i in range(2))
            expected = resizing.resized(pixels((tmp_path / "0.jpg").read_bytes()), size, resize, "bilinear")
            assert np.array_equal(first, expected)
            assert not np.array_equal(first, second)


def test_a_picture_too_large_for_the_scratch_memory(
    photo: Photo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo((40, 30)).save(tmp_path / "1.jpg")
    expected = read_image(tmp_path / "1.jpg", Preparation((15, 20)))
    for room in (40 * 30 * 3, 40 * 30 * 3 - 1):
        monkeypatch.setattr(preparing._thread, "scratch", np.empty(room, dtype=np.uint8))
        assert np.array_equal(read_image(tmp_path / "1.jpg", Preparation((15, 20))), expected)


def test_real_photos_come_out_as_pillows(real_photos: Path) -> None:
    with zipfile.ZipFile(real_photos) as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")][::20]
        assert len(names) > 100
        assert sum(fast(archive.read(name)) is not None for name in names) > 0.99 * len(names)
