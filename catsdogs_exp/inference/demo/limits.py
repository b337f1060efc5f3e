"""The limits of the demo's server. Tests use smaller ones."""

from dataclasses import dataclass

MB = 1_000_000


@dataclass(frozen=True)
class Limits:
    """How much the server accepts from its clients.

    Attributes:
        body_bytes: size of one upload.
        bodies_bytes: total size of all uploads that are being received or are waiting.
        pixels: pixels of one image; allows a phone's 50 megapixels.
        kept_bytes: total size of the decoded images that pages work on.
        kept_seconds: time since an image was last used.
        body_seconds: time to receive an upload.
        request_seconds: time from a connection's opening, or a request's first byte, to the end of the response.
        connections: number of open connections.
        waiting: number of waiting requests of each kind.
    """

    body_bytes: int = 20 * MB
    bodies_bytes: int = 200 * MB
    pixels: int = 50 * MB
    kept_bytes: int = 400 * MB
    kept_seconds: float = 600.0
    body_seconds: float = 30.0
    request_seconds: float = 60.0
    connections: int = 500
    waiting: int = 250
