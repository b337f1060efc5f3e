"""Each kind of damage does what its name says."""

import numpy as np
import pytest
from PIL import Image, ImageOps, UnidentifiedImageError

from catsdogs_exp.data.drawing import draw
from catsdogs_exp.data.sources import damaged_files


@pytest.fixture(scope="module")
def picture():
    return draw(0, 3, 0)


def difference(first, second):
    """Mean absolute difference of two images, in levels of 0 to 255."""
    assert first.size == second.size
    return np.abs(np.asarray(first, np.float32) - np.asarray(second, np.float32)).mean()


def test_an_ordinary_file(picture, tmp_path):
    path = damaged_files.save(picture, tmp_path / "a.jpg")
    assert path == tmp_path / "a.jpg"
    with Image.open(path) as image:
        assert (image.format, image.mode, image.getexif().get(0x0112)) == ("JPEG", "RGB", None)
        assert difference(image, picture) < 6


def test_kinds_are_those_promised():
    assert damaged_files.KINDS == (
        "empty", "truncated", "text", "wrong_extension", "exif_rotated", "grey", "cmyk", "palette", "alpha",
    )  # fmt: skip
    assert damaged_files.UNUSABLE == ("empty", "truncated", "text")


@pytest.mark.parametrize("kind", damaged_files.KINDS)
def test_writes_one_file_at_the_path_returned(kind, picture, tmp_path):
    path = damaged_files.save(picture, tmp_path / "cat.0.jpg", kind)
    assert list(tmp_path.iterdir()) == [path]
    assert path.name == ("cat.0.png" if kind in ("palette", "alpha") else "cat.0.jpg")


@pytest.mark.parametrize("kind", damaged_files.KINDS)
def test_deterministic(kind, picture, tmp_path):
    first = damaged_files.save(picture, tmp_path / "a.jpg", kind).read_bytes()
    assert damaged_files.save(picture, tmp_path / "a.jpg", kind).read_bytes() == first


@pytest.mark.parametrize("kind", damaged_files.UNUSABLE)
def test_unusable_files_cannot_be_decoded(kind, picture, tmp_path):
    path = damaged_files.save(picture, tmp_path / "a.jpg", kind)
    with pytest.raises((UnidentifiedImageError, OSError)), Image.open(path) as image:
        image.load()


@pytest.mark.parametrize("kind", [kind for kind in damaged_files.KINDS if kind not in damaged_files.UNUSABLE])
def test_usable_files_show_the_picture(kind, picture, tmp_path):
    path = damaged_files.save(picture, tmp_path / "a.jpg", kind)
    with Image.open(path) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    expected = picture.convert("L").convert("RGB") if kind == "grey" else picture
    assert difference(upright, expected) < 10


def test_empty(picture, tmp_path):
    assert damaged_files.save(picture, tmp_path / "a.jpg", "empty").stat().st_size == 0


def test_truncated_has_a_good_header(picture, tmp_path):
    whole = damaged_files.save(picture, tmp_path / "whole.jpg").stat().st_size
    path = damaged_files.save(picture, tmp_path / "a.jpg", "truncated")
    assert path.stat().st_size == pytest.approx(0.4 * whole, rel=0.01)
    with Image.open(path) as image:
        assert (image.format, image.size) == ("JPEG", picture.size)
        with pytest.raises(OSError, match="truncated"):
            image.load()


def test_text(picture, tmp_path):
    lines = damaged_files.save(picture, tmp_path / "a.jpg", "text").read_text(encoding="utf-8").splitlines()
    assert len(lines) > 1


@pytest.mark.parametrize(
    ("kind", "format_", "mode"),
    [
        ("wrong_extension", "PNG", "RGB"),
        ("grey", "JPEG", "L"),
        ("cmyk", "JPEG", "CMYK"),
        ("palette", "PNG", "P"),
        ("alpha", "PNG", "RGBA"),
    ],
)
def test_formats_and_modes(kind, format_, mode, picture, tmp_path):
    with Image.open(damaged_files.save(picture, tmp_path / "a.jpg", kind)) as image:
        assert (image.format, image.mode) == (format_, mode)


def test_alpha_is_partly_transparent(picture, tmp_path):
    with Image.open(damaged_files.save(picture, tmp_path / "a.jpg", "alpha")) as image:
        alpha = np.asarray(image.getchannel("A"))
    assert alpha[alpha.shape[0] // 2, alpha.shape[1] // 2] == 255
    assert alpha[0, 0] < 20
    assert 0.1 < (alpha < 200).mean() < 0.5


def test_every_orientation_is_used_and_undone(picture, tmp_path):
    seen = set()
    for number in range(60):
        path = damaged_files.save(picture, tmp_path / f"{number}.jpg", "exif_rotated")
        with Image.open(path) as image:
            orientation = image.getexif()[0x0112]
            assert orientation == damaged_files.orientation(path)
            if orientation in seen:
                continue
            seen.add(orientation)
            assert image.size == (picture.size[::-1] if orientation >= 5 else picture.size)
            assert image.size != picture.size or difference(image, picture) > 12
            assert difference(ImageOps.exif_transpose(image), picture) < 6
    assert seen == {2, 3, 4, 5, 6, 7, 8}


def test_an_unknown_kind_lists_the_kinds(picture, tmp_path):
    with pytest.raises(ValueError) as error:
        damaged_files.save(picture, tmp_path / "a.jpg", "gray")
    assert str(error.value) == f"Unknown kind. Available: {', '.join(damaged_files.KINDS)}. Received: kind='gray'"
    assert not list(tmp_path.iterdir())
