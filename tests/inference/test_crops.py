"""Crops: a network that is made to flip on a known part of an image, and what is said about it."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from catsdogs_exp.data.images.preparing import Preparation
from catsdogs_exp.errors import BadInput, RunFailed
from catsdogs_exp.inference.crop_grid import COARSE, Box, Grid, NamedCrop
from catsdogs_exp.inference.crops import Cropped, heat_maps, in_words, read_cropped, score_crops

CLASSES = ("cats", "dogs")
SIDES = st.integers(1, 2000)


@pytest.fixture
def corner(tmp_path: Path) -> Path:
    """A grey image, 100 x 80, with a red upper left quarter."""
    pixels = np.full((80, 100, 3), 90, np.uint8)
    pixels[:40, :50] = (250, 20, 20)
    path = tmp_path / "corner.png"
    Image.fromarray(pixels).save(path)
    return path


def redness(images: np.ndarray) -> np.ndarray:
    """A network that says dogs where more than half of the pixels are red."""
    red = (images[..., 0] > 200).mean(axis=(1, 2)).astype(np.float32)
    return np.stack([1 - red, red], axis=1)


def cropped(path: Path, grid: Grid = COARSE) -> Cropped:
    return read_cropped(path, Preparation((20, 20)), grid.boxes)


@given(SIDES, SIDES, st.integers(2, 8))
def test_a_grid_reaches_all_edges_and_stays_within_the_image(height: int, width: int, positions: int) -> None:
    grid = Grid(positions=positions)
    boxes = grid.boxes((height, width))
    assert len(boxes) == grid.count == 3 * positions**2
    for number in range(3):
        part = boxes[number * positions**2 : (number + 1) * positions**2]
        assert part[0][:2] == (0, 0)
        assert (part[-1].left + part[-1].width, part[-1].top + part[-1].height) == (width, height)
        for left, top, across, down in part:
            assert left >= 0 and top >= 0 and across >= 1 and down >= 1
            assert left + across <= width and top + down <= height


def test_places_are_named_by_where_the_crop_lies() -> None:
    boxes = Grid((0.5,), 3).boxes((80, 100))
    assert [box.place((80, 100)).removeprefix("the ") for box in boxes] == [
        *("upper left", "top", "upper right"),
        *("left", "middle", "right"),
        *("lower left", "bottom", "lower right"),
    ]
    assert Box(0, 0, 100, 80).place((80, 100)) == "the whole"
    assert Box(0, 0, 100, 40).place((80, 100)) == "the top"  # nothing is cut off at its sides


def test_the_crop_that_changes_the_answer_is_found(corner: Path) -> None:
    scores = score_crops(redness, cropped(corner))
    assert scores.answer == 0
    assert scores.whole == pytest.approx([0.75, 0.25], abs=0.03)
    changed = [box for box, flips in zip(scores.boxes, scores.changed, strict=True) if flips]
    # 40 x 32 at the corner is all red, its neighbours at (30, 0) and (0, 24) half or two thirds; 60 x 48 at the corner
    assert Box(0, 0, 40, 32) in changed and Box(0, 0, 60, 48) in changed
    assert all(box.left < 50 and box.top < 40 for box in changed)
    assert scores.boxes[scores.smallest_change] == scores.boxes[scores.worst] == Box(0, 0, 40, 32)
    assert scores.boxes[scores.largest_change] == Box(0, 0, 60, 48)
    assert scores.probabilities[scores.best, 0] == 1
    assert scores.strength == pytest.approx(0.75, abs=0.03)
    assert in_words(scores, CLASSES).endswith("; cropped to the upper left (40 % of each side): dogs 1.00")
    assert in_words(scores, CLASSES).startswith("whole image: cats 0.7")


def test_without_a_change_it_says_so(corner: Path) -> None:
    scores = score_crops(lambda images: np.tile(np.float32([0.9, 0.1]), (len(images), 1)), cropped(corner))
    assert scores.smallest_change is scores.largest_change is scores.strongest_change is None
    assert scores.strength == 0
    assert in_words(scores, CLASSES) == "whole image: cats 0.90; none of 27 crops changes the answer"


def test_heat_maps_have_the_crops_places(corner: Path) -> None:
    maps = heat_maps(score_crops(redness, cropped(corner)), COARSE, 1)
    assert maps.shape == (3, 3, 3)
    assert maps[2, 0, 0] == 1 and maps[2, 2].max() == 0 and maps[2, :, 2].max() == 0
    with pytest.raises(ValueError, match=r"27 crops\. Received: 1"):
        heat_maps(
            score_crops(redness, read_cropped(corner, Preparation((9, 9)), lambda _: [Box(0, 0, 5, 5)])), COARSE, 1
        )


def test_a_diverged_network_is_an_error(corner: Path) -> None:
    with pytest.raises(RunFailed, match="NaN"):
        score_crops(lambda images: np.full((len(images), 2), np.nan, np.float32), cropped(corner))


@given(SIDES, SIDES, *[st.integers(0, 2000)] * 2, *[st.integers(1, 2000)] * 2)
def test_a_crop_in_pixels_is_taken_to_the_letter(height, width, x, y, w, h) -> None:
    named = NamedCrop.parse(f"{x},{y}, {w},{h}")
    if x + w <= width and y + h <= height:
        assert named.box((height, width)) == (x, y, w, h)
    else:
        with pytest.raises(BadInput, match=f"{width} pixels wide and {height} high. Received: --crop {x},"):
            named.box((height, width))


@given(SIDES, SIDES, *[st.floats(0, 1)] * 4)
def test_a_crop_in_fractions_covers_at_least_a_pixel_of_the_image(height, width, x, y, w, h) -> None:
    numbers = [f"{value:.6f}" for value in (x, y, w, h)]
    x, y, w, h = map(float, numbers)
    if w == 0 or h == 0 or x + w > 1 or y + h > 1:
        with pytest.raises(BadInput, match="--crop must"):
            NamedCrop.parse(",".join(numbers))
        return
    box = NamedCrop.parse(",".join(numbers)).box((height, width))
    assert box.left >= 0 and box.top >= 0 and box.width >= 1 and box.height >= 1
    assert box.left + box.width <= width and box.top + box.height <= height
    assert abs(box.left - x * width) <= 1 and abs(box.width - w * width) <= 1


@given(st.text("0123456789.,-+ex n٣", max_size=20))
@example("0,0,0,5")
@example("1e3,0,1,1")
@example("٣,0,1,1")
@example("0.5,0,0.5,2")
@example(f"{'9' * 5000},0,1,1")
@example("0,0,1")
@example("")
def test_any_other_text_is_an_error_that_names_it(text: str) -> None:
    try:
        box = NamedCrop.parse(text).box((10**9, 10**9))
    except BadInput as error:
        assert str(error).startswith("--crop must") and str(error).endswith(f"Received: --crop {text}")
    else:
        assert len(text.split(",")) == 4 and min(box.width, box.height) >= 1


def test_sensitivity_counts_known_flips(corner: Path, tmp_path: Path) -> None:
    from catsdogs_exp.inference.crop_sensitivity import crop_sensitivity

    grey, broken = tmp_path / "grey.png", tmp_path / "broken.png"
    Image.new("RGB", (100, 80), (90, 90, 90)).save(grey)
    broken.write_bytes(b"\x89PNG no more")
    predictor = SimpleNamespace(
        card=SimpleNamespace(classes=CLASSES, preparation=Preparation((20, 20))), probabilities=redness
    )
    files = [(grey, "cats"), (corner, "dogs"), (broken, "cats")]
    told: list[tuple[str, int, int]] = []
    found = crop_sensitivity(predictor, files, lambda *what: told.append(what))
    alone = score_crops(redness, cropped(corner)).changed.sum()
    figures = found.figures()
    assert told[-1] == ("cropping", 3, 3)
    assert figures["share"] == pytest.approx(alone / 54)
    assert figures["share_interval"][0] <= figures["share"] <= figures["share_interval"][1]
    assert (figures["images"], figures["crops"], figures["images_changed"]) == (2, 27, 0.5)
    assert figures["accuracy"]["whole"] == 0.5
    assert (figures["corrected"], figures["spoilt"]) == (1.0, 0.0)
    assert [each["scale"] for each in figures["scales"]] == [0.8, 0.6, 0.4]
    assert figures["scales"][0]["share"] == 0 < figures["scales"][2]["share"]
    (flip,) = found.flips
    assert (flip.file, flip.label, flip.whole, flip.cropped) == (corner, "dogs", "cats", "dogs")
    assert (flip.box, flip.crop, flip.changed) == ((0, 0, 40, 32), "the upper left (40 % of each side)", alone)
    (line,) = found.left_out
    assert line.startswith(f"{broken}: ")
