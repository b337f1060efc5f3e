"""The limits of the demo's server. Tests use smaller ones."""

from dataclasses import dataclass

MB = 1_000_000


@dataclass(frozen=True)
class Limits:
    """How much the server takes from its clients.

    Attributes:
        body_bytes: of one upload.
        bodies_bytes: of all uploads that are being received or wait for their turn.
        pixels: of one image; a phone's 50 megapixels fit.
        kept_bytes: of the decoded images that pages work on.
        kept_seconds: since an image was last used.
        body_seconds: to receive an upload.
        request_seconds: from a connection's first byte, or its opening, to the end of the response.
        connections: open at the same time.
        waiting: requests that wait for their turn, of each kind.
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
