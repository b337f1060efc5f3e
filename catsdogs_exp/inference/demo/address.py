"""Where a demo is served: its socket, who has access, and the URLs to open."""

import contextlib
import errno
import ipaddress
import secrets
import socket
from dataclasses import dataclass

import psutil

from catsdogs_exp.errors import BadInput
from catsdogs_exp.inference.demo.access import Access

LOOPBACK = "127.0.0.1"
PORT = 8420
_PORTS = 65535
_TRIED = 100  # ports to try after one that is in use


@dataclass(frozen=True)
class Address:
    """Where to serve.

    Attributes:
        host: a name or address of this machine; None: serve this machine only.
        port: port number; None: 8420, or the next free one; 0: any free one.
    """

    host: str | None = None
    port: int | None = None


@dataclass(frozen=True)
class Bound:
    """A server's socket, who has access, and the URLs to open."""

    socket: socket.socket
    access: Access
    urls: tuple[str, ...]


def bind(address: Address) -> Bound:
    """Opens the socket.

    Raises:
        BadInput: if this machine does not have the host, or the port is in use; names the next free one.
    """
    host = address.host or LOOPBACK
    port = PORT if address.port is None else address.port
    try:
        listening = _listen(host, port)
    except (socket.gaierror, UnicodeError) as error:
        reason = "the name is unknown" if isinstance(error, OSError) else "not a name"
        raise BadInput(
            f"--host {host} cannot be served: {reason}. Name an address of this machine, such as 0.0.0.0; the port is "
            "an option of its own: --port"
        ) from error
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            hint = ". Ports below 1024 are for the system" if error.errno == errno.EACCES else ""
            name = f"--host {host}" if error.errno != errno.EACCES else f"--port {port}"
            raise BadInput(f"{name} cannot be served: {error.strerror}{hint}") from error
        free = _next_free(host, port)
        if free is None or address.port is not None:
            hint = f" The next free one: --port {free.getsockname()[1]}" if free else ""
            if free:
                free.close()
            raise BadInput(f"--port must be free. Received: --port {port}, which is in use.{hint}") from error
        listening = free
    port = listening.getsockname()[1]
    if address.host is None:
        names = frozenset({"localhost", "127.0.0.1", "::1"})
        return Bound(listening, Access(names), (f"http://{LOOPBACK}:{port}/",))
    token = secrets.token_urlsafe(24)
    names = frozenset(name.lower() for name in (host, "localhost", socket.gethostname(), socket.getfqdn()))
    urls = tuple(f"http://{each}:{port}/#token={token}" for each in _reachable(host))
    return Bound(listening, Access(names, addresses=True, token=token), urls)


def _listen(host: str, port: int) -> socket.socket:
    family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    listening = socket.create_server(place[:2], family=family, backlog=1024)
    # With an explicit protocol, asyncio sends small packets at once (TCP_NODELAY); otherwise, each response waits 40
    # ms.
    return socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, fileno=listening.detach())


def _next_free(host: str, port: int) -> socket.socket | None:
    for other in range(port + 1, min(port + _TRIED, _PORTS) + 1):
        with contextlib.suppress(OSError):
            return _listen(host, other)
    return None


def _reachable(host: str) -> list[str]:
    """Returns the addresses under which other machines reach a host, for URLs."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return [host]
    if not address.is_unspecified:
        return [f"[{host}]" if address.version == 6 else host]
    found = [
        each.address
        for each in (each for interface in psutil.net_if_addrs().values() for each in interface)
        if each.family == socket.AF_INET and not ipaddress.ip_address(each.address).is_loopback
    ]
    return found or [socket.gethostname()]
