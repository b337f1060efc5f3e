"""What a search compares: objectives of finished runs, and constraints on them."""

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catsdogs_exp.errors import BadInput, did_you_mean
from catsdogs_exp.metrics.names import lower_is_better
from catsdogs_exp.record.folder.run_files import read_result

OF_RUN = ("parameters", "seconds", "images_per_second")  # fields of result.json
_METRIC = re.compile(r"(val|test|train)_(accuracy|loss|top_5_accuracy)")
_CONSTRAINT = re.compile(r"\s*(\w+)\s*(<=|>=)\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*")


@dataclass(frozen=True)
class Objective:
    """A value to optimize.

    Attributes:
        name: `val_accuracy`, `parameters`, `seconds`, ...
        lower: whether lower values are better.
    """

    name: str
    lower: bool

    @property
    def direction(self) -> str:
        """Returns Optuna's name for the direction."""
        return "minimize" if self.lower else "maximize"


@dataclass(frozen=True)
class Constraint:
    """A limit that the best job must satisfy.

    Attributes:
        text: as typed.
        name: as in `Objective`.
        sign: 1 for an upper limit, -1 for a lower one.
        limit: the limit.
    """

    text: str
    name: str
    sign: int
    limit: float

    def excess(self, value: float | None) -> float:
        """Returns how far a value is beyond the limit, <= 0 if it satisfies it. A missing value does not."""
        return 1.0 if value is None else self.sign * (value - self.limit)


def read_objectives(names: Sequence[str], monitor: str, directions: Sequence[str]) -> tuple[Objective, ...]:
    """Returns the objectives; defaults to the monitored metric.

    Raises:
        BadInput: for an unknown name, one named twice, or another number of directions.
    """
    names = list(names) or [monitor]
    for name in names:
        _check_name(name, "sweep.objectives", monitor)
    if len(set(names)) < len(names):
        raise BadInput(f"sweep.objectives must differ. Received: {', '.join(names)}")
    if directions and len(directions) != len(names):
        raise BadInput(
            f"sweep.directions takes one direction per objective ({', '.join(names)}). "
            f"Received: {', '.join(directions)}"
        )
    for direction in directions:
        if direction not in ("minimize", "maximize"):
            raise BadInput(f"sweep.directions must be minimize or maximize. Received: {direction}")
    lower = [each == "minimize" for each in directions] or [is_lower_better(name) for name in names]
    return tuple(map(Objective, names, lower))


def read_constraints(texts: Sequence[str], monitor: str) -> tuple[Constraint, ...]:
    """Parses limits such as `parameters<=500000`.

    Raises:
        BadInput: for any other text, or an unknown name.
    """
    found = []
    for text in texts:
        parts = _CONSTRAINT.fullmatch(text)
        if parts is None:
            bound = re.sub(r"(?<=[\w ])(<|>|=<|=>|==?|≤|≥)(?=[ .\d+-])", _as_limit, text)
            hint = f". Type: sweep.constraints={shlex.quote(bound)}" if _CONSTRAINT.fullmatch(bound) else ""
            raise BadInput(
                f"sweep.constraints takes limits with <= or >=, such as parameters<=500000. Received: {text}{hint}"
            )
        _check_name(parts[1], "sweep.constraints", monitor)
        try:
            limit = float(parts[3])
        except ValueError as error:
            raise BadInput(f"sweep.constraints needs a number in each limit. Received: {text}") from error
        found.append(Constraint(text.strip(), parts[1], 1 if "<" in parts[2] else -1, limit))
    return tuple(found)


def _as_limit(sign: re.Match[str]) -> str:
    """`<=` or `>=` for a sign that limits something; an equals sign stays, as it limits nothing."""
    return "<=" if sign[1] in ("<", "=<", "≤") else ">=" if sign[1] in (">", "=>", "≥") else sign[1]


def is_lower_better(name: str) -> bool:
    """Returns whether a lower value is better."""
    return name == "parameters" or lower_is_better(name)


def measured(folder: Path | None, monitor: str) -> Callable[[str], float | None]:
    """Returns a function that looks up a run's value by name; None if the run does not have it."""
    content: Mapping[str, Any] = {}
    if folder is not None and (folder / "result.json").exists():
        try:
            content = read_result(folder)
        except BadInput:
            content = {}

    def value(name: str) -> float | None:
        if name in OF_RUN:
            return _number(content.get(name))
        if name == monitor:
            return _number((content.get("objective") or {}).get("value"))
        split, metric = _parts(name)
        return _number(((content.get("metrics") or {}).get(split) or {}).get(metric))

    return value


def pareto(values: Mapping[int, Sequence[float]], objectives: Sequence[Objective]) -> list[int]:
    """Returns the jobs that no other job beats in one objective without being worse in another, best first by the
    first.
    """
    signs = [1 if each.lower else -1 for each in objectives]
    costs = {number: tuple(s * v for s, v in zip(signs, found, strict=True)) for number, found in values.items()}
    front = [
        number
        for number, cost in costs.items()
        if not any(other != cost and all(o <= c for o, c in zip(other, cost, strict=True)) for other in costs.values())
    ]
    return sorted(front, key=lambda number: costs[number])


def _parts(name: str) -> tuple[str, str]:
    found = _METRIC.fullmatch(name)
    assert found is not None
    return found[1], found[2]


def _check_name(name: str, setting: str, monitor: str) -> None:
    found = _METRIC.fullmatch(name)
    if name in OF_RUN or name == monitor or found:
        return
    known = (monitor, "val_accuracy", "val_loss", *OF_RUN)
    raise BadInput(
        f"{setting} must name metrics such as {', '.join(dict.fromkeys(known))}. Received: {name}."
        f"{did_you_mean(name, known)}"
    )


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
