"""Conditions on settings, as users type them: `depth==4 and lr>0.01`. Nothing in them is executed."""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from catsdogs_exp.errors import BadInput, did_you_mean

_MAX_LENGTH = 1000
_COMPARISONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda value, several: value in several,
    ast.NotIn: lambda value, several: value not in several,
}


class Condition:
    """A condition on the settings of a run.

    It may contain keys (`lr`, `model.dropout`), numbers, strings with or without quotes (`model==resnet`), `true`,
    `false`, `null`, lists, Python's comparisons including `in`, and `and`, `or`, `not` and parentheses.

    Args:
        text: as typed.
        setting: the setting it belongs to, for messages: `sweep.skip`.

    Raises:
        BadInput: if it cannot be read.
    """

    def __init__(self, text: str, setting: str) -> None:
        self.text, self._setting = text, setting
        try:
            if len(text) > _MAX_LENGTH:
                raise ValueError(f"it is longer than {_MAX_LENGTH} characters")
            self._tree = ast.parse(text.strip(), mode="eval").body
            _check(self._tree)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            reason = error.msg if isinstance(error, SyntaxError) else str(error)
            raise BadInput(
                f"{setting} must be a condition on settings, such as {setting}='depth==4 and lr>0.01': {reason}. "
                f"Received: {setting}={text}"
            ) from error

    def keys(self) -> list[str]:
        """Returns the settings that the condition compares."""
        return list(dict.fromkeys(_keys(self._tree)))

    def check_keys(self, known: Mapping[str, Any]) -> None:
        """Rejects a condition on settings that do not exist.

        Raises:
            BadInput: naming the setting and the closest match.
        """
        for key in self.keys():
            if key not in known:
                raise BadInput(
                    f"{self._setting} compares a setting that does not exist or does not vary: {key}."
                    f"{did_you_mean(key, known)} Received: {self._setting}={self.text}"
                )

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Returns whether the condition is true for these values. A comparison with a missing setting is false."""
        return bool(_evaluate(self._tree, values))


def _check(node: ast.AST) -> None:
    """Accepts only what `_evaluate` supports."""
    if isinstance(node, ast.BoolOp):
        for each in node.values:
            _check(each)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        _check(node.operand)
    elif isinstance(node, ast.Compare):
        for operation in node.ops:
            if type(operation) not in _COMPARISONS:
                raise ValueError("only the comparisons == != < <= > >= in are allowed")
        for side in (node.left, *node.comparators):
            _check_side(side)
    elif _name(node) is None:
        raise ValueError("only comparisons, and, or, not are allowed")


def _check_side(node: ast.AST) -> None:
    if isinstance(node, ast.List | ast.Tuple):
        for each in node.elts:
            _check_side(each)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        _check_side(node.operand)
    elif not (isinstance(node, ast.Constant) and isinstance(node.value, str | int | float)) and _name(node) is None:
        raise ValueError("only keys, numbers, strings and lists of them can be compared")


def _name(node: ast.AST) -> str | None:
    """`lr` or `model.dropout`; None for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        owner = _name(node.value)
        return None if owner is None else f"{owner}.{node.attr}"
    return None


def _keys(node: ast.AST) -> list[str]:
    """Returns the names on the left of comparisons, or on the right if the left is a value."""
    if isinstance(node, ast.BoolOp):
        return [key for each in node.values for key in _keys(each)]
    if isinstance(node, ast.UnaryOp):
        return _keys(node.operand)
    if isinstance(node, ast.Compare):
        left = _name(node.left)
        if left is not None and left not in _WORDS:
            return [left]
        return [name for name in map(_name, node.comparators) if name is not None and name not in _WORDS]
    name = _name(node)
    return [] if name is None else [name]


_WORDS = {"true": True, "false": False, "null": None, "True": True, "False": False, "None": None}


def _evaluate(node: ast.AST, values: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.BoolOp):
        found = (_evaluate(each, values) for each in node.values)
        return all(found) if isinstance(node.op, ast.And) else any(found)
    if isinstance(node, ast.UnaryOp):
        return not _evaluate(node.operand, values)
    if isinstance(node, ast.Compare):
        if any(key not in values for key in _keys(node)):
            return False
        sides = [_side(side, values) for side in (node.left, *node.comparators)]
        return all(
            _compared(_COMPARISONS[type(operation)], left, right)
            for operation, left, right in zip(node.ops, sides, sides[1:], strict=False)
        )
    return values.get(_name(node) or "")


def _side(node: ast.AST, values: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.List | ast.Tuple):
        return [_side(each, values) for each in node.elts]
    if isinstance(node, ast.UnaryOp):
        return -_side(node.operand, values)
    if isinstance(node, ast.Constant):
        return node.value
    name = _name(node) or ""
    return values[name] if name in values else _WORDS.get(name, name)


def _compared(operation: Callable[[Any, Any], Any], left: Any, right: Any) -> bool:
    try:
        return bool(operation(left, right))
    except TypeError:  # a string and a number have no order
        return False
