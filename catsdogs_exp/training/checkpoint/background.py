"""Writes large files while training continues."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class Background:
    """Writes files in one thread, in the order in which they were given.

    Once one could not be written, no other is: later files refer to earlier ones.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._failure: Exception | None = None

    def submit(self, write: Callable[..., Any], *arguments: Any) -> "Future[None]":
        """Writes later.

        Returns:
            A future that raises what `write` raised, or what an earlier one did.
        """
        return self._thread.submit(self._write, write, *arguments)

    def _write(self, write: Callable[..., Any], *arguments: Any) -> None:
        if self._failure is not None:
            raise self._failure
        try:
            write(*arguments)
        except Exception as error:
            self._failure = error
            raise

    def __enter__(self) -> "Background":
        return self

    def __exit__(self, *_: object) -> None:
        """Waits for everything submitted."""
        self._thread.shutdown()
