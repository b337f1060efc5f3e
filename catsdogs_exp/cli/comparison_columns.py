"""The columns of `compare`: one row per run, or per group of runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from catsdogs_exp.printable import printable
from catsdogs_exp.record.best_against import shown_p
from catsdogs_exp.record.comparison import Comparison, setting_text
from catsdogs_exp.record.folder.run_reader import MISSING, RANKED_BY, Run
from catsdogs_exp.record.run_groups import Grouping, RunGroup

_REASON_LENGTH = 60  # for people
_OF_WORK = ("seconds", "images_per_second", "parameters")


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: its header.
        cells: one value per row; `MISSING` if there is none.
        digits: digits after the decimal point, for readers; None: unchanged.
    """

    name: str
    cells: Sequence[Any]
    digits: int | None = None


def run_columns(found: Comparison, for_people: bool, left_out: Sequence[str]) -> list[Column]:
    """Returns the columns with one row per run: status, the ranking metric, other metrics, differing settings, reason.

    Args:
        found: the runs.
        for_people: whether to shorten reasons.
        left_out: settings without a column.
    """
    runs = found.runs
    objectives = list(dict.fromkeys(run.objective for run in runs if run.objective))
    with_test = ["test_accuracy"] if any("test_accuracy" in run.metrics for run in runs) else []
    with_crops = ["crop_sensitivity"] if any("crop_sensitivity" in run.metrics for run in runs) else []
    wanted = [
        *(found.by, "val_accuracy", "val_loss", *objectives, *with_test, "last", "last10"),
        *(*with_crops, *_OF_WORK),
    ]
    known = [name for name in dict.fromkeys(wanted) if name in RANKED_BY]
    known += ["parameters"] if any("parameters" in run.metrics for run in runs) else []
    metrics = [_metric_column(name, runs) for name in known]
    columns = [Column("run", [run.name for run in runs]), Column("status", [run.status for run in runs])]
    if len(objectives) > 1:
        columns.append(Column("objective", [run.objective or MISSING for run in runs]))
    columns += [metrics[0], Column("best_epoch", [or_missing(run.epoch) for run in runs]), *metrics[1:]]
    columns += [Column(key, [run.setting(key) for run in runs]) for key in found.keys if key not in left_out]
    reasons = [run.reason or MISSING for run in runs]
    if any(reason is not MISSING for reason in reasons):
        columns.append(Column("reason", [_first_words(reason) for reason in reasons] if for_people else reasons))
    return columns


def group_columns(grouping: Grouping, by: str, for_people: bool) -> list[Column]:
    """Returns the columns with one row per group: its settings, n, mean, deviation, interval and range."""
    groups = grouping.groups
    columns = [Column(key, [group.values[index] for group in groups]) for index, key in enumerate(grouping.keys)]
    columns.append(Column("n", [group.n for group in groups]))
    low, high = [or_missing(group.low) for group in groups], [or_missing(group.high) for group in groups]
    if for_people:
        places = digits(by)
        columns.append(Column(f"{by} mean ± std", [_mean_and_std(group, places) for group in groups]))
        columns.append(Column("95 % interval", [_interval(group, places) for group in groups]))
        columns += [Column("min", low, places), Column("max", high, places)]
        if any(group.p_value is not None for group in groups):
            cells = [MISSING if group.p_value is None else shown_p(group.p_value) for group in groups]
            columns.append(Column("p against the first", cells))
        return columns
    means = [group.mean for group in groups]
    columns.append(Column(f"{by}_mean", [MISSING if mean is None else mean.mean for mean in means]))
    columns.append(Column(f"{by}_std", [MISSING if mean is None else or_missing(mean.deviation) for mean in means]))
    for place, name in enumerate(("low", "high")):
        ends = [MISSING if mean is None or mean.interval is None else mean.interval[place] for mean in means]
        columns.append(Column(f"{by}_95_{name}", ends))
    columns += [Column(f"{by}_min", low), Column(f"{by}_max", high)]
    columns.append(Column("p_value", [or_missing(group.p_value) for group in groups]))
    return columns


def texts(columns: Sequence[Column]) -> list[list[str]]:
    """Formats the rows for readers."""
    cells = ([shown(cell, column.digits) for cell in column.cells] for column in columns)
    return [list(row) for row in zip(*cells, strict=True)]


def shown(value: Any, places: int | None = None) -> str:
    """Formats a number, or a setting as a user would type it."""
    if isinstance(value, float) and places is not None:
        return f"{value:.{places}f}"
    return printable(setting_text(value))


def is_numeric(column: Column) -> bool:
    """Returns whether all cells are numbers or missing."""
    return all(
        isinstance(cell, int | float) and not isinstance(cell, bool) for cell in column.cells if cell is not MISSING
    )


def digits(metric: str) -> int:
    """Returns the number of digits after the decimal point, for readers."""
    return {"seconds": 1, "images_per_second": 1, "parameters": 0}.get(metric, 4)


def or_missing(value: Any) -> Any:
    """`MISSING` for None."""
    return MISSING if value is None else value


def _metric_column(name: str, runs: Sequence[Run]) -> Column:
    cells: list[Any] = [run.metrics.get(name, MISSING) for run in runs]
    if name == "parameters":
        cells = [cell if cell is MISSING else int(cell) for cell in cells]
    return Column(name, cells, digits(name))


def _mean_and_std(group: RunGroup, places: int) -> Any:
    if group.mean is None:
        return MISSING
    deviation = group.mean.deviation
    return f"{group.mean.mean:.{places}f}" + (f" ± {deviation:.{places}f}" if deviation is not None else "")


def _interval(group: RunGroup, places: int) -> Any:
    if group.mean is None or group.mean.interval is None:
        return MISSING
    low, high = group.mean.interval
    return f"{low:.{places}f} to {high:.{places}f}"


def _first_words(reason: Any) -> Any:
    # a command to type is never truncated
    if reason is MISSING or len(reason) <= _REASON_LENGTH or reason.startswith("resume "):
        return reason
    return reason[:_REASON_LENGTH].rsplit(" ", 1)[0] + " …"
