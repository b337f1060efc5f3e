"""Runs TensorBoard on a view of the runs, in a separate process, until it exits or is stopped."""

import re
import shlex
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from catsdogs_exp.errors import BadInput, RunFailed
from catsdogs_exp.record.board_view import link_runs, pictures_per_series, shown_runs

_LOOK = 5.0  # seconds between checks for new runs
_PATIENCE = 5.0  # seconds before a process that was asked to exit is killed
_URL = re.compile(r"TensorBoard \S+ at (http\S+)")
_TOLD = re.compile(
    r"^\s*$|^[IWE]\d{4} |^NOTE: Using experimental|--load_fast=false|tensorboard/issues/4784"
)  # always printed


def serve(path: Path, flags: Sequence[str], say: Callable[[str], None]) -> int:
    """Starts TensorBoard on the runs at or below a path, and waits until it exits.

    Runs that start later are added as they appear.

    Args:
        path: a run folder, or a folder that contains runs.
        flags: flags for TensorBoard. By default, the page is served to this machine only.
        say: called with messages for the user, the first one with the URL.

    Returns:
        TensorBoard's exit code.

    Raises:
        BadInput: if there is nothing to show.
        RunFailed: if links cannot be created.
    """
    runs = shown_runs(path)
    for remark in runs.remarks:
        say(f"note: {remark}")
    with tempfile.TemporaryDirectory(prefix="catsdogs-board-", ignore_cleanup_errors=True) as scratch:
        view = Path(scratch)
        try:
            link_runs(runs, view)
        except OSError as error:
            raise RunFailed(
                f"Links to the runs cannot be created: {error.strerror}: {error.filename}. Start TensorBoard directly: "
                f"tensorboard --logdir {shlex.quote(str(path))}"
            ) from error
        words = [*_defaults(flags, path, pictures_per_series(runs)), *flags]
        command = [sys.executable, "-m", "tensorboard.main", "--logdir", scratch, *words]
        with _watching(path, view), _process(command) as started:
            assert started.stderr is not None
            return _listen(started, started.stderr, len(runs.folders), say)


def _defaults(flags: Sequence[str], path: Path, pictures: int) -> list[str]:
    """Returns the defaults for flags that the user has not set."""
    given = {flag.partition("=")[0] for flag in flags}
    words = []
    if not given & {"--host", "--bind_all"}:
        words.append("--host=127.0.0.1")
    if "--samples_per_plugin" not in given:  # TensorBoard shows ten pictures of a series and silently drops the others
        words.append(f"--samples_per_plugin=images={pictures},pr_curves={pictures},histograms={pictures}")
    if "--window_title" not in given:
        words.append(f"--window_title=TensorBoard: {path}")
    return words


def _listen(process: subprocess.Popen[str], lines: IO[str], runs: int, say: Callable[[str], None]) -> int:
    """Forwards TensorBoard's output, and announces the URL in a line of our own.

    The lines before the URL come from TensorFlow's start-up; the last of them is shown if TensorBoard exits without a
    URL.
    """
    before: list[str] | None = []
    for line in lines:
        if found := _URL.search(line):
            say(f"{found[1]} shows {runs} run{'s' if runs != 1 else ''}. Stop: Ctrl-C")
            before = None
        elif before is not None:
            before.append(line.rstrip())
        elif not _TOLD.search(line):
            say(line.rstrip())
    code = process.wait()
    if before:
        say(before[-1])  # the error follows the usage
    return code


@contextmanager
def _process(command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """A context manager for a process that does not outlive the block. Ctrl-C reaches only our own process, which
    then stops the other.
    """
    started = subprocess.Popen(  # noqa: S603  (our own Python)
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, errors="replace", start_new_session=True
    )
    try:
        yield started
    finally:
        if started.poll() is None:
            started.terminate()
            try:
                started.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait()
        if started.stderr is not None:
            started.stderr.close()


@contextmanager
def _watching(path: Path, view: Path) -> Iterator[None]:
    """A context manager in which runs that start later are added."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(_LOOK):
            with suppress(BadInput, OSError):  # until this changes, nothing new is shown
                link_runs(shown_runs(path), view)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
