"""Determines which settings matter to a run: a transfer network has no depth, and without folds there is no fold."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Keys that `conf/` copies from another one, unless they are set themselves. A test compares the table with `conf/`,
# which this module does not read, because runs can be compared without it.
WIRED = {
    "optimizer.learning_rate": "lr",
    "loader.batch_size": "batch_size",
    "loader.target_size": "target_size",
    "loader.channels": "dataset.channels",
    "model.depth": "depth",
}

# Settings that never change a run's numbers.
_WITHOUT_INFLUENCE = ("output_dir", "logging.", "training.checkpoint.", "loader.workers", "loader.cache")


def _is_set(key: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda config: config.get(key) not in (None, 0, False)


def _is(key: str, value: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda config: bool(config.get(key, value) == value)


def _has_depth(config: Mapping[str, Any]) -> bool:
    return "model.depth" in config or "model.name" not in config


def _has_batch_norm(config: Mapping[str, Any]) -> bool:
    if "model.norm" in config:
        return bool(config["model.norm"] == "batch")
    return bool(config.get("model.batch_norm", not str(config.get("model.name")).startswith("course_")))


@dataclass(frozen=True)
class _Condition:
    """When a setting matters, and in words when it does not; `""`: that is told or refused elsewhere."""

    holds: Callable[[Mapping[str, Any]], bool]
    otherwise: str = ""


_FINETUNES = _Condition(_is_set("training.finetune.epochs"), "without training.finetune.epochs")
_STOPS_EARLY = _Condition(_is_set("training.early_stopping.patience"), "without training.early_stopping.patience")

# Settings that matter only if another one has a certain value.
_ONLY_WHERE: Mapping[str, _Condition] = {
    "depth": _Condition(_has_depth),
    "split.fold": _Condition(_is_set("split.folds")),
    "split.validation": _Condition(lambda config: config.get("split.folds") is None, "with split.folds"),
    "schedule.every": _Condition(lambda config: not config.get("schedule.milestones"), "with schedule.milestones"),
    "training.precise_batch_norm": _Condition(_has_batch_norm, "without batch normalisation"),
    "training.focal_gamma": _Condition(_is("training.loss", "focal"), "without training.loss=focal"),
    "training.finetune.lr": _FINETUNES,
    "training.finetune.unfreeze": _FINETUNES,
    "training.early_stopping.min_delta": _STOPS_EARLY,
    "training.stop_at.metric": _Condition(_is_set("training.stop_at.value"), "without training.stop_at.value"),
}


def is_copy(key: str, configs: Sequence[Mapping[str, Any]]) -> bool:
    """Returns whether a key only repeats a flat key in all configs that have it, such as `model.depth`."""
    flat = WIRED.get(key)
    return flat is not None and all(
        flat in config and config[key] == config[flat] for config in configs if key in config
    )


def changes_numbers(key: str) -> bool:
    """Returns whether a setting can change the results of a run, unlike `output_dir`."""
    return not key.startswith(_WITHOUT_INFLUENCE)


def depends(key: str) -> bool:
    """Returns whether a setting matters only for certain values of other settings."""
    return key in _ONLY_WHERE


def matters(key: str, config: Mapping[str, Any]) -> bool:
    """Returns whether a setting matters in a run.

    Args:
        key: dotted, such as `training.finetune.lr`.
        config: all settings of the run by their dotted keys.
    """
    condition = _ONLY_WHERE.get(key)
    return condition is None or condition.holds(config)


def without_effect(keys: Iterable[str], config: Mapping[str, Any]) -> Iterator[str]:
    """Which of the keys that were set change nothing, each with the reason: `depth` of a network that has none.

    Args:
        keys: dotted.
        config: all settings of the run by their dotted keys.
    """
    typed = set(keys)
    for copy, key in WIRED.items():
        if key not in typed or config.get(copy) == config.get(key):
            continue
        group = copy.partition(".")[0]
        if copy in config:
            yield f"{key} changes nothing: {copy}={_typed(config[copy])} is set"
        else:
            yield f"{key} changes nothing: {group}={config.get(f'{group}.name')} has none"
    for key, condition in _ONLY_WHERE.items():
        if key in typed and condition.otherwise and not condition.holds(config):
            yield f"{key} changes nothing {condition.otherwise}"
    epochs, more = config.get("epochs", math.inf), config.get("training.finetune.epochs", 0)
    milestones, every = config.get("schedule.milestones") or (), config.get("schedule.every", 0)
    first = milestones if isinstance(milestones, int) else min(milestones, default=0)  # a single one is not in a list
    if "schedule.milestones" in typed and first >= epochs + more:
        yield f"schedule.milestones changes nothing: {_typed(milestones)} is not before epochs={epochs + more}"
    if "schedule.every" in typed and not milestones and every >= max(epochs, more):  # counted in each stage
        yield f"schedule.every changes nothing: {_typed(every)} is not before epochs={max(epochs, more)}"


def _typed(value: Any) -> str:
    """A number, or several, as one would type them."""
    return str(value).replace(" ", "")
