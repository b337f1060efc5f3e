"""Connections with a deadline: one that is too slow, in either direction, is closed."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol


def protocol(seconds: float) -> type[H11Protocol]:
    """uvicorn's HTTP protocol with a deadline for each request.

    uvicorn itself only limits the idle time between requests.

    Args:
        seconds: time from opening the connection, or from the first byte of a further request, to the end of the
            response.
    """

    class Protocol(H11Protocol):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self._deadline: asyncio.TimerHandle | None = None
            self._answered = False

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._begin()

        def data_received(self, data: bytes) -> None:
            if self._answered:  # a further request
                self._begin()
            try:
                super().data_received(data)
            except Exception:  # h11 does not respond to garbage
                self.transport.abort()

        def on_response_complete(self) -> None:
            self._answered = True
            super().on_response_complete()
            if not self.cycle.response_complete:  # it had been sent before the response to this one
                self._begin()

        def connection_lost(self, exc: Exception | None) -> None:
            self._end()
            super().connection_lost(exc)

        def _begin(self) -> None:
            if self._received():
                self._end()
            self._answered = False
            if self._deadline is None:
                self._deadline = self.loop.call_later(seconds, self._expire)

        def _end(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

        def _expire(self) -> None:
            self._deadline = None
            if not self._received():
                self.transport.abort()

        def _received(self) -> bool:
            """Returns whether the client has received the last response."""
            return self._answered and not self.transport.get_write_buffer_size()

    return Protocol
