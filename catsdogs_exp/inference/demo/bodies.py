"""Receives uploads; rejects those that are too large or too slow before all of the body has arrived."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette.requests import Request

from catsdogs_exp.inference.demo.limits import MB, Limits
from catsdogs_exp.inference.demo.refusal import Refused

_LINGER = 2.0  # seconds for which the rest of a rejected upload is discarded, so that its sender reads the response


class Bodies:
    """Receives the bodies of requests, within a limit for each and a total limit.

    Args:
        limits: the server's limits.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._bytes = 0  # total size of all bodies in memory

    @asynccontextmanager
    async def of(self, request: Request) -> AsyncIterator[bytes]:
        """A context manager that yields the whole body of a request; its memory counts until the end of the block.

        Raises:
            Refused: if it is empty, too large or too slow, or if there are too many others.
        """
        body = bytearray()
        try:
            try:
                async with asyncio.timeout(self._limits.body_seconds):
                    await self._receive(request, body)
            except TimeoutError as error:
                seconds = self._limits.body_seconds
                raise Refused(408, f"The upload took longer than {seconds:g} seconds.") from error
            yield bytes(body)
        finally:
            self._bytes -= len(body)

    async def _receive(self, request: Request, body: bytearray) -> None:
        declared = request.headers.get("content-length", "")
        if declared and int(declared) > self._limits.body_bytes:  # h11 has checked that it is a number
            await self._too_large(request, int(declared))
        async for part in request.stream():
            if len(body) + len(part) > self._limits.body_bytes:
                await self._too_large(request)
            if self._bytes + len(part) > self._limits.bodies_bytes:
                raise Refused(503, "Too many uploads at the same time. Try again in a moment.")
            body += part
            self._bytes += len(part)
        if not body:
            raise Refused(400, "The request has no body. Send the bytes of an image: curl --data-binary @FILE URL")

    async def _too_large(self, request: Request, declared: int = 0) -> None:
        """Rejects an upload; discards the rest first, if it is not much larger than allowed."""
        left = max(declared, self._limits.body_bytes)
        if declared <= 2 * self._limits.body_bytes:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LINGER):
                    async for part in request.stream():
                        left -= len(part)
                        if left < 0:
                            break
        raise Refused(413, f"The file is too large. At most {self._limits.body_bytes / MB:g} MB are accepted.")
