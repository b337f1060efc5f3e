"""Serves a demo until Ctrl-C, with uvicorn."""

import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from catsdogs_exp.inference.demo.address import Bound
from catsdogs_exp.inference.demo.app import Demo, make_app
from catsdogs_exp.inference.demo.connections import protocol

_IDLE = 30  # seconds for which a connection stays open without requests
_GRACE = 2  # seconds at the end for requests in progress


def serve(demo: Demo, bound: Bound, started: Callable[[], None] | None = None) -> None:
    """Serves until Ctrl-C or SIGTERM, which are passed on to the previous handlers.

    Args:
        demo: what to serve.
        bound: where to serve it.
        started: called once the server responds to requests.
    """
    with _silent():
        make_server(demo, bound, started).run(sockets=[bound.socket])


def make_server(demo: Demo, bound: Bound, started: Callable[[], None] | None = None) -> uvicorn.Server:
    """Creates a uvicorn server for a demo; tests run it in a thread."""
    config = uvicorn.Config(
        make_app(demo, bound.access),
        http=protocol(demo.limits.request_seconds),
        ws="none",
        lifespan="on",
        loop="asyncio",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        limit_concurrency=demo.limits.connections,
        timeout_keep_alive=_IDLE,
        timeout_graceful_shutdown=_GRACE,
    )

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if started is not None:
                started()

    return Server(config)


@contextmanager
def _silent() -> Iterator[None]:
    """A context manager that hides uvicorn's own messages, which quote what strangers send."""
    logger = logging.getLogger("uvicorn.error")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
