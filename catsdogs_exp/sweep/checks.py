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

_TRIED = 4  # further combinations to try where sweep.skip may leave out the first ones
_ENDS = 8  # rows of a long dimension to try: numbers go out of range at its ends
_FEW = 4  # rows of another dimension that are all tried with a value; of more, the first and last


@dataclass(frozen=True)
class Checked:
    """The result of the checks.

    Attributes:
        words: the words of a valid job.
        config: its config.
        invalid: dimension and row -> why no job with it is valid.
    """

    words: Row
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
    valid: tuple[Row, Config] | None = None
    failure: BadInput | None = None
    for number, rows in enumerate(grid.dimensions):
        if len(rows) == 1 and valid is not None:
            continue
        for row in _ends(rows):
            for job in _with(grid, number, row):
                try:
                    found = compose(job)
                except BadInput as error:
                    invalid.setdefault((number, row), str(error))
                    failure = failure or error
                else:
                    valid = valid or (job, found)
                    invalid.pop((number, row), None)
                    break
    if valid is None and failure is None:  # a single job without words, or jobs that sweep.skip leaves between the ends
        valid = next(((job, compose(job)) for job in grid.jobs()), None)
    if valid is None:
        raise failure or BadInput("A sweep needs at least one job. sweep.skip leaves none: loosen it")
    return Checked(*valid, {where: why for where, why in invalid.items() if len(grid.dimensions[where[0]]) > 1})


def check_last(grids: Sequence[Grid], compose: Callable[[Row], Config]) -> None:
    """Composes some jobs so that each value of the last dimension, which several grids share, occurs in one of them.

    Args:
        grids: the jobs.
        compose: returns the config of a job.

    Raises:
        BadInput: for a value that none of the jobs tried can have.
    """
    for row in _ends(grids[0].dimensions[-1]) if grids else ():
        failure: BadInput | None = None
        for job in (job for grid in grids for job in _with(grid, len(grid.dimensions) - 1, row)):
            try:
                compose(job)
            except BadInput as error:
                failure = failure or error
            else:
                break
        else:
            if failure is not None:
                raise failure


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
    """Yields jobs with one row of a dimension: with the other dimensions' first rows, with another row of one of them
    at a time, and with their last rows.
    """
    others = [rows if len(rows) <= _FEW else (rows[0], rows[-1]) for rows in grid.dimensions]
    others[number] = (row,)
    first, last = [rows[0] for rows in others], [rows[-1] for rows in others]
    tried = [
        first,
        *([*first[:place], each, *first[place + 1 :]] for place, rows in enumerate(others) for each in rows[1:]),
        last,
    ]
    for rows in tried:
        yield from Grid(tuple((each,) for each in rows), grid.skip).jobs()
    if grid.skip is not None:
        yield from itertools.islice(Grid(tuple(others), grid.skip).jobs(), _TRIED)
