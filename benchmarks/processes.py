"""Runs a side in its own process: our side is deterministic as in a run, and that switch affects a whole process."""

import multiprocessing
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

from catsdogs_exp import process
from catsdogs_exp.errors import RunFailed

# (settings of the side) -> its contenders by name; each call measures once
MakeContenders = Callable[..., Mapping[str, Callable[[], float]]]


class Side:
    """Contenders that measure on request and are idle otherwise.

    Args:
        make: creates the contenders, in the new process.
        arguments: for `make`.
    """

    def __init__(self, make: MakeContenders, *arguments: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve_as_command, args=(theirs, make, arguments), daemon=True)
        self._process.start()
        theirs.close()

    def __enter__(self) -> "Side":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        if error is not None:
            self._process.terminate()
        self._process.join()

    def contenders(self) -> dict[str, Callable[[], float]]:
        """A function per contender, once all are ready.

        Raises:
            RunFailed: if the process fails, now or later.
        """
        return {name: partial(self._ask, name) for name in self._answer()}

    def _ask(self, name: str) -> float:
        self._connection.send(name)
        return float(self._answer())

    def _answer(self) -> Any:
        try:
            failed, answer = self._connection.recv()
        except EOFError:
            self._process.join()
            raise RunFailed(f"A side of the benchmark died with exit code {self._process.exitcode}.") from None
        if failed:
            raise RunFailed(f"A side of the benchmark failed:\n{answer}")
        return answer


def _serve_as_command(connection: Connection, make: MakeContenders, arguments: tuple[Any, ...]) -> None:
    with process.command_line():  # with the same process settings as a command
        _serve(connection, make, arguments)


def _serve(connection: Connection, make: MakeContenders, arguments: tuple[Any, ...]) -> None:
    try:
        contenders = make(*arguments)
        connection.send((False, list(contenders)))
        while True:
            connection.send((False, contenders[connection.recv()]()))
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        pass
    except Exception:
        connection.send((True, traceback.format_exc()))
