"""Large photos decoded smaller: when, and how far from full decoding; never for small ones."""

import io
import tracemalloc
import zipfile
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catsdogs_exp.data.images import jpeg, preparing, resizing
from catsdogs_exp.data.images.decoding import Undecodable, pixels
from catsdogs_exp.data.images.preparing import Preparation, image_of, reduction

PHONE = (3024, 4032)  # height, width
STORED = {
    2: [Image.Transpose.FLIP_LEFT_RIGHT],
    3: [Image.Transpose.ROTATE_180],
    4: [Image.Transpose.FLIP_TOP_BOTTOM],
    5: [Image.Transpose.TRANSPOSE],
    6: [Image.Transpose.ROTATE_90],
    7: [Image.Transpose.TRANSVERSE],
    8: [Image.Transpose.ROTATE_270],
}


def encoded(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", **({"quality": 92} | options))
    return file.getvalue()


def scene(size: tuple[int, int], noise: float = 0.0, seed: int = 0) -> Image.Image:
    """Structure of all sizes with hard edges, and the noise of a sensor; (height, width)."""
    rng = np.random.default_rng(seed)
    image = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize(
        size[::-1], Image.Resampling.BICUBIC
    )
    blocks = Image.fromarray(rng.integers(0, 2, (60, 80), dtype=np.uint8) * 255).resize(
        size[::-1], Image.Resampling.NEAREST
    )
    image.paste((20, 30, 25), mask=blocks.point(lambda value: value // 3))
    if noise:
        levels = np.asarray(image) + rng.normal(0, noise, (*size, 3)).astype(np.float32)
        image = Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))
    return image


@lru_cache(maxsize=4)
def phone_photo(kind: str) -> bytes:
    if kind == "noise":
        return encoded(Image.fromarray(np.random.default_rng(0).integers(0, 256, (*PHONE, 3), dtype=np.uint8)))
    return encoded(scene(PHONE, 6.0 if kind == "sensor" else 0.0))


@lru_cache(maxsize=1)
def decoded(data: bytes) -> np.ndarray:
    return pixels(data)


def in_full(data: bytes, how: Preparation) -> np.ndarray:
    fitted = resizing.resized(decoded(data), how.target_size, how.resize, how.interpolation, how.pad_value)
    return np.asarray(resizing.grey(fitted) if how.channels == 1 else fitted)


def apart(data: bytes, how: Preparation) -> np.ndarray:
    return np.abs(image_of(data, how).astype(int) - in_full(data, how))


@pytest.mark.parametrize("kind", ["plain", "sensor", "noise"])
@pytest.mark.parametrize("target", [(64, 64), (150, 150), (224, 224)])
def test_the_result_is_within_two_levels_of_decoding_in_full(kind: str, target: tuple[int, int]) -> None:
    assert reduction(PHONE, Preparation(target)) > 1
    for interpolation in ("bilinear", "lanczos"):
        found = apart(phone_photo(kind), Preparation(target, interpolation=interpolation))
        assert found.max() <= 2
        assert found.mean() < 0.5


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("channels", [3, 1])
def test_every_way_to_the_size_is_taken(resize: str, channels: int) -> None:
    found = apart(phone_photo("plain"), Preparation((96, 150), resize, channels=channels, pad_value=9))
    assert found.shape == (96, 150, channels)
    assert found.max() <= 2


@lru_cache(maxsize=1)
def upright() -> Image.Image:
    return scene((1801, 2605))


@lru_cache(maxsize=1)
def turned(orientation: int) -> bytes:
    """The upright photo, as a camera stores it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = upright()
    for change in STORED.get(orientation, []):
        stored = stored.transpose(change)
    return encoded(stored, exif=exif, subsampling=0)


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_photos_of_odd_sizes_are_in_their_place(orientation: int, resize: str) -> None:
    """The last rows and columns of the smaller picture stand for less than the others, wherever they turn to."""
    data = turned(orientation)
    how = Preparation((40, 56), resize)
    assert reduction((1801, 2605), how) == 8
    assert apart(data, how).max() <= 2
    reference = resizing.resized(np.asarray(upright()), (40, 56), resize, "bilinear")
    assert np.abs(image_of(data, how).astype(int) - reference).max() <= 8


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (Preparation((150, 150)), 4),
        (Preparation((151, 151)), 4),
        (Preparation((152, 152)), 2),
        (Preparation((75, 75)), 8),
        (Preparation((302, 300)), 2),
        (Preparation((303, 300)), 1),
        (Preparation((20, 800)), 1),
        (Preparation((20, 800), "pad"), 8),
        (Preparation((300, 150), "pad"), 4),
        (Preparation((150, 300), "crop"), 2),
        (Preparation((32, 32), interpolation="nearest"), 1),
    ],
)
def test_the_smaller_picture_has_five_times_the_target(how: Preparation, expected: int) -> None:
    assert reduction(PHONE, how) == expected


def test_a_photo_below_the_limit_is_decoded_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(scene((1500, 2000), 6.0))
    for target in ((16, 16), (64, 64), (150, 150)):
        assert np.array_equal(image_of(data, Preparation(target)), in_full(data, Preparation(target)))
    monkeypatch.setattr(preparing, "LARGE", 1500 * 2000)
    assert not np.array_equal(image_of(data, Preparation((64, 64))), in_full(data, Preparation((64, 64))))


def test_real_photos_are_bit_for_bit_what_they_were(real_photos: Path) -> None:
    with zipfile.ZipFile(real_photos) as archive:
        for name in [name for name in archive.namelist() if name.endswith(".jpg")][::40]:
            data = archive.read(name)
            assert np.array_equal(image_of(data, Preparation((32, 32))), in_full(data, Preparation((32, 32))))


def test_real_photos_enlarged_are_within_two_levels(real_photos: Path) -> None:
    with zipfile.ZipFile(real_photos) as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")][::1000]
        for name in names:
            image = Image.open(io.BytesIO(archive.read(name))).convert("RGB")
            data = encoded(image.resize(PHONE[::-1], Image.Resampling.BICUBIC))
            for target in ((96, 96), (150, 150), (224, 224)):
                found = apart(data, Preparation(target))
                assert found.max() <= 2
                assert found.mean() < 0.3


def test_a_damaged_large_photo_is_refused_as_in_full() -> None:
    data = phone_photo("plain")
    for cut in (data[: len(data) // 2], data[: len(data) // 2] + b"\xff\xd9"):
        with pytest.raises(Undecodable, match=r"^truncated$"):
            image_of(cut, Preparation((64, 64)))


def test_a_photo_decoded_smaller_needs_little_memory() -> None:
    data = phone_photo("plain")
    image_of(data, Preparation((150, 150)))  # what a thread keeps
    tracemalloc.start()
    image_of(data, Preparation((150, 150)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * 2**20  # in full: 36 MB, and as much again to resize it


def test_pictures_do_not_share_memory() -> None:
    first = image_of(phone_photo("plain"), Preparation((75, 75)))
    kept = first.copy()
    image_of(phone_photo("sensor"), Preparation((75, 75)))
    assert np.array_equal(first, kept)
    assert jpeg.FACTORS == (8, 4, 2)


def test_at_the_limit_noise_and_specks_are_a_little_further_apart() -> None:
    """What docs/loaders.md says of a picture that is exactly `MARGIN` times the target when decoded smaller."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (2000, 2000, 3), dtype=np.uint8)
    specks = np.where(rng.random((2000, 2000, 1)) < 0.02, 255, 0).astype(np.uint8).repeat(3, axis=2)
    for factor, target in ((2, 200), (4, 100), (8, 50)):
        how = Preparation((target, target))
        assert reduction((2000, 2000), how) == factor
        assert apart(encoded(Image.fromarray(noise)), how).max() <= 3
        assert apart(encoded(Image.fromarray(specks), subsampling=0), how).max() <= 6
