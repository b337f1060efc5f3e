"""The stages of a run as data: planned before the first epoch, carried out one after the other. Without TensorFlow."""

from dataclasses import dataclass

from catsdogs_exp.config.schema.optimizers import Optimizer, Schedule


@dataclass(frozen=True)
class StagePlan:
    """Some epochs of a run with an optimiser, a learning rate and frozen layers of their own.

    Attributes:
        first: the number of its first epoch, from 1.
        epochs: how many.
        optimizer: the optimiser's settings, with this stage's learning rate.
        schedule: how the rate changes over these epochs.
        unfreeze: which part of the backbone learns from here on, as in `training.finetune.unfreeze`; None: what the
            network was built with.
        is_last: no other stage follows.
    """

    first: int
    epochs: int
    optimizer: Optimizer
    schedule: Schedule
    unfreeze: str | None = None
    is_last: bool = True

    @property
    def last(self) -> int:
        """The number of its last epoch."""
        return self.first + self.epochs - 1
