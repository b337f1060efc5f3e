"""The source `pixel_csv`: grey pictures written as numbers in a table, turned once into PNG files."""

import hashlib
import math
from pathlib import Path

import numpy as np
from PIL import Image

from catsdogs_exp.config.schema.datasets import PixelCsvDataset
from catsdogs_exp.data.cache_folder import cache_folder, made_once
from catsdogs_exp.data.progress import ReportProgress
from catsdogs_exp.data.sources.listing import Listing, list_images
from catsdogs_exp.data.sources.selection import Selection
from catsdogs_exp.data.sources.tables import column, opened_table, table_file
from catsdogs_exp.errors import BadInput

VERSION = 1  # changed whenever the same table would become other files
MAX_LABELS = 10_000
_EVERY = 200  # rows between two looks at the screen


def pixel_tables(dataset: PixelCsvDataset) -> dict[str, Path]:
    """Returns the tables by split: `train`, and `validation` and `test` where there are such.

    Raises:
        BadInput: when one is missing.
    """
    keys = {"train": "path", "validation": "validation_path", "test": "test_path"}
    return {
        split: table_file(getattr(dataset, key), f"dataset.{key}")
        for split, key in keys.items()
        if split == "train" or getattr(dataset, key) is not None
    }


def pixel_csv(dataset: PixelCsvDataset, progress: ReportProgress | None = None) -> Listing:
    """The pictures of the tables as files in the cache folder, one row after the other.

    Raises:
        BadInput: for a table that is none, a label or pixel of another form, or a size that does not fit.
    """
    tables = pixel_tables(dataset)
    target = cache_folder("pixel_csv") / _identity(dataset, tables)
    with made_once(target) as scratch:
        if scratch is not None:
            alone = len(tables) == 1  # then the split is ours to draw
            for split, table in tables.items():
                _convert(dataset, table, scratch if alone else scratch / split, progress)
    return list_images(target, Selection(dataset.classes, folders="classes" if len(tables) == 1 else "splits"))


def _identity(dataset: PixelCsvDataset, tables: dict[str, Path]) -> str:
    words = [str(VERSION), dataset.label_column, str(dataset.width), str(dataset.height)]
    for split, table in tables.items():
        status = table.stat()
        words += [split, str(table), str(status.st_size), str(status.st_mtime_ns)]
    name = tables["train"].stem[:40]
    return f"{name}-{hashlib.sha256(chr(0).join(words).encode(errors='surrogateescape')).hexdigest()[:12]}"


def _convert(dataset: PixelCsvDataset, table: Path, folder: Path, progress: ReportProgress | None) -> None:
    with opened_table(table) as (columns, rows):
        label_at = column(columns, dataset.label_column, "dataset.label_column", table)
        height, width = _size(dataset, len(columns) - 1, table)
        labels: set[str] = set()
        read, done = 0, 0
        bytes_in_all = table.stat().st_size
        for line, row in rows:
            label = _label(row.pop(label_at), table, line)
            if label not in labels:
                labels.add(label)
                if len(labels) > MAX_LABELS:
                    raise BadInput(f"The table must have at most {MAX_LABELS:,} labels: {table}, line {line}")
                (folder / label).mkdir(parents=True)
            pixels = _pixels(row, table, line).reshape(height, width)
            Image.fromarray(pixels).save(folder / label / f"{done:06d}.png", compress_level=1)
            done += 1
            read += sum(map(len, row)) + len(row)
            if progress and done % _EVERY == 0:
                progress("converting", done, max(done + 1, round(done * bytes_in_all / read)))
        if not done:
            raise BadInput(f"The table has no lines but its column names: {table}")
        if progress:
            progress("converting", done, done)


def _size(dataset: PixelCsvDataset, pixels: int, table: Path) -> tuple[int, int]:
    """Height and width of the pictures."""
    height, width = dataset.height, dataset.width
    if height is None and width is None:
        height = width = math.isqrt(pixels)
    elif height is None:
        height = pixels // (width or 1)
    elif width is None:
        width = pixels // height
    assert height is not None and width is not None
    if pixels < 1 or height * width != pixels:
        raise BadInput(
            f"The {pixels} pixel columns of {table} must be dataset.width x dataset.height, or a square. "
            f"Received: dataset.width={_word(dataset.width)} dataset.height={_word(dataset.height)}"
        )
    return height, width


def _word(value: int | None) -> str:
    return "null" if value is None else str(value)


def _label(text: str, table: Path, line: int) -> str:
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise BadInput(f"A label must be a whole number from 0. Received: {text[:40]!r} in {table}, line {line}")
    return str(int(text))


def _pixels(row: list[str], table: Path, line: int) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    try:
        numbers = [int(text) for text in row]
        if min(numbers) < 0 or max(numbers) > 255:
            raise ValueError
    except ValueError:
        odd = next(text for text in row if not (text.strip().isdigit() and len(text) < 9 and int(text) <= 255))
        raise BadInput(
            f"A pixel must be a whole number from 0 to 255. Received: {odd[:40]!r} in {table}, line {line}"
        ) from None
    return np.array(numbers, dtype=np.uint8)
