"""`compare`: compares runs, as a table for people or as data."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from catsdogs_exp.cli.arguments import Parser, a_path
from catsdogs_exp.metrics.names import lower_is_better
from catsdogs_exp.printable import printable
from catsdogs_exp.record.comparison import (
    Comparison,
    Grouping,
    RunGroup,
    compare,
    group_runs,
    settled_by_recipe,
)
from catsdogs_exp.record.folder.run_reader import METRICS, MISSING, Run

_ERROR_LENGTH = 60  # of a run's error, for people
_MOST_SETTINGS = 15  # number of differing settings above which those implied by a recipe's name are hidden from people
_FOLDED = 18  # characters of a text column on a narrow terminal
_DROPPED_FIRST = ("last10", "last", "seconds", "val_loss", "val_accuracy")  # if it is still too narrow
_EXAMPLES = """\
examples:
  # all runs of a sweep, best first, with the settings that differ
  python -m catsdogs_exp compare outputs/drawn/2026-01-31_12-00-00-abcd

  # mean and spread over seeds, for a spreadsheet
  python -m catsdogs_exp compare outputs --by val_accuracy --group-by ~seed --csv > table.csv
"""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: its header.
        cells: one value per row; `MISSING` if there is none.
        digits: after the decimal point, for people; None: unchanged.
    """

    name: str
    cells: Sequence[Any]
    digits: int | None = None


def main(argv: list[str]) -> int:
    """Prints the table. Returns the exit code.

    Raises:
        BadInput: for an unknown metric or key, a path that is not a folder, or if there are no runs.
    """
    if "--inside" in argv or "--wall" in argv:
        from catsdogs_exp.cli.inside import inside, wall

        return inside(argv) if "--inside" in argv else wall(argv)
    arguments = _parser().read(argv)
    found = compare(arguments.paths, arguments.by)
    grouping = None
    if arguments.group_by is not None:
        grouping = group_runs(found, [name.strip() for name in arguments.group_by.split(",")])
    for remark in (*found.remarks, *(grouping.remarks if grouping else ())):
        sys.stderr.write(f"{printable(remark)}\n")

    form = arguments.form
    if form == "json":
        json.dump(_as_json(found, grouping), sys.stdout, indent=1, allow_nan=False)
        sys.stdout.write("\n")
    else:
        for_people = form != "csv"
        left_out = _left_out(found) if for_people and not grouping else ()
        if grouping:
            columns = _group_columns(grouping, found.by, for_people)
        else:
            columns = _run_columns(found, for_people, left_out)
        if form == "csv":
            _write_csv(columns)
        elif form == "markdown":
            _write_markdown(columns)
        else:
            _write_human(columns, _headline(found, grouping), found.by)
        if left_out:
            sys.stdout.flush()
            sys.stderr.write(
                f"{len(left_out)} settings that are the same in all runs of an experiment are left out: --csv has all\n"
            )
    sys.stdout.flush()  # here, where a closed pipe is handled
    return 0


def _parser() -> Parser:
    parser = Parser(
        "compare",
        description="Runs side by side, best first: what they reached, and only the settings that differ.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "paths",
        type=a_path,
        metavar="PATH",
        nargs="*",
        default=["outputs"],
        help="a run folder, a sweep's folder, or any folder with runs below it (default: outputs)",
    )
    parser.add_argument(
        "--by",
        metavar="METRIC",
        help=f"rank by one of {', '.join(METRICS)}; last and last10 are the validation accuracy of the last "
        "epoch and its mean over the last ten (default: what the runs were trained for)",
    )
    parser.add_argument("--inside", action="store_true", help="compare two networks by what their layers see")
    parser.add_argument("--wall", action="store_true", help="draw the activations of all runs side by side")
    parser.add_argument(
        "--group-by",
        metavar="KEY[,KEY]",
        help="mean, standard deviation (n - 1), n, min and max over the runs that share these settings; "
        "~KEY: that share all settings but KEY, as ~seed. Runs that did not end well do not count",
    )
    form = parser.add_mutually_exclusive_group()
    for name, text in (
        ("csv", "comma-separated values, numbers in full"),
        ("markdown", "a table in Markdown"),
        ("json", "JSON, with all metrics"),
    ):
        form.add_argument(f"--{name}", dest="form", action="store_const", const=name, help=text)
    return parser


def _left_out(found: Comparison) -> tuple[str, ...]:
    """Settings hidden from people: of many that differ, those implied by the column `experiment`.

    None for two runs: comparing two means asking for all differences.
    """
    return settled_by_recipe(found) if len(found.runs) > 2 and len(found.keys) > _MOST_SETTINGS else ()


def _run_columns(found: Comparison, for_people: bool, left_out: Sequence[str]) -> list[Column]:
    """One row per run: status, the ranking metric, the others, the visible differing settings, errors."""
    runs = found.runs
    objectives = list(dict.fromkeys(run.objective for run in runs if run.objective))
    with_test = ["test_accuracy"] if any("test_accuracy" in run.metrics for run in runs) else []
    wanted = [found.by, "val_accuracy", "val_loss", *objectives, *with_test, "last", "last10", "seconds"]
    metrics = [_metric_column(name, runs) for name in dict.fromkeys(wanted) if name in METRICS]
    columns = [Column("run", [run.name for run in runs]), Column("status", [run.status for run in runs])]
    if len(objectives) > 1:
        columns.append(Column("objective", [run.objective or MISSING for run in runs]))
    columns += [metrics[0], Column("best_epoch", [_or_missing(run.epoch) for run in runs]), *metrics[1:]]
    columns += [Column(key, [run.setting(key) for run in runs]) for key in found.keys if key not in left_out]
    errors = [run.error if run.error and run.error != run.status else MISSING for run in runs]
    if any(error is not MISSING for error in errors):
        columns.append(Column("error", [_first_words(error) for error in errors] if for_people else errors))
    return columns


def _metric_column(name: str, runs: Sequence[Run]) -> Column:
    return Column(name, [run.metrics.get(name, MISSING) for run in runs], _digits(name))


def _group_columns(grouping: Grouping, by: str, for_people: bool) -> list[Column]:
    """One row per group: its settings, n, mean and spread."""
    groups = grouping.groups
    columns = [Column(key, [group.values[index] for group in groups]) for index, key in enumerate(grouping.keys)]
    columns.append(Column("n", [group.n for group in groups]))
    if for_people:
        columns.append(Column(f"{by} mean ± std", [_mean_and_std(group, _digits(by)) for group in groups]))
    else:
        columns.append(Column(f"{by}_mean", [_or_missing(group.mean) for group in groups]))
        columns.append(Column(f"{by}_std", [_or_missing(group.std) for group in groups]))
    named = ("min", "max") if for_people else (f"{by}_min", f"{by}_max")
    columns.append(Column(named[0], [_or_missing(group.low) for group in groups], _digits(by)))
    columns.append(Column(named[1], [_or_missing(group.high) for group in groups], _digits(by)))
    return columns


def _mean_and_std(group: RunGroup, digits: int) -> Any:
    if group.mean is None:
        return MISSING
    return f"{group.mean:.{digits}f}" + (f" ± {group.std:.{digits}f}" if group.std is not None else "")


def _as_json(found: Comparison, grouping: Grouping | None) -> dict[str, Any]:
    head = {"root": str(found.root), "by": found.by}
    if grouping:
        groups = [
            {
                "settings": _present(dict(zip(grouping.keys, group.values, strict=True))),
                "n": group.n,
                "mean": group.mean,
                "std": group.std,
                "min": group.low,
                "max": group.high,
                "runs": group.runs,
            }
            for group in grouping.groups
        ]
        return {**head, "group_by": grouping.keys, "groups": groups}
    runs = [
        {
            "run": run.name,
            "status": run.status,
            "error": run.error,
            "objective": run.objective,
            "best_epoch": run.epoch,
            "metrics": run.metrics,
            "settings": _present({key: run.setting(key) for key in found.keys}),
        }
        for run in found.runs
    ]
    return {**head, "differing": found.keys, "runs": runs}


def _present(settings: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if value is not MISSING}


def _write_csv(columns: Sequence[Column]) -> None:
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([column.name for column in columns])
    for row in zip(*(column.cells for column in columns), strict=True):
        writer.writerow(["" if cell is MISSING else _shown(cell, None) for cell in row])


def _write_markdown(columns: Sequence[Column]) -> None:
    rows = [[column.name for column in columns]]
    rows.append(["---:" if _is_numeric(column) else "---" for column in columns])
    for row in [*rows, *_texts(columns)]:
        sys.stdout.write(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n")


def _write_human(columns: Sequence[Column], headline: str, by: str) -> None:
    """On a terminal, folds long texts; on a pipe, one line per row at full width."""
    if sys.stdout.isatty():
        _show_on_terminal(columns, headline, by)
        return
    from rich.cells import cell_len

    rows = [[column.name for column in columns], *_texts(columns)]
    widths = [max(cell_len(row[index]) for row in rows) for index in range(len(columns))]
    right = [_is_numeric(column) for column in columns]
    sys.stdout.write(f"{headline}\n")
    for row in rows:
        padding = [" " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)]
        cells = [p + c if r else c + p for c, p, r in zip(row, padding, right, strict=True)]
        sys.stdout.write("  ".join(cells).rstrip() + "\n")


def _show_on_terminal(columns: Sequence[Column], headline: str, by: str) -> None:
    from rich.text import Text

    from catsdogs_exp.cli.screen import PlainTable, output

    console = output()
    shown, dropped = _fitting(columns, console.width, by)
    table = PlainTable(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in shown:
        table.add_column(
            Text(_broken(column.name)),
            justify="right" if _is_numeric(column) else "left",
            overflow="fold",
            min_width=_least_width(column),
        )
    for row in _texts(shown):
        table.add_row(*row)
    # The terminal wraps what is still too wide: better than cut numbers.
    console.width = max(console.width, sum(_least_width(column) + 2 for column in shown))
    console.say(headline)
    console.print(table, soft_wrap=False)
    if dropped:
        console.say(f"no room for {', '.join(dropped)}: widen the terminal, or take --csv")


def _fitting(columns: Sequence[Column], width: int, by: str) -> tuple[list[Column], list[str]]:
    """The columns that fit on the terminal, and the names of the others; `by` is always shown."""
    shown, dropped = list(columns), []
    for name in _DROPPED_FIRST:
        if sum(_least_width(column) + 2 for column in shown) <= width:
            break
        if name != by and any(column.name == name for column in shown):
            shown = [column for column in shown if column.name != name]
            dropped.append(name)
    return shown, dropped


def _least_width(column: Column) -> int:
    """The minimum width of a column on a terminal: numbers whole, long texts folded."""
    from rich.cells import cell_len

    texts = [*_broken(column.name).split("\n"), *(_shown(cell, column.digits) for cell in column.cells)]
    width = max(map(cell_len, texts))
    return width if _is_numeric(column) else min(width, _FOLDED)


def _broken(name: str) -> str:
    """A header broken into several lines, so that its column can be as narrow as its numbers."""
    return name.replace(".", ".\n").replace("_", "_\n")


def _headline(found: Comparison, grouping: Grouping | None) -> str:
    count = len(found.runs)
    better = "lower" if lower_is_better(found.by) else "higher"
    what = f"{count} run{'s' if count != 1 else ''} in {found.root}"
    if grouping:
        what += f", grouped by {', '.join(grouping.keys) or 'nothing: all together'}"
    return printable(f"{what}, best first by {found.by} ({better} is better)")


def _texts(columns: Sequence[Column]) -> list[list[str]]:
    """The rows as shown to people."""
    cells = ([_shown(cell, column.digits) for cell in column.cells] for column in columns)
    return [list(row) for row in zip(*cells, strict=True)]


def _shown(value: Any, digits: int | None) -> str:
    """Formats a number, or a setting as one would type it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and digits is not None:
        return f"{value:.{digits}f}"
    if isinstance(value, list):
        return f"[{','.join(_shown(item, None) for item in value)}]"
    return printable(str(value))


def _is_numeric(column: Column) -> bool:
    return all(
        isinstance(cell, int | float) and not isinstance(cell, bool) for cell in column.cells if cell is not MISSING
    )


def _first_words(error: Any) -> Any:
    if error is MISSING or len(error) <= _ERROR_LENGTH:
        return error
    return error[:_ERROR_LENGTH].rsplit(" ", 1)[0] + " …"


def _digits(metric: str) -> int:
    return 1 if metric in ("seconds", "images_per_second") else 4


def _or_missing(value: Any) -> Any:
    return MISSING if value is None else value
