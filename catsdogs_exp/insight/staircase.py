"""The staircase: how well a linear classifier on each layer separates the classes (Alain and Bengio, 2016).

It shows how deep a network needs to be: after the step at which the classes separate, deeper layers add little.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.insight.channels import averages_in_batches
from catsdogs_exp.insight.graph import FlatNetwork, Layer
from catsdogs_exp.insight.linear_probes import probe


@dataclass(frozen=True)
class Step:
    """One layer.

    Attributes:
        layer: its name.
        accuracy: 0..1, cross-validated, of a linear classifier on the mean of each channel.
        deviation: its standard error.
    """

    layer: str
    accuracy: float
    deviation: float


def staircase(
    network: FlatNetwork,
    layers: Sequence[Layer],
    batches: Iterable[NDArray[np.uint8]],
    labels: NDArray[np.int32],
) -> list[Step]:
    """Probes some layers of a network.

    Args:
        network: the network.
        layers: layers with maps, from the input upwards.
        batches: uint8 [b, height, width, 3 or 1], images that the network was not trained on.
        labels: int32, of all images.

    Raises:
        ValueError: for fewer than two classes with two images each.
    """
    pooled = zip(*averages_in_batches(network, layers, batches), strict=True)
    steps = []
    for layer, parts in zip(layers, pooled, strict=True):
        score = probe(np.concatenate(parts), labels)
        steps.append(Step(layer.name, score.accuracy, score.deviation))
    return steps


def deep_enough(steps: Sequence[Step]) -> Step:
    """The first layer that is as good as the best one, within one standard error of it."""
    best = max(steps, key=lambda step: step.accuracy)
    return next(step for step in steps if step.accuracy >= best.accuracy - best.deviation)
