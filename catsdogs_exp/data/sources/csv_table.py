"""The source `csv`: a table of files and their classes."""

import os
import shlex
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path

from catsdogs_exp.config.schema.datasets import CsvDataset
from catsdogs_exp.data.progress import ReportProgress
from catsdogs_exp.data.sources.alike import doubtful_labels, joined_names
from catsdogs_exp.data.sources.folder import existing_folder
from catsdogs_exp.data.sources.known_names import has_image_extension, is_beside
from catsdogs_exp.data.sources.listing import UNDECIDED, Found, Listing, listing_of
from catsdogs_exp.data.sources.selection import known_classes
from catsdogs_exp.data.sources.split_names import KNOWN, UNLABELLED, split_of
from catsdogs_exp.data.sources.table_files import Change, FilesBelow, is_address
from catsdogs_exp.data.sources.table_groups import group_notes, in_groups, likely_groups
from catsdogs_exp.data.sources.table_places import Places
from catsdogs_exp.data.sources.tables import (
    Row,
    Table,
    column,
    is_index,
    is_number,
    likely_column,
    listed_columns,
    opened_table,
    table_file,
)
from catsdogs_exp.data.sources.wording import counted, shown, some
from catsdogs_exp.errors import BadInput, did_you_mean

SPLIT_WORDS = ("split", "set", "subset", "partition", "usage")
LABEL_WORDS = (
    "label", "labels", "class", "classname", "labelname", "category", "categoryname", "target", "breed", "species", "y",
    "emotion", "diagnosis", "dx", "choice", "type", "classid", "labelid",
)  # fmt: skip
_PATH_WORDS = (
    "path", "filepath", "filepaths", "imagepath", "file", "filename", "files", "filenames", "imagefile", "image", "img",
    "imagename", "images", "imageid", "imageindex", "idcode", "photo", "picture", "id",
    "name",
)  # fmt: skip
_SAMPLE = 50  # rows used to recognize columns
_FEW = 5  # rows that may have a class each
_TRIED = 20  # paths used to find a correction


@dataclass(frozen=True)
class _Columns:
    """The positions of the columns; without a label column, each class has its own column."""

    path: int
    label: int | None
    classes: dict[int, str]
    split: int | None
    group: int | None = None


def csv_paths(dataset: CsvDataset) -> tuple[Path, Path]:
    """Returns the table and the folder that its paths are relative to.

    Raises:
        BadInput: if one of them is missing.
    """
    table = table_file(dataset.path)
    root = table.parent if dataset.root is None else existing_folder(dataset.root, "dataset.root")
    return table, root


def csv_table(dataset: CsvDataset, progress: ReportProgress | None = None) -> Listing:
    """Lists the files of a table, with their classes and splits.

    Raises:
        BadInput: for a missing column or file, a row without path or label, an unknown split, a file with two labels,
            or a path outside the root.
    """
    table, root = csv_paths(dataset)
    reading: list[str] = []
    found, groups = _read(dataset, table, reading)
    used, alike = joined_names(("", name) for name, _ in found.values())
    found = {path: (used[name], split) for path, (name, split) in found.items()}
    names = {name for name, _ in found.values()}
    renamed = known_classes(dataset.classes, names, table)
    if renamed is None:
        reading += [*alike, *doubtful_labels(names)]
    else:
        found = {path: (renamed[name], split) for path, (name, split) in found.items() if name in renamed}
    files, missing = _files(dataset, table, root, list(found), reading)
    outside = [file for file in files.values() if not file.is_relative_to(root)]
    if outside:  # a common parent folder, so that paths are relative and unique
        root = Path(os.path.commonpath([file.parent for file in files.values()]))
    listed: dict[str, Found] = {}
    for path, file in files.items():
        inside = file.relative_to(root).as_posix()
        known = listed.setdefault(inside, (inside, *found[path]))
        if known != (inside, *found[path]):
            raise BadInput(
                f"The table gives one file two labels or splits: {inside} in {table}. Remove one of its lines"
            )
    notes = (f"{counted(len(missing), 'row')} whose file does not exist: {_names(missing)}",) if missing else ()
    listing = listing_of(root, listed.values(), table, notes, tuple(reading))
    return in_groups(listing, {file: groups[path] for path, file in files.items()}) if groups else listing


def _read(dataset: CsvDataset, path: Path, reading: list[str]) -> tuple[dict[str, tuple[str, int]], dict[str, str]]:
    """Path -> (label, split), each path once; and path -> group, `""` for none."""
    found: dict[str, tuple[str, int]] = {}
    groups: dict[str, str] = {}
    with opened_table(path, dataset) as table:
        first = list(islice(table.rows, _SAMPLE))
        places = _columns(dataset, table, first)
        rows = list(chain(first, table.rows))
        repeated = 0
        if dataset.split_column is None and places.split is not None and not _has_splits(rows, places.split):
            reading.append(f"the column {shown(table.columns[places.split])} is not used: it contains no splits")
            places = replace(places, split=None)
        for line, row in rows:
            file, label = row[places.path].strip(" \t"), _label(row, places, path, line)
            if not file or not label:
                what = "label" if file else "path"
                raise BadInput(
                    f"Each line of the table must have a {what}: {path}, line {line}. Fill it in or remove the line"
                )
            if any(unicodedata.category(letter) == "Cc" for letter in file + label):
                raise BadInput(f"Names in the table must not contain control characters: {path}, line {line}")
            split = UNDECIDED if places.split is None else row_split(row[places.split], path, line)
            repeated += file in found
            if (before := found.setdefault(file, (label, split))) != (label, split):
                different = f"{before[0]} and {label}" if before[0] != label else "one label, two splits"
                raise BadInput(
                    f"The table gives one file two labels or splits: {file} in {path}, line {line} ({different}). "
                    "Remove one of the lines"
                )
            if places.group is not None:
                group = row[places.group].strip()
                if groups.setdefault(file, group) != group:
                    raise BadInput(
                        f"The table gives one file two groups: {file} in {path}, line {line} ({groups[file]} and "
                        f"{group}). Remove one of the lines"
                    )
    if not found:
        raise BadInput(f"The table has no lines except its column names: {path}")
    reading += [*table.notes, *_column_notes(table, places, rows)]
    if places.group is not None:
        reading += group_notes(table.columns[places.group], groups, {path: split for path, (_, split) in found.items()})
    if repeated:
        reading.append(f"{counted(repeated, 'line')} repeating another: each file is used once")
    return found, groups


def row_split(text: str, table: Path, line: int) -> int:
    """The split in a row's field: an index into `SPLITS`, or `UNDECIDED` if empty.

    Raises:
        BadInput: for any other word.
    """
    if not text.strip():
        return UNDECIDED
    split = split_of(text)
    if split is None or split == UNLABELLED:
        raise BadInput(
            f"The split must be train, validation, test or nothing. Received: {text.strip()!r} in {table}, line {line}."
            f"{did_you_mean(text.strip().lower(), KNOWN)} Change it, or remove the line"
        )
    return split


def _has_splits(rows: Iterable[Row], place: int) -> bool:
    """Whether a column holds at least one split; then any other word in it is a mistake."""
    return bool(_splits_in(rows, place) - {None, UNLABELLED})


def _splits_in(rows: Iterable[Row], place: int) -> set[int | None]:
    """The splits that a column names; with None if it holds other words."""
    return {split_of(row[place]) for _, row in rows if row[place].strip()}


# columns


def _columns(dataset: CsvDataset, table: Table, sample: list[Row]) -> _Columns:
    """The requested columns, or those found by name and content."""
    columns = table.columns
    label = _asked(dataset.label_column, "dataset.label_column", table)
    split = _asked(dataset.split_column, "dataset.split_column", table)
    path = _asked(dataset.path_column, "dataset.path_column", table)
    group = _asked(dataset.group_column, "dataset.group_column", table)
    taken = [place for place in (label, split, group) if place is not None]
    if path is None:
        path = _named_column(table, _PATH_WORDS, "dataset.path_column", taken)
    if path is None:
        files = [
            place
            for place in range(len(columns))
            if place not in taken and sample and all(has_image_extension(row[place].strip()) for _, row in sample)
        ]
        if len(files) != 1:
            raise _no_column(dataset, table, "path_column", sample)
        path = files[0]
    taken.append(path)
    if split is None:
        split = likely_column(table, SPLIT_WORDS, taken)
    if label is None:
        label = _named_column(table, LABEL_WORDS, "dataset.label_column", taken)
    if label is not None:
        return _Columns(path, label, {}, split, group)
    others = [place for place in range(len(columns)) if place not in (path, split, group) and columns[place]]
    if len(others) == 1 and not _all_different(sample, others[0]):
        return _Columns(path, others[0], {}, split, group)
    if len(others) < 2 or any(_bit(row[place]) is None for _, row in sample for place in others):
        raise _no_column(dataset, table, "label_column", sample)
    return _Columns(path, None, {place: columns[place] for place in others}, split, group)


def _all_different(rows: list[Row], place: int) -> bool:
    """Whether a column numbers the images rather than classifying them."""
    return len(rows) >= _FEW and len({row[place] for _, row in rows}) == len(rows)


def _asked(name: str | None, key: str, table: Table) -> int | None:
    return None if name is None else column(table.columns, name, key, table.path)


def _named_column(table: Table, words: tuple[str, ...], key: str, taken: list[int]) -> int | None:
    place = likely_column(table, words, taken) if table.named else None
    if place is not None:
        column(table.columns, table.columns[place], key, table.path)  # an error if two have the same name
    return place


def _no_column(dataset: CsvDataset, table: Table, key: str, sample: list[Row]) -> BadInput:
    numbers = [row for _, row in sample if sum(map(is_number, row)) > 20 or any(len(text.split()) > 20 for text in row)]
    hint = ". It looks like a table of pixels: dataset=pixel_csv" if numbers and len(numbers) == len(sample) else ""
    what = "files" if key == "path_column" else "classes"
    fields = sample[0][1] if sample and not table.named else []
    return BadInput(
        f"dataset.{key} must name the column of {table.path} with the {what}. Received: none. "
        f"The columns: {listed_columns(table.columns, fields)}{hint}."
    )


def _label(row: list[str], places: _Columns, path: Path, line: int) -> str:
    if places.label is not None:
        return row[places.label].strip()
    if any(_bit(row[place]) is None for place in places.classes):
        raise BadInput(f"The columns of classes must contain 0 and 1, or True and False: {path}, line {line}")
    true = [name for place, name in places.classes.items() if _bit(row[place])]
    if len(true) != 1:
        received = " and ".join(map(shown, true)) or "none"
        raise BadInput(f"Each line of the table must have one class. Received {received}: {path}, line {line}")
    return true[0]


def _bit(text: str) -> bool | None:
    """Reads 0 or 1, also as `0.0` or `True` (pandas' `get_dummies`); None for anything else."""
    if text.strip().lower() in ("true", "false"):
        return text.strip().lower() == "true"
    return float(text) == 1 if is_number(text) and float(text) in (0, 1) else None


def _column_notes(table: Table, places: _Columns, rows: list[Row]) -> list[str]:
    """Reports which columns were used, if their names do not make it obvious, and which were not."""
    names = table.columns
    plain = names[places.path] == "path" and places.label is not None and names[places.label] == "label"
    said = [] if plain else [f"{shown(names[places.path])} contains the files"]
    if places.label is None:
        said.append(
            f"{listed_columns(list(places.classes.values()))} are the classes, with 1 for the class of the image"
        )
    elif not plain:
        said.append(f"{shown(names[places.label])} the classes")
    if places.split is not None:
        said.append(f"{shown(names[places.split])} {'the' if said else 'contains the'} splits")
    notes = [f"among the table's columns {', '.join(said)}"] if said else []
    split = (
        likely_column(table, SPLIT_WORDS) if places.split is None else places.split
    )  # told already: it has no splits
    used = {places.path, places.label, split, places.group, *places.classes}
    left = {place: name for place, name in enumerate(names) if place not in used and name and not is_index(name)}
    if left:
        notes.append(f"columns that are not used: {listed_columns(list(left.values()))}")
    splits = [name for place, name in left.items() if _holds_only_splits(rows, place)]
    if places.split is None and len(splits) == 1:
        word = shlex.quote(f"dataset.split_column={splits[0]}")
        notes.append(f"to split as the column {shown(splits[0])} says: {word}")
    if places.group is None and places.split is None:
        notes += likely_groups(table, left, rows)
    return notes


def _holds_only_splits(rows: list[Row], place: int) -> bool:
    splits = _splits_in(rows, place)
    return len(splits) > 1 and not splits & {None, UNLABELLED}


# files


def _files(
    dataset: CsvDataset, table: Path, root: Path, paths: list[str], reading: list[str]
) -> tuple[dict[str, Path], list[str]]:
    """Path as written -> its file, and the paths of rows that are left out."""
    suffix = dataset.suffix or ""
    suffix = f".{suffix}" if suffix and "." not in suffix else suffix
    files = {path: _placed(root, path + suffix) for path in paths}
    there = {path: file for path, file in files.items() if _is_file(file)}
    outside = [path for path, file in there.items() if not file.is_relative_to(root)]
    if outside and not dataset.outside:
        raise BadInput(
            f"The paths in {table} must stay in {root}. Received {len(outside)}: {_names(outside)}. "
            "Set dataset.root=FOLDER, or dataset.outside=true to allow it."
        )
    missing = [path for path in paths if path not in there]
    below = FilesBelow(root)
    change = _change(below, missing, suffix, there)
    if change is not None:
        found = {path: file for path in missing if (file := below.found(path + suffix, change)) is not None}
        example = next(iter(found))
        reading.append(f"{len(found)} paths in the table are taken {change.note(example)}, such as {shown(example)}")
        there |= found
        missing = [path for path in missing if path not in found]
    places = Places(root, table, [path + suffix for path in missing] if not there else [])
    if unique := places.in_several_folders():
        spread = {path: unique[path + suffix] for path in missing if path + suffix in unique}
        folders = dict.fromkeys(file.parent.relative_to(root).as_posix() for file in spread.values())
        reading.append(
            f"{len(spread)} paths in the table are found in several folders: {some(map(shown, folders), 3)}; "
            "dataset.root=FOLDER takes those of one"
        )
        there |= spread
        missing = [path for path in missing if path not in spread]
    if missing and (dataset.missing == "error" or not there):
        guessed = (
            [f"{line[0].upper()}{line[1:]}." for line in reading if "not UTF-8" in line]
            if not "".join(missing).isascii()
            else []
        )
        raise BadInput(" ".join([_not_there(table, root, missing, len(paths)), *guessed]))
    return {path: there[path] for path in paths if path in there}, missing


def _placed(root: Path, path: str) -> Path:
    """Returns the target of a path; links are resolved only if the path leaves the root by its spelling alone."""
    file = Path(os.path.normpath(root / path))
    if not file.is_relative_to(root):
        real = Path(os.path.realpath(file.parent)) / file.name
        return real if real.is_relative_to(root) else file
    return file


def _change(below: FilesBelow, missing: list[str], suffix: str, there: Mapping[str, Path]) -> Change | None:
    """Finds a single correction that turns most missing paths into existing files, no two of them the same."""
    for path in missing[:_TRIED]:
        change = below.likely_change(path + suffix)
        if change is not None:
            found = [file for each in missing if (file := below.found(each + suffix, change)) is not None]
            different = set(found)
            if 2 * len(found) > len(missing) and len(different) == len(found) and not different & set(there.values()):
                return change
    return None


def _not_there(table: Path, root: Path, missing: list[str], count: int) -> str:
    text = f"{len(missing)} of {count} files in {table} are missing below {root}: {_names(missing)}. "
    if all(is_address(path) for path in missing):
        return (
            f"{text}They are URLs, which are not downloaded: download them yourself, and set dataset.root to "
            "their folder."
        )
    if all((root / path).is_dir() for path in missing):
        return f"{text}They are folders. List files, or leave the rows out with dataset.missing=skip."
    if len(missing) == count:
        places = Places(root, table, missing)
        if not places.best and is_beside(root.name):  # annotations/list.txt, next to images/
            places = Places(root.parent, table, missing)
        if places.best:
            how_many = "They" if places.most == count else f"{places.most} of them"
            return f"{text}{how_many} exist with {places.settings()}."
    return (
        f"{text}Their paths are relative to dataset.root, or to the table's folder. dataset.missing=skip leaves out "
        "such rows."
    )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name too long for any file system
        return False


def _names(paths: Iterable[str]) -> str:
    every = [repr(path) for path in paths]
    return ", ".join(every[:3]) + (", ..." if len(every) > 3 else "")
