"""Prints predictions as a table with bars, as JSON or as CSV."""

import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from catsdogs_exp.cli.json_output import put_json
from catsdogs_exp.cli.screen import aside, output, table

if TYPE_CHECKING:  # it comes with TensorFlow
    from catsdogs_exp.inference.answers import Answer

UNLIKE = "unlike the training images"
_BAR = 20  # characters for a probability of 1
_EIGHTHS = " ▏▎▍▌▋▊▉"


@dataclass(frozen=True)
class Form:
    """How predictions are printed.

    Attributes:
        classes: the network's classes, in its order.
        top: number of classes per image, >= 1.
        reject: whether an image unlike the training images gets no class.
    """

    classes: Sequence[str]
    top: int = 1
    reject: bool = False

    def rejects(self, answer: "Answer") -> bool:
        """Returns whether this prediction is rejected, so that it has no class."""
        return self.reject and bool(answer.unlike)


def tell_problems(answer: "Answer") -> None:
    """Reports why an image was not predicted, and what is unusual about it."""
    if answer.error:
        aside(f"not predicted: {answer.name}: {answer.error}")
    if answer.warning:
        aside(f"warning: {answer.name}: {answer.warning}")


def print_table(answers: Sequence["Answer"], form: Form) -> None:
    """Prints one row per readable image: class and probability; with `top` > 1, further rows for the next classes."""
    console = output()
    blocks = console.encoding.lower().startswith("utf")
    readable = [answer for answer in answers if not answer.error]
    if not readable:
        return
    calibrated = any(answer.calibrated is not None for answer in readable)
    shown = table("image", "class", "probability", "", *(["calibrated"] if calibrated else []))
    for answer in readable:
        if form.rejects(answer):
            shown.add_row(answer.name, UNLIKE)
            continue
        others = [(name, value) for name, value in answer.probabilities.items() if name != answer.label]
        rows = [(answer.label, answer.probability), *others][: form.top]
        for place, (name, value) in enumerate(rows):
            label = name if place else shown_label(answer, form)
            more = f"{answer.calibrated:.4f}" if answer.calibrated is not None and not place else ""
            shown.add_row("" if place else answer.name, label, f"{value:.4f}", bar(value, blocks), *[more][:calibrated])
    console.print(shown)


def shown_label(answer: "Answer", form: Form) -> str:
    """Returns the class, with a note for an image unlike the training images; only the note if it is rejected."""
    if form.rejects(answer):
        return UNLIKE
    return f"{answer.label} ({UNLIKE})" if answer.unlike else answer.label


def bar(value: float, blocks: bool = True) -> str:
    """Draws a bar for a probability, 0..1; without block characters, it consists of `#`."""
    if not blocks:
        return "#" * round(value * _BAR)
    whole, part = divmod(round(value * _BAR * 8), 8)
    return ("█" * whole + (_EIGHTHS[part] if part else "")) or _EIGHTHS[1]


def print_json(answers: Sequence["Answer"], form: Form) -> None:
    """Prints all predictions as a list; unreadable images with their `error`."""
    put_json([as_json(each, form) for each in answers])


def print_json_lines(answers: Sequence["Answer"], form: Form) -> None:
    """Prints each prediction as an object on a line of its own."""
    for answer in answers:
        put_json(as_json(answer, form), indent=None)


def as_json(answer: "Answer", form: Form) -> dict[str, Any]:
    """One answer. Probabilities are in the order of the network's classes; with `top` > 1, also the largest first.

    What the network's file does not tell is left out: `calibrated`, `similarity`, `unlike`. A rejected image has the
    class null.
    """
    if answer.error:
        return {"path": answer.name, "error": answer.error}
    known = {"calibrated": answer.calibrated, "similarity": answer.similarity, "unlike": answer.unlike}
    found: dict[str, Any] = {
        "path": answer.name,
        "class": None if form.rejects(answer) else answer.label,
        "probability": answer.probability,
        **{key: value for key, value in known.items() if value is not None},
        "probabilities": {name: answer.probabilities[name] for name in form.classes},
    }
    if answer.warning:
        found["warning"] = answer.warning
    if form.top > 1:
        largest = list(answer.probabilities.items())[: form.top]
        found["top"] = [{"class": name, "probability": value} for name, value in largest]
    return found


def print_csv(answers: Sequence["Answer"], form: Form) -> None:
    """Prints one row per image, with the probability of each class; unreadable ones with their `error`."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(csv_header(form))
    writer.writerows(csv_row(answer, form) for answer in answers)


def csv_header(form: Form) -> list[str]:
    """Returns the names of the columns."""
    return ["path", "class", "probability", *form.classes, "calibrated", "unlike", "error"]


def csv_row(answer: "Answer", form: Form) -> list[Any]:
    """Converts one prediction. A rejected image has an empty class."""
    if answer.error:
        return [answer.name, *[""] * (len(form.classes) + 4), answer.error]
    label = "" if form.rejects(answer) else answer.label
    unlike = "" if answer.unlike is None else str(answer.unlike).lower()
    each = [answer.probabilities[name] for name in form.classes]
    return [answer.name, label, answer.probability, *each, _or_empty(answer.calibrated), unlike, ""]


def _or_empty(value: float | None) -> float | str:
    return "" if value is None else value
