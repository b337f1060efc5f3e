"""A worker of a sweep: a process that trains one job after the other and reports to the sweep's process."""

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from catsdogs_exp import process
from catsdogs_exp.config import plugins
from catsdogs_exp.errors import Interrupted
from catsdogs_exp.run.summary import epoch_line
from catsdogs_exp.signals import interruptible
from catsdogs_exp.sweep.job import SweepJob, run_job

if TYPE_CHECKING:  # it comes with TensorFlow
    from catsdogs_exp.training.fit import Listener
    from catsdogs_exp.training.progress import EpochResult
    from catsdogs_exp.training.steps import Steps


def serve(jobs: Connection, lifeline: Connection, environment: dict[str, str], names: tuple[str, ...]) -> None:
    """Runs incoming jobs until there are no more.

    Args:
        jobs: yields a `SweepJob`, or None at the end; accepts `(number, kind, content)`.
        lifeline: closes when the sweep's process is gone: then this one ends too, as by Ctrl-C.
        environment: variables of this worker, such as its GPU.
        names: of plugins.
    """
    os.environ.update(environment)
    with process.command_line(), suppress(Interrupted, ConnectionError), interruptible():  # it just ends
        threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()  # its signal is handled by now
        for name in (
            "SIGINT",
            "SIGHUP",
        ):  # Ctrl-C reaches the whole process group; the sweep's process decides when to stop
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), signal.SIG_IGN)
        plugins.load(names)
        while (job := _received(jobs)) is not None:
            jobs.send((job.number, "ended", run_job(job, SentScreen(job.number, jobs))))


class SentScreen:
    """A screen that sends its lines to the sweep's process."""

    def __init__(self, number: int, jobs: Connection) -> None:
        self._number, self._jobs = number, jobs

    def say(self, text: str) -> None:
        """Sends a line."""
        self._send("line", text)

    def progress(self, what: str, done: int, total: int) -> None:
        """Sends the progress of a task when it is done."""
        if done >= total:
            self._send("line", f"{what}: {total}")

    def close(self) -> None:
        """Does nothing: there are no progress bars."""

    def training(self, epochs: Callable[[], int], batch_size: int) -> "Listener":
        """The epochs of the job."""
        return SentEpochs(self, epochs)

    def _send(self, kind: str, content: Any) -> None:
        try:
            self._jobs.send((self._number, kind, content))
        except (BrokenPipeError, ConnectionError):  # the sweep's process is gone, and ends this one
            return


class SilentScreen:
    """A screen that shows nothing: the run's log has its lines."""

    def say(self, text: str) -> None:
        """A line."""

    def progress(self, what: str, done: int, total: int) -> None:
        """How far one piece of work is."""

    def close(self) -> None:
        """Nothing moves here."""

    def training(self, epochs: Callable[[], int], batch_size: int) -> "Listener":
        """The epochs of the job."""
        return SentEpochs(self, epochs)


class SentEpochs:
    """Sends a line for each epoch."""

    def __init__(self, screen: SentScreen | SilentScreen, epochs: Callable[[], int]) -> None:
        self._screen, self._epochs = screen, epochs

    def on_step(self, epoch: int, step: int, steps: int, steps_object: "Steps") -> None:
        """Does nothing: steps are too short to report."""

    def on_epoch(self, result: "EpochResult") -> None:
        """Sends the line of an epoch."""
        self._screen.say(epoch_line(result, self._epochs()))


def _received(jobs: Connection) -> SweepJob | None:
    try:
        found = jobs.recv()
    except (EOFError, ConnectionError):
        return None
    assert found is None or isinstance(found, SweepJob)
    return found


def _end_with(lifeline: Connection) -> None:
    """Waits until the other end is closed, which happens however its process ends."""
    try:
        lifeline.recv()
    except (EOFError, OSError):
        os.kill(os.getpid(), signal.SIGTERM)
