"""Groups runs that share settings: mean, deviation and interval over seeds or folds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from catsdogs_exp.errors import BadInput, did_you_mean
from catsdogs_exp.metrics.significance import holm
from catsdogs_exp.metrics.student import Mean, mean_of, welch
from catsdogs_exp.natural_sort import natural_key
from catsdogs_exp.record.comparison import Comparison, rank
from catsdogs_exp.record.folder.run_reader import Run

REPEATED = ("seed", "split.fold")
"""Settings that differ between repetitions of the same experiment."""

_OF_SPLIT = ("seed", "split.fold", "split.seed")  # determine which images of the same data are used for validation
_OF_SHARE = ("dataset.fraction", "dataset.max_per_class")  # determine how many of them are used for training
_FRACTIONS = ("accuracy", "macro_f1", "last", "last10", "crop_sensitivity")  # metrics of at most 1
_NAMED = 3


@dataclass(frozen=True)
class RunGroup:
    """Runs that share some settings.

    Attributes:
        values: of the keys grouped by, in their order.
        runs: names of all runs in it.
        n: number of runs that count: completed ones that have the metric; exact repeats of a run count once.
        mean: of the metric over those, with deviation and interval; None if n is 0.
        low, high: the worst and the best value; None if n is 0.
        p_value: of Welch's test of its mean against that of the first group, corrected by Holm for all groups; None for
            the first group, and if one of the two has fewer than two runs.
    """

    values: tuple[Any, ...]
    runs: tuple[str, ...]
    n: int
    mean: Mean | None
    low: float | None
    high: float | None
    p_value: float | None = None


@dataclass(frozen=True)
class Grouping:
    """Groups, best mean first.

    Attributes:
        keys: what the runs were grouped by.
        groups: best first; those without a counting run at the end.
        remarks: as in `Comparison`.
    """

    keys: tuple[str, ...]
    groups: tuple[RunGroup, ...]
    remarks: tuple[str, ...]


def repetitions(comparison: Comparison) -> Grouping | None:
    """The runs grouped over seeds and folds, or None if no two runs differ only in these."""
    varied = [f"~{key}" for key in REPEATED if key in comparison.keys]
    if not varied:
        return None
    grouping = group_runs(comparison, varied)
    return grouping if any(len(group.runs) > 1 for group in grouping.groups) else None


def group_runs(comparison: Comparison, names: Sequence[str]) -> Grouping:
    """Groups runs with the same settings: mean and spread of the metric they are ranked by.

    Only completed runs count; a group without any is kept, with `n` 0.

    Args:
        comparison: the runs and the metric.
        names: config keys (`lr`, `dataset.images`) or groups (`optimizer`, for `optimizer.name`); or keys prefixed with
            `~`, for every differing key except those: `~seed`.

    Raises:
        BadInput: for an unknown key, no key, or a mixture of keys with and without `~`.
    """
    keys = _group_keys(comparison, names)
    remarks = [
        f"{run.name} is not in any group: its settings are unknown" for run in comparison.runs if run.config is None
    ]
    found = [_group(comparison, runs, keys) for runs in comparison.alike(keys)]
    found.sort(
        key=lambda group: (
            rank(group.mean.mean if group.mean else None, comparison.by),
            [natural_key(str(value)) for value in group.values],
        )
    )
    idle = [run.status for run in comparison.runs if run.status != "ok" and run.config is not None]
    if idle:
        counts = ", ".join(f"{idle.count(status)} {status}" for status in sorted(set(idle)))
        remarks.append(f"only completed runs count; left out: {counts}")
    counting = _counting(comparison, [run for run in comparison.runs if run.config is not None])
    repeats = len(counting) - len(comparison.distinct(counting))
    if repeats:
        remarks.append(
            "1 run repeats another one exactly and is not counted again"
            if repeats == 1
            else f"{repeats} runs repeat others exactly and are not counted again"
        )
    different = _different_data(comparison)
    if different:
        remarks.append(
            f"the runs were evaluated on different images, {different}: their means are not comparable and were not "
            "tested. Select the runs of one data set with --where"
        )
    return Grouping(keys, tuple(found) if different else _tested(found), tuple(remarks))


def _different_data(comparison: Comparison) -> str:
    """The data sets of the runs that count, if there are several; folds and splits of the same data are one."""
    split = "test" if comparison.by.startswith("test") else "validation"
    hashes: dict[tuple[str, str], set[str]] = {}
    names: dict[str, None] = {}
    for run in comparison.runs:
        if run.status != "ok" or comparison.by not in run.metrics or run.config is None or run.data is None:
            continue
        data = {
            key: value for key, value in run.config.items() if key.startswith(("dataset.", "split.", "inspection."))
        }
        part = repr([run.config.get(key) for key in (*_OF_SPLIT, *_OF_SHARE)])
        source = repr(sorted((key, repr(value)) for key, value in data.items() if key not in (*_OF_SPLIT, *_OF_SHARE)))
        hashes.setdefault((source, part), set()).add(run.data)
        names[f"{run.config.get('dataset.path') or run.config.get('dataset.name')} ({run.images.get(split, 0)})"] = None
    known = set().union(*hashes.values())
    same_source = len({source for source, _ in hashes}) == 1 and all(len(each) == 1 for each in hashes.values())
    if len(known) < 2 or same_source:
        return ""
    return ", ".join([*list(names)[:_NAMED], *(["..."] if len(names) > _NAMED else [])])


def _tested(groups: Sequence[RunGroup]) -> tuple[RunGroup, ...]:
    """The groups with the p-values of their means against the best one."""
    tests = [_against(groups[0], each) for each in groups[1:]]
    corrected = iter(holm([p for p in tests if p is not None]))
    return (
        *groups[:1],
        *(
            group if p is None else RunGroup(**{**vars(group), "p_value": next(corrected)})
            for group, p in zip(groups[1:], tests, strict=True)
        ),
    )


def _against(best: RunGroup, other: RunGroup) -> float | None:
    return welch(best.mean, other.mean) if best.mean is not None and other.mean is not None else None


def _group_keys(comparison: Comparison, names: Sequence[str]) -> tuple[str, ...]:
    known = list(dict.fromkeys(key for run in comparison.runs for key in run.config or ()))
    differing = f"Keys that differ: {', '.join(comparison.keys) or 'none'}."
    if not names or not all(name.lstrip("~") for name in names):
        raise BadInput(f"--group-by must name one or more settings, with commas. Received: nothing. {differing}")
    without = [name.startswith("~") for name in names]
    if any(without) and not all(without):
        raise BadInput(
            "--group-by takes keys to group by, or keys to leave out (~KEY), not both. "
            f"Received: --group-by {','.join(names)}. {differing}"
        )
    keys = []
    for name in names:
        key = name.lstrip("~")
        key = key if key in known or f"{key}.name" not in known else f"{key}.name"
        if key not in known:
            raise BadInput(
                f"--group-by must name settings of the runs. Received: --group-by {name}."
                f"{did_you_mean(key, known)} {differing}"
            )
        keys.append(key)
    if any(without):
        return tuple(key for key in comparison.keys if key not in keys)
    return tuple(dict.fromkeys(keys))


def _group(comparison: Comparison, runs: Sequence[Run], keys: Sequence[str]) -> RunGroup:
    by = comparison.by
    numbers = [run.metrics[by] for run in comparison.distinct(_counting(comparison, runs))]
    return RunGroup(
        values=tuple(runs[0].setting(key) for key in keys),
        runs=tuple(run.name for run in runs),
        n=len(numbers),
        mean=mean_of(numbers, _bounds(by)) if numbers else None,
        low=min(numbers, default=None),
        high=max(numbers, default=None),
    )


def _counting(comparison: Comparison, runs: Sequence[Run]) -> list[Run]:
    """Returns the completed runs that have the metric."""
    return [run for run in runs if run.status == "ok" and comparison.by in run.metrics]


def _bounds(metric: str) -> tuple[float, float]:
    """Returns the range of a metric: that of a fraction, or of a positive number."""
    return 0.0, 1.0 if metric.endswith(_FRACTIONS) else math.inf
