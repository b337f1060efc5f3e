"""The staircase: how well a linear classifier on each layer separates the classes (Alain and Bengio, 2016).

It shows how deep a network needs to be: after the step at which the classes separate, deeper layers add little.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.insight.linear_probes import probe


@dataclass(frozen=True)
class Step:
    """One layer.

    Attributes:
        layer: name of the layer.
        accuracy: cross-validated accuracy of a linear classifier on the mean of each channel, 0..1.
        deviation: standard error of the accuracy.
    """

    layer: str
    accuracy: float
    deviation: float


def staircase(averages: Mapping[str, NDArray[np.float32]], labels: NDArray[np.int32]) -> list[Step]:
    """Probes some layers of a network.

    Args:
        averages: by layer, from the input upwards, float32 [n, channels] of images that the network was not trained on:
            see `pooled.PooledActivations`.
        labels: int32 [n].

    Raises:
        ValueError: for fewer than two classes with two images each.
    """
    scores = {layer: probe(values, labels) for layer, values in averages.items()}
    return [Step(layer, score.accuracy, score.deviation) for layer, score in scores.items()]


def deep_enough(steps: Sequence[Step]) -> Step:
    """Returns the first layer that is within one standard error of the best one."""
    best = max(steps, key=lambda step: step.accuracy)
    return next(step for step in steps if step.accuracy >= best.accuracy - best.deviation)
