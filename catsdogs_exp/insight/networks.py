"""Compares two networks: which layers carry the same information, which channels match, which have no counterpart."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.insight.similarity import Match, channel_correlation, cka_matrix, match_channels

ALONE_BELOW = 0.5  # a channel whose most similar channel correlates by less than this has no counterpart
_SIDE = 8  # cells per side of the grid on which activations are compared


@dataclass(frozen=True)
class LayerFeatures:
    """The activations of a layer for the images shown to both networks.

    Attributes:
        layer: its name.
        spatial: float32 [images, rows, columns, channels], on the same grid for all layers.
        dead: bool [channels].
    """

    layer: str
    spatial: NDArray[np.float32]
    dead: NDArray[np.bool_]

    @property
    def pooled(self) -> NDArray[np.float32]:
        """Returns the mean activation per image and channel: float32 [images, channels]."""
        return np.asarray(self.spatial.mean(axis=(1, 2)), np.float32)


@dataclass(frozen=True)
class LayerMatch:
    """The channels of two layers, matched one to one.

    Attributes:
        first, second: names of the layers.
        pairs: pairs, most similar first; without dead channels, which correlate with nothing.
        dead: number of dead channels of either layer.
    """

    first: str
    second: str
    pairs: tuple[Match, ...]
    dead: tuple[int, int] = (0, 0)

    @property
    def correlation(self) -> float:
        """Returns the mean over the pairs; NaN if there are none."""
        return float(np.mean([pair.correlation for pair in self.pairs])) if self.pairs else float("nan")


@dataclass(frozen=True)
class LonelyChannel:
    """A channel without a counterpart in the other network.

    Attributes:
        layer, channel: where it is.
        nearest_layer, nearest_channel: the most similar channel of the other network.
        correlation: correlation with it.
    """

    layer: str
    channel: int
    nearest_layer: str
    nearest_channel: int
    correlation: float


@dataclass(frozen=True)
class Comparison:
    """What two networks have in common.

    Attributes:
        first, second: names of their layers.
        cka: float64 [layers of the first, layers of the second].
        matches: for each layer of the first, its channels matched with those of its most similar layer.
        only_in_first, only_in_second: channels without a counterpart in the other network, least similar first.
    """

    first: tuple[str, ...]
    second: tuple[str, ...]
    cka: NDArray[np.float64]
    matches: tuple[LayerMatch, ...]
    only_in_first: tuple[LonelyChannel, ...]
    only_in_second: tuple[LonelyChannel, ...]


def on_grid(maps: NDArray[np.float32], side: int = _SIDE) -> NDArray[np.float32]:
    """Averages maps over the cells of a grid, so that layers of any size can be compared place by place.

    Args:
        maps: float32 [images, height, width, channels].
        side: number of cells per side; smaller maps are repeated.

    Returns:
        float32 [images, side, side, channels].
    """
    height, width = maps.shape[1:3]
    rows, columns = (np.linspace(0, size, side + 1) for size in (height, width))
    result = np.empty((len(maps), side, side, maps.shape[3]), np.float32)
    for i in range(side):
        top, bottom = int(rows[i]), max(int(np.ceil(rows[i + 1])), int(rows[i]) + 1)
        for j in range(side):
            left, right = int(columns[j]), max(int(np.ceil(columns[j + 1])), int(columns[j]) + 1)
            result[:, i, j] = maps[:, top:bottom, left:right].mean(axis=(1, 2))
    return result


def compare_networks(first: Sequence[LayerFeatures], second: Sequence[LayerFeatures]) -> Comparison:
    """Compares two networks by their activations for the same images.

    The similarity of two channels is the mean of two correlations: of their mean activations per image, and of their
    activations on a grid.
    """
    cka = cka_matrix([_flat(each) for each in first], [_flat(each) for each in second])
    alike = [[_correlation(a, b) for b in second] for a in first]
    partner = np.nan_to_num(cka, nan=-1).argmax(axis=1)
    matches = tuple(
        _matched(layer, second[best], alike[number][best])
        for number, (layer, best) in enumerate(zip(first, partner.tolist(), strict=True))
    )
    back = [[alike[i][j].T for i in range(len(first))] for j in range(len(second))]
    return Comparison(
        tuple(each.layer for each in first),
        tuple(each.layer for each in second),
        cka,
        matches,
        _lonely(first, second, alike),
        _lonely(second, first, back),
    )


def _matched(a: LayerFeatures, b: LayerFeatures, alike: NDArray[np.float64]) -> LayerMatch:
    rows, columns = np.flatnonzero(~a.dead).tolist(), np.flatnonzero(~b.dead).tolist()
    pairs = match_channels(alike[np.ix_(rows, columns)])
    numbered = tuple(Match(rows[pair.first], columns[pair.second], pair.correlation) for pair in pairs)
    return LayerMatch(a.layer, b.layer, numbered, (int(a.dead.sum()), int(b.dead.sum())))


def _flat(features: LayerFeatures) -> NDArray[np.float64]:
    return features.spatial.reshape(len(features.spatial), -1).astype(np.float64)


def _correlation(a: LayerFeatures, b: LayerFeatures) -> NDArray[np.float64]:
    by_image = channel_correlation(a.pooled, b.pooled)
    channels_a, channels_b = a.spatial.shape[-1], b.spatial.shape[-1]
    by_place = channel_correlation(a.spatial.reshape(-1, channels_a), b.spatial.reshape(-1, channels_b))
    return (by_image + by_place) / 2


def _lonely(
    mine: Sequence[LayerFeatures], others: Sequence[LayerFeatures], alike: Sequence[Sequence[NDArray[np.float64]]]
) -> tuple[LonelyChannel, ...]:
    found = []
    for layer, row in zip(mine, alike, strict=True):
        nearest = np.stack([each.max(axis=1) for each in row])  # [other layers, channels]
        for channel in np.flatnonzero(~layer.dead).tolist():
            place = int(nearest[:, channel].argmax())
            correlation = float(nearest[place, channel])
            if correlation < ALONE_BELOW:
                number = int(row[place][channel].argmax())
                found.append(LonelyChannel(layer.layer, channel, others[place].layer, number, correlation))
    return tuple(sorted(found, key=lambda each: each.correlation))
