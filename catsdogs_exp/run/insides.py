"""The network as recorders see it: flattened once for all of them, with what is compiled at most once."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import keras

from catsdogs_exp.data.open_data import Data
from catsdogs_exp.errors import BadInput
from catsdogs_exp.inference.judged_images import Evidence, evidence_with
from catsdogs_exp.insight.grad_cam import GradCam, last_spatial_layer
from catsdogs_exp.insight.graph import FlatNetwork
from catsdogs_exp.insight.layers import AUTO, choose_layers
from catsdogs_exp.insight.pooled import PooledActivations
from catsdogs_exp.record.folder.predictions import Predictions
from catsdogs_exp.record.folder.run_files import RunFiles
from catsdogs_exp.record.listeners.best_predictions import still_there


class Insides:
    """The layers of a network being trained.

    Args:
        model: the network.

    Attributes:
        network: flat. Flattening copies the layers of nested networks, which takes a second for a large backbone.

    Raises:
        NoGraph: if its layers cannot be told apart.
    """

    def __init__(self, model: keras.Model) -> None:
        self.network = FlatNetwork(model)

    @cached_property
    def grad_cam(self) -> GradCam | None:
        """Returns Grad-CAM at the last layer with feature maps, or None if there is none. Compiled on first use."""
        layer = last_spatial_layer(self.network)
        return None if layer is None else GradCam(self.network, layer)

    @cached_property
    def pooled(self) -> PooledActivations:
        """Returns the averages of some layers, with the penultimate features. Compiled on first use."""
        return PooledActivations(self.network, choose_layers(self.network, AUTO, "logging.probes"), features=True)


def evidence_of(
    insides: Insides, data: Data, _run: RunFiles, _root: Path, chosen: Predictions
) -> Mapping[str, Evidence]:
    """Returns Grad-CAM maps for the report, with the current weights, which must be those of the best epoch.

    Raises:
        BadInput: if no layer has feature maps.
    """
    if insides.grad_cam is None:
        raise BadInput("the network has no layer with maps")
    there, rows = still_there(chosen, data.manifest)
    if not len(there):
        return {}
    return evidence_with(insides.grad_cam, there.paths, data.fetch(rows), there.predicted.tolist())
