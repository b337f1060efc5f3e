"""The space of a search: dimensions, each a set of values or an interval; some depend on others."""

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep

from catsdogs_exp.config.compose import hydra_messages
from catsdogs_exp.config.composer import key_of, value_of
from catsdogs_exp.config.conditions import Condition
from catsdogs_exp.config.words import parsed
from catsdogs_exp.errors import BadInput, did_you_mean
from catsdogs_exp.sweep.grid import Grid, Row, expand, varied_twice
from catsdogs_exp.sweep.recipe import recipe_words
from catsdogs_exp.sweep.zips import keys_of_zips

_ONLY = re.compile(r"\s*([\w./@-]+)\s+if\s+(.+)", re.DOTALL)
_HELD = 8  # combinations with which a conditional dimension is checked
_TRIED = 10_000  # combinations among which they are looked for
_MANY = 500  # combinations that are listed
_POINTS = 32  # numbers of an interval among them


@dataclass(frozen=True)
class Numbers:
    """A dimension of numbers.

    Attributes:
        low, high: the ends, both inclusive.
        whole: whether to use only integers.
        log: whether to sample log-uniformly.
        step: the distance between values, or None.
    """

    low: float
    high: float
    whole: bool
    log: bool
    step: float | None = None


@dataclass(frozen=True)
class Dimension:
    """A dimension of the space.

    Attributes:
        name: the key, or the keys that change together, joined by `+`.
        values: the words for each value, or numbers.
        only: the condition on other dimensions under which it applies; None: always.
    """

    name: str
    values: tuple[Row, ...] | Numbers
    only: Condition | None = None


@dataclass(frozen=True)
class Space:
    """The space that a search chooses from.

    Attributes:
        fixed: words of all jobs.
        dimensions: in the order in which they are chosen.
        remarks: what was added to the words, as messages to the user.
    """

    fixed: Row
    dimensions: tuple[Dimension, ...]
    remarks: tuple[str, ...] = ()

    @property
    def varying(self) -> frozenset[str]:
        """Returns the keys in which jobs may differ."""
        return frozenset(key for each in self.dimensions for key in each.name.split("+"))

    def choose(self, trial: Any) -> Row:
        """Returns the words of a job, with the values that an Optuna trial suggests."""
        words = list(self.fixed)
        for dimension in self.dimensions:
            chosen = {key_of(word): value_of(word) for word in words}
            if dimension.only is None or dimension.only.holds(chosen):
                words += _suggested(dimension, trial)
        return tuple(words)

    def ends(self) -> Grid:
        """Returns a small grid of the ends of each unconditional dimension, for checks before the first job."""
        rows: list[tuple[Row, ...]] = [((word,),) for word in self.fixed]
        rows += [_ends(each) for each in self.dimensions if each.only is None]
        return Grid(tuple(rows))

    def combinations(self) -> list[Row] | None:
        """Returns the words of every job there can be; None if there are more than a few hundred, or an interval."""
        found: list[Row] = [self.fixed]
        for each in self.dimensions:
            if isinstance(each.values, Numbers):
                count = _count(each.values)
                if count is None or len(found) * count > _MANY:
                    return None
            rows = _candidates(each, _MANY)
            several = []
            for words in found:
                chosen = {key_of(word): value_of(word) for word in words}
                applies = each.only is None or each.only.holds(chosen)
                several += [(*words, *row) for row in rows] if applies else [words]
            if len(several) > _MANY:
                return None
            found = several
        return found

    def conditional(self) -> Iterator[tuple[Dimension, list[Grid]]]:
        """Yields each conditional dimension with small grids of jobs that have it, in which it comes last; none if its
        condition does not hold for the values that are tried.
        """
        for each in self.dimensions:
            if each.only is not None:
                needed = self._needed(each)
                others = [
                    _ends(other)
                    for other in self.dimensions
                    if other.only is None and other not in needed and other is not each
                ]
                found = itertools.islice(self._where_it_holds(each, needed), _HELD)
                yield (
                    each,
                    [
                        Grid((*(((word,),) for word in self.fixed), *((row,) for row in rows), *others, _ends(each)))
                        for rows in found
                    ],
                )

    def _needed(self, dimension: Dimension) -> list[Dimension]:
        """Returns the dimensions that decide whether another one applies, in order."""
        keys = set(dimension.only.keys()) if dimension.only is not None else set()
        direct = [each for each in self.dimensions if keys & set(each.name.split("+"))]
        every = [*direct, *(before for each in direct for before in self._needed(each))]
        return [each for each in self.dimensions if each in every]

    def _where_it_holds(self, dimension: Dimension, needed: Sequence[Dimension]) -> Iterator[tuple[Row, ...]]:
        """Yields rows of the dimensions that decide about another one, with which it applies."""
        for rows in itertools.islice(itertools.product(*map(_candidates, needed)), _TRIED):
            chosen = {key_of(word): value_of(word) for word in self.fixed}
            for each, row in zip([*needed, dimension], [*rows, ()], strict=True):
                if each.only is not None and not each.only.holds(chosen):
                    break
                chosen |= {key_of(word): value_of(word) for word in row}
            else:
                yield rows

    def choices(self) -> dict[str, list[Any]]:
        """Returns the values per dimension, for a sampler that tries all.

        Raises:
            BadInput: if one is an interval.
        """
        found = {}
        for each in self.dimensions:
            if isinstance(each.values, tuple):
                found[each.name] = list(_labels(each.name, each.values))
            elif each.values.step is None and not each.values.whole:
                raise BadInput(
                    f"sweep.sampler=grid needs values, and {each.name} is an interval. Give it values or range"
                )
            else:
                numbers = _stepped(each.values, each.values.step or 1)
                found[each.name] = [int(number) if each.values.whole else number for number in numbers]
        return found


def read_space(settings: Sequence[str], config_dir: str | None, jobs_file: str | None, only: Sequence[str]) -> Space:
    """Reads the space from the words of a sweep.

    Args:
        settings: as typed: `lr=tag(log,interval(1e-5,1e-1))`, `depth=range(1,5)`, `model=cnn,resnet`.
        config_dir: as in `--config-dir`.
        jobs_file: a CSV file whose rows are the values of one dimension.
        only: `model.dropout if model==cnn`: dimensions that apply under a condition.

    Raises:
        BadInput: for unreadable words or conditions, or if nothing varies.
    """
    numbers: dict[str, Numbers] = {}
    for word in [*recipe_words(settings, config_dir), *settings]:
        if (found := _numbers(word)) is not None:
            numbers[parsed(word).key] = found
    if twice := keys_of_zips(settings) & numbers.keys():
        raise varied_twice(min(twice))
    rest = [word for word in settings if parsed(word).key not in numbers]
    grid = expand(rest, config_dir, jobs_file, frozenset(numbers))
    fixed: list[str] = []
    dimensions = [Dimension(key, values) for key, values in numbers.items()]
    for rows in grid.dimensions:
        if len(rows) == 1:
            fixed += rows[0]
        else:
            dimensions.append(Dimension("+".join(dict.fromkeys(key_of(word) for row in rows for word in row)), rows))
    if not dimensions:
        raise BadInput(
            "A search needs a key with several values: 'lr=tag(log,interval(1e-5,1e-1))', 'depth=range(1,5)' or "
            "model=cnn,resnet. Received none"
        )
    return Space(tuple(fixed), _ordered(_with_conditions(dimensions, fixed, only)), grid.remarks)


def _numbers(word: str) -> Numbers | None:
    """Parses the interval or range of a word; returns None for any other word."""
    if not re.search(r"\b(interval|range)\s*\(", parsed(word).value or "") or re.search(r"=\s*zip\(|^zip\(", word):
        return None
    with hydra_messages([word]):
        override = OverridesParser.create().parse_override(word)
    value = override.value()
    if isinstance(value, IntervalSweep):
        return _interval(override, value, word)
    if not isinstance(value, RangeSweep):
        return None
    steps = list(value.range())
    if not steps:
        raise BadInput(f"A range needs at least one value; its end is not part of it. Received: {word}")
    whole, log = all(isinstance(step, int) for step in steps), _has_log(value.tags, "A range", word)
    low, high, step = float(min(steps)), float(max(steps)), abs(float(value.step))
    if log and not (whole and step == 1 and low > 0):
        raise BadInput(
            "A range with the tag log takes whole numbers above 0 in steps of 1. For other numbers: "
            f"tag(log,interval(...)). Received: {word}"
        )
    return Numbers(low, high, whole, log, step)


def _interval(override: Override, value: IntervalSweep, word: str) -> Numbers:
    low, high = value.start, value.end
    assert low is not None and high is not None
    log, whole = _has_log(value.tags, "An interval", word), isinstance(low, int) and isinstance(high, int)
    if not low < high or (log and low <= 0) or high == float("inf") or low == -float("inf"):
        raise BadInput(
            f"An interval must start below its end{', and above 0 on a log scale' if log else ''}. Received: {word}"
        )
    return Numbers(float(low), float(high), whole, log)


def _has_log(tags: Iterable[object], what: str, word: str) -> bool:
    names = set(map(str, tags))
    if unknown := names - {"log"}:
        raise BadInput(f"{what} takes the tag log. Received: {', '.join(sorted(unknown))} in {word}")
    return "log" in names


def _with_conditions(dimensions: Sequence[Dimension], fixed: Sequence[str], only: Sequence[str]) -> list[Dimension]:
    found = {each.name: each for each in dimensions}
    keys = dict.fromkeys([*(key for each in dimensions for key in each.name.split("+")), *map(key_of, fixed)])
    for text in only:
        parts = _ONLY.fullmatch(text)
        if parts is None:
            raise BadInput(f"sweep.only takes a key and a condition: 'model.dropout if model==cnn'. Received: {text}")
        if parts[1] not in found:
            raise BadInput(
                f"sweep.only names a key that the search does not vary: {parts[1]}.{did_you_mean(parts[1], found)} "
                f"It varies: {', '.join(found)}. Received: sweep.only={text}"
            )
        condition = Condition(parts[2], "sweep.only")
        condition.check_keys(keys)
        found[parts[1]] = replace(found[parts[1]], only=condition)
    return list(found.values())


def _ordered(dimensions: Sequence[Dimension]) -> tuple[Dimension, ...]:
    """Sorts dimensions so that each follows those in its condition."""
    waiting, done = list(dimensions), list[Dimension]()
    names = {key for each in dimensions for key in each.name.split("+")}
    while waiting:
        known = {key for each in done for key in each.name.split("+")}
        ready = [each for each in waiting if each.only is None or set(each.only.keys()) & names <= known]
        if not ready:
            raise BadInput(f"The conditions of sweep.only are circular: {', '.join(each.name for each in waiting)}")
        done += ready
        waiting = [each for each in waiting if each not in ready]
    return tuple(done)


def _suggested(dimension: Dimension, trial: Any) -> Row:
    values = dimension.values
    if isinstance(values, tuple):
        labels = _labels(dimension.name, values)
        return labels[trial.suggest_categorical(dimension.name, list(labels))]
    if values.whole:
        step = 1 if values.log else int(values.step or 1)
        number = trial.suggest_int(dimension.name, int(values.low), int(values.high), log=values.log, step=step)
        return (f"{dimension.name}={number}",)
    step_or_none = None if values.log else values.step
    high = _rounded(values.high) if step_or_none else values.high
    number = trial.suggest_float(dimension.name, values.low, high, log=values.log, step=step_or_none)
    return (f"{dimension.name}={number!r}",)


def _rounded(number: float) -> float:
    """Returns a number of a range without what adding up its steps has left: 0.3 for 0.30000000000000004."""
    return float(f"{number:.12g}")


def _labels(name: str, rows: Sequence[Row]) -> Mapping[Any, Row]:
    """Maps the values as Optuna shows them to their words."""
    found: dict[Any, Row] = {}
    for row in rows:
        plain = value_of(row[0]) if len(row) == 1 and "+" not in name else None
        readable = isinstance(plain, int | float | str) and plain not in found
        found[plain if readable else " ".join(row)] = row
    return found


def _count(numbers: Numbers) -> int | None:
    """Returns how many numbers there are; None for those of an interval."""
    if not numbers.whole and (numbers.step is None or numbers.log):
        return None
    return _steps(numbers, _step(numbers))


def _step(numbers: Numbers) -> float:
    return 1 if numbers.whole and numbers.log else numbers.step or 1


def _steps(numbers: Numbers, step: float) -> int:
    return int((numbers.high - numbers.low) / step + 1e-9) + 1


def _stepped(numbers: Numbers, step: float) -> list[float]:
    """Returns the numbers from the lowest one on."""
    return [_rounded(numbers.low + place * step) for place in range(_steps(numbers, step))]


def _candidates(dimension: Dimension, most: int = _POINTS + 1) -> tuple[Row, ...]:
    """Returns values among which a condition is likely to hold for one: all, or some of an interval."""
    values = dimension.values
    if isinstance(values, tuple):
        return values
    count = _count(values)
    if count is not None and count <= most:
        numbers = _stepped(values, _step(values))
    elif values.log:
        numbers = [values.low * (values.high / values.low) ** (place / _POINTS) for place in range(_POINTS + 1)]
    else:
        numbers = [values.low + (values.high - values.low) * place / _POINTS for place in range(_POINTS + 1)]
    read: Callable[[float], Any] = round if values.whole else float
    return tuple((f"{dimension.name}={read(number)!r}",) for number in numbers)


def _ends(dimension: Dimension) -> tuple[Row, ...]:
    values = dimension.values
    if isinstance(values, tuple):
        return values
    read: Callable[[float], Any] = int if values.whole else float
    return ((f"{dimension.name}={read(values.low)!r}",), (f"{dimension.name}={read(values.high)!r}",))
