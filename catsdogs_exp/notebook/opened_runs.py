"""Many runs as one object: their table, the best one, and whether it is better."""

from collections.abc import Iterable, Iterator, Sequence
from os import PathLike, fspath
from typing import Any, overload

from catsdogs_exp.cli.comparison_columns import run_columns
from catsdogs_exp.errors import BadInput
from catsdogs_exp.notebook.opened_run import AnyPath, OpenedRun
from catsdogs_exp.notebook.tables import table
from catsdogs_exp.record.comparison import Comparison
from catsdogs_exp.record.comparison import compare as compare_runs
from catsdogs_exp.record.folder.run_reader import MISSING


def open_runs(*paths: AnyPath | Sequence[AnyPath], by: str | None = None, where: str | None = None) -> "OpenedRuns":
    """Opens the runs in some folders, best first.

    Args:
        paths: run folders, or folders that contain some at any depth, one by one or as a list; default: `outputs`.
        by: the metric that ranks them; None: their common objective.
        where: which of them: `"lr<0.01 and depth=3"`.

    Raises:
        BadInput: if there are none, or `by` or `where` is invalid.
    """
    named = [fspath(path) for path in _each(paths)]
    return OpenedRuns(compare_runs(named or ["outputs"], by, [where] if where else []))


def compare(
    *runs: "AnyPath | OpenedRun | Sequence[AnyPath | OpenedRun] | OpenedRuns", by: str | None = None
) -> "OpenedRuns":
    """Compares runs, given as objects or folders. The result's `verdict` tells whether the best one is better.

    Args:
        runs: two or more, one by one or as a list.
        by: the metric that ranks them.

    Raises:
        BadInput: if there are fewer than two.
    """
    given = _each(runs)
    if len(given) < 2:
        raise BadInput(f"compare needs two runs or more. Received: {len(given)}. For a folder of runs: open_runs(PATH)")
    return open_runs(*(run.folder if isinstance(run, OpenedRun) else run for run in given), by=by)


def _each(given: Iterable[Any]) -> list[Any]:
    """Returns single runs or paths, and those in lists, in one list."""
    found = []
    for each in given:
        found += [each] if isinstance(each, str | PathLike | OpenedRun) else list(each)
    return found


class OpenedRuns:
    """Runs, best first. A notebook shows their table.

    Args:
        found: the comparison.
    """

    def __init__(self, found: Comparison) -> None:
        self._found = found

    def table(self) -> Any:
        """One row per run: status, metrics, and the settings that differ; a `pandas.DataFrame` if pandas is
        installed.
        """
        names, rows = self._columns()
        return table([dict(zip(names, row, strict=True)) for row in rows])

    def best(self) -> OpenedRun:
        """The best run."""
        return self[0]

    @property
    def verdict(self) -> list[str]:
        """Whether the best run is better than each other one: one line each, from tests on the same images."""
        from catsdogs_exp.record.best_against import best_against_others  # noqa: PLC0415  (NumPy)

        found = best_against_others(self._found)
        lines = [f"{test.other}: {test.words()}" for test in found.tests]
        lines += [f"{name}: not tested: it {why}" for name, why in found.untested.items()]
        return lines or ([found.reason] if found.reason else [])

    def wall(self) -> "dict[str, Any]":
        """For each probe image that the runs recorded, a picture of its activations: one row per run."""
        from catsdogs_exp.report.wall_page import make_wall  # noqa: PLC0415  (matplotlib)

        return dict(make_wall(self._found).pictures)

    def __len__(self) -> int:
        return len(self._found.runs)

    def __iter__(self) -> Iterator[OpenedRun]:
        return (OpenedRun(run.folder) for run in self._found.runs)

    @overload
    def __getitem__(self, place: int) -> OpenedRun: ...
    @overload
    def __getitem__(self, place: slice) -> list[OpenedRun]: ...
    def __getitem__(self, place: int | slice) -> OpenedRun | list[OpenedRun]:
        if isinstance(place, slice):
            return list(self)[place]
        return OpenedRun(self._found.runs[place].folder)

    def __repr__(self) -> str:
        return f"<{len(self)} runs in {self._found.root}, best first by {self._found.by}>"

    def _repr_html_(self) -> str:
        from catsdogs_exp.report.run_head import runs_head  # noqa: PLC0415

        return runs_head(*self._columns())

    def _columns(self) -> tuple[list[str], list[list[Any]]]:
        """The names of the columns, and the rows; None where a run lacks a value."""
        columns = run_columns(self._found, False, ())
        rows = zip(*(column.cells for column in columns), strict=True)
        return [column.name for column in columns], [[None if c is MISSING else c for c in row] for row in rows]
