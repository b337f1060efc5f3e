"""Activation pictures: every channel in its place with its number, dead ones marked, probabilities next to them."""

import numpy as np
import pytest
from PIL import Image

from catsdogs_exp.insight.maps import LayerActivations, NetworkActivations
from catsdogs_exp.record.pictures.activation_page import Style, Subject, activation_page, layer_grid

TILE, LINE, MARGIN = 64, 24, 12


def answers(maps: np.ndarray, probabilities: tuple[float, ...] = (0.25, 0.75)) -> NetworkActivations:
    return NetworkActivations(
        (LayerActivations("probe", maps.astype(np.float32)),), np.array([probabilities], np.float32)
    )


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("RGB"))


def tile(grid: np.ndarray, number: int) -> np.ndarray:
    x, y = MARGIN + number % 16 * (TILE + 2), LINE + number // 16 * (TILE + 2)
    return grid[y : y + TILE, x : x + TILE]


@pytest.fixture
def maps() -> np.ndarray:
    found = np.zeros((1, 8, 8, 17))
    found[0, :4, :, 16] = 1  # only the last channel, on the second row, answers to the upper half
    return found


def test_a_grid_shows_the_channels_in_order(maps) -> None:
    grid = pixels(layer_grid(answers(maps).layers[0], 0, Style(64)))
    alive = tile(grid, 16)
    assert alive[20, 40].tolist() == [94, 201, 98] and alive[50, 40].tolist() == [59, 82, 139]  # +1, -1 deviation
    dead = tile(grid, 3)[16:]  # below its number
    assert len(np.unique(dead.reshape(-1, 3), axis=0)) == 1
    limited = pixels(layer_grid(answers(maps).layers[0], 0, Style(16)))
    assert limited.shape[0] == grid.shape[0] - TILE - 2


def test_every_tile_has_its_number_and_a_dead_one_says_so(maps) -> None:
    grid = pixels(layer_grid(answers(maps).layers[0], 0, Style(64)))
    numbers = [tile(grid, number)[:14, :60] for number in range(17)]
    ink = [int((number > 180).all(-1).sum()) for number in numbers]
    assert min(ink) > 3
    assert ink[3] > 2 * ink[16]  # "3 dead" is longer than "16"
    assert (numbers[1] != numbers[2]).any()


def test_one_scale_for_a_layer_keeps_weak_channels_dark() -> None:
    maps = np.zeros((1, 8, 8, 2))
    maps[0, ..., 0] = np.linspace(0, 1, 64).reshape(8, 8)
    maps[0, ..., 1] = 10 * maps[0, ..., 0]
    layer = answers(maps).layers[0]
    each, one = (pixels(layer_grid(layer, 0, Style(64, scale))) for scale in ("channel", "layer"))
    np.testing.assert_array_equal(tile(each, 0)[16:], tile(each, 1)[16:])
    assert tile(one, 0)[60, 60].tolist() != tile(one, 1)[60, 60].tolist()
    assert tile(one, 1)[60, 60].tolist() == [253, 231, 37]  # the strongest


@pytest.mark.parametrize("shape", [(20, 200), (200, 20), (300, 300), (5, 5)])
def test_any_shape_of_input_fits(shape: tuple[int, int]) -> None:
    found = answers(np.zeros((1, 4, 4, 3)))
    subject = Subject(np.zeros((*shape, 3), np.uint8), "a title that is rather long " * 20, ("cats [x]", "dogs" * 40))
    grids = [layer_grid(found.layers[0], 0, Style())]
    page = activation_page(subject, found, 0, grids)
    assert page.width == 1080 and page.height == 240 + grids[0].height


def test_the_probabilities_stand_beside_the_input() -> None:
    subject = Subject(np.full((50, 50, 3), 7, np.uint8), "x", ("cats", "dogs"))
    for share in (0.9, 0.2):
        found = answers(np.zeros((1, 4, 4, 3)), (1 - share, share))
        page = pixels(activation_page(subject, found, 0, []))
        bar = (page[MARGIN + LINE + 10, 228 : 228 + 320] == (33, 145, 140)).all(-1).sum()
        assert abs(bar - round(320 * max(share, 1 - share))) <= 2
