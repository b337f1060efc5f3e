"""Computes the activations of selected layers for some images (the course's strips: docs/course.md)."""

from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.insight.graph import FlatNetwork, Layer
from catsdogs_exp.insight.maps import LayerActivations, NetworkActivations
from catsdogs_exp.training.logits import class_probabilities, logits_of


class Activations:
    """Computes the activations of selected layers together with the probabilities, in one pass.

    Args:
        network: a flat network; each call uses its current weights.
        layers: some of its layers.
    """

    def __init__(self, network: FlatNetwork, layers: Sequence[Layer]) -> None:
        self._network, self.layers = network, tuple(layers)
        model = network.model
        self._model = keras.Model(model.inputs, [*(layer.output for layer in layers), *model.outputs[:1]])

    def of(self, images: NDArray[np.uint8]) -> NetworkActivations:
        """Returns the activations for some images, uint8 [b, height, width, 3 or 1]."""
        self._network.refresh()
        # Not compiled: for a few images, compiling takes longer than running layer by layer.
        found = keras.tree.flatten(self._model([images], training=False))
        maps = [np.asarray(each, np.float32) for each in found[:-1]]
        return NetworkActivations(
            tuple(LayerActivations(layer.name, each) for layer, each in zip(self.layers, maps, strict=True)),
            np.asarray(class_probabilities(logits_of(found[-1])), np.float32),
        )
