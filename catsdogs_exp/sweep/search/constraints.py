"""Constraints in a study: Optuna 5 stores them with a trial, Optuna 4 gets them from a function of the sampler."""

from collections.abc import Mapping
from inspect import signature
from typing import Any

from catsdogs_exp.sweep.search.study import optuna

_EXCESSES = "constraints"


def keep_excesses(study: Any, trial: int, excesses: Mapping[str, float]) -> None:
    """Stores by how much a trial exceeds each limit, before its values are reported.

    Args:
        study: Optuna's study.
        trial: its ID in the storage.
        excesses: text of a limit -> excess, <= 0 if the limit is satisfied.
    """
    own = optuna().trial.Trial(study, trial)
    if _optuna_keeps_them():
        for text, excess in excesses.items():
            own.set_constraint(text, excess)
    else:
        own.set_user_attr(_EXCESSES, dict(excesses))


def constraints_argument(sampler: type) -> dict[str, Any]:
    """Returns the arguments with which a sampler respects constraints: none in Optuna 5, or if it cannot."""
    if _optuna_keeps_them() or "constraints_func" not in signature(sampler).parameters:
        return {}
    return {"constraints_func": lambda trial: [*trial.user_attrs[_EXCESSES].values()]}


def _optuna_keeps_them() -> bool:
    return hasattr(optuna().trial.Trial, "set_constraint")
