"""Where a job reports its epochs: a trial of a study. Any process can reach it by its storage."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from catsdogs_exp.config.schema import Config
from catsdogs_exp.config.schema.optimizers import AUTO
from catsdogs_exp.errors import BadInput

_WARMUP = 3  # a third of the epochs passes before the median pruner judges


@dataclass(frozen=True)
class TrialPlace:
    """A trial of a study.

    Attributes:
        storage: as in `open_storage`.
        study: its name.
        trial: its ID in the storage.
        pruner: as in `make_pruner`.
        warmup: epochs before the median pruner judges; auto: a third of them.
    """

    storage: str
    study: str
    trial: int
    pruner: str
    warmup: int | str = AUTO


def check_epochs(config: Config, pruner: str) -> None:
    """Checks that a pruner can compare trials epoch by epoch.

    Raises:
        BadInput: if their number of epochs follows from the time.
    """
    if pruner != "none" and config.epochs == AUTO:
        raise BadInput(
            f"sweep.pruner={pruner} compares trials epoch by epoch, so epochs must be a number. Received: epochs=auto. "
            "Try sweep.pruner=none"
        )


def watch_of(
    place: TrialPlace, epochs: int, say: Callable[[str], None] = lambda text: None
) -> Callable[[int, float], str]:
    """Returns a function that reports an epoch's value and returns why the run is pruned, or "".

    Args:
        place: where to report.
        epochs: of the run.
        say: called with a message if the database does not answer.
    """
    from catsdogs_exp.sweep.search.shared import is_away, patiently  # noqa: PLC0415  (it needs Optuna, an extra)
    from catsdogs_exp.sweep.search.study import make_pruner, open_storage, optuna  # noqa: PLC0415

    library = optuna()
    pruner = make_pruner(place.pruner, epochs // _WARMUP if place.warmup == AUTO else int(place.warmup))

    def opened() -> tuple[Any, Any]:
        storage = open_storage(place.storage)
        return storage, library.load_study(study_name=place.study, storage=storage, pruner=pruner)

    storage, study = patiently(opened, say)

    def watch(epoch: int, value: float) -> str:
        if not math.isfinite(value):
            return ""
        try:
            storage.set_trial_intermediate_value(place.trial, epoch, value)
            if epoch >= epochs or not pruner.prune(study, storage.get_trial(place.trial)):  # nothing to save at the end
                return ""
        except library.exceptions.UpdateFinishedTrialError:  # other machines thought this one was gone
            return ""
        except Exception as error:
            if is_away(error):  # training matters more than one epoch of its record
                return ""
            raise
        return f"pruned after epoch {epoch}: value {value:.4f}, other trials were better by then ({place.pruner})"

    return watch
