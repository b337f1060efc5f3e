"""Keeps the network of a sweep's last job: the next job need not compile its own, if only its values differ.

Compiling the steps of a small network, and what the recorders compute with it, takes longer than some of its epochs.
"""

from typing import TYPE_CHECKING

import numpy as np

from catsdogs_exp.config.schema import Config

if TYPE_CHECKING:  # it comes with TensorFlow
    from catsdogs_exp.run.network import Network

_LARGEST = 50_000_000  # weights: for a moment, there are two networks in memory


class KeptNetwork:
    """Holds at most one network, between two jobs of a process."""

    def __init__(self) -> None:
        self._kept: Network | None = None

    def network_for(self, config: Config, fresh: "Network") -> "Network":
        """Returns the network of a job.

        Args:
            config: of the job.
            fresh: its network, just built.

        Returns:
            `fresh`, or, if it is the same layer by layer, the kept one with all values of `fresh`: its weights and the
            states of its random generators. Everything that was compiled for it is still valid.
        """
        kept, self._kept = self._kept, None
        if not _can_be_kept(config, fresh):
            return fresh
        self._kept = fresh
        if kept is None or not _are_alike(kept, fresh):
            return fresh
        for variable, value in zip(kept.model.variables, fresh.model.variables, strict=True):
            variable.assign(value)
        self._kept = kept
        return kept

    def forget(self) -> None:
        """Frees the network."""
        self._kept = None


def _can_be_kept(config: Config, network: "Network") -> bool:
    """Returns whether a network's layers are known in full from its description, and do not change during the run.

    A plugin's layers may hold more than they describe; a layer adapted to data holds constants computed from its
    weights. A frozen backbone is trained as a head of its own.
    """
    changes = config.training.finetune.epochs or not all(layer.trainable for layer in network.model.layers)
    alone = network.distribution.strategy is None
    small = network.model.count_params() <= _LARGEST
    return alone and small and not (config.plugins or network.is_adapted or changes)


def _are_alike(one: "Network", other: "Network") -> bool:
    weights, others = one.class_weights, other.class_weights
    same = weights is others or (weights is not None and others is not None and np.array_equal(weights, others))
    same = same and (one.policy, one.deterministic) == (other.policy, other.deterministic)
    return same and bool(one.model.to_json() == other.model.to_json())
