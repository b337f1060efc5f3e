"""Comparing two networks, and the wall: on channels whose counterparts are known."""

import numpy as np
import pytest

from catsdogs_exp.insight.maps import LayerActivations
from catsdogs_exp.insight.networks import LayerFeatures, compare_networks, on_grid
from catsdogs_exp.insight.wall import arrange


def features(name: str, spatial: np.ndarray) -> LayerFeatures:
    return LayerFeatures(name, spatial.astype(np.float32), np.ptp(spatial, axis=(0, 1, 2)) == 0)


@pytest.fixture(scope="module")
def both() -> tuple[list[LayerFeatures], list[LayerFeatures]]:
    rng = np.random.default_rng(0)
    early, late = rng.normal(size=(40, 8, 8, 6)), rng.normal(size=(40, 8, 8, 5))
    first = [features("a1", early), features("a2", late)]
    # the second network: the early layer shuffled and scaled; of the late one only three channels, and a dead one
    second = [
        features("b1", 3 * early[..., [5, 4, 3, 2, 1, 0]] + 1),
        features("b2", np.concatenate([late[..., :3], np.zeros((40, 8, 8, 1))], axis=-1)),
    ]
    return first, second


def test_layers_find_their_like(both) -> None:
    found = compare_networks(*both)
    assert found.first == ("a1", "a2") and found.second == ("b1", "b2")
    assert found.cka[0, 0] == pytest.approx(1, abs=0.02) and found.cka[1, 1] > 0.5
    assert abs(found.cka[0, 1]) < 0.1 and abs(found.cka[1, 0]) < 0.1
    assert [(match.first, match.second) for match in found.matches] == [("a1", "b1"), ("a2", "b2")]
    assert {(pair.first, pair.second) for pair in found.matches[0].pairs} == {(n, 5 - n) for n in range(6)}


def test_identical_networks_match_perfectly_whatever_is_dead() -> None:
    rng = np.random.default_rng(4)
    spatial = rng.normal(size=(40, 8, 8, 7))
    spatial[..., [1, 4, 5]] = 0
    spatial[..., 5] = 0.3  # dead, but not zero
    layer = features("a", spatial)
    (match,) = compare_networks([layer], [layer]).matches
    assert {(pair.first, pair.second) for pair in match.pairs} == {(n, n) for n in (0, 2, 3, 6)}
    assert match.correlation == pytest.approx(1) and match.dead == (3, 3)


def test_a_layer_whose_channels_are_all_dead_matches_nothing(both) -> None:
    silent = features("silent", np.zeros((40, 8, 8, 3)))
    found = compare_networks([silent], both[0])
    assert np.isnan(found.cka).all()
    assert found.matches[0].pairs == () and found.matches[0].dead[0] == 3 and np.isnan(found.matches[0].correlation)
    assert found.only_in_first == ()


def test_what_only_one_has_learned_is_named(both) -> None:
    found = compare_networks(*both)
    assert {(each.layer, each.channel) for each in found.only_in_first} == {("a2", 3), ("a2", 4)}
    assert found.only_in_second == ()  # the dead channel does not count
    assert all(each.correlation < 0.5 for each in found.only_in_first)


@pytest.mark.parametrize("size", [(8, 8), (34, 17), (3, 3), (1, 5)])
def test_the_grid_holds_means_of_any_size(size: tuple[int, int]) -> None:
    maps = np.random.default_rng(1).normal(size=(2, *size, 3)).astype(np.float32)
    grid = on_grid(maps, 8)
    assert grid.shape == (2, 8, 8, 3)
    if size == (8, 8):
        np.testing.assert_allclose(grid, maps)
    np.testing.assert_allclose(on_grid(np.full((1, *size, 1), 2.5, np.float32), 8), 2.5)


def test_along_a_column_of_the_wall_the_same_channel_stands() -> None:
    rng = np.random.default_rng(2)
    maps = rng.normal(size=(2, 16, 16, 6)).astype(np.float32) * np.arange(1, 7, dtype=np.float32)
    shuffled = maps[..., [2, 0, 5, 1, 4, 3]] * 0.5
    wall = arrange(
        [[LayerActivations("x", maps)], [LayerActivations("y", shuffled)], [LayerActivations("z", maps[..., :2])]], 8, 4
    )
    first, second, third = (row[0] for row in wall)
    assert first.numbers == (5, 4, 3, 2)  # those that vary most
    assert [[2, 0, 5, 1, 4, 3][number] for number in second.numbers] == [5, 4, 3, 2]
    np.testing.assert_allclose(second.maps * 2, first.maps)
    assert sorted(third.numbers) == [-1, -1, 0, 1]


def test_layers_stand_by_their_depth() -> None:
    layer = LayerActivations("x", np.random.default_rng(3).normal(size=(1, 4, 4, 2)).astype(np.float32))
    wall = arrange([[layer] * 5, [layer] * 3, [layer] * 12], 8, 2)
    there = [[cell is not None for cell in row] for row in wall]
    assert there[2] == [True] * 8
    assert sum(there[0]) == 5 and there[0][0] and there[0][-1]
    assert sum(there[1]) == 3 and there[1][0] and there[1][-1]
