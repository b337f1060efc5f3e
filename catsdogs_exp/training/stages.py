"""The stages of a run as data, planned before the first epoch. Does not import TensorFlow.

The current stage depends only on the finished epochs and the settings, so a resumed run continues in the same one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from catsdogs_exp.config.schema.optimizers import ConstantSchedule, Optimizer, Schedule, StepSchedule
from catsdogs_exp.config.schema.training import Training
from catsdogs_exp.errors import BadInput
from catsdogs_exp.training.checkpoint.snapshot_file import Snapshot
from catsdogs_exp.training.progress import History, Progress, progress_of
from catsdogs_exp.training.stopping import out_of_patience, reason_to_stop


@dataclass(frozen=True)
class StagePlan:
    """Some epochs of a run with their own optimizer, learning rate and frozen layers.

    Attributes:
        number: number of the stage, from 1.
        epochs: maximum number of epochs.
        optimizer: the optimizer's settings, with this stage's learning rate.
        schedule: learning rate schedule over the epochs of this stage; milestones are epochs of the run.
        unfreeze: the part of the backbone that is trained from this stage on, as in `training.finetune.unfreeze`; None:
            as the network was built.
        is_last: whether no other stage follows.
    """

    number: int
    epochs: int
    optimizer: Optimizer
    schedule: Schedule
    unfreeze: str | None = None
    is_last: bool = True

    def schedule_after(self, done: int) -> Schedule:
        """The schedule, with milestones counted from the beginning of this stage.

        Milestones passed earlier no longer apply: the rate starts at `training.finetune.lr`.

        Args:
            done: number of epochs of the run before this stage.
        """
        if not isinstance(self.schedule, StepSchedule) or not self.schedule.milestones:
            return self.schedule
        ahead = tuple(milestone - done for milestone in self.schedule.milestones if milestone > done)
        return replace(self.schedule, milestones=ahead) if ahead else _flat(self.schedule)


def _flat(schedule: StepSchedule) -> ConstantSchedule:
    return ConstantSchedule("constant", schedule.warmup_epochs)


def next_stage(plans: Sequence[StagePlan], history: History, training: Training) -> StagePlan | None:
    """Returns the stage of the next epoch; None if all are over.

    A stage is over after its last epoch, or when `training.early_stopping` runs out of patience. Epochs of one stage do
    not count for another one.
    """
    for plan in plans[history.stage - 1 :]:
        if not is_over(plan, history, training):
            return plan
    return None


def is_over(plan: StagePlan, history: History, training: Training) -> bool:
    """Returns whether a stage has no epoch left."""
    return len(history.of_stage(plan.number)) >= plan.epochs or bool(out_of_patience(training, history, plan.number))


def planned_epochs(plans: Sequence[StagePlan], history: History) -> int:
    """Returns the number of epochs of the run, if no other stage ends early."""
    begun = len(history.before_stage(history.stage))
    return begun + sum(plan.epochs for plan in plans[history.stage - 1 :])


def begin_progress(plans: Sequence[StagePlan], training: Training, snapshot: Snapshot | None) -> Progress:
    """Returns the run's initial position, or that of the snapshot.

    Whatever ended the run before ends it again, unless the settings have changed.

    Raises:
        BadInput: as for `progress_of`; if `training.monitor` has changed, because the best network so far was kept by
            the old one, and those of other epochs are gone; or if the run's stage is no longer planned.
    """
    if snapshot is None:
        return Progress(History(training.monitor))
    progress = progress_of(snapshot)
    if progress.history.monitor != training.monitor:
        raise BadInput(
            f"training.monitor must stay {progress.history.monitor}, by which the run has kept its best network. "
            f"Received: training.monitor={training.monitor}. Start a new run with it"
        )
    progress.stopped = ""
    history = progress.history
    if history.stage > len(plans):
        done = len(history.of_stage(history.stage))
        raise BadInput(
            f"training.finetune.epochs must be >= {done}, the number of finished epochs. "
            f"Received: training.finetune.epochs={training.finetune.epochs}"
        )
    if history.epochs and not progress.step:
        progress.stopped = reason_to_stop(training, progress, plans[history.stage - 1].is_last)
    return progress
