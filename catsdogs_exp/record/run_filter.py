"""`--where`: selects runs by their settings, metrics and status. Conditions are parsed, never executed."""

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from catsdogs_exp.errors import BadInput, did_you_mean
from catsdogs_exp.record.folder.run_reader import METRICS, MISSING, Run

_ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_EQUAL = {"==": True, "=": True, "!=": False}
_CONDITION = re.compile(r"\s*([^<>=!\s]+)\s*(<=|>=|==|!=|<|>|=)\s*(.*?)\s*", re.DOTALL)
# `and`, but not within a quoted value
_AND = re.compile(r"""([<>=]\s*(?:'[^']*'|"[^"]*")(?=\s|&|$))|\s+and\s+|\s*&&\s*""")
_EXAMPLE = "Examples: --where 'lr<0.01', --where 'optimizer=adamw and val_accuracy>=0.8', --where status=failed"
_WORDS = {"true": True, "false": False, "null": None, "none": None}
_OF_RUN = ("run", "status", *METRICS, "parameters")


@dataclass(frozen=True)
class RunCondition:
    """One comparison, such as `lr<0.01`.

    Attributes:
        key: a setting by its dotted key, a metric, `run` or `status`.
        sign: `<`, `<=`, `>`, `>=`, `=`, `==` or `!=`.
        value: a number, text, true, false or None.
    """

    key: str
    sign: str
    value: Any

    def holds(self, run: Run) -> bool:
        """Whether a run satisfies it. A run without the setting or metric only satisfies `!=`."""
        found = _of(run, self.key)
        if self.sign in _EQUAL:
            return _same(found, self.value) == _EQUAL[self.sign]
        return _is_number(found) and _ORDERED[self.sign](found, self.value)


def where(texts: Sequence[str], runs: Sequence[Run]) -> tuple[Run, ...]:
    """Returns the runs that satisfy all conditions.

    Args:
        texts: each a condition, or several joined by `and`.
        runs: to select from.

    Raises:
        BadInput: if a text is not a condition, or names something that no run has.
    """
    known = dict.fromkeys(key for run in runs for key in run.config or ())
    conditions = [_condition(part, known) for text in texts for part in _parts(text.strip())]
    return tuple(run for run in runs if all(condition.holds(run) for condition in conditions))


def _parts(text: str) -> Iterator[str]:
    start = 0
    for match in _AND.finditer(text):
        if match[1] is None:
            yield text[start : match.start()]
            start = match.end()
    yield text[start:]


def _condition(text: str, known: Iterable[str]) -> RunCondition:
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise BadInput(f"--where must compare a setting or a metric with a value. Received: {text!r}. {_EXAMPLE}")
    key, sign, written = match.groups()
    names = [*_OF_RUN, *known]
    if key not in names and f"{key}.name" in names:
        key = f"{key}.name"
    if key not in names:
        raise BadInput(
            f"--where must name a setting of the runs, a metric, run or status. Received: {key}."
            f"{did_you_mean(key, names)}"
        )
    value = _value(written)
    if sign in _ORDERED and not _is_number(value):
        raise BadInput(
            f"--where {key}{sign} must be followed by a number. Received: {written or 'nothing'}. {_EXAMPLE}"
        )
    return RunCondition(key, sign, value)


def _of(run: Run, key: str) -> Any:
    if key in ("run", "status"):
        return run.name if key == "run" else run.status
    return run.metrics.get(key, MISSING) if key in _OF_RUN else run.setting(key)


def _value(text: str) -> Any:
    text = text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if text.startswith("[") and text.endswith("]"):
        return [_value(part.strip()) for part in text[1:-1].split(",") if part.strip()]
    try:
        return float(text)
    except ValueError:
        return text


def _same(found: Any, value: Any) -> bool:
    if isinstance(found, list) and isinstance(value, list):
        return len(found) == len(value) and all(map(_same, found, value))
    if isinstance(found, list):  # `target_size=64` is [64,64]
        return bool(found) and all(_same(each, value) for each in found)
    if isinstance(value, list):  # a list of one number is recorded as that number
        return len(value) == 1 and _same(found, value[0])
    if isinstance(found, str):
        # `run=2024` and `dataset.path=007` are texts that look like numbers, `loader.cache=none` one like null
        read = _value(found)
        return found == value or (not isinstance(read, str | list) and _same(read, value))
    if _is_number(found) and _is_number(value):
        return bool(found == value)
    return type(found) is type(value) and bool(found == value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
