"""P19: answers per second while a crop box is dragged, and requests per second that `/predict` answers in time."""

import http.client
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

from benchmarks import photos
from benchmarks.options import Options, heading
from benchmarks.table import Row, render
from benchmarks.timing import say
from catsdogs_exp.data import drawing
from catsdogs_exp.errors import RunFailed

_TARGET = 20.0  # answers per second
_IN_TIME = 0.25  # seconds, for the 99th percentile
_CLIENTS = (1, 2, 4, 8, 16, 32, 64)


def run(options: Options) -> str:
    """Measures and returns the table."""
    load = os.getloadavg()[0]
    seconds = 0.5 if options.quick else 5.0
    clients = _CLIENTS[:2] if options.quick else _CLIENTS
    dragged: dict[str, list[float]] = {"500 x 375": [], "4032 x 3024": []}
    in_time: list[float] = []
    crowded: list[float] = []
    with tempfile.TemporaryDirectory() as scratch, _served(_trained(options, Path(scratch))) as port:
        files = {name: _jpeg(*map(int, name.split(" x "))) for name in dragged}
        for number in range(options.rounds):
            for name, rates in dragged.items():
                rates.append(drag(port, files[name], seconds))
            in_time.append(highest(port, files["500 x 375"], seconds, clients))
            crowded.append(_beside(port, files["500 x 375"], seconds))
            latest = f"{dragged['500 x 375'][-1]:.0f} answers/s, {in_time[-1]:.0f} requests/s"
            say(f"round {number + 1}/{options.rounds}: {latest}, {crowded[-1]:.0f} answers/s in a crowd")
    details = f"the course's network, {photos.describe(options.photos)}"
    return f"{heading('demo', options, details, load)}\n{render(rows(dragged, in_time, crowded))}"


def rows(dragged: dict[str, list[float]], in_time: Sequence[float], crowded: Sequence[float]) -> list[Row]:
    """The table's rows from rates per second, one per round."""
    shown = [
        _row(f"answers while a crop box is dragged, one user, photo of {name}", rates, "answers/s", _TARGET)
        for name, rates in dragged.items()
    ]
    shown.append(_row("/predict with the 99th percentile <= 250 ms, photos of 500 x 375", in_time, "requests/s", None))
    shown.append(_row("answers to one user beside 200 clients of /predict", crowded, "answers/s", None))
    return shown


def _row(what: str, rates: Sequence[float], unit: str, at_least: float | None) -> Row:
    middle = median(rates)
    return Row(
        "P19",
        what,
        f"{middle:.1f} {unit}",
        "-",
        "-",
        f"{middle:.1f} [{min(rates):.1f}, {max(rates):.1f}]",
        "-" if at_least is None else f">= {at_least:g}",
        "-" if at_least is None else ("yes" if middle >= at_least else "no"),
    )


def drag(port: int, photo: bytes, seconds: float) -> float:
    """Answers per second to one page that asks for the next crop as soon as it has the last answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    kept = _asked(connection, "POST", "/images", photo)
    width, height = kept["width"], kept["height"]
    started, answers = time.perf_counter(), 0
    while (taken := time.perf_counter() - started) < seconds:
        part = 0.3 + 0.6 * abs((taken % 2) - 1)  # the box shrinks and grows
        crop = f"{round(0.05 * width)},{round(0.05 * height)},{round(part * width)},{round(part * height)}"
        _asked(connection, "GET", f"/images/{kept['id']}/predict?crop={crop}")
        answers += 1
    _asked(connection, "DELETE", f"/images/{kept['id']}")
    connection.close()
    return answers / taken


def highest(port: int, photo: bytes, seconds: float, clients: Sequence[int]) -> float:
    """The highest rate of answers over numbers of clients whose 99th percentile is in time."""
    best = 0.0
    for count in clients:
        waits = crowd(port, photo, seconds, count)
        if np.percentile(waits, 99) > _IN_TIME:
            break
        best = max(best, len(waits) / seconds)
    return best


def crowd(port: int, photo: bytes, seconds: float, count: int) -> list[float]:
    """The seconds that each request takes, of clients that send photos to `/predict` one after another."""
    waits: list[float] = []
    end = time.perf_counter() + seconds

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while (started := time.perf_counter()) < end:
            _asked(connection, "POST", "/predict", photo)
            waits.append(time.perf_counter() - started)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return waits


def _beside(port: int, photo: bytes, seconds: float) -> float:
    """Answers per second to one page while 200 clients send photos."""
    others = threading.Thread(target=crowd, args=(port, photo, seconds + 1, 200))
    others.start()
    time.sleep(0.5)
    rate = drag(port, photo, seconds)
    others.join()
    return rate


def _asked(connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None) -> dict[str, int]:
    connection.request(method, path, body)
    answer = connection.getresponse()
    content = answer.read()
    if answer.status >= 300:
        raise RunFailed(f"{method} {path}: {answer.status} {content[:200]!r}")
    found: dict[str, int] = json.loads(content) if content else {}
    return found


def _jpeg(width: int, height: int) -> bytes:
    file = io.BytesIO()
    drawing.draw(0, 3, 0).convert("RGB").resize((width, height), Image.Resampling.BICUBIC).save(
        file, "JPEG", quality=90
    )
    return file.getvalue()


def _trained(options: Options, folder: Path) -> Path:
    settings = [*photos.source(options.photos), *photos.COURSE]
    if options.quick:
        settings = ["dataset=drawn", "dataset.images=100", "target_size=64"]
    few = () if options.quick else ("training.steps_per_epoch=10",)  # what it has learnt does not matter
    words = [*settings, *few, "epochs=1", "logging=minimal", f"output_dir={folder.as_posix()}"]
    command = [sys.executable, "-m", "catsdogs_exp", *words]
    done = subprocess.run(command, check=False, cwd=photos.CHECKOUT, capture_output=True, text=True)
    if done.returncode != 0:
        raise RunFailed(f"{' '.join(command)} ended with exit code {done.returncode}:\n{done.stderr}")
    (found,) = (path.parent for path in folder.rglob("result.json"))
    return found


@contextmanager
def _served(run: Path) -> Iterator[int]:
    """The port of `demo RUN`, in a process of its own."""
    command = [sys.executable, "-m", "catsdogs_exp", "demo", str(run), "--port=0"]
    started = subprocess.Popen(command, cwd=photos.CHECKOUT, stdout=subprocess.PIPE, text=True)
    try:
        assert started.stdout is not None
        found = re.match(r"http://127\.0\.0\.1:(\d+)/", started.stdout.readline())
        if not found:
            raise RunFailed(f"{' '.join(command)} does not serve")
        yield int(found[1])
    finally:
        if started.poll() is None:
            started.send_signal(signal.SIGINT)
        started.communicate(timeout=60)
