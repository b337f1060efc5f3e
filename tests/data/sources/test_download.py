"""Downloads from a local server that misbehaves in every way we know of."""

import hashlib
import importlib
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from catsdogs_exp.config.schema.datasets import Download
from catsdogs_exp.errors import BadInput

module = importlib.import_module("catsdogs_exp.data.sources.download")
CONTENT = bytes(range(256)) * 4096 * 3  # 3 MiB
Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Responds as the test's script says, request by request; the last response is repeated."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def do_GET(self) -> None:
        self.server.requests.append(dict(self.headers.items()))
        script = self.server.script
        answer = script.pop(0) if len(script) > 1 else script[0]
        with suppress(BrokenPipeError, ConnectionResetError):
            answer(self)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass

    def start(self, status: int, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.send_header("Connection", "close")
        self.end_headers()

    def wanted(self) -> int:
        return int(re.sub(r"\D", "", self.headers.get("Range", "0")))


class Server(ThreadingHTTPServer):
    daemon_threads = True
    script: list[Answer]
    requests: list[dict[str, str]]

    def handle_error(self, *_: object) -> None:
        pass


def good(handler: Handler) -> None:
    first = handler.wanted()
    if first:
        place = f"bytes {first}-{len(CONTENT) - 1}/{len(CONTENT)}"
        handler.start(206, Content_Length=len(CONTENT) - first, Content_Range=place, ETag='"1"')
    else:
        handler.start(200, Content_Length=len(CONTENT), ETag='"1"')
    handler.wfile.write(CONTENT[first:])


def breaking(count: int) -> Answer:
    """Announces the right size and closes after `count` bytes."""

    def answer(handler: Handler) -> None:
        first = handler.wanted()
        place = f"bytes {first}-{len(CONTENT) - 1}/{len(CONTENT)}"
        handler.start(206 if first else 200, Content_Length=len(CONTENT) - first, Content_Range=place, ETag='"1"')
        handler.wfile.write(CONTENT[first : first + count])

    return answer


def saying(status: int) -> Answer:
    return lambda handler: handler.start(status, Content_Length=0)


def whole(handler: Handler) -> None:
    """Ignores Range."""
    handler.start(200, Content_Length=len(CONTENT))
    handler.wfile.write(CONTENT)


def chunked(*pieces: bytes, end: bool = True) -> Answer:
    def answer(handler: Handler) -> None:
        handler.start(200, Transfer_Encoding="chunked")
        for piece in pieces:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        if end:
            handler.wfile.write(b"0\r\n\r\n")

    return answer


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    running = Server(("127.0.0.1", 0), Handler)
    running.script, running.requests = [good], []
    threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


@pytest.fixture
def download(server: Server) -> Download:
    return Download(f"http://127.0.0.1:{server.server_port}/sets/pets.zip", len(CONTENT), None)


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The delays between attempts, which are skipped."""
    waited: list[float] = []
    initial = module.Transfer.__init__

    def quick(self, *arguments, **named) -> None:
        initial(self, *arguments, **named, sleep=waited.append)

    monkeypatch.setattr(module.Transfer, "__init__", quick)
    return waited


def fetched(download: Download) -> Path:
    return module.fetched(download, "dataset.download")


def refusal(download: Download) -> str:
    with pytest.raises(BadInput) as caught:
        fetched(download)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert not module.place_of(download).exists()
    return message


def left(cache: Path) -> set[str]:
    return {path.name for path in (cache / "downloads").iterdir() if path.suffix != ".lock"}


def by_hand(download: Download) -> str:
    return (
        f"Download it by other means and put it at {module.place_of(download)}, or name its location: "
        "dataset.archive=PATH. Without a network: dataset=drawn"
    )


def test_a_file_is_fetched_once_and_progress_counts_bytes(cache: Path, server: Server, download: Download) -> None:
    steps: list[tuple[str, int, int]] = []
    path = module.fetched(download, "dataset.download", lambda *step: steps.append(step))
    assert path == cache / "downloads" / "pets.zip"
    assert path.read_bytes() == CONTENT
    assert left(cache) == {"pets.zip"}
    assert steps[-1] == ("downloading pets.zip", len(CONTENT), len(CONTENT))
    assert [done for _, done, _ in steps] == sorted({done for _, done, _ in steps})
    assert fetched(download) == path
    assert len(server.requests) == 1


def test_a_broken_connection_is_taken_up_where_it_broke(
    cache: Path, server: Server, download: Download, waits: list[float]
) -> None:
    server.script = [breaking(100_000), breaking(50_000), good]
    assert fetched(download).read_bytes() == CONTENT
    assert [request.get("Range") for request in server.requests] == [None, "bytes=100000-", "bytes=150000-"]
    assert server.requests[1]["If-Range"] == '"1"'
    assert waits == [1.0, 2.0]
    assert left(cache) == {"pets.zip"}


def test_attempts_are_counted_anew_after_a_megabyte(
    cache: Path, server: Server, download: Download, waits: list[float]
) -> None:
    server.script = [breaking(1)] * 5 + [breaking(2**20)] + [breaking(1)] * 4 + [good]
    assert fetched(download).read_bytes() == CONTENT
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0] * 2


def test_a_connection_that_always_breaks_is_given_up_and_the_next_run_goes_on(
    cache: Path, server: Server, download: Download, waits: list[float]
) -> None:
    server.script = [breaking(1000)]
    assert refusal(download) == (
        f"pets.zip cannot be downloaded: {download.url}: the connection broke after 6,000 of 3,145,728 bytes "
        f"(6 attempts). {by_hand(download)}"
    )
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert left(cache) == {"pets.zip.part", "pets.zip.part.json"}
    server.script = [good]
    assert fetched(download).read_bytes() == CONTENT
    assert server.requests[-1]["Range"] == "bytes=6000-"


def test_a_server_without_ranges_begins_anew(cache: Path, server: Server, download: Download) -> None:
    server.script = [breaking(100_000), whole]
    assert fetched(download).read_bytes() == CONTENT


def test_a_server_that_goes_on_elsewhere_is_not_believed(cache: Path, server: Server, download: Download) -> None:
    def elsewhere(handler: Handler) -> None:
        handler.start(206, Content_Length=10, Content_Range=f"bytes 5-14/{len(CONTENT)}")
        handler.wfile.write(b"x" * 10)

    server.script = [breaking(100_000), elsewhere, saying(416), good]
    assert fetched(download).read_bytes() == CONTENT
    assert [request.get("Range") for request in server.requests] == [None, "bytes=100000-", None, None]


def test_a_beginning_that_the_server_refuses_is_thrown_away(cache: Path, server: Server, download: Download) -> None:
    server.script = [breaking(100_000), saying(416), good]
    assert fetched(download).read_bytes() == CONTENT
    assert server.requests[-1].get("Range") is None


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429])
def test_a_passing_trouble_is_waited_out(
    cache: Path, server: Server, download: Download, waits: list[float], status: int
) -> None:
    server.script = [saying(status), saying(status), good]
    assert fetched(download).read_bytes() == CONTENT
    assert waits == [1.0, 2.0]


@pytest.mark.parametrize(("status", "words"), [(404, "404 Not Found"), (403, "403 Forbidden"), (410, "410 Gone")])
def test_a_lasting_trouble_is_told_at_once(
    cache: Path, server: Server, download: Download, waits: list[float], status: int, words: str
) -> None:
    server.script = [saying(status)]
    assert refusal(download) == (
        f"pets.zip cannot be downloaded: {download.url}: the server responds with {words}. {by_hand(download)}"
    )
    assert (waits, len(server.requests), left(cache)) == ([], 1, set())


def test_a_trouble_that_does_not_pass(cache: Path, server: Server, download: Download, waits: list[float]) -> None:
    server.script = [saying(500)]
    assert "the server responds with 500 Internal Server Error (6 attempts). " in refusal(download)
    assert len(server.requests) == 6


@pytest.mark.parametrize("said", [10, len(CONTENT) + 1])
def test_another_size_is_refused_before_it_is_fetched(
    cache: Path, server: Server, download: Download, said: int
) -> None:
    server.script = [lambda handler: handler.start(200, Content_Length=said)]
    assert refusal(download) == (
        f"{download.url} must have 3,145,728 bytes (dataset.download.bytes). Received: {said:,}. "
        "If it has changed on the server, set dataset.download.bytes=null dataset.download.sha256=null. Nothing was "
        "kept."
    )
    assert (len(server.requests), left(cache)) == (1, set())


@pytest.mark.parametrize("extra", [b"", b"more"])
def test_a_server_that_says_no_size(cache: Path, server: Server, download: Download, extra: bytes) -> None:
    server.script = [chunked(CONTENT[:1000], CONTENT[1000:], *([extra] if extra else []))]
    if extra:
        assert "must have 3,145,728 bytes (dataset.download.bytes). Received: 3,145,732." in refusal(download)
    else:
        assert fetched(download).read_bytes() == CONTENT


def test_a_truncated_answer_without_a_size_is_noticed(cache: Path, server: Server, download: Download) -> None:
    server.script = [chunked(CONTENT[:1000], end=False), good]
    assert fetched(replace(download, bytes=None)).read_bytes() == CONTENT


def test_a_checksum_decides(cache: Path, server: Server, download: Download) -> None:
    right = replace(download, sha256=hashlib.sha256(CONTENT).hexdigest().upper())
    wrong = replace(download, sha256="0" * 64)
    assert refusal(wrong) == (
        f"The file at {download.url} has a different checksum than dataset.download.sha256={'0' * 64}: it was damaged "
        "in transit or has changed on the server. Try again, or set dataset.download.sha256=null. Nothing was kept."
    )
    assert left(cache) == set()
    assert fetched(right).read_bytes() == CONTENT


def test_a_redirect_is_followed_and_a_circle_is_not(cache: Path, server: Server, download: Download) -> None:
    def elsewhere(handler: Handler) -> None:
        handler.start(302, Location="/other.zip", Content_Length=0)

    server.script = [elsewhere, good]
    assert fetched(download).name == "pets.zip"
    fetched(download).unlink()
    server.script = [elsewhere]
    assert "Exceeded 30 redirects" in refusal(download)


def test_a_redirect_away_from_encryption_is_refused(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import requests

    @contextmanager
    def elsewhere(*_: object, **__: object) -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(url="http://pets.example/pets.zip", status_code=200)

    monkeypatch.setattr(requests, "get", elsewhere)
    safe = Download("https://pets.example/pets.zip", None, None)
    assert refusal(safe) == (
        f"pets.zip cannot be downloaded: {safe.url}: it redirects to an unencrypted address: "
        f"http://pets.example/pets.zip. {by_hand(safe)}"
    )


def test_a_server_that_falls_silent_is_left(
    cache: Path, server: Server, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(handler: Handler) -> None:
        breaking(1000)(handler)
        handler.wfile.flush()
        handler.connection.settimeout(30)
        handler.rfile.read(1)  # until the client hangs up

    monkeypatch.setattr(module, "READ", 0.4)
    server.script = [silent, good]
    started = time.monotonic()
    assert fetched(download).read_bytes() == CONTENT
    assert time.monotonic() - started < 20
    assert server.requests[1]["Range"] == "bytes=1000-"


def test_a_server_that_drips_is_left(
    cache: Path, server: Server, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dripping(handler: Handler) -> None:
        breaking(0)(handler)
        for _ in range(600):  # half a minute, unless the client hangs up
            handler.wfile.write(b"\0")
            handler.wfile.flush()
            time.sleep(0.05)

    monkeypatch.setattr(module, "STALL", 0.3)
    server.script = [dripping, good]
    started = time.monotonic()
    assert fetched(replace(download, sha256=None)).stat().st_size == len(CONTENT)
    assert time.monotonic() - started < 20
    assert len(server.requests) == 2


def test_a_slow_server_that_goes_on_is_waited_for(
    cache: Path, server: Server, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(handler: Handler) -> None:
        handler.start(200, Content_Length=len(CONTENT))
        for start in range(0, len(CONTENT), 2**18):
            handler.wfile.write(CONTENT[start : start + 2**18])
            time.sleep(0.1)

    monkeypatch.setattr(module, "READ", 1.0)  # of each part; all twelve take longer
    server.script = [slow]
    assert fetched(download).read_bytes() == CONTENT
    assert len(server.requests) == 1


def test_no_server(cache: Path, waits: list[float]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nowhere = Download(f"http://127.0.0.1:{taken.getsockname()[1]}/pets.zip", None, None)
        assert refusal(nowhere) == (
            f"pets.zip cannot be downloaded: {nowhere.url}: Connection refused (6 attempts). {by_hand(nowhere)}"
        )


def test_no_network_is_told_at_once(cache: Path, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    nowhere = Download("http://pets.example/pets.zip", None, None)
    assert refusal(nowhere) == (
        f"pets.zip cannot be downloaded: {nowhere.url}: Name or service not known. {by_hand(nowhere)}"
    )
    assert waits == []


def test_a_disk_that_is_too_small_is_told_before(
    cache: Path, server: Server, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: SimpleNamespace(free=5 * 2**20))
    assert refusal(download) == (
        f"Not enough space for {download.url}: 70 MiB are needed including its unpacked images, 5 MiB are free in "
        f"{cache / 'downloads'}. Set the environment variable CATSDOGS_CACHE to use another folder."
    )
    assert left(cache) == set()


def test_a_full_disk(cache: Path, server: Server, download: Download, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.Transfer, "_copy", full)
    assert refusal(download) == (
        f"pets.zip cannot be written: No space left on device: {cache / 'downloads'}. Set the environment variable "
        "CATSDOGS_CACHE to use another folder."
    )


def test_a_file_put_there_by_hand_is_used_where_it_has_the_size(
    cache: Path, server: Server, download: Download
) -> None:
    place = module.place_of(download)
    place.write_bytes(CONTENT[:-1])
    with pytest.raises(BadInput) as caught:
        fetched(download)
    assert str(caught.value) == (
        f"{place} must have 3,145,728 bytes (dataset.download.bytes). Received: 3,145,727. "
        "Remove it to download it again."
    )
    place.write_bytes(CONTENT)
    assert fetched(download) == place
    assert server.requests == []


def test_another_address_does_not_go_on_with_our_part(cache: Path, server: Server, download: Download) -> None:
    server.script = [breaking(1000), saying(404)]
    refusal(download)
    server.script = [good]
    other = replace(download, url=download.url.replace("sets", "others"))
    assert fetched(other).read_bytes() == CONTENT
    assert server.requests[-1].get("Range") is None


def test_two_processes_download_once(cache: Path, server: Server, download: Download) -> None:
    def slow(handler: Handler) -> None:
        time.sleep(0.5)
        whole(handler)

    server.script = [slow]
    program = (
        "import sys; from catsdogs_exp.config.schema.datasets import Download; "
        "from catsdogs_exp.data.sources.download import fetched; "
        "print(fetched(Download(sys.argv[1], int(sys.argv[2]), None), 'x').stat().st_size)"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", program, download.url, str(len(CONTENT))], stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    assert [process.communicate(timeout=200)[0] for process in both] == [f"{len(CONTENT)}\n"] * 2
    assert len(server.requests) == 1


def test_a_process_that_holds_the_lock_and_does_nothing_is_not_waited_for_ever(
    cache: Path, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOCK_PATIENCE", 0.2)
    place = module.place_of(download)
    with module.FileLock(f"{place}.lock"):
        message: list[str] = []
        thread = threading.Thread(target=lambda: message.append(refusal(download)))
        thread.start()
        thread.join(60)
    assert message == [
        f"Another process is downloading the same file but has made no progress for 0.2 s: {place}.part. "
        "End it and try again."
    ]


def test_a_killed_process_leaves_no_half_file_and_the_next_goes_on(
    cache: Path, server: Server, download: Download
) -> None:
    def endless(handler: Handler) -> None:
        breaking(200_000)(handler)
        handler.wfile.flush()
        handler.rfile.read(1)  # until the client is gone

    server.script = [endless, good]
    program = (
        "import sys; from catsdogs_exp.config.schema.datasets import Download; "
        "from catsdogs_exp.data.sources.download import fetched; fetched(Download(sys.argv[1], None, None), 'x')"
    )
    process = subprocess.Popen([sys.executable, "-c", program, download.url])
    part = module.part_of(module.place_of(download))
    end = time.monotonic() + 120
    while not (part.exists() and part.stat().st_size) and time.monotonic() < end:
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert not module.place_of(download).exists()
    size = part.stat().st_size
    assert 0 < size <= 200_000
    assert fetched(download).read_bytes() == CONTENT
    assert server.requests[-1]["Range"] == f"bytes={size}-"
    assert os.environ["CATSDOGS_CACHE"] == str(cache)
