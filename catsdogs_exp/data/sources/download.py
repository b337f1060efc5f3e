"""Downloads a file once: resumes, retries within time limits, and checks size and checksum.

The bytes are collected in `NAME.part`, which survives a broken connection, Ctrl-C and a killed process. The file gets
its final name only when it is complete and its checksum is correct.
"""

import errno
import hashlib
import json
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from catsdogs_exp import platforms
from catsdogs_exp.config.schema.datasets import Download
from catsdogs_exp.data.cache_folder import cache_errors, cache_folder
from catsdogs_exp.data.progress import ReportProgress
from catsdogs_exp.errors import BadInput

# Time limits in seconds; and the minimum rate for a connection to count as alive.
CONNECT, READ = 10.0, 30.0
WAITS = (1.0, 2.0, 4.0, 8.0, 16.0)  # delays before further attempts
STALL, STALL_BYTES = 60.0, 64 * 1024
GAIN = 2**20  # after this many new bytes, the attempt count starts over
LOCK_PATIENCE = 600.0  # seconds to wait for another process whose download makes no progress

_CHUNK = 2**18
_SPARE = 64 * 2**20  # bytes to leave free on the disk
_PASSING = (408, 425, 429, 500, 502, 503, 504)  # responses worth retrying


class Failed(Exception):
    """A failed attempt; `passing` if a retry may succeed."""

    def __init__(self, reason: str, passing: bool) -> None:
        super().__init__(reason)
        self.passing = passing


def file_name(download: Download) -> str:
    """The last part of the URL."""
    return download.url.partition("?")[0].partition("#")[0].rpartition("/")[2]


def place_of(download: Download) -> Path:
    """Where a download is stored, and where to put a manually downloaded file."""
    return cache_folder("downloads") / file_name(download)


def fetched(download: Download, key: str, progress: ReportProgress | None = None) -> Path:
    """Returns the downloaded file, downloading it if necessary.

    Args:
        download: URL, size and checksum.
        key: the setting these come from, such as `dataset.download`, for messages.
        progress: called with (`downloading NAME`, bytes done, total bytes).

    Raises:
        BadInput: if it cannot be downloaded, has the wrong size or content, or the disk is too small.
    """
    target = place_of(download)
    with cache_errors(target), _alone(target):
        if not target.exists():
            _fetch(download, key, target, progress)
        elif download.bytes is not None and target.stat().st_size != download.bytes:
            raise BadInput(
                f"{target} must have {download.bytes:,} bytes ({key}.bytes). Received: {target.stat().st_size:,}. "
                "Remove it to download it again."
            )
    return target


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Holds the lock of a download; waits for another process as long as its download makes progress."""
    lock, part = FileLock(f"{target}.lock"), part_of(target)
    size, since = -1, time.monotonic()
    while not lock.is_locked:
        try:
            lock.acquire(timeout=min(5.0, LOCK_PATIENCE))
        except Timeout as error:
            now = part.stat().st_size if part.exists() else 0
            if now != size:
                size, since = now, time.monotonic()
            elif time.monotonic() - since >= LOCK_PATIENCE:
                raise BadInput(
                    f"Another process is downloading the same file but has made no progress for {LOCK_PATIENCE:g} s: "
                    f"{part}. End it and try again."
                ) from error
    try:
        yield
    finally:
        lock.release()


def part_of(target: Path) -> Path:
    """Where the bytes of a download are collected."""
    return target.with_name(f"{target.name}.part")


def _fetch(download: Download, key: str, target: Path, progress: ReportProgress | None) -> None:
    part = part_of(target)
    transfer = Transfer(download, key, part, progress)
    try:
        transfer.run()
        if download.sha256 is not None and _sha256(part) != download.sha256.lower():
            transfer.forget()
            raise BadInput(
                f"The file at {download.url} has a different checksum than {key}.sha256={download.sha256}: it was "
                f"damaged in transit or has changed on the server. Try again, or set {key}.sha256=null. "
                "Nothing was kept."
            )
        platforms.replace(part, target)
        transfer.forget()
    except Failed as error:
        raise BadInput(
            f"{target.name} cannot be downloaded: {download.url}: {error}. Download it by other means and put it at "
            f"{target}, or name its location: dataset.archive=PATH. Without a network: dataset=drawn"
        ) from error
    except OSError as error:
        raise BadInput(
            f"{target.name} cannot be written: {error.strerror or error}: {target.parent}. Set the environment "
            "variable CATSDOGS_CACHE to use another folder."
        ) from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Transfer:
    """A download that resumes where it stopped.

    Args:
        download: what to download.
        key: the setting it comes from, for messages.
        part: where the bytes are collected.
        progress: called with (`downloading NAME`, bytes done, total bytes).
        sleep: waits for a number of seconds.
    """

    def __init__(
        self,
        download: Download,
        key: str,
        part: Path,
        progress: ReportProgress | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._download, self._key, self._part, self._progress, self._sleep = download, key, part, progress, sleep
        self._known = part.with_name(f"{part.name}.json")  # the server's description of the file

    def run(self) -> None:
        """Collects the whole file in `part`.

        Raises:
            Failed: if all attempts failed.
            BadInput: for an unexpected size, or a disk that is too small.
        """
        attempt = 0
        counted = self._done()
        while True:
            try:
                self._attempt()
                break
            except Failed as error:
                if self._done() - counted >= GAIN:
                    attempt, counted = 0, self._done()
                if not error.passing:
                    raise
                if attempt == len(WAITS):
                    raise Failed(f"{error} ({len(WAITS) + 1} attempts)", passing=False) from error
                self._sleep(WAITS[attempt])
                attempt += 1

    def forget(self) -> None:
        """Removes the bytes collected so far, and their description."""
        self._part.unlink(missing_ok=True)
        self._known.unlink(missing_ok=True)

    def _done(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0

    def _attempt(self) -> None:
        """Makes one connection. Returns when the file is complete."""
        import requests
        import urllib3

        url, done, known = self._download.url, self._done(), self._remembered()
        if done and known.get("url") == url and known.get("bytes") == done:
            return  # complete: only the check and the renaming remain
        if not known or known.get("url") != url:
            self.forget()
            done = 0
        headers = {"Accept-Encoding": "identity", "User-Agent": "catsdogs-exp"}
        if done:
            headers["Range"] = f"bytes={done}-"
            if known.get("tag"):
                headers["If-Range"] = known["tag"]  # the file has changed: the server starts over
        try:
            with requests.get(url, headers=headers, stream=True, timeout=(CONNECT, READ)) as response:
                self._receive(response, done, known)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise Failed(_reason(error), _is_passing(error, bool(self._done()))) from error

    def _receive(self, response: Any, done: int, known: dict[str, Any]) -> None:
        import urllib3

        if self._download.url.startswith("https:") and not response.url.startswith("https:"):
            raise Failed(f"it redirects to an unencrypted address: {response.url}", passing=False)
        status = response.status_code
        if status == 416:  # the part does not match the current file
            self.forget()
            raise Failed("the server refuses to resume", passing=True)
        if status not in (200, 206):
            raise Failed(f"the server responds with {status} {response.reason or ''}".strip(), status in _PASSING)
        total = _number(response.headers.get("Content-Length"))
        if status == 206:
            first, whole = _range(response.headers.get("Content-Range", ""))
            if first != done or (known.get("bytes") and whole != known["bytes"]):
                self.forget()
                raise Failed("the server resumes at another position", passing=True)
            total = whole
        else:
            done = 0  # Range ignored, or the first attempt
        self._check(done, total)
        self._remember(response, total)
        try:
            self._copy(response.raw, done, total)
        except urllib3.exceptions.ProtocolError as error:
            if total is None or not isinstance(error.args[-1], urllib3.exceptions.IncompleteRead):
                raise  # otherwise reported below
        if total is None:
            self._check_size(self._done())
        elif self._done() != total:
            raise Failed(f"the connection broke after {self._done():,} of {total:,} bytes", passing=True)

    def _check(self, done: int, total: int | None) -> None:
        """Checks what can be known before the first byte: the size, and whether it fits on the disk."""
        if total is not None:
            self._check_size(total)
        expected = total or self._download.bytes
        if expected is None:
            return
        free = shutil.disk_usage(self._part.parent).free
        needed = expected - done + expected + _SPARE  # the archive, and its images
        if free < needed:
            raise BadInput(
                f"Not enough space for {self._download.url}: {needed / 2**20:,.0f} MiB are needed including its "
                f"unpacked images, {free / 2**20:,.0f} MiB are free in {self._part.parent}. "
                "Set the environment variable CATSDOGS_CACHE to use another folder."
            )

    def _check_size(self, size: int) -> None:
        expected = self._download.bytes
        if expected is not None and size != expected:
            self.forget()
            raise BadInput(
                f"{self._download.url} must have {expected:,} bytes ({self._key}.bytes). Received: {size:,}. "
                f"If it has changed on the server, set {self._key}.bytes=null {self._key}.sha256=null. "
                "Nothing was kept."
            )

    def _copy(self, raw: Any, done: int, total: int | None) -> None:
        """Writes the chunks as they arrive."""
        limit = total if total is not None else self._download.bytes
        window, gained = time.monotonic(), 0
        what = f"downloading {self._part.name.removesuffix('.part')}"
        with self._part.open("r+b" if done else "wb") as sink:
            sink.seek(done)
            while chunk := raw.read1(_CHUNK):
                sink.write(chunk)
                done += len(chunk)
                gained += len(chunk)
                if limit is not None and done > limit:
                    self._check_size(done)
                if self._progress and limit and done < limit:
                    self._progress(what, done, limit)
                if time.monotonic() - window > STALL:
                    if gained < STALL_BYTES:
                        raise Failed(f"only {gained:,} bytes in {STALL:g} s", passing=True)
                    window, gained = time.monotonic(), 0
        if self._progress and (limit is None or done == limit):
            self._progress(what, done, done)

    def _remembered(self) -> dict[str, Any]:
        try:
            found = json.loads(self._known.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _remember(self, response: Any, total: int | None) -> None:
        tag = response.headers.get("ETag", "")
        strong = tag if tag.startswith('"') else response.headers.get("Last-Modified", "")
        known = {"url": self._download.url, "tag": strong, "bytes": total}
        self._known.write_text(json.dumps(known), encoding="utf-8")


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def _range(text: str) -> tuple[int | None, int | None]:
    """`bytes 100-199/200` -> (100, 200)."""
    place, _, whole = text.removeprefix("bytes").strip().partition("/")
    return _number(place.partition("-")[0]), _number(whole)


def _is_passing(error: Exception, begun: bool) -> bool:
    """Returns whether a retry may succeed. Before the first byte, an unknown host means that there is no network."""
    import requests
    import urllib3

    inner = _innermost(error)
    offline = isinstance(inner, socket.gaierror) or getattr(inner, "errno", None) == errno.ENETUNREACH
    if offline and not begun:
        return False
    passing = (
        requests.exceptions.ConnectionError,
        requests.exceptions.Timeout,
        requests.exceptions.ChunkedEncodingError,
        urllib3.exceptions.HTTPError,
    )
    lasting = (requests.exceptions.SSLError, requests.exceptions.ProxyError)
    return isinstance(error, passing) and not isinstance(error, lasting)


def _innermost(error: BaseException) -> BaseException:
    """Returns the original error, which urllib3 and requests wrap three times."""
    while (deeper := error.__cause__ or error.__context__) is not None:
        error = deeper
    return error


def _reason(error: Exception) -> str:
    inner = _innermost(error)
    text = getattr(inner, "strerror", None) or str(inner) or type(inner).__name__
    return " ".join(str(text).split())[:200]
