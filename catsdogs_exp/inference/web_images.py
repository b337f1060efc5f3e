"""Downloads an image from the web, within limits; addresses inside the user's own network are refused.

A name is resolved once, all its addresses are checked, and the connection goes to a checked address: changing a name's
address between the check and the connection has no effect. Each redirect is checked again. Proxies are not used,
because a proxy would resolve the name itself.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urljoin, urlsplit

_REDIRECTS = (301, 302, 303, 307, 308)
_CHUNK = 2**16
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True)
class Limits:
    """Limits of a download.

    Attributes:
        size: bytes.
        seconds: total time for names, connections, redirects and content.
        redirects: maximum number of redirects.
        private: whether addresses inside the user's network are allowed.
    """

    size: int = 64 * 2**20
    seconds: float = 30.0
    redirects: int = 5
    private: bool = False


class WebImageError(Exception):
    """A download that was refused or failed. The message is the reason."""


def download(address: str, limits: Limits) -> bytes:
    """Downloads a file.

    Args:
        address: http or https.
        limits: limits of size, time and redirects.

    Raises:
        WebImageError: with the reason.
    """
    deadline = time.monotonic() + limits.seconds
    try:
        for _ in range(limits.redirects + 1):
            found = _answer(address, limits, deadline)
            if isinstance(found, bytes):
                return found
            address = urljoin(address, found)
    except WebImageError:
        raise
    except TimeoutError as error:
        raise WebImageError(_too_slow(limits)) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        if time.monotonic() >= deadline:
            raise WebImageError(_too_slow(limits)) from error
        reason = " ".join(str(getattr(error, "strerror", None) or error).split()) or type(error).__name__
        raise WebImageError(f"cannot be downloaded: {reason[:200]}") from error
    raise WebImageError(f"cannot be downloaded: more than {limits.redirects} redirects")


def _too_slow(limits: Limits) -> str:
    return f"cannot be downloaded: not complete after {limits.seconds:g} s"


def _answer(address: str, limits: Limits, deadline: float) -> bytes | str:
    """Returns the content at an address, or the address that it redirects to."""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise WebImageError(f"cannot be downloaded: not an http or https address: {address}")
    if parts.username is not None:
        raise WebImageError("cannot be downloaded: addresses with a user name or password are not supported")
    with _connection(parts, limits, deadline) as connection:
        target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
        query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
        connection.request(
            "GET",
            f"{target}?{query}" if query else target,
            headers={"User-Agent": "catsdogs_exp", "Accept": "image/*", "Accept-Encoding": "identity"},
        )
        with connection.getresponse() as response:
            if response.status in _REDIRECTS and (location := response.getheader("Location")):
                return location
            if response.status != http.client.OK:
                said = f"{response.status} {response.reason}".rstrip()
                raise WebImageError(f"cannot be downloaded: the server answers {said}")
            return _content(response, limits, deadline)


def _content(response: http.client.HTTPResponse, limits: Limits, deadline: float) -> bytes:
    parts, size = [], 0
    if response.length is not None and response.length > limits.size:
        raise WebImageError(_too_large(limits))
    expected = response.length
    while part := response.read1(_CHUNK):
        parts.append(part)
        size += len(part)
        if size > limits.size:
            raise WebImageError(_too_large(limits))
    if time.monotonic() >= deadline:  # closing by the watchdog looks like the end of the content
        raise TimeoutError
    if expected is not None and size < expected:
        raise WebImageError(f"cannot be downloaded: the connection ended after {size:,} of {expected:,} bytes")
    return b"".join(parts)


def _too_large(limits: Limits) -> str:
    return f"cannot be downloaded: more than {limits.size / 2**20:g} MB"


@contextmanager
def _connection(parts: SplitResult, limits: Limits, deadline: float) -> Iterator[http.client.HTTPConnection]:
    """A context manager for a connection to a checked address, which is closed at the deadline in any case."""
    assert parts.hostname is not None
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    plain = _connected(parts.hostname, port, limits, deadline)
    try:
        plain.settimeout(max(deadline - time.monotonic(), 0.01))
        if secure:
            plain = ssl.create_default_context().wrap_socket(plain, server_hostname=parts.hostname)
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        connection = http.client.HTTPConnection(host, port)
        if secure:
            connection.default_port = 443  # leaves the port out of the Host header
        connection.sock = plain
        # A server that sends one byte per second never exceeds the time limit of a single read.
        watchdog = threading.Timer(max(deadline - time.monotonic(), 0), _shut, [plain])
        watchdog.daemon = True
        watchdog.start()
        try:
            yield connection
        finally:
            watchdog.cancel()
    finally:
        plain.close()


def _shut(connected: socket.socket) -> None:
    try:
        connected.shutdown(socket.SHUT_RDWR)
    except OSError:  # closed already
        return


def _connected(host: str, port: int, limits: Limits, deadline: float) -> socket.socket:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if not limits.private:
        for *_, place in found:
            if not is_public(str(place[0])):
                raise WebImageError(
                    f"refused: {host} is inside your own network ({place[0]}). "
                    "If you trust it: --allow-private-addresses"
                )
    last: OSError = OSError(f"{host} has no address")
    for family, kind, protocol, _, place in found:
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(max(deadline - time.monotonic(), 0.01))
            connection.connect(place)
        except OSError as error:
            connection.close()
            last = error
            continue
        return connection
    raise last


def is_public(address: str) -> bool:
    """Whether an IP address is reachable by everyone: not loopback, private, link-local, reserved or multicast.

    IPv6 addresses that contain an IPv4 address (mapped, 6to4, Teredo, NAT64) are judged by it as well.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    inside: list[ipaddress.IPv4Address | ipaddress.IPv6Address] = []
    if isinstance(ip, ipaddress.IPv6Address):
        inside = [each for each in (ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())) if each is not None]
        if ip in _NAT64:
            inside.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
    return ip.is_global and not ip.is_multicast and all(is_public(str(each)) for each in inside)
