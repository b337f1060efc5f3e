"""Reads tables: rows of a CSV file as texts; notes every guess, and reports every problem in one line."""

import codecs
import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TextIO

from catsdogs_exp.config.schema.datasets import Table as TableSettings
from catsdogs_exp.data.sources.archive_kinds import no_table
from catsdogs_exp.data.sources.known_names import has_image_extension
from catsdogs_exp.data.sources.name_encoding import check_encoding, guessed
from catsdogs_exp.data.sources.wording import counted, shown, some
from catsdogs_exp.errors import BadInput, did_you_mean, did_you_mean_path
from catsdogs_exp.platforms import expanded

# line number and fields
Row = tuple[int, list[str]]

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "space": " "}
_SAMPLE = 20  # lines used for guessing
_LONGEST_LINE = 2**22  # characters; enough for an image of 512 x 512 pixels
_LONGEST_FIELD = 2**24
_SHOWN = 60  # characters of a field in a message
_CHUNK = 2**20
_END_OF_FILE = "\x1a"  # in DOS
_INDEX = ("", "index", "id", "unnamed0")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)


@dataclass
class Table:
    """An open table.

    Attributes:
        path: path of the file.
        columns: column names; `1`, `2`, ... if the table has none.
        rows: rows, read on demand.
        named: whether it has a header line.
        notes: what was guessed or left out, one line each.
    """

    path: Path
    columns: list[str]
    rows: Iterator[Row]
    named: bool
    notes: list[str] = field(default_factory=list)


def table_file(text: str | None, key: str = "dataset.path") -> Path:
    """Returns a table's full path.

    Args:
        text: as the user wrote it.
        key: the setting it comes from, for messages.

    Raises:
        BadInput: if it does not exist or is a folder.
    """
    path = expanded(text or "")
    if not path.exists():
        raise BadInput(f"{key} must be a CSV file. There is none at: {path}{did_you_mean_path(text or '')}")
    if not path.is_file():
        raise BadInput(f"{key} must be a CSV file. Received a folder: {path}")
    return path.resolve()


@contextmanager
def opened_table(path: Path, settings: TableSettings) -> Iterator[Table]:
    """Opens a table; `dataset.delimiter`, `header` and `encoding` are guessed if not set.

    Raises:
        BadInput: for a file that is empty or not CSV, and for a row with more or fewer fields.
    """
    longest = csv.field_size_limit(_LONGEST_FIELD)
    try:
        if other := no_table(path):
            raise BadInput(other)
        notes: list[str] = []
        with path.open(newline="", encoding=_encoding(path, settings.encoding, notes)) as handle:
            yield _table(path, handle, settings, notes)
    except UnicodeError as error:
        raise BadInput(
            f"The table is not in the encoding {settings.encoding}: {path}: {getattr(error, 'reason', error)}. Leave "
            "out dataset.encoding to guess it"
        ) from error
    except csv.Error as error:
        raise BadInput(f"The table cannot be read: {path}: {error}") from error
    except OSError as error:
        raise BadInput(f"The table cannot be read: {error.strerror}: {path}") from error
    finally:
        csv.field_size_limit(longest)


def _table(path: Path, handle: TextIO, settings: TableSettings, notes: list[str]) -> Table:
    lines = _Lines(handle)
    asked = DELIMITERS.get(settings.delimiter)
    if said := re.fullmatch(r'"?sep=(.)"?', lines.peek(0).rstrip("\r\n"), re.IGNORECASE):  # an Excel convention
        lines.skip()
        asked = asked or said[1]
    _skip_comments(lines, asked, notes)
    sample = lines.sample()
    delimiter = asked or _delimiter(sample)
    if asked is None and delimiter != ",":
        word = next(word for word, letter in DELIMITERS.items() if letter == delimiter)
        notes.append(f"fields are separated by {word}; dataset.delimiter overrides this")
    quote = _quote(sample, delimiter)
    if quote == "'":
        notes.append("the single quotes around the fields are removed")
    reader = csv.reader(lines, delimiter=delimiter, quotechar=quote, skipinitialspace=True, strict=True)
    first = next(reader, [])
    if not any(name.strip() for name in first):
        raise BadInput(f"The table is empty: {path}")
    named = settings.header == "first_line" or (settings.header == "auto" and not _is_data(first))
    before = lines.skipped
    if named:
        columns = [name.strip() for name in first]
        rows: Iterator[Row] = _rows(path, reader, len(columns), before, notes)
    else:
        columns = [str(number) for number in range(1, len(first) + 1)]
        line = before + reader.line_num
        rows = chain([(line, first)], _rows(path, reader, len(columns), before, notes))
        if settings.header == "auto":
            notes.append(
                f"the table has no header line, so its columns are {some(columns, 3)}; "
                "dataset.header=first_line overrides this"
            )
    return Table(path, columns, rows, named, notes)


def _skip_comments(lines: "_Lines", delimiter: str | None, notes: list[str]) -> None:
    """Skips empty lines and comments before the table; the delimiter is guessed if it is None."""
    comments = 0
    while True:
        while lines.peek(0) and not lines.peek(0).strip():
            lines.skip()
        sample = lines.sample()
        if len(sample) < 2 or not _is_comment(sample, delimiter or _delimiter(sample[1:])):
            break
        lines.skip()
        comments += 1
    if comments:
        notes.append(f"{counted(comments, 'line')} of comments before the table ignored")


def _quote(sample: list[str], delimiter: str) -> str:
    """The quotation mark: single if it surrounds every field of the sample."""
    field = r"\s*'[^']*'\s*"
    single = all(re.fullmatch(f"{field}(?:{re.escape(delimiter)}{field})+", line) for line in sample)
    return "'" if single else '"'


class _Lines:
    """Lines of a file with lookahead."""

    def __init__(self, handle: TextIO) -> None:
        self._handle = handle
        # A program that joins files may write a second byte order mark.
        self._ahead = [handle.readline(_LONGEST_LINE).lstrip("\ufeff")]
        self.skipped = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._ahead.pop(0) if self._ahead else self._handle.readline(_LONGEST_LINE)
        if not line:
            raise StopIteration
        return line

    def peek(self, number: int) -> str:
        """The line after the given number of lines, `""` past the end."""
        while len(self._ahead) <= number:
            self._ahead.append(self._handle.readline(_LONGEST_LINE))
        return self._ahead[number]

    def sample(self) -> list[str]:
        """The next few lines."""
        return [line for line in (self.peek(number) for number in range(_SAMPLE)) if line.strip()]

    def skip(self) -> None:
        """Skips the next line."""
        self.peek(0)
        self._ahead.pop(0)
        self.skipped += 1


def _encoding(path: Path, asked: str | None, notes: list[str]) -> str:
    """The file's encoding: as requested, by its byte order mark, UTF-8, or the most likely."""
    check_encoding(asked)
    with path.open("rb") as handle:
        head = handle.read(4)
        if asked is not None:
            return "utf-8-sig" if codecs.lookup(asked).name == "utf-8" else asked
        if head in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE):  # the former begins like a mark of UTF-16
            return "utf-32"
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        if len(head) == 4 and head[1] == head[3] == 0 != head[0]:  # without a mark
            return "utf-16-le"
        handle.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while chunk := handle.read(_CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
            return "utf-8-sig"
        except UnicodeDecodeError:
            handle.seek(0)
            fields = (part.strip(b' "\r') for line in handle for part in re.split(rb"[,;\t|/\\\r\n]", line))
            guess = guessed((part for part in fields if not part.isascii()), "cp1252")
    if guess.encoding != "utf-8":
        notes.append(guess.note(path.name))
    return guess.encoding


def _delimiter(lines: Sequence[str]) -> str:
    """The character that divides most lines into the same number of fields, at least two."""
    best, found = 0.0, ","
    for letter in DELIMITERS.values():
        try:
            widths = [len(row) for row in csv.reader(lines, delimiter=letter, skipinitialspace=True) if row]
        except csv.Error:
            continue
        if not widths or widths[0] < 2:
            continue
        share = sum(width == widths[0] for width in widths) / len(widths)
        if letter == " " and share < 1:  # names contain spaces
            continue
        if share > best:
            best, found = share, letter
    return found


def _is_comment(lines: Sequence[str], delimiter: str) -> bool:
    """Whether the first line begins with # and is not part of the table.

    Either more such lines follow, but not to the end; or its number of fields differs from the next line's.
    """
    first, following = lines[:2]
    if not first.startswith("#"):
        return False
    several = following.startswith("#") and not all(line.startswith("#") for line in lines)
    return several or first.count(delimiter) != following.count(delimiter)


def _is_data(row: Sequence[str]) -> bool:
    """Returns whether the first line contains a file name or numbers rather than column names."""
    texts = [text.strip() for text in row]
    if any(has_image_extension(text) for text in texts):
        return True
    numbers = [text for text in texts if _NUMBER.fullmatch(text)]
    if len(numbers) < 3 or len(numbers) < 0.9 * len(texts) - 1:
        return False
    counted_off = [str(number) for number in range(len(numbers))]  # pandas' default names
    return numbers not in (counted_off, [str(number) for number in range(1, len(numbers) + 1)])


def _rows(path: Path, reader: Iterator[list[str]], width: int, before: int, notes: list[str]) -> Iterator[Row]:
    blank = 0
    for fields in reader:
        line = before + reader.line_num  # type: ignore[attr-defined]
        if not any(text.strip().strip(_END_OF_FILE) for text in fields):
            blank += bool(fields)
            continue
        commas_at_the_end = len(fields) > width and not any(text.strip() for text in fields[width:])
        row = fields[:width] if commas_at_the_end else fields
        if len(row) != width:
            raise BadInput(f"The table must have {width} fields in each line. Received {len(row)}: {path}, line {line}")
        yield line, row
    if blank:
        notes.append(f"{counted(blank, 'line')} without content ignored")


def column(columns: Sequence[str], name: str, key: str, path: Path) -> int:
    """Returns the position of a column.

    Raises:
        BadInput: if there is no column of that name, or several.
    """
    if columns.count(name) > 1:
        raise BadInput(f"{key} must name one column. There are {columns.count(name)} called {name!r} in {path}")
    if name not in columns:
        raise BadInput(
            f"{key} must name a column of {path}. Received: {key}={name}.{did_you_mean(name, columns)} "
            f"The columns: {listed_columns(columns)}."
        )
    return columns.index(name)


def likely_column(table: Table, words: Sequence[str], taken: Sequence[int] = ()) -> int | None:
    """The position of the column named by the first matching word, ignoring case; None if there is none."""
    names = [re.sub(r"[\W_]+", "", name.casefold()) for name in table.columns]
    for word in words:
        for place, name in enumerate(names):
            if name == word and place not in taken:
                return place
    return None


def is_index(name: str) -> bool:
    """Returns whether a column's name says that it numbers the rows, as pandas writes them."""
    return re.sub(r"[\W_]+", "", name.casefold()) in _INDEX


def listed_columns(columns: Sequence[str], fields: Sequence[str] = ()) -> str:
    """The names of the first columns; with fields, the beginning of each column's, for columns that have only
    numbers.
    """
    names = [shown(name) for name in columns[:20]]
    if fields:
        names = [f"{name} ({shown(field[:_SHOWN])})" for name, field in zip(names, fields, strict=False)]
    return ", ".join(names) + (f", ... ({len(columns)} in all)" if len(columns) > 20 else "")


def is_number(text: str) -> bool:
    """Returns whether a text is a decimal number, such as `3`, `-0.5` or `1e3`."""
    return len(text) < 40 and _NUMBER.fullmatch(text.strip()) is not None
