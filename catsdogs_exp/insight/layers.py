"""Selects the layers of a network to examine."""

import fnmatch
from collections.abc import Sequence
from typing import Any

from keras import layers

from catsdogs_exp.errors import BadInput, did_you_mean
from catsdogs_exp.insight.graph import FlatNetwork, Layer
from catsdogs_exp.models.graph import parents

AUTO, ALL = "auto", "all"
MOST = 8  # maximum number of layers for `auto`

_CONVOLUTIONS = (layers.Conv2D, layers.SeparableConv2D, layers.DepthwiseConv2D)
_POOLINGS = (layers.MaxPooling2D, layers.AveragePooling2D)
_MERGES = (layers.Add, layers.Concatenate)
_TINTS = (layers.Activation, layers.ReLU, layers.LeakyReLU, layers.PReLU, layers.ELU, layers.BatchNormalization)


def spatial_layers(network: FlatNetwork) -> list[Layer]:
    """Returns the layers whose output is a stack of feature maps, [b, height, width, channels], from the input upwards.

    Rescaling, padding, dropout and other layers that do not compute features are left out.
    """
    kinds = (*_CONVOLUTIONS, *_POOLINGS, *_MERGES, *_TINTS)
    return [layer for layer in network.layers if isinstance(layer.operation, kinds) and _is_stack(layer)]


def choose_layers(network: FlatNetwork, wanted: str | Sequence[str], setting: str) -> list[Layer]:
    """Returns the layers selected by a setting.

    `auto`: for a plain network (no branches) with at most `MOST` convolutions and poolings, all of these; otherwise at
    most `MOST` layers spread over the depth, each the last one before the maps shrink, or the end of a block. The
    expanded layers inside a mobile block (MobileNetV2) are not ends: the block's input represents them. `all`: every
    layer with maps. Otherwise names or patterns (`block*_conv`).

    Args:
        network: the network.
        wanted: `auto`, `all`, or names and patterns.
        setting: name of the setting, for the message.

    Raises:
        BadInput: for a name or pattern that matches no layer, with the closest names.
    """
    stacks = spatial_layers(network)
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    if names == [ALL]:
        return stacks
    if names == [AUTO]:
        return _auto(network, stacks)
    known = {layer.name: layer for layer in network.layers if _is_stack(layer)}
    chosen: dict[str, Layer] = {}
    for name in names:
        matching = [name] if name in known else fnmatch.filter(known, name)
        if not matching:
            guess = did_you_mean(name, known) or f" Layers: {', '.join(list(known)[-8:])}, ..."
            raise BadInput(
                f"{setting} must be auto, all, or names or patterns of layers. Received: {name}.{guess} "
                "`models NAME` lists them"
            )
        chosen |= {match: known[match] for match in matching}
    return [layer for name, layer in known.items() if name in chosen]


def without_repeats(network: FlatNetwork, chosen: Sequence[Layer]) -> list[Layer]:
    """Drops pooling layers whose input is selected too: they have the same channels, only smaller."""
    names = {layer.name for layer in chosen}
    feeding = parents(network.model)
    return [
        layer
        for layer in chosen
        if not isinstance(layer.operation, _POOLINGS)
        or not any(source.name in names for source in feeding[layer.operation])
    ]


def _auto(network: FlatNetwork, stacks: list[Layer]) -> list[Layer]:
    plain = [layer for layer in stacks if isinstance(layer.operation, (*_CONVOLUTIONS, *_POOLINGS))]
    if len(plain) <= MOST and not any(isinstance(layer.operation, _MERGES) for layer in stacks):
        return plain
    ends = _block_ends(network, stacks)
    if len(ends) <= MOST:
        return ends
    stages = _stage_ends(ends)
    if len(stages) > MOST:
        return _spread(stages, MOST)
    missing = MOST - len(stages)
    others = [layer for layer in ends if layer not in stages]
    chosen = {layer.name for layer in (*stages, *_spread(others, missing))}
    return [layer for layer in ends if layer.name in chosen]


def _block_ends(network: FlatNetwork, stacks: list[Layer]) -> list[Layer]:
    """Returns the sums of residual blocks, the last layer of each size, and the very last layer."""
    feeding = parents(network.model)
    feeds: dict[Any, list[Any]] = {}
    for operation, sources in feeding.items():
        for source in sources:
            feeds.setdefault(source, []).append(operation)
    by_operation = {layer.operation: layer for layer in stacks}
    ends: set[str] = set()
    for layer, following in zip(stacks, [*stacks[1:], None], strict=True):
        if isinstance(layer.operation, layers.Add) or following is None:
            ends.add(layer.name)
        elif following.output.shape[1:3] != layer.output.shape[1:3]:
            source = by_operation.get(_input_of_widening(layer.operation, feeding, feeds), layer)
            ends.add(source.name)
    return [layer for layer in stacks if layer.name in ends] or stacks


def _input_of_widening(operation: Any, feeding: dict[Any, list[Any]], feeds: dict[Any, list[Any]]) -> Any:
    """Returns the input of the 1 x 1 convolution that expands a mobile block before its depthwise one; None for any
    other layer.
    """
    following = feeds.get(operation, [])
    while len(following) == 1 and isinstance(following[0], layers.ZeroPadding2D):
        following = feeds.get(following[0], [])
    if len(following) != 1 or not isinstance(following[0], layers.DepthwiseConv2D):
        return None
    while isinstance(operation, _TINTS) and len(feeding[operation]) == 1:
        (operation,) = feeding[operation]
    if not isinstance(operation, layers.Conv2D) or operation.kernel_size != (1, 1):
        return None
    (source,) = feeding[operation]
    return source if operation.filters > source.output.shape[-1] else None


def _stage_ends(ends: list[Layer]) -> list[Layer]:
    return [
        layer
        for layer, following in zip(ends, [*ends[1:], None], strict=True)
        if following is None or following.output.shape[1:3] != layer.output.shape[1:3]
    ]


def _spread(some: list[Layer], count: int) -> list[Layer]:
    if count <= 0 or not some:
        return []
    count = min(count, len(some))
    places = [round((number + 1) * len(some) / count) - 1 for number in range(count)]
    return [some[place] for place in places]


def _is_stack(layer: Layer) -> bool:
    shape = getattr(layer.output, "shape", ())
    return len(shape) == 4 and tuple(shape[1:3]) != (1, 1)
