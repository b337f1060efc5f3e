"""Reading tables: rows of a CSV file as texts, with every trouble told as one line."""

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from catsdogs_exp.errors import BadInput, did_you_mean

# number of the line, and its fields
Row = tuple[int, list[str]]


def table_file(text: str | None, key: str = "dataset.path") -> Path:
    """Returns a table's full path.

    Args:
        text: as the user wrote it.
        key: the setting that it comes from, for messages.

    Raises:
        BadInput: when there is none, or a folder in its place.
    """
    path = Path(text or "").expanduser()
    if not path.exists():
        raise BadInput(f"{key} must be a CSV file. There is none at: {path}")
    if not path.is_file():
        raise BadInput(f"{key} must be a CSV file. Received a folder: {path}")
    return path.resolve()


@contextmanager
def opened_table(path: Path) -> Iterator[tuple[list[str], Iterator[Row]]]:
    """Opens a table; gives its column names and its rows, read as they are asked for.

    Raises:
        BadInput: for a file that is empty, no UTF-8 or no CSV, and for a row with more or fewer fields.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as handle:
            reader = csv.reader(handle, strict=True)
            columns = [name.strip() for name in next(reader, [])]
            if not columns:
                raise BadInput(f"The table is empty: {path}")
            yield columns, _rows(path, reader, len(columns))
    except UnicodeDecodeError as error:
        raise BadInput(f"The table is not UTF-8: {path}: {error.reason}. Save it as UTF-8.") from error
    except csv.Error as error:
        raise BadInput(f"The table cannot be read: {path}: {error}") from error
    except OSError as error:
        raise BadInput(f"The table cannot be read: {error.strerror}: {path}") from error


def _rows(path: Path, reader: Iterator[list[str]], width: int) -> Iterator[Row]:
    for row in reader:
        line = reader.line_num  # type: ignore[attr-defined]
        if not row:
            continue
        if len(row) != width:
            raise BadInput(f"The table must have {width} fields in each line. Received {len(row)}: {path}, line {line}")
        yield line, row


def column(columns: Sequence[str], name: str, key: str, path: Path) -> int:
    """Returns the place of a column.

    Raises:
        BadInput: when there is none of that name, or several.
    """
    if columns.count(name) > 1:
        raise BadInput(f"{key} must name one column. There are {columns.count(name)} called {name!r} in {path}")
    if name not in columns:
        shown = ", ".join(columns[:20]) + (f", ... ({len(columns)} in all)" if len(columns) > 20 else "")
        raise BadInput(
            f"{key} must name a column of {path}. Received: {key}={name}.{did_you_mean(name, columns)} "
            f"The columns: {shown}."
        )
    return columns.index(name)
