"""The wall: runs in rows, depth in columns; a column shows the same detector appear and disappear. Needs no network."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.insight.maps import LayerActivations
from catsdogs_exp.insight.networks import on_grid
from catsdogs_exp.insight.similarity import channel_correlation, match_channels

_SIDE = 16  # cells per side of the grid on which channels are matched


@dataclass(frozen=True)
class WallCell:
    """One layer of one run.

    Attributes:
        layer: name of the layer.
        maps: float32 [probes, height, width, channels], channels in the column's order.
        numbers: the channels' own numbers, in that order; -1 where the run has no channel left.
    """

    layer: str
    maps: NDArray[np.float32]
    numbers: tuple[int, ...]


def arrange(runs: Sequence[Sequence[LayerActivations]], columns: int, channels: int) -> list[list[WallCell | None]]:
    """Puts layers into columns by depth and orders the channels of each row like the first row's.

    Args:
        runs: the saved activations of each run, the first run first; all for the same probes.
        columns: maximum number of columns.
        channels: maximum number of channels per cell.

    Returns:
        One row of cells per run; None where a run has no layer at that depth.
    """
    count = min(columns, max(len(layers) for layers in runs))
    rows = [_spread(layers, count) for layers in runs]
    wall: list[list[WallCell | None]] = [[] for _ in runs]
    for column in range(count):
        reference: LayerActivations | None = None
        order: list[int] = []
        for row, cells in zip(rows, wall, strict=True):
            layer = row[column]
            if layer is None:
                cells.append(None)
            elif reference is None:
                reference = layer
                order = _strongest(layer, channels)
                cells.append(WallCell(layer.layer, layer.maps[..., order], tuple(order)))
            else:
                cells.append(_ordered_like(layer, reference, order))
    return wall


def _spread(layers: Sequence[LayerActivations], count: int) -> list[LayerActivations | None]:
    """Distributes a run's layers over the columns by relative depth; first layer first, last layer last."""
    found: list[LayerActivations | None] = [None] * count
    for number, layer in enumerate(layers[:count] if len(layers) <= count else _thinned(layers, count)):
        total = min(len(layers), count)
        found[round(number * (count - 1) / max(1, total - 1))] = layer
    return found


def _thinned(layers: Sequence[LayerActivations], count: int) -> list[LayerActivations]:
    return [layers[round(number * (len(layers) - 1) / max(1, count - 1))] for number in range(count)]


def _strongest(layer: LayerActivations, channels: int) -> list[int]:
    """Returns the channels that vary most over the probes, which show most."""
    spread = layer.maps.std(axis=(0, 1, 2))
    return [int(number) for number in np.argsort(-spread, kind="stable")[:channels]]


def _ordered_like(layer: LayerActivations, reference: LayerActivations, order: Sequence[int]) -> WallCell:
    mine, theirs = (
        on_grid(each, _SIDE).reshape(-1, each.shape[-1]) for each in (layer.maps, reference.maps[..., list(order)])
    )
    matched = {match.first: match.second for match in match_channels(channel_correlation(theirs, mine))}
    numbers = tuple(matched.get(place, -1) for place in range(len(order)))
    maps = np.stack(
        [layer.maps[..., number] if number >= 0 else np.zeros(layer.maps.shape[:3], np.float32) for number in numbers],
        axis=-1,
    )
    return WallCell(layer.layer, maps, numbers)
