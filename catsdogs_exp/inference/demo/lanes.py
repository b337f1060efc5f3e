"""Lanes: work that takes turns in a thread of its own, so that the server answers others meanwhile.

Pages and `/predict` have a lane each. However many programs send images, a page waits only for other pages.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request

from catsdogs_exp.inference.demo.refusal import Refused

T = TypeVar("T")


class Lane:
    """Does one piece of work at a time, first come, first served.

    Args:
        name: name of its thread.
        waiting: maximum number of waiting requests.
    """

    def __init__(self, name: str, waiting: int) -> None:
        self._thread = ThreadPoolExecutor(1, f"demo-{name}")
        self._turn = asyncio.Semaphore(1)
        self._most, self._waiting = waiting, 0

    async def do(self, request: Request, work: Callable[[], T]) -> T:
        """Waits for its turn and does the work, unless the client has disconnected.

        Raises:
            Refused: if too many are waiting.
            ClientDisconnect: if the client has disconnected.
        """
        if self._waiting >= self._most:
            raise Refused(503, "Too many requests at the same time. Try again in a moment.")
        self._waiting += 1
        try:
            async with self._turn:
                if await request.is_disconnected():
                    raise ClientDisconnect
                return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Drops all work that has not begun."""
        self._thread.shutdown(wait=False, cancel_futures=True)
