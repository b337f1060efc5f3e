"""P11: a run's peak memory with ten times the images; and the cost per image.

Only memory that the system cannot reclaim counts. Mapped pages of the decoded cache are copies of what is on disk and
only use free memory, so they are left out.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import photos
from benchmarks.options import Options, heading
from benchmarks.table import Row, render
from benchmarks.timing import interleaved, say
from catsdogs_exp.config.compose import config_of
from catsdogs_exp.data.open_data import gather
from catsdogs_exp.data.randomness import epoch_order
from catsdogs_exp.errors import BadInput, RunFailed

_COUNTS = (2_500, 25_000)
_QUICK = (100, 200)
_MILLION = 1_000_000
_AT_MOST = 1.1


def run(options: Options) -> str:
    """Measures and returns the table.

    Raises:
        BadInput: except on Linux, the only system that distinguishes the two kinds of memory.
    """
    if not Path("/proc/self/status").is_file():
        raise BadInput("needs Linux: /proc tells a process's own memory from mapped files")
    load = os.getloadavg()[0]
    counts = _QUICK if options.quick else _COUNTS
    settings = ["target_size=32", "depth=2"] if options.quick else ["target_size=150", "depth=3", "batch_size=20"]
    for count in counts:
        say(f"drawing, inspecting and decoding {count:,} pictures")
        gather(config_of(_drawn(count)))
    measured = interleaved({str(n): partial(peak, n, settings) for n in counts}, options.rounds, say)
    text = f"{heading('memory', options, 'drawn pictures, one epoch, disk cache', load)}\n{render(rows(measured))}"
    return f"{text}\n\n{_on_paper(counts[0])}"


def rows(measured: dict[str, list[float]]) -> list[Row]:
    """The table's rows, from bytes at the peak, one number per round; by name the number of images."""
    (few, small), (many, large) = measured.items()
    low, high = float(np.median(small)), float(np.median(large))
    ratios = [b / a for a, b in zip(small, large, strict=True)]
    worse = max(high / low, float(np.median(ratios)))
    return [
        Row(
            "P11",
            f"peak memory of a run, {int(many):,} / {int(few):,} images",
            f"{high / 2**20:,.0f} MiB",
            f"{low / 2**20:,.0f} MiB",
            f"{high / low:.3f}",
            f"{np.median(ratios):.3f} [{min(ratios):.3f}, {max(ratios):.3f}]",
            f"<= {_AT_MOST:g}",
            "yes" if worse <= _AT_MOST else "no",
        )
    ]


def peak(images: int, settings: list[str]) -> float:
    """Peak private memory of a run of one epoch, in bytes."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "catsdogs_exp", *_drawn(images), *settings]
        command += ["epochs=1", "loader.cache=disk", f"output_dir={Path(folder).as_posix()}"]
        highest = 0.0
        with subprocess.Popen(command, cwd=photos.CHECKOUT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as run:
            while run.poll() is None:
                highest = max(highest, _own_memory(run.pid))
                time.sleep(0.02)
            assert run.stderr is not None
            said = run.stderr.read().decode(errors="replace")
    if run.returncode != 0:
        raise RunFailed(f"{' '.join(command)} ended with exit code {run.returncode}:\n{said}")
    return highest


def bytes_of(value: Any) -> int:
    """The memory of a dataclass's arrays, including nested ones."""
    return sum(array.nbytes + (_texts(array) if array.dtype.hasobject else 0) for array in _arrays(value))


def _arrays(value: Any) -> Iterator[np.ndarray]:
    if isinstance(value, np.ndarray):
        yield value
    elif is_dataclass(value):
        for field in fields(value):
            yield from _arrays(getattr(value, field.name))


def _texts(array: np.ndarray) -> int:
    return sum(sys.getsizeof(text) for text in {id(text): text for text in array.ravel().tolist()}.values())


def _own_memory(process: int) -> float:
    try:
        text = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace")
    except OSError:  # it has just ended
        return 0.0
    return sum(1024.0 * int(line.split()[1]) for line in text.splitlines() if line.startswith(("RssAnon", "RssShmem")))


def _on_paper(images: int) -> str:
    """The extrapolated cost of a million images."""
    manifest = gather(config_of(_drawn(images)))
    row = bytes_of(manifest) / len(manifest.split)
    started = time.perf_counter()
    epoch_order(0, 0, _MILLION)
    seconds = time.perf_counter() - started
    cached = int(np.prod((150, 150, 3)))
    return (
        f"An image costs {row:,.0f} bytes of the manifest in memory and {cached:,} on disk at 150 x 150: for "
        f"{_MILLION:,} images {row * _MILLION / 2**20:,.0f} MiB and {cached * _MILLION / 2**30:,.0f} GiB. "
        f"The order of an epoch of {_MILLION:,} is drawn in {seconds * 1000:.0f} ms and takes "
        f"{8 * _MILLION / 2**20:.0f} MiB."
    )


def _drawn(images: int) -> tuple[str, ...]:
    return ("dataset=drawn", f"dataset.images={images}", "dataset.broken=0")
