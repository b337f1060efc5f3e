"""Writes tables of `compare` to stdout: as CSV, Markdown, or for readers on a pipe or a terminal."""

import csv
import sys
from collections.abc import Sequence

from catsdogs_exp.cli.comparison_columns import Column, is_numeric, shown, texts
from catsdogs_exp.record.folder.run_reader import MISSING

_FOLDED = 18  # characters of a text column on a narrow terminal
# dropped first if the terminal is still too narrow
_DROPPED_FIRST = (
    *("images_per_second", "parameters", "last10", "last", "seconds", "min", "max", "val_loss", "val_accuracy"),
)


def write_csv(columns: Sequence[Column]) -> None:
    """Writes CSV with numbers in full precision; missing values are empty."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([column.name for column in columns])
    for row in zip(*(column.cells for column in columns), strict=True):
        writer.writerow(["" if cell is MISSING else shown(cell) for cell in row])


def write_markdown(columns: Sequence[Column]) -> None:
    """Writes a table in Markdown."""
    rows = [[column.name for column in columns]]
    rows.append(["---:" if is_numeric(column) else "---" for column in columns])
    for row in [*rows, *texts(columns)]:
        sys.stdout.write(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n")


def write_human(columns: Sequence[Column], headline: str, kept: str) -> None:
    """Writes a table for readers: folds long texts on a terminal; on a pipe, one line per row at full width.

    Args:
        columns: the table's columns.
        headline: the line above it.
        kept: the column that is kept on a narrow terminal.
    """
    if sys.stdout.isatty():
        _show_on_terminal(columns, headline, kept)
        return
    from rich.cells import cell_len

    rows = [[column.name for column in columns], *texts(columns)]
    widths = [max(cell_len(row[index]) for row in rows) for index in range(len(columns))]
    right = [is_numeric(column) for column in columns]
    sys.stdout.write(f"{headline}\n")
    for row in rows:
        padding = [" " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)]
        cells = [p + c if r else c + p for c, p, r in zip(row, padding, right, strict=True)]
        sys.stdout.write("  ".join(cells).rstrip() + "\n")


def _show_on_terminal(columns: Sequence[Column], headline: str, kept: str) -> None:
    from rich.text import Text

    from catsdogs_exp.cli.screen import PlainTable, output

    console = output()
    fitting, dropped = _fitting(columns, console.width, kept)
    table = PlainTable(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in fitting:
        table.add_column(
            Text(_broken(column.name)),
            justify="right" if is_numeric(column) else "left",
            overflow="fold",
            min_width=_least_width(column),
        )
    for row in texts(fitting):
        table.add_row(*row)
    # The terminal wraps what is still too wide, which is better than truncated numbers.
    console.width = max(console.width, sum(_least_width(column) + 2 for column in fitting))
    console.say(headline)
    console.print(table, soft_wrap=False)
    if dropped:
        console.say(f"no room for {', '.join(dropped)}: widen the terminal, or use --csv")


def _fitting(columns: Sequence[Column], width: int, kept: str) -> tuple[list[Column], list[str]]:
    """Returns the columns that fit on the terminal, and the names of the others."""
    fitting, dropped = list(columns), []
    for name in _DROPPED_FIRST:
        if sum(_least_width(column) + 2 for column in fitting) <= width:
            break
        if name != kept and any(column.name == name for column in fitting):
            fitting = [column for column in fitting if column.name != name]
            dropped.append(name)
    return fitting, dropped


def _least_width(column: Column) -> int:
    """Returns the minimum width of a column on a terminal: numbers complete, long texts folded."""
    from rich.cells import cell_len

    lines = [*_broken(column.name).split("\n"), *(shown(cell, column.digits) for cell in column.cells)]
    width = max(map(cell_len, lines))
    return width if is_numeric(column) else min(width, _FOLDED)


def _broken(name: str) -> str:
    """Breaks a header into several lines, so that its column can be as narrow as its numbers."""
    return name.replace(".", ".\n").replace("_", "_\n")
