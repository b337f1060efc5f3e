"""Images from the web: limits of size, time and redirects, and addresses inside the user's own network."""

import http.server
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catsdogs_exp.inference import web_images
from catsdogs_exp.inference.web_images import Limits, WebImageError, download, is_public

LOCAL = Limits(seconds=5, private=True)


class Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        with suppress(OSError):
            getattr(self, f"page_{path.strip('/').split('/')[0]}", self.page_missing)()

    def page_missing(self) -> None:
        self.send_error(404, "Not [red]Found")

    def page_image(self) -> None:
        body = self.path.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def page_large(self) -> None:
        """A length that is true, or none at all."""
        self.send_response(200)
        if "length" in self.path:
            self.send_header("Content-Length", str(3 * 2**20))
        self.end_headers()
        for _ in range(48):
            self.wfile.write(bytes(2**16))

    def page_cut(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"x" * 10)

    def page_dripping(self) -> None:
        """One byte at a time, in the header or in the content."""
        if "content" in self.path:
            self.send_response(200)
            self.end_headers()
        for _ in range(200):
            self.wfile.write(b"x")
            self.wfile.flush()
            time.sleep(0.05)

    def page_hop(self) -> None:
        """`/hop/3` redirects three times, then shows the image."""
        left = int(self.path.rsplit("/", 1)[1])
        self.to("/image" if left == 0 else f"/hop/{left - 1}")

    def page_to(self) -> None:
        self.to(self.path.removeprefix("/to/"))

    def to(self, place: str) -> None:
        self.send_response(302)
        self.send_header("Location", place)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages) as listening:
        listening.daemon_threads = True
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()
        thread.join()


def reason(address: str, limits: Limits = LOCAL) -> str:
    with pytest.raises(WebImageError) as raised:
        download(address, limits)
    return str(raised.value)


def test_the_content_of_an_address(server: str) -> None:
    assert download(f"{server}/image/a b.jpg?x=1&y=ä", LOCAL) == b"/image/a%20b.jpg?x=1&y=%C3%A4"
    assert download(server.replace("127.0.0.1", "localhost") + "/hop/4", LOCAL) == b"/image"


def test_own_addresses_are_refused_unless_allowed(server: str) -> None:
    for host in ("127.0.0.1", "localhost"):
        address = server.replace("127.0.0.1", host) + "/image"
        said = reason(address, Limits(seconds=5))
        assert said.startswith(f"refused: {host} is inside your own network (")
        assert said.endswith("If you trust it: --allow-private-addresses")


def test_a_redirect_to_an_own_address_is_refused(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """127.0.0.1 plays the public server here, 127.0.0.2 the private one."""
    monkeypatch.setattr(web_images, "is_public", lambda address: address == "127.0.0.1")
    limits = Limits(seconds=5)
    assert download(f"{server}/to/{server}/image", limits) == b"/image"
    real, inside = socket.getaddrinfo, [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.2", 80))]
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda name, *a, **k: inside if name == "inside.example" else real(name, *a, **k)
    )
    for host in ("127.0.0.2", "inside.example"):
        assert reason(f"{server}/to/http://{host}/image", limits).startswith(f"refused: {host} is inside your own")


def test_a_name_with_one_own_address_among_others_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (place, 80)) for place in ("93.184.216.34", "10.0.0.7")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    assert "refused: two.example is inside your own network (10.0.0.7)" in reason("http://two.example/x", Limits())


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/nothing", "cannot be downloaded: the server answers 404 Not [red]Found"),
        ("/large/length", "cannot be downloaded: more than 1 MB"),
        ("/large", "cannot be downloaded: more than 1 MB"),
        ("/cut", "cannot be downloaded: the connection ended after 10 of 1,000 bytes"),
        ("/hop/9", "cannot be downloaded: more than 5 redirects"),
        ("/to/file:///etc/passwd", "cannot be downloaded: not an http or https address: file:///etc/passwd"),
        ("/to/ftp://example.org/x", "cannot be downloaded: not an http or https address: ftp://example.org/x"),
    ],
)
def test_limits(server: str, path: str, said: str) -> None:
    assert reason(f"{server}{path}", Limits(size=2**20, seconds=5, private=True)) == said


@pytest.mark.parametrize("where", ["header", "content"])
def test_a_server_that_drips_runs_into_the_time_limit(server: str, where: str) -> None:
    started = time.monotonic()
    said = reason(f"{server}/dripping/{where}", Limits(seconds=0.4, private=True))
    assert said == "cannot be downloaded: not complete after 0.4 s"
    assert time.monotonic() - started < 8  # all of it takes ten


def test_what_is_no_address_or_does_not_answer() -> None:
    assert reason("http://user:secret@127.0.0.1/x").endswith("a user name or password are not supported")
    assert reason("http:///x").startswith("cannot be downloaded: not an http or https address")
    assert reason("http://127.0.0.1:99999/x").startswith("cannot be downloaded: ")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert "refused" in reason(f"http://127.0.0.1:{free.getsockname()[1]}/x").lower()


@pytest.mark.parametrize(
    ("address", "public"),
    [
        *((each, True) for each in ("8.8.8.8", "93.184.216.34", "2606:2800:220:1::1", "::ffff:8.8.8.8")),
        *((each, False) for each in ("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254")),
        *((each, False) for each in ("0.0.0.0", "100.64.0.1", "224.0.0.1", "255.255.255.255", "198.18.0.1")),
        *((each, False) for each in ("::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1")),
        *((each, False) for each in ("64:ff9b::7f00:1", "2002:7f00:1::", "2002:a00:1::")),
    ],
)
def test_addresses(address: str, public: bool) -> None:
    assert is_public(address) is public


@given(st.ip_addresses(v=4, network="10.0.0.0/8"))
def test_an_own_address_within_another_stays_one(inner) -> None:
    for prefix in ("::ffff:", "64:ff9b::"):
        assert not is_public(f"{prefix}{inner}")
    assert not is_public(f"2002:{int(inner) >> 16:x}:{int(inner) & 0xFFFF:x}::1")
