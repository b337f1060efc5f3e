"""`predict --watch FOLDER`: one line per image that arrives, until Ctrl-C."""

import csv
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from catsdogs_exp.cli.answer_forms import Form, bar, csv_row, print_json_lines, shown_label, tell_problems
from catsdogs_exp.cli.screen import aside, output
from catsdogs_exp.inference.image_names import NamedImage
from catsdogs_exp.inference.watching import FolderWatch

if TYPE_CHECKING:  # it comes with TensorFlow
    from catsdogs_exp.inference.answers import Answer

_INTERVAL = 0.5  # seconds between checks

Ask = Callable[[NamedImage], "Answer"]


def watch_answers(folder: Path, ask: Ask, form: Form, style: str) -> NoReturn:
    """Prints a line for each image that arrives in a folder, as soon as it is complete; until interrupted.

    Args:
        folder: the folder to watch.
        ask: predicts an image.
        form: how predictions are printed.
        style: `json` (one object per line), `csv` (without header) or `text`.
    """
    watch = FolderWatch(folder)
    aside(f"watching {folder}; Ctrl-C ends it")
    while True:
        for path in watch.settled(time.monotonic()):
            answer = ask(NamedImage(str(path), path))
            if answer.error and watch.may_be_half_written(path, time.monotonic()):
                continue
            watch.finish(path)
            tell_problems(answer)
            _print(answer, form, style)
        time.sleep(_INTERVAL)


def _print(answer: "Answer", form: Form, style: str) -> None:
    if style == "json":
        print_json_lines([answer], form)
    elif style == "csv":
        csv.writer(sys.stdout, lineterminator="\n").writerow(csv_row(answer, form))
    elif not answer.error:
        console = output()
        blocks = console.encoding.lower().startswith("utf")
        figures = "" if form.rejects(answer) else f"  {answer.probability:.4f}  {bar(answer.probability, blocks)}"
        console.say(f"{answer.name}  {shown_label(answer, form)}{figures}")
    sys.stdout.flush()
