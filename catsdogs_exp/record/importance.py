"""How important each setting is for the results: PED-ANOVA (Watanabe et al., 2023, arXiv 2304.10255), by Optuna."""

import importlib
import importlib.util
import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from catsdogs_exp.metrics.names import lower_is_better
from catsdogs_exp.record.comparison import Comparison
from catsdogs_exp.record.folder.run_reader import MISSING, Run

FEWEST = 20
"""Minimum number of runs for a result."""


@dataclass(frozen=True)
class Importance:
    """How much each setting contributes to the difference between the best runs and all runs.

    Attributes:
        shares: setting -> share, 0..1, most important first; they sum to 1.
        runs: number of runs behind them.
        reason: why there are none, or `""`.
    """

    shares: Mapping[str, float]
    runs: int
    reason: str = ""


def importance(found: Comparison) -> Importance:
    """Computes the importance of the settings that differ, from the completed runs."""
    runs = [run for run in found.runs if run.status == "ok" and found.by in run.metrics and run.config is not None]
    keys = [key for key in found.keys if all(_is_plain(run.setting(key)) for run in runs)]
    keys = [key for key in keys if len({repr(run.setting(key)) for run in runs}) > 1]
    if len(runs) < FEWEST or len(runs) < 3 * len(keys):
        return Importance(
            {},
            len(runs),
            f"too few runs: {len(runs)} completed, but at least {max(FEWEST, 3 * len(keys))} are needed for "
            f"{len(keys)} settings",
        )
    if len(keys) < 2:
        return Importance({}, len(runs), "fewer than two settings differ among the completed runs")
    if importlib.util.find_spec("optuna") is None:
        return Importance({}, len(runs), "Optuna is not installed: pip install 'catsdogs-exp[search]'")
    shares = _shares(runs, keys, found.by)
    reason = "" if shares else f"no setting distinguishes the best tenth of the runs by {found.by}"
    return Importance(shares, len(runs), reason)


def _shares(runs: Sequence[Run], keys: Sequence[str], by: str) -> dict[str, float]:
    """Returns the share of each setting, largest first; empty if none has any."""
    optuna: Any = importlib.import_module("optuna")  # an extra, and slow to import
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it is marked as experimental
            study = optuna.create_study(direction="minimize" if lower_is_better(by) else "maximize")
            spaces = {key: _distribution(optuna, [run.setting(key) for run in runs]) for key in keys}
            for run in runs:
                params = {key: _as_parameter(run.setting(key), spaces[key]) for key in keys}
                study.add_trial(optuna.trial.create_trial(params=params, distributions=spaces, value=run.metrics[by]))
            evaluator = optuna.importance.PedAnovaImportanceEvaluator()
            found = optuna.importance.get_param_importances(
                study, evaluator=evaluator, params=list(keys), normalize=False
            )
    finally:
        optuna.logging.set_verbosity(level)
    total = sum(found.values())  # normalized by Optuna, no importance at all would be the same share for all settings
    ordered = sorted(found.items(), key=lambda item: -item[1])
    return {key: float(value / total) for key, value in ordered} if total > 0 else {}


def _distribution(optuna: Any, values: Sequence[Any]) -> Any:
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        low, high = float(min(values)), float(max(values))
        return optuna.distributions.FloatDistribution(low, high, log=low > 0 and high / low >= 10)
    return optuna.distributions.CategoricalDistribution(sorted({_text(value) for value in values}))


def _as_parameter(value: Any, space: Any) -> Any:
    return _text(value) if hasattr(space, "choices") else float(value)


def _text(value: Any) -> str:
    return "not set" if value is MISSING else str(value)


def _is_plain(value: Any) -> bool:
    return value is MISSING or value is None or isinstance(value, str | int | float | list)
