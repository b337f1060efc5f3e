"""Prints answers: as a table with bars, as JSON, as CSV."""

import csv
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from catsdogs_exp.cli.screen import output, table

if TYPE_CHECKING:  # it comes with TensorFlow
    from catsdogs_exp.inference.answers import Answer

_BAR = 20  # characters of a probability of 1
_EIGHTHS = " ▏▎▍▌▋▊▉"


def print_table(answers: Sequence["Answer"], top: int) -> None:
    """One row per image with its class and probability; with `top` > 1, further rows for the next classes."""
    console = output()
    blocks = console.encoding.lower().startswith("utf")
    shown = table("image", "class", "probability", "")
    for answer in answers:
        if answer.error:
            continue
        others = [(name, value) for name, value in answer.probabilities.items() if name != answer.label]
        rows = [(answer.label, answer.probability), *others][:top]
        for place, (name, value) in enumerate(rows):
            shown.add_row("" if place else answer.name, name, f"{value:.4f}", bar(value, blocks))
    console.print(shown)


def bar(value: float, blocks: bool = True) -> str:
    """A bar for a probability, 0..1; without block characters, of `#`."""
    if not blocks:
        return "#" * round(value * _BAR)
    whole, part = divmod(round(value * _BAR * 8), 8)
    return ("█" * whole + (_EIGHTHS[part] if part else "")) or _EIGHTHS[1]


def print_json(answers: Sequence["Answer"], classes: Sequence[str], top: int) -> None:
    """All answers as a list; unreadable images with their `error`."""
    print(json.dumps([as_json(each, classes, top) for each in answers], indent=1, ensure_ascii=False))  # noqa: T201


def as_json(answer: "Answer", classes: Sequence[str], top: int) -> dict[str, Any]:
    """One answer. Probabilities are in the order of the network's classes; with `top` > 1, also the largest first."""
    if answer.error:
        return {"path": answer.name, "error": answer.error}
    found: dict[str, Any] = {
        "path": answer.name,
        "class": answer.label,
        "probability": answer.probability,
        "probabilities": {name: answer.probabilities[name] for name in classes},
    }
    if top > 1:
        largest = list(answer.probabilities.items())[:top]
        found["top"] = [{"class": name, "probability": value} for name, value in largest]
    return found


def print_csv(answers: Sequence["Answer"], classes: Sequence[str]) -> None:
    """One row per image, with the probability of each class; unreadable ones with their `error`."""
    writer = csv.writer(sys.stdout)
    writer.writerow(["path", "class", "probability", *classes, "error"])
    for answer in answers:
        each = [answer.probabilities.get(name, "") for name in classes]
        writer.writerow([answer.name, answer.label, "" if answer.error else answer.probability, *each, answer.error])
