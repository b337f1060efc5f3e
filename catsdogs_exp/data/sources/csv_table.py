"""The source `csv`: a table of files and their classes."""

import os
from collections.abc import Iterable
from pathlib import Path

from catsdogs_exp.config.schema.datasets import CsvDataset
from catsdogs_exp.data.progress import ReportProgress
from catsdogs_exp.data.sources.folder import existing_folder
from catsdogs_exp.data.sources.listing import UNDECIDED, Found, Listing, listing_of
from catsdogs_exp.data.sources.selection import check_classes
from catsdogs_exp.data.sources.split_names import KNOWN, UNLABELLED, split_of
from catsdogs_exp.data.sources.tables import column, opened_table, table_file
from catsdogs_exp.errors import BadInput, did_you_mean


def csv_paths(dataset: CsvDataset) -> tuple[Path, Path]:
    """Returns the table and the folder that its paths are relative to.

    Raises:
        BadInput: when one of them is missing.
    """
    table = table_file(dataset.path)
    root = table.parent if dataset.root is None else existing_folder(dataset.root, "dataset.root")
    return table, root


def csv_table(dataset: CsvDataset, progress: ReportProgress | None = None) -> Listing:
    """The files of a table, with the classes and splits that it says.

    Raises:
        BadInput: for a missing column or file, a row without path or label, a split of another name, a file
            with two labels, or a path out of the root.
    """
    table, root = csv_paths(dataset)
    found = _read(dataset, table)
    taken = found
    if dataset.classes is not None:
        check_classes(dataset.classes, (name for name, _ in found.values()), table)
        taken = {
            path: (dataset.classes[name], split) for path, (name, split) in found.items() if name in dataset.classes
        }
    files = {path: Path(os.path.normpath(root / path)) for path in taken}
    outside = [path for path, file in files.items() if not file.is_relative_to(root)]
    if outside and not dataset.outside:
        raise BadInput(
            f"The paths in {table} must stay in {root}. Received {_some(outside)}. "
            "Set dataset.root=FOLDER, or dataset.outside=true to allow it."
        )
    missing = [path for path, file in files.items() if not file.is_file()]
    if missing:
        raise BadInput(
            f"{len(missing)} of {len(files)} files in {table} are missing below {root}: {_names(missing)}. "
            "Their paths are relative to dataset.root, or to the table's folder."
        )
    if outside:  # one folder around all, so that paths are relative and unique
        root = Path(os.path.commonpath([file.parent for file in files.values()]))
    listed: dict[str, Found] = {}
    for path, (name, split) in taken.items():
        inside = files[path].relative_to(root).as_posix()
        known = listed.setdefault(inside, (inside, name, split))
        if known != (inside, name, split):
            raise BadInput(f"The table gives one file two labels or splits: {inside} in {table}")
    return listing_of(root, listed.values(), table)


def _read(dataset: CsvDataset, table: Path) -> dict[str, tuple[str, int]]:
    """Path -> (label, split), each path once."""
    found: dict[str, tuple[str, int]] = {}
    with opened_table(table) as (columns, rows):
        path_at = column(columns, dataset.path_column, "dataset.path_column", table)
        label_at = column(columns, dataset.label_column, "dataset.label_column", table)
        split_at = None
        if dataset.split_column is not None:
            split_at = column(columns, dataset.split_column, "dataset.split_column", table)
        for line, row in rows:
            path, label = row[path_at].strip(), row[label_at].strip()
            if not path or not label or not f"{path}{label}".isprintable():
                what = "a path" if not path else "a label" if not label else "printable names"
                raise BadInput(f"Each line of the table must have {what}: {table}, line {line}")
            split = UNDECIDED if split_at is None else _split(row[split_at].strip(), table, line)
            if found.setdefault(path, (label, split)) != (label, split):
                raise BadInput(f"The table gives one file two labels or splits: {path} in {table}, line {line}")
    if not found:
        raise BadInput(f"The table has no lines but its column names: {table}")
    return found


def _split(text: str, table: Path, line: int) -> int:
    if not text:
        return UNDECIDED
    split = split_of(text)
    if split is None or split == UNLABELLED:
        raise BadInput(
            f"The split must be train, validation, test or nothing. Received: {text!r} in {table}, line {line}."
            f"{did_you_mean(text.lower(), KNOWN)}"
        )
    return split


def _some(paths: list[str]) -> str:
    return f"{len(paths)}: {_names(paths)}"


def _names(paths: Iterable[str]) -> str:
    every = [repr(path) for path in paths]
    return ", ".join(every[:3]) + (", ..." if len(every) > 3 else "")
