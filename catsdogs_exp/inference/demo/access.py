"""Access control: rejects other pages, rebound names, and requests from other machines without the token."""

import hmac
import ipaddress
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(self), geolocation=(), microphone=()",
    "cache-control": "no-store",
}


@dataclass(frozen=True)
class Access:
    """Who may ask.

    Attributes:
        names: host names of the server; others are rejected, because any name can be made to point here.
        addresses: whether it may also be called by IP address, which cannot be rebound.
        token: the required token, or None.
    """

    names: frozenset[str]
    addresses: bool = False
    token: str | None = None


class Guard:
    """Rejects requests before they reach the app, and adds the security headers to every response.

    Args:
        app: the guarded app.
        access: who has access.
        public: paths that need no token.
    """

    def __init__(self, app: ASGIApp, access: Access, public: Collection[str]) -> None:
        self._app, self._access, self._public = app, access, frozenset(public)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Rejects or passes on a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
                message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, send_with_headers)
            return
        status, text = refusal
        body = json.dumps({"error": text}).encode()
        headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
        headers.append((b"content-length", str(len(body)).encode()))
        if status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        await send_with_headers({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        hosts = _values(headers, b"host")
        if len(hosts) != 1 or not self._knows(hosts[0]):
            return 421, f"This server does not answer to the host name {', '.join(hosts)[:100] or '(none)'}."
        if any(_host_of(origin) != hosts[0] for origin in _values(headers, b"origin")):
            return 403, "Requests from other pages are refused."
        if set(_values(headers, b"sec-fetch-site")) - {"same-origin", "none"} and not _opens_page(scope, headers):
            return 403, "Requests from other pages are refused."
        if self._access.token is not None and scope["path"] not in self._public and not self._has_token(headers):
            return 401, "The token is missing or wrong. It is printed where the demo was started."
        return None

    def _knows(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return name in self._access.names or (self._access.addresses and _is_address(name))

    def _has_token(self, headers: Sequence[tuple[bytes, bytes]]) -> bool:
        expected = f"Bearer {self._access.token}".encode()
        return any(hmac.compare_digest(value, expected) for name, value in headers if name == b"authorization")


def _opens_page(scope: Scope, headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Returns whether the user followed a link to the page, such as in a chat or an email."""
    return scope["path"] == "/" and _values(headers, b"sec-fetch-mode") == ["navigate"]


def _values(headers: Sequence[tuple[bytes, bytes]], wanted: bytes) -> list[str]:
    return [value.decode("latin-1") for name, value in headers if name == wanted]


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
