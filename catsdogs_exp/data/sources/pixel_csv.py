"""The source `pixel_csv`: greyscale images written as numbers in a table, converted once into PNG files."""

import hashlib
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catsdogs_exp.config.schema.datasets import PixelCsvDataset
from catsdogs_exp.data.cache_folder import cache_folder, made_once
from catsdogs_exp.data.progress import ReportProgress
from catsdogs_exp.data.sources.csv_table import LABEL_WORDS, SPLIT_WORDS, row_split
from catsdogs_exp.data.sources.kept_notes import keep_notes, kept_notes
from catsdogs_exp.data.sources.listing import SPLITS, UNDECIDED, Listing, list_images
from catsdogs_exp.data.sources.selection import Selection
from catsdogs_exp.data.sources.split_names import UNLABELLED, split_of
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
from catsdogs_exp.data.sources.wording import shown
from catsdogs_exp.errors import BadInput

VERSION = 3  # change this whenever the same table would give different files
MAX_LABELS = 10_000
_EVERY = 200  # rows between progress updates
_SAMPLE = 20  # rows used to recognize columns
_MANY = 9  # numbers in one field at which it counts as a whole image
_NUMBERED = re.compile(r"(\D{0,40}?)(\d{1,9})(?:[x_,:-](\d{1,9}))?")
_NAME = re.compile(r"[^\W_](?:[\w .+-]{0,78}[\w+-])?")  # a label that is a valid folder name on any system


@dataclass(frozen=True)
class _Columns:
    """The positions of the columns; `whole` if one field holds all pixels of an image."""

    label: int
    pixels: tuple[int, ...]
    whole: bool
    split: int | None


def pixel_tables(dataset: PixelCsvDataset) -> dict[str, Path]:
    """Returns the tables by split: `train`, and `validation` and `test` if given.

    Raises:
        BadInput: if one is missing.
    """
    keys = {"train": "path", "validation": "validation_path", "test": "test_path"}
    return {
        split: table_file(getattr(dataset, key), f"dataset.{key}")
        for split, key in keys.items()
        if split == "train" or getattr(dataset, key) is not None
    }


def pixel_csv(dataset: PixelCsvDataset, progress: ReportProgress | None = None) -> Listing:
    """The images of the tables as files in the cache folder, one per row.

    Raises:
        BadInput: for an invalid table, an invalid label or pixel, or a size that does not fit.
    """
    tables = pixel_tables(dataset)
    target = cache_folder("pixel_csv") / _identity(dataset, tables)
    with made_once(target) as scratch:
        if scratch is not None:
            notes: list[str] = []
            alone = len(tables) == 1  # then the table decides the split, or we do
            white = dataset.white or _white(dataset, tables, notes)
            for split, table in tables.items():
                conversion = _Conversion(replace(dataset, white=white), scratch if alone else scratch / split, alone)
                notes += conversion.run(table, progress)
            keep_notes(target, list(dict.fromkeys(notes)))
    parted = any(path.is_dir() for split in SPLITS for path in (target / split).glob("*"))
    listing = list_images(target, Selection(dataset.classes, folders="splits" if parted else "classes"))
    return replace(listing, reading=(*kept_notes(target), *listing.reading))


def _identity(dataset: PixelCsvDataset, tables: dict[str, Path]) -> str:
    asked = ("label_column", "split_column", "width", "height", "white", "delimiter", "header", "encoding")
    words = [str(VERSION), *(f"{key}={getattr(dataset, key)}" for key in asked)]
    for split, table in tables.items():
        status = table.stat()
        words += [split, str(table), str(status.st_size), str(status.st_mtime_ns)]
    name = tables["train"].stem[:40]
    return f"{name}-{hashlib.sha256(chr(0).join(words).encode(errors='surrogateescape')).hexdigest()[:12]}"


def _white(dataset: PixelCsvDataset, tables: dict[str, Path], notes: list[str]) -> int:
    """1 if all pixels of all tables are from 0 to 1 and at least one is a fraction, otherwise 255."""
    fraction = False
    for table in tables.values():
        with opened_table(table, dataset) as opened:
            places, rows = _columns(dataset, opened)
            for _, row in rows:
                try:
                    values = _numbers(_texts(row, places))
                except ValueError:  # reported during conversion
                    return 255
                if values.size and not (values.min() >= 0 and values.max() <= 1):
                    return 255
                fraction = fraction or bool((values % 1).any())
    if fraction:
        notes.append("pixels are fractions from 0 to 1, so 1 is white; dataset.white overrides this")
    return 1 if fraction else 255


class _Conversion:
    """Converts one table into a folder.

    Args:
        dataset: its settings, with `white`.
        folder: parent of the label folders.
        alone: whether a column of the table may contain the splits.
    """

    def __init__(self, dataset: PixelCsvDataset, folder: Path, alone: bool) -> None:
        self._dataset = dataset
        self._folder = folder
        self._alone = alone
        self._made: set[str] = set()
        self._labels: set[str] = set()

    def run(self, path: Path, progress: ReportProgress | None) -> list[str]:
        """Writes the images; returns what was guessed."""
        with opened_table(path, self._dataset) as table:
            places, rows = _columns(self._dataset, table)
            size: tuple[int, int] | None = None
            read, done = 0, 0
            bytes_in_all = path.stat().st_size
            for line, row in rows:
                texts = _texts(row, places)
                if size is None or places.whole:
                    size = _size(self._dataset, len(texts), table, line if places.whole else None)
                target = self._target(row, places, path, line)
                pixels = _pixels(texts, self._dataset.white or 255, path, line).reshape(size)
                Image.fromarray(pixels).save(target / f"{done:06d}.png", compress_level=1)
                done += 1
                read += sum(map(len, row)) + len(row)
                if progress and done % _EVERY == 0:
                    progress("converting", done, max(done + 1, round(done * bytes_in_all / read)))
            if not done:
                raise BadInput(f"The table has no lines except its column names: {path}")
            if progress:
                progress("converting", done, done)
            return [*table.notes, *_column_notes(table, places, self._alone)]

    def _target(self, row: list[str], places: _Columns, path: Path, line: int) -> Path:
        """The folder for a row's label and split."""
        label = _label(row[places.label], path, line)
        self._labels.add(label.casefold())
        if len(self._labels) > MAX_LABELS:
            raise BadInput(f"The table must have at most {MAX_LABELS:,} labels: {path}, line {line}")
        inside = label
        if places.split is not None and self._alone:
            split = row_split(row[places.split], path, line)
            if split == UNDECIDED:
                raise BadInput(f"Each line of the table must have a split: {path}, line {line}")
            inside = f"{SPLITS[split]}/{label}"
        if inside not in self._made:
            self._made.add(inside)
            (self._folder / inside).mkdir(parents=True, exist_ok=True)
        return self._folder / inside


def _columns(dataset: PixelCsvDataset, table: Table) -> tuple[_Columns, Iterator[Row]]:
    """The requested columns, or those found by name, position and content; and all rows."""
    sample = list(islice(table.rows, _SAMPLE))
    rows = chain(sample, table.rows)
    names = table.columns
    split = None
    if dataset.split_column is not None:
        split = column(names, dataset.split_column, "dataset.split_column", table.path)
    elif table.named:
        split = likely_column(table, SPLIT_WORDS)
        if split is not None and not all(split_of(row[split]) not in (None, UNLABELLED) for _, row in sample):
            split = None
    label = _label_column(dataset, table, sample, split)
    others = [place for place in range(len(names)) if place not in (label, split)]
    whole = [place for place in others if sample and all(len(row[place].split()) >= _MANY for _, row in sample)]
    if len(whole) == 1:
        return _Columns(label, (whole[0],), True, split), rows
    if _is_index(dataset, names, others, sample):
        others = others[1:]
    return _Columns(label, _in_order(names, others), False, split), rows


def _in_order(names: Sequence[str], places: Sequence[int]) -> tuple[int, ...]:
    """The columns of pixels by their numbers, `pixel0` or `1x1` (row and column), if all have such names."""
    found = [match for place in places if (match := _NUMBERED.fullmatch(names[place].strip()))]
    numbers = [(int(match[2]), int(match[3] or 0)) for match in found]
    alike = len({(match[1], match[3] is None) for match in found}) == 1
    if len(set(numbers)) != len(places) or not alike:
        return tuple(places)
    return tuple(place for _, place in sorted(zip(numbers, places, strict=True)))


def _label_column(dataset: PixelCsvDataset, table: Table, sample: list[Row], split: int | None) -> int:
    if dataset.label_column is not None:
        return column(table.columns, dataset.label_column, "dataset.label_column", table.path)
    taken = () if split is None else (split,)
    if table.named:
        place = likely_column(table, LABEL_WORDS, taken)
        if place is None:
            raise BadInput(
                f"dataset.label_column must name the column of {table.path} with the labels. Received: none. "
                f"The columns: {listed_columns(table.columns)}."
            )
        column(
            table.columns, table.columns[place], "dataset.label_column", table.path
        )  # an error if two have the same name
        return place
    end = len(table.columns) - 1
    words = [place for place in (0, end) if sample and not all(is_number(row[place]) for _, row in sample)]
    return words[0] if len(words) == 1 else 0


def _is_index(dataset: PixelCsvDataset, names: Sequence[str], others: list[int], sample: list[Row]) -> bool:
    """Whether the first column numbers the rows, and the others alone form a square."""
    if len(others) < 2 or dataset.width is not None or dataset.height is not None:
        return False
    numbers = [row[others[0]].strip() for _, row in sample]
    counts = [[str(start + number) for number in range(len(numbers))] for start in (0, 1)]
    fits = math.isqrt(len(others)) ** 2 == len(others)
    return (
        not fits
        and math.isqrt(len(others) - 1) ** 2 == len(others) - 1
        and (is_index(names[others[0]]) or numbers in counts)
    )


def _column_notes(table: Table, places: _Columns, alone: bool) -> list[str]:
    """Reports which columns were used, if their names do not make it obvious."""
    names = table.columns
    said = [] if names[places.label] == "label" else [f"{shown(names[places.label])} contains the labels"]
    if places.whole:
        said.append(f"{shown(names[places.pixels[0]])} the pixels")
    if places.split is not None:
        said.append(f"{shown(names[places.split])} the splits" + ("" if alone else ", which are not used"))
    if list(places.pixels) != sorted(places.pixels):
        said.append("the pixels are in the order of their numbers")
    left = set(range(len(names))) - {places.label, places.split, *places.pixels}
    said += [f"{shown(names[place] or f'number {place + 1}')} is left out" for place in sorted(left)]
    return [f"among the table's columns {', '.join(said)}"] if said else []


def _texts(row: list[str], places: _Columns) -> list[str]:
    """The pixels of a row as text."""
    return row[places.pixels[0]].split() if places.whole else [row[place] for place in places.pixels]


def _size(dataset: PixelCsvDataset, pixels: int, table: Table, line: int | None) -> tuple[int, int]:
    """Height and width of the images."""
    height, width = dataset.height, dataset.width
    if height is None and width is None:
        height = width = math.isqrt(pixels)
    elif height is None:
        height = pixels // (width or 1)
    elif width is None:
        width = pixels // height
    assert height is not None and width is not None
    if pixels < 1 or height * width != pixels:
        what = (
            f"{pixels} pixel columns of {table.path}"
            if line is None
            else f"{pixels} pixels in {table.path}, line {line},"
        )
        raise BadInput(
            f"The {what} must be dataset.width x dataset.height, or a square. "
            f"Received: dataset.width={_word(dataset.width)} dataset.height={_word(dataset.height)}"
        )
    return height, width


def _word(value: int | None) -> str:
    return "null" if value is None else str(value)


def _label(text: str, table: Path, line: int) -> str:
    text = text.strip()
    if is_number(text) and 0 <= float(text) < 10**9 and float(text) == int(float(text)):
        return str(int(float(text)))
    if _NAME.fullmatch(text) and not is_number(text):
        return text
    raise BadInput(
        "A label must be a whole number >= 0, or a name of letters, digits, spaces, points and hyphens. "
        f"Received: {text[:40]!r} in {table}, line {line}"
    )


def _pixels(texts: list[str], white: int, table: Path, line: int) -> NDArray[np.uint8]:
    """Grey levels, uint8 [n]."""
    try:
        values = _numbers(texts)
        inside = values.min() >= 0 and values.max() <= white  # which NaN is not
        if not inside or (white == 255 and (values % 1).any()):
            raise ValueError
    except ValueError:
        odd = next((text for text in texts if not _is_pixel(text, white)), "")
        what = "a whole number from 0 to 255" if white == 255 else "a number from 0 to 1 (dataset.white=1)"
        raise BadInput(f"A pixel must be {what}. Received: {odd[:40]!r} in {table}, line {line}") from None
    levels: NDArray[np.uint8] = np.rint(values * (255 / white)).astype(np.uint8)
    return levels


def _numbers(texts: list[str]) -> NDArray[np.float64]:
    if "_" in "".join(texts):  # Python's digit grouping for 1000
        raise ValueError
    return np.array(list(map(float, texts)))


def _is_pixel(text: str, white: int) -> bool:
    return is_number(text) and 0 <= float(text) <= white and (white == 1 or float(text) % 1 == 0)
