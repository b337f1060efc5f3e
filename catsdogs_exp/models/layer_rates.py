"""Layer-wise learning-rate decay by each weight's distance from the head.

Source: Howard and Ruder, Universal Language Model Fine-tuning (discriminative fine-tuning), 2018.
"""

import re
from collections import Counter
from typing import Any

import keras

from catsdogs_exp.models.graph import body_of, check_graph, has_kernel, head_of, parents

# Name patterns that identify a layer's block, in keras.applications and in our own networks.
_BLOCKS = tuple(
    re.compile(pattern)
    for pattern in (
        r"((?:\w+_)?stage_?\d+_block_?\d+)_",  # ConvNeXt
        r"(conv\d+_block\d+)_",  # ResNet, DenseNet
        r"(block_?\d+[a-z]?)_(?!\d)",  # VGG, Xception, MobileNetV2, EfficientNet, ours; not InceptionResNet's
        r"(expanded_conv(?:_\d+)?)_(?!\d)",  # MobileNetV3
        r"conv_(?:dw|pw)_(\d+)",  # MobileNet
        r"(?:separable_conv|normal|reduction|adjust)_\w*?(stem_\d+|reduce_\d+|(?<=_)\d+)$",  # NASNet
    )
)


def depth_of(model: keras.Model) -> dict[str, int]:
    """Returns the depth of each weight in blocks below the head: 0 in the head, 1 in the topmost block of the backbone,
    ...

    Blocks are derived from layer names (`block3b_...`, `conv4_block2_...`), or else from the points of the graph that
    every path passes through (`mixed6` .. `mixed7`), or else each convolution with its normalisation is a block.

    Returns:
        variable.path -> depth, for all weights including frozen ones, so that freezing does not change other depths.
    """
    blocks = [block for block in _blocks(model) if any(getattr(layer, "weights", ()) for layer in block)]
    depths = {
        variable.path: depth
        for depth, block in enumerate(reversed(blocks), start=1)
        for layer in block
        for variable in getattr(layer, "weights", ())
    }
    for layer in head_of(model):
        depths |= {variable.path: 0 for variable in getattr(layer, "weights", ())}
    return depths


def layer_rates(model: keras.Model, decay: float) -> dict[str, float]:
    """Returns the learning rate factor of each trainable variable: `decay` to the power of its depth.

    Args:
        model: the network.
        decay: > 0, <= 1.

    Returns:
        variable.path -> factor, for trainable variables.

    Raises:
        BadInput: for a network without a graph.
    """
    check_graph(model, "training.layer_decay < 1")
    depths = depth_of(model)
    return {variable.path: decay ** depths[variable.path] for variable in model.trainable_variables}


def _blocks(model: keras.Model) -> list[list[Any]]:
    """Groups the backbone's layers into blocks, from the input upwards."""
    body = set(body_of(model))
    blocks: dict[str, list[Any]] = {}
    number, started, closed = 0, False, False
    for segment in _segments(model):
        kernel, branched = any(has_kernel(each) for each in segment), len(segment) > 1
        if closed or (started and (kernel or branched)):
            number, started = number + 1, False
        started, closed = started or kernel, branched
        named = [label for each in segment if (label := _label(each.name))]
        for each in segment:
            if each in body:
                label = _label(each.name) or (named[0] if named else str(number))
                blocks.setdefault(label, []).append(each)
    return list(blocks.values())


def _segments(model: keras.Model) -> list[list[Any]]:
    """Cuts the graph at each layer that every path passes through: into single layers, or branches and the layer that
    merges them.
    """
    feeding = parents(model)
    uses = Counter(each for below in feeding.values() for each in below)
    found: list[list[Any]] = [[]]
    waiting = 0  # outputs that are still needed
    for operation, below in feeding.items():
        found[-1].append(operation)
        waiting -= len(below)
        if not waiting:
            found.append([])
        waiting += uses[operation]
    return found[:-1]


def _label(name: str) -> str:
    matches = (pattern.match(name) for pattern in _BLOCKS)
    return next((f"{match[1]}_" for match in matches if match), "")
