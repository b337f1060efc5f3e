"""Validates a sweep before its first job, without composing every job.

A value is impossible if no combination with it is valid. Whether a combination is valid is only known when it is
composed.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from catsdogs_exp.config.schema import Config
from catsdogs_exp.errors import BadInput
from catsdogs_exp.sweep.grid import Grid, Row

_TRIED = 4  # combinations to try before a value is assumed to be possible
_ENDS = 8  # rows of a long dimension to try: numbers go out of range at its ends


@dataclass(frozen=True)
class Checked:
    """The result of the checks.

    Attributes:
        config: config of the first valid job.
        invalid: dimension and row -> why no job with it is valid.
    """

    config: Config
    invalid: dict[tuple[int, Row], str]


def check_values(grid: Grid, compose: Callable[[Row], Config]) -> Checked:
    """Composes some jobs so that each value occurs in one of them.

    Args:
        grid: the jobs.
        compose: returns the config of a job.

    Raises:
        BadInput: if the first job is invalid for a reason that no other value would fix.
    """
    invalid: dict[tuple[int, Row], str] = {}
    config: Config | None = None
    failure: BadInput | None = None
    for number, rows in enumerate(grid.dimensions):
        if len(rows) == 1 and config is not None:
            continue
        for row in _ends(rows):
            for job in itertools.islice(_with(grid, number, row), _TRIED):
                try:
                    found = compose(job)
                except BadInput as error:
                    invalid.setdefault((number, row), str(error))
                    failure = failure or error
                else:
                    config = config or found
                    invalid.pop((number, row), None)
                    break
    if (
        config is None and failure is None
    ):  # a single job without words, or jobs that sweep.skip leaves between the ends
        config = next(map(compose, grid.jobs()), None)
    if config is None:
        raise failure or BadInput("A sweep needs at least one job. sweep.skip leaves none: loosen it")
    return Checked(config, {where: why for where, why in invalid.items() if len(grid.dimensions[where[0]]) > 1})


def _ends(rows: Sequence[Row]) -> list[Row]:
    """Returns all rows of a short dimension; of a long one, the smallest and largest values, and the first and last."""
    if len(rows) <= 2 * _ENDS:
        return list(rows)
    ordered = sorted(rows, key=_as_numbers)
    chosen = {*rows[:2], *rows[-2:], *ordered[:2], *ordered[-2:]}
    return [row for row in rows if row in chosen]


def _as_numbers(row: Row) -> tuple[float, ...]:
    return tuple(map(_as_number, row))


def _as_number(word: str) -> float:
    try:
        return float(word.partition("=")[2])
    except ValueError:
        return 0.0


def _with(grid: Grid, number: int, row: Row) -> Iterator[Row]:
    """Yields jobs with one row of a dimension, combined with the other dimensions' first rows, then with their other
    ends.
    """
    others = [rows if len(rows) <= 2 else (rows[0], rows[-1]) for rows in grid.dimensions]
    others[number] = (row,)
    return Grid(tuple(others), grid.skip).jobs()
