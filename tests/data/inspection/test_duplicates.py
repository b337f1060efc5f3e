import time
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from catsdogs_exp.data.inspection.duplicates import clusters, exact_groups, joined, near_pairs, stable_numbers
from catsdogs_exp.data.inspection.fingerprints import SIDE, colours, perceptual_hashes, shrunk

Photo = Callable[..., Image.Image]
TEXT = np.dtypes.StringDType()


def scene(seed: int, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """Something with the structure of a photo: smoothed noise, (width, height) pixels."""
    noise = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)


def hash_of(image: Image.Image) -> int:
    return int(perceptual_hashes(shrunk(image)[None])[0])


def apart(first: Image.Image, second: Image.Image) -> int:
    return int(np.bitwise_count(np.int64(hash_of(first) ^ hash_of(second)).view(np.uint64)))


@pytest.mark.parametrize("seed", range(5))
def test_the_hash_survives_what_happens_to_pictures_on_their_way(seed: int) -> None:
    image = scene(seed)
    for changed in (
        image.resize((160, 120), Image.Resampling.LANCZOS),
        image.resize((640, 480)),
        image.convert("L").convert("RGB"),
        ImageEnhance.Brightness(image).enhance(1.1),
        ImageEnhance.Contrast(image).enhance(0.9),
    ):
        assert apart(image, changed) <= 4


def test_the_hash_tells_pictures_apart() -> None:
    hashes = [hash_of(scene(seed)) for seed in range(60)]
    distances = [bin((a ^ b) & (2**64 - 1)).count("1") for i, a in enumerate(hashes) for b in hashes[:i]]
    assert min(distances) > 8


def test_a_picture_of_one_colour_has_no_hash() -> None:
    assert hash_of(Image.new("RGB", (50, 40), (200, 10, 10))) == 0
    assert hash_of(Image.new("RGB", (SIDE, SIDE))) == 0
    assert hash_of(scene(0)) != 0


def test_colours_are_mean_and_deviation() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (5, SIDE, SIDE, 3), dtype=np.uint8)
    mean, std = colours(pictures)
    np.testing.assert_allclose(mean, pictures.mean(axis=(1, 2)), rtol=1e-4)
    np.testing.assert_allclose(std, pictures.std(axis=(1, 2)), rtol=1e-4)


def _all_pairs(hashes: np.ndarray, mean: np.ndarray, distance: int) -> set[tuple[int, int]]:
    return {
        (i, j)
        for j in range(len(hashes))
        for i in range(j)
        if hashes[i] != 0 != hashes[j]
        and np.bitwise_count(np.uint64(hashes.view(np.uint64)[i] ^ hashes.view(np.uint64)[j])) <= distance
        and np.abs(mean[i] - mean[j]).max() <= 24
    }


@given(
    st.integers(0, 16),
    st.lists(st.tuples(st.integers(0, 3), st.sets(st.integers(0, 63), max_size=12), st.integers(0, 2)), max_size=24),
)
def test_near_pairs_join_what_comparing_all_would(distance: int, drawn: list[tuple[int, set[int], int]]) -> None:
    centres = np.random.default_rng(0).integers(-(2**63), 2**63 - 1, 4)
    centres[3] = 0
    hashes = np.array([int(centres[c]) ^ sum(1 << b if b < 63 else -(2**63) for b in bits) for c, bits, _ in drawn])
    hashes = hashes.astype(np.int64)
    mean = np.array([[20.0 * colour] * 3 for _, _, colour in drawn], dtype=np.float32).reshape(-1, 3)
    first, second = near_pairs(hashes, mean, distance)
    expected = _all_pairs(hashes, mean, distance)
    assert set(zip(first.tolist(), second.tolist(), strict=True)) <= expected
    own = np.arange(len(hashes))
    other = np.array(sorted(expected), dtype=np.int64).reshape(-1, 2).T
    assert joined(own, first, second).tolist() == joined(own, *other).tolist()


def test_near_pairs_of_many_pictures_are_quick_and_small() -> None:
    rng = np.random.default_rng(0)
    hashes = rng.integers(-(2**63), 2**63 - 1, 30_000)
    hashes[20_000:] = hashes[:10_000] ^ (1 << rng.integers(0, 63, 10_000))  # 10,000 pairs, one bit apart
    hashes[10_000:12_000] = hashes[10_000]  # and 2,000 copies
    mean = np.full((30_000, 3), 100, dtype=np.float32)
    tracemalloc.start()
    started = time.process_time()
    first, second = near_pairs(hashes, mean, 4)
    groups = joined(np.arange(30_000), first, second)
    seconds = time.process_time() - started
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert groups[20_000:].tolist() == list(range(10_000))
    assert set(groups[10_000:12_000].tolist()) == {10_000}
    assert seconds < 10
    assert peak < 60e6  # all pairs would be 900 million


def test_groups_hang_together_along_pairs() -> None:
    groups = np.array([0, 1, 1, 3, 4, 5])
    assert joined(groups, np.array([4, 2]), np.array([5, 3])).tolist() == [0, 1, 1, 1, 4, 4]
    assert joined(groups[:0], groups[:0], groups[:0]).tolist() == []
    chain = np.arange(999)
    assert set(joined(np.arange(1000), chain[::-1], chain[::-1] + 1).tolist()) == {0}


def test_equal_contents_are_numbered_alike_and_unread_files_never() -> None:
    assert exact_groups(np.array(["b", "a", "", "b", ""], dtype=TEXT)).tolist() == [0, 1, 2, 0, 4]


def test_the_numbers_of_groups_do_not_hang_on_other_files() -> None:
    digests = [f"{value:064x}" for value in (5 << 200, 3 << 200, 9 << 200, 1 << 200)]
    groups = np.array([0, 0, 2, 2])
    whole = stable_numbers(groups, np.array(digests, dtype=TEXT))
    part = stable_numbers(groups[[2, 3]], np.array(digests[2:], dtype=TEXT))
    assert whole[0] == whole[1] != whole[2] == whole[3]
    assert part.tolist() == whole[2:].tolist()
    assert whole.dtype == np.int64
    assert stable_numbers(groups[:0], np.array([], dtype=TEXT)).tolist() == []


def test_clusters_come_largest_first() -> None:
    groups = np.array([0, 1, 0, 3, 1, 1, 6, 6])
    assert clusters(groups, np.arange(8)) == [[1, 4, 5], [0, 2], [6, 7]]
    assert clusters(groups, np.array([0, 1, 4, 7])) == [[1, 4]]


@pytest.mark.parametrize("count", [0, 1, 16, 37])
def test_colours_do_not_depend_on_what_else_is_measured(count: int) -> None:
    pictures = np.random.default_rng(count).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)
    mean, std = colours(pictures)
    assert mean.shape == std.shape == (count, 3)
    for row in range(count):
        alone = colours(pictures[row : row + 1])
        np.testing.assert_array_equal(mean[row], alone[0][0])
        np.testing.assert_array_equal(std[row], alone[1][0])
        np.testing.assert_allclose(mean[row], pictures[row].mean(axis=(0, 1)), rtol=1e-4)
        np.testing.assert_allclose(std[row], pictures[row].std(axis=(0, 1)), rtol=1e-4)
