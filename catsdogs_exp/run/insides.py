"""The network as recorders see it: flattened once for all of them, with Grad-CAM at its last layer with feature
maps.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from catsdogs_exp.data.open_data import Data
from catsdogs_exp.errors import BadInput
from catsdogs_exp.inference.judged_images import Evidence, evidence_with
from catsdogs_exp.insight.grad_cam import GradCam, last_spatial_layer
from catsdogs_exp.insight.graph import FlatNetwork, NoGraph
from catsdogs_exp.record.folder.predictions import Predictions
from catsdogs_exp.record.folder.run_files import RunFiles
from catsdogs_exp.record.listeners.best_predictions import still_there
from catsdogs_exp.run.network import Setup


@dataclass(frozen=True)
class Insides:
    """The layers of the network being trained.

    Attributes:
        network: flat. Flattening copies the layers of nested networks, which takes a second for a large backbone.
        data: of the run.
    """

    network: FlatNetwork
    data: Data

    @cached_property
    def grad_cam(self) -> GradCam | None:
        """Returns Grad-CAM at the last layer with feature maps, or None if there is none. Compiled on first use."""
        layer = last_spatial_layer(self.network)
        return None if layer is None else GradCam(self.network, layer)

    def evidence_of(self, _run: RunFiles, _root: Path, chosen: Predictions) -> Mapping[str, Evidence]:
        """Returns Grad-CAM maps for the report, with the current weights, which must be those of the best epoch.

        Raises:
            BadInput: if no layer has feature maps.
        """
        if self.grad_cam is None:
            raise BadInput("the network has no layer with maps")
        there, rows = still_there(chosen, self.data.manifest)
        if not len(there):
            return {}
        return evidence_with(self.grad_cam, there.paths, self.data.fetch(rows), there.predicted.tolist())


def open_insides(setup: Setup, say: Callable[[str], None]) -> Insides | None:
    """Flattens the network of a run; returns None if no recorder needs it.

    Also returns None, with a message about what will be missing, if the network cannot be flattened.
    """
    settings = setup.config.logging
    records = settings.activations.every >= 0 or settings.probes.every >= 0
    if not (records or settings.report):
        return None
    try:
        return Insides(FlatNetwork(setup.network.model), setup.data)
    except NoGraph as error:
        if records:
            say(f"activations and linear probes are not recorded: {error}")
        return None
