"""The screen: the only module that prints. A run's lines, bars and epochs go to stderr; results and tables to stdout.

Names of files, classes and settings are printed literally: without markup or emoji codes, on one line, and in full.
"""

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from catsdogs_exp.printable import printable
from catsdogs_exp.run.summary import epoch_line

if TYPE_CHECKING:  # they come with TensorFlow
    from catsdogs_exp.training.progress import EpochResult
    from catsdogs_exp.training.steps import Steps

_ENDLESS = 100_000  # columns of a pipe
_USUAL = 80  # columns of a terminal
_REFRESH = 0.25  # seconds between reads of the running averages: each one waits for the device


class PlainConsole(Console):
    """A console without markup, emoji codes and automatic colours for numbers and paths."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, soft_wrap=True, **options)
        if self.width < 1:  # COLUMNS=0: rich would print nothing
            self.width = _USUAL

    def say(self, text: str) -> None:
        """Prints a line; line breaks and control characters in it are shown as escapes."""
        self.print(printable(text))


class PlainTable(Table):
    """A table whose cells are literal names and numbers; on a terminal, long ones are folded, never truncated."""

    def add_column(self, header: Any = "", *arguments: Any, **options: Any) -> None:
        """Adds a column."""
        super().add_column(_cell(header), *arguments, **{"overflow": "fold", **options})

    def add_row(self, *cells: Any, **options: Any) -> None:
        """Adds a row."""
        super().add_row(*map(_cell, cells), **options)


def _cell(value: Any) -> Text:
    return value if isinstance(value, Text) else Text(printable(str(value)))


def table(*headers: str, **options: Any) -> PlainTable:
    """Creates an empty table with left-aligned columns."""
    made = PlainTable(**{"box": None, "pad_edge": False, **options})
    for header in headers:
        made.add_column(header)
    return made


def output() -> PlainConsole:
    """Returns the console for tables and results on stdout; on a pipe, it is as wide as necessary."""
    return PlainConsole(width=None if sys.stdout.isatty() else _ENDLESS)


def aside(text: str) -> None:
    """Prints a line to stderr, in addition to the result on stdout."""
    sys.stderr.write(f"{printable(text)}\n")


class TerminalScreen:
    """Shows the progress of a run.

    Args:
        prefix: put before each line, such as `[2/6] ` in a sweep.
        silent: whether to show nothing.
    """

    def __init__(self, prefix: str = "", silent: bool = False) -> None:
        terminal = False if silent else None  # no bar, which would capture stderr; None: the default
        self.console = PlainConsole(stderr=True, quiet=silent, force_terminal=terminal)
        self.prefix = prefix
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._what = ""
        self._started = 0.0

    def say(self, text: str) -> None:
        """Prints a line."""
        self._close_bar()
        self.console.say(f"{self.prefix}{text}")

    def progress(self, what: str, done: int, total: int) -> None:
        """Moves the progress bar of a task; on a pipe, prints a line when the task is done."""
        if what != self._what:
            self._close_bar()
            self._what, self._started = what, time.perf_counter()
            if self.console.is_terminal:
                self._bar = Progress(
                    TextColumn("{task.description}", markup=False),
                    BarColumn(),
                    *([DownloadColumn()] if _in_bytes(what) else [MofNCompleteColumn()]),
                    TextColumn("{task.fields[rate]}"),
                    TimeRemainingColumn(),
                    console=self.console,
                    transient=True,
                )
                self._bar.start()
                self._task = self._bar.add_task(printable(f"{self.prefix}{what}"), total=total, rate="")
        seconds = time.perf_counter() - self._started
        if self._bar is not None and self._task is not None:
            per_second = done / max(seconds, 1e-9)
            rate = f"{per_second / 1e6:,.1f} MB/s" if _in_bytes(what) else f"{per_second:,.0f}/s"
            rate = rate if seconds > 0.5 else ""
            self._bar.update(self._task, completed=done, total=total, rate=rate)
        if done >= total:
            self._close_bar()
            amount = f"{total / 1e6:,.1f} MB" if _in_bytes(what) else f"{total} {_unit(what)}"
            self.console.say(f"{self.prefix}{what} {amount}: {seconds:.1f} s")

    def training(self, epochs: Callable[[], int], batch_size: int) -> "EpochDisplay":
        """Returns the display of the epochs."""
        return EpochDisplay(self, epochs, batch_size)

    def close(self) -> None:
        """Removes progress bars."""
        self._close_bar()

    def show(self, bar: Progress) -> None:
        """Shows a progress bar; `close` and the next line remove it."""
        self._close_bar()
        self._bar = bar
        bar.start()

    def _close_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
        self._bar, self._task, self._what = None, None, ""


class EpochDisplay:
    """A bar for the current epoch and a line for each finished one."""

    def __init__(self, screen: TerminalScreen, epochs: Callable[[], int], batch_size: int) -> None:
        self._screen, self._epochs, self._batch_size = screen, epochs, batch_size
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._looked = 0.0
        self._run_started = self._epoch_started = time.perf_counter()
        self._steps_done = 0

    def on_step(self, epoch: int, step: int, steps: int, steps_object: "Steps") -> None:
        """Moves the bar a few times per second."""
        now = time.perf_counter()
        self._steps_done += 1
        if step == 1:
            self._epoch_started = now
            if self._screen.console.is_terminal:
                self._begin(epoch, steps)
        if self._bar is None or self._task is None or now - self._looked < _REFRESH:
            return
        self._looked = now
        averages = steps_object.averages()
        rate = (step - 1) * self._batch_size / max(now - self._epoch_started, 1e-9)
        left = (now - self._run_started) / self._steps_done * ((self._epochs() - epoch + 1) * steps - step)
        self._bar.update(
            self._task,
            completed=step,
            numbers=f"{rate:,.0f} images/s  {_clock(left)} left  "
            f"loss {averages['loss']:.4f}  accuracy {averages['accuracy']:.4f}",
        )

    def on_epoch(self, result: "EpochResult") -> None:
        """Prints the epoch's line; a star marks the best so far."""
        self._screen.say(epoch_line(result, self._epochs()))
        self._bar = self._task = None

    def _begin(self, epoch: int, steps: int) -> None:
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[numbers]}"),
            console=self._screen.console,
            transient=True,
        )
        self._task = self._bar.add_task(f"{self._screen.prefix}epoch {epoch}/{self._epochs()}", total=steps, numbers="")
        self._screen.show(self._bar)


def _in_bytes(what: str) -> bool:
    """Returns whether a task is counted in bytes; all others are counted in `_unit`."""
    return what.startswith("downloading")


def _unit(what: str) -> str:
    counted = {"range test": "steps", "race": "steps", "channel use": "layers", "visualizing": "channels"}
    return next((unit for task, unit in counted.items() if what.startswith(task)), "images")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
