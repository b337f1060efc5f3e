"""Effects on the whole process: file descriptors, environment, loggers, allocator, garbage collector.

They are meant for the command line, which owns its process. When the package is used from Python, the process belongs
to the caller: outside `command_line()`, nothing here has an effect, or it is undone at the end of the block.
"""

import ctypes
import errno
import gc
import logging
import os
import platform
import random
import re
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

# Restores everything when the running command ends; empty outside the command line.
_undo: list[ExitStack] = []
_TENSORFLOWS = re.compile(
    r"[IWE]\d{4} |\d{4}-\d\d-\d\d [\d:.]+: [IWE] |WARNING: All log messages before absl|To enable the following"
)


@contextmanager
def command_line() -> Iterator[None]:
    """A context manager for running a command in this process. On exit everything is restored, except that freed memory
    is kept.
    """
    if _undo:  # nested command
        yield
        return
    with ExitStack() as stack:
        _undo.append(stack)
        stack.callback(_undo.clear)
        _open_missing_descriptors()
        _forgive(stack)
        # NumPy's many threads wait for each other in a busy loop: beside TensorFlow's, small matrices take 50 times as
        # long. It reads this when it is imported.
        _set_variable("OPENBLAS_NUM_THREADS", "1")
        stack.enter_context(pillow_warnings_ignored())
        yield


@contextmanager
def about_to_end() -> Iterator[None]:
    """Surrounds the last command of this process.

    At its end Python would look for garbage among TensorFlow's 330,000 objects again and again, for a second. The
    command's own garbage is still collected.
    """
    with command_line():
        yield
        if "tensorflow" in sys.modules:  # its objects are frozen
            gc.collect()
    gc.freeze()


def is_command_line() -> bool:
    """Returns whether a command is running, so that the process is ours."""
    return bool(_undo)


class ForgivingStream:
    """A stream that drops output it can no longer write, instead of ending the command.

    The reader of a pipe may have exited, the terminal may be closed, the disk behind a `>` may be full. Characters that
    the console cannot print (cp1252 on Windows, names that are not UTF-8) are written as `\\xe4`.

    Attributes:
        lost: why the output ended early, or None.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.lost: OSError | ValueError | None = None

    def write(self, text: str) -> int:
        """Writes a text; always reports success."""
        if self.lost is None:
            try:
                self._stream.write(text)
            except UnicodeEncodeError:  # a stream whose error handler could not be set
                encoding = getattr(self._stream, "encoding", None) or "ascii"
                self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
            except (OSError, ValueError) as error:  # ValueError: it is closed
                self._lose(error)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Writes several texts."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Flushes the stream."""
        if self.lost is None:
            try:
                self._stream.flush()
            except (OSError, ValueError) as error:
                self._lose(error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _lose(self, error: OSError | ValueError) -> None:
        self.lost = error
        with suppress(OSError, ValueError, AttributeError):  # otherwise, Python fails again when it flushes at exit
            descriptor = self._stream.fileno()
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, descriptor)
            os.close(nowhere)


def lost_output() -> OSError | None:
    """Returns why a command's output to stdout was lost; None if it was not, or if its reader has exited."""
    stream = sys.stdout
    if not isinstance(stream, ForgivingStream):
        return None
    stream.flush()
    gone = (errno.EPIPE, errno.EIO, errno.EBADF)
    return stream.lost if isinstance(stream.lost, OSError) and stream.lost.errno not in gone else None


def _forgive(stack: ExitStack) -> None:
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        stack.callback(setattr, sys, name, stream)
        if stream is None:  # closed from the start
            stream = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  (the stack closes it)
            stack.callback(stream.close)
        if hasattr(stream, "reconfigure"):
            stack.callback(stream.reconfigure, errors=stream.errors)
            stream.reconfigure(errors="backslashreplace")
        forgiving = ForgivingStream(stream)
        stack.callback(forgiving.flush)
        setattr(sys, name, forgiving)


def _open_missing_descriptors() -> None:
    """Opens closed standard streams; otherwise, the next opened file would take the place of stdin, stdout or
    stderr.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free descriptor


# TensorFlow


@contextmanager
def quiet_tensorflow(quiet_workers: bool = False) -> Iterator[None]:
    """A context manager for importing TensorFlow that hides its start-up messages (oneDNN, CUDA stub, absl).

    C++ writes them before any logger is set up, so they are filtered at the file descriptor.

    Args:
        quiet_workers: whether to hide messages about broken connections, too, which we report ourselves.
    """
    if not is_command_line() or "tensorflow" in sys.modules:
        yield
        return
    _set_variable("TF_CPP_MIN_LOG_LEVEL", "3" if quiet_workers else "2")
    with _silent_stderr(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
        if "tensorflow" in sys.modules:
            _set_level("tensorflow", logging.ERROR)
            sys.modules["tensorflow"].config.list_physical_devices()  # controls CUDA's messages
    gc.freeze()  # its 330,000 objects are permanent, and each scan of them takes 0.2 s
    _undo[0].callback(gc.unfreeze)


@contextmanager
def quiet_converter() -> Iterator[None]:
    """A context manager for converting a network that hides the converter's notes for developers and warnings about its
    own calls. Failures are exceptions.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if is_command_line():
            with _silent_stderr():
                yield
        else:
            yield


def silence_tensorflow() -> None:
    """Hides all TensorFlow log messages; we report the important ones ourselves."""
    if is_command_line():
        _set_level("tensorflow", logging.CRITICAL)


def keep_freed_memory() -> None:
    """Lets the C library reuse large blocks instead of returning them and requesting new, zeroed ones.

    Saving a network of 38 MB takes several copies of it; this saves 0.8 s per job of a sweep.
    """
    if is_command_line() and platform.libc_ver()[0] == "glibc":
        library, threshold, trim = ctypes.CDLL(None), -3, -1  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD of malloc.h
        library.mallopt(threshold, 2**30)
        library.mallopt(trim, 2**31 - 1)


@contextmanager
def random_state_kept() -> Iterator[None]:
    """A context manager that restores the state of Python's and NumPy's global generators on exit."""
    import numpy as np  # noqa: PLC0415

    python, numpy = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


_ignoring = threading.Lock()
_ignored: list[Any] = []  # the filter; each open block adds an entry


@contextmanager
def pillow_warnings_ignored() -> Iterator[None]:
    """A context manager that hides Pillow's warnings about corrupt EXIF and the like; verdicts report a file's
    problems.

    All threads share the warning filters, so the last block to exit removes ours.
    """
    with _ignoring:
        if not _ignored:
            warnings.filterwarnings("ignore", module=r"PIL\.")
        _ignored.append(_ignored[0] if _ignored else warnings.filters[0])
    try:
        yield
    finally:
        with _ignoring:
            ours = _ignored.pop()
            if not _ignored and ours in warnings.filters:  # others may have changed the filters in the meantime
                warnings.filters.remove(ours)  # type: ignore[attr-defined]


# MLflow


@contextmanager
def mlflow_environment() -> Iterator[None]:
    """A context manager in which MLflow sends no telemetry, gives up quickly on a silent server, and supports file
    stores.

    The user's own settings are kept. MLflow reads these variables when it is imported and at each call.
    """
    values = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
        "MLFLOW_ALLOW_FILE_STORE": "true",
        "MLFLOW_LOGGING_LEVEL": "ERROR",  # importing it sets the level of its logger
    }
    ours = [name for name in values if name not in os.environ]
    os.environ.update({name: values[name] for name in ours})
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)  # they report the tables they create
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


# Hydra and plugins


@contextmanager
def handed_to_hydra(arguments: list[str]) -> Iterator[None]:
    """Passes arguments to Hydra, which only reads `sys.argv`; `--info` logs through the root logger. Both are
    restored.
    """
    root = logging.getLogger()
    argv, handlers, level = sys.argv, list(root.handlers), root.level
    sys.argv = [argv[0], *arguments]
    try:
        yield
    finally:
        sys.argv = argv
        root.handlers[:] = handlers
        root.setLevel(level)


def hydra_raises() -> None:
    """Makes Hydra raise errors instead of printing tracebacks or hints, so that we can reword them."""
    if is_command_line():
        _set_variable("HYDRA_FULL_ERROR", "1", force=True)


@contextmanager
def importing_plugin(folder: Path) -> Iterator[None]:
    """A context manager for importing a user's module, which may be in `folder`.

    TensorFlow's import messages are removed from stderr; the plugin's are kept. The folder stays importable, because a
    plugin may import from it later.
    """
    here = str(folder)
    with ExitStack() as stack:
        if here not in sys.path:
            sys.path.insert(0, here)
            (_undo[0] if is_command_line() else stack).callback(_remove_path, here)
        if is_command_line():
            _set_variable("TF_CPP_MIN_LOG_LEVEL", "2")
            stack.enter_context(_without_tensorflows_words())
        yield


def _remove_path(folder: str) -> None:
    if folder in sys.path:  # the plugin may have removed it itself
        sys.path.remove(folder)


@contextmanager
def _without_tensorflows_words() -> Iterator[None]:
    """Filters stderr at the file descriptor, because C++ writes to it."""
    sys.stderr.flush()
    screen = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            yield
            if "tensorflow" in sys.modules:
                sys.modules["tensorflow"].config.list_physical_devices()  # controls CUDA's messages
        finally:
            sys.stderr.flush()
            os.dup2(screen, 2)
            os.close(screen)
            said.seek(0)
            text = said.read().decode(errors="replace")
            sys.stderr.write("".join(line for line in text.splitlines(keepends=True) if not _TENSORFLOWS.match(line)))


@contextmanager
def _silent_stderr() -> Iterator[None]:
    sys.stderr.flush()
    saved = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


def _set_variable(name: str, value: str, force: bool = False) -> None:
    """Sets an environment variable while the command runs; the user's own value is kept unless `force`."""
    before = os.environ.get(name)
    if before is None:
        _undo[0].callback(os.environ.pop, name, None)
    elif force:
        _undo[0].callback(os.environ.__setitem__, name, before)
    else:
        return
    os.environ[name] = value


def _set_level(logger: str, level: int) -> None:
    found = logging.getLogger(logger)
    _undo[0].callback(found.setLevel, found.level)
    found.setLevel(level)
