"""Expands the words of a sweep into its jobs, without composing any of them.

Each dimension is a list of rows, and a row sets one key or several that change together. The jobs are all combinations
of one row per dimension; the last dimension varies fastest, as in Hydra's own sweeper.
"""

import csv
import functools
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from catsdogs_exp.config.compose import hydra_messages, initialized_hydra, read_words
from catsdogs_exp.config.composer import key_of, value_of
from catsdogs_exp.config.conditions import Condition
from catsdogs_exp.config.schema import VARIANTS
from catsdogs_exp.config.words import Word, as_typed, parsed
from catsdogs_exp.errors import BadInput
from catsdogs_exp.platforms import expanded
from catsdogs_exp.sweep.recipe import recipe_words
from catsdogs_exp.sweep.zips import without_zips

Row = tuple[str, ...]  # words in Hydra's grammar that are set together

_MAX_ROWS = 100_000
_MAX_BYTES = 2**24


@dataclass(frozen=True)
class Grid:
    """The jobs of a sweep.

    Attributes:
        dimensions: the rows of each dimension; one with a single row is the same for all jobs.
        skip: leaves out jobs for which it holds; None: none.
        remarks: what was added to the words, as messages to the user.
    """

    dimensions: tuple[tuple[Row, ...], ...]
    skip: Condition | None = None
    remarks: tuple[str, ...] = ()

    def jobs(self) -> Iterator[Row]:
        """Yields the words of each job, in order."""
        for rows in itertools.product(*self.dimensions):
            words = tuple(word for row in rows for word in row)
            if self.skip is None or not self.skip.holds({key_of(word): value_of(word) for word in words}):
                yield words

    @property
    def varying(self) -> set[str]:
        """Returns the keys with more than one value."""
        return {
            key
            for rows in self.dimensions
            for key in {key_of(word) for row in rows for word in row}
            if len({tuple(word for word in row if key_of(word) == key) for row in rows}) > 1
        }


def expand(
    settings: Sequence[str],
    config_dir: str | None = None,
    jobs_file: str | None = None,
    without: frozenset[str] = frozenset(),
) -> Grid:
    """Expands the words of a sweep.

    Args:
        settings: as typed: `lr=0.1,0.01`, `depth=range(2,5)`, `zip(lr=0.1,0.01,epochs=5,20)`, `experiment=glob(*)`.
        config_dir: as in `--config-dir`.
        jobs_file: a CSV file with one key per column and one job per row.
        without: keys of the recipe's sweep to leave out.

    Raises:
        BadInput: for unreadable words, or a sweep without jobs.
    """
    recipe = [word for word in recipe_words(settings, config_dir) if parsed(word).key not in without]
    words, groups = without_zips([*recipe, *settings])
    table = _read_table(jobs_file) if jobs_file is not None else []
    _check_once(groups, words, [word.key for row in table for word in row])
    reading = read_words(words, config_dir, sweep=True)
    with hydra_messages(reading.hydra), initialized_hydra(config_dir) as loader:  # a glob needs to know the choices
        overrides = OverridesParser.create(config_loader=loader).parse_overrides(reading.hydra)
        values = {override.get_key_element(): _values(override) for override in overrides}
    group_of = {key: group for group in groups for key in group}
    columns: dict[tuple[str, ...], list[list[str]]] = {}
    for key, found in values.items():
        columns.setdefault(group_of.get(key_of(key), (key,)), []).append(found)
    dimensions = [_zipped(keys, found) for keys, found in columns.items()]
    if table:
        dimensions.append(tuple(_row(list(map(str, row)), config_dir) for row in table))
    return Grid(tuple(dimensions), remarks=tuple(reading.remarks))


def as_typed_row(row: Row) -> tuple[str, ...]:
    """Returns the words of a job as a user would type them."""
    names = tuple((key_of(word), str(value_of(word))) for word in row if key_of(word) in VARIANTS)
    return tuple(_one_as_typed(word, names) for word in row)


@functools.lru_cache(maxsize=100_000)  # thousands of jobs share a few strings
def _one_as_typed(word: str, names: tuple[tuple[str, str], ...]) -> str:
    return as_typed(word, dict(names))


def _values(override: Override) -> list[str]:
    """Returns the values of one word, each as a word."""
    key = override.get_key_element()
    if not override.is_sweep_override():
        return [f"{key}={override.get_value_element_as_str()}"]
    if not override.is_discrete_sweep():
        raise BadInput(
            f"An interval has infinitely many values: only a search can use it. Received: {override.input_line}. "
            "Add hydra/sweeper=optuna, or give values: lr=0.1,0.01"
        )
    found = [f"{key}={value}" for value in override.sweep_string_iterator()]
    if not found:
        raise BadInput(f"A sweep needs at least one value for each key. Received none: {override.input_line}")
    return found


def _zipped(keys: Sequence[str], columns: Sequence[Sequence[str]]) -> tuple[Row, ...]:
    if len({len(column) for column in columns}) > 1:
        counts = ", ".join(f"{key} {len(column)}" for key, column in zip(keys, columns, strict=True))
        raise BadInput(f"The keys of zip(...) must have the same number of values. Received: {counts}")
    return tuple(zip(*columns, strict=True))


def varied_twice(key: str) -> BadInput:
    """Returns the error for a key that is varied in two places, such as in a zip and on its own."""
    return BadInput(f"A key can be varied in one place only. Received twice: {key}. Leave it out of one of them")


def _check_once(groups: Sequence[Sequence[str]], words: Sequence[str], table: Sequence[str]) -> None:
    """Checks that keys in `zip(...)` or in the table of jobs are not set elsewhere."""
    keys = [*(parsed(word).key for word in words), *dict.fromkeys(table)]
    moved = {*itertools.chain(*groups), *table}
    twice = next((key for key in keys if key in moved and keys.count(key) > 1), None)
    if twice is not None:
        raise varied_twice(twice)


def _row(words: Sequence[str], config_dir: str | None) -> Row:
    """Returns a row of a table as a row of a dimension."""
    row = read_words(words, config_dir).hydra
    with hydra_messages(words):
        several = [each.is_sweep_override() for each in OverridesParser.create().parse_overrides(row)]
    if any(several):
        raise BadInput(
            f"sweep.jobs takes one value per cell. Received: {words[several.index(True)]}. Give each value a row "
            "of its own, or write a decimal number with a point"
        )
    return tuple(row)


def _read_table(path: str) -> list[list[Word]]:
    """The rows of a CSV file with one key per column. An empty cell leaves its key unchanged.

    Raises:
        BadInput: if it cannot be read, has no rows, or a row has more cells than there are keys.
    """
    file = expanded(path)
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise BadInput(f"sweep.jobs must be a CSV file of at most 16 MB. Received: sweep.jobs={path}")
        with file.open(newline="", encoding="utf-8-sig") as handle:
            head = handle.readline()
            handle.seek(0)
            # as spreadsheets write it where the comma is that of decimal numbers
            delimiter = next((mark for mark in ";\t" if mark in head and "," not in head), ",")
            lines = list(itertools.islice(csv.reader(handle, delimiter=delimiter), _MAX_ROWS))
    except (OSError, ValueError, csv.Error) as error:
        raise BadInput(
            f"sweep.jobs must be a readable CSV file: {getattr(error, 'strerror', None) or error}. "
            f"Received: sweep.jobs={path}"
        ) from error
    keys = [key.strip() for key in lines[0]] if lines else []
    rows = [line for line in lines[1:] if any(cell.strip() for cell in line)]
    if not all(keys) or not rows:
        raise BadInput(
            "sweep.jobs must be a CSV file with one key per column, such as lr,depth, and one job per row. "
            f"Received: sweep.jobs={path}"
        )
    if twice := next((key for key in keys if keys.count(key) > 1), None):
        raise BadInput(
            f"sweep.jobs must have one column per key. Received twice: {twice}, in {path}. Remove one of them"
        )
    for number, row in enumerate(rows, start=2):
        if len(row) > len(keys):
            raise BadInput(
                f"Row {number} of {path} has {len(row)} cells for {len(keys)} keys. "
                "Put quotes around a value with a comma"
            )
    return [[Word(key, cell.strip()) for key, cell in zip(keys, row, strict=False) if cell.strip()] for row in rows]
