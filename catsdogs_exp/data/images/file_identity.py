"""Which file it is: what tells, without reading it, that a file is still the one that was read before."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.data.images.slow_reads import noted

Identity = tuple[int, int, int, int]
"""Bytes, time of change in ns, time of the last change of its entry (name, rights, content) in ns, and inode.

Size and time alone do not do: an archive gives all its files one time, and of two files of one size that are swapped
each has what the other had. On Windows the third is the time of creation.
"""

FIELDS = ("bytes", "mtime_ns", "ctime_ns", "inode")
UNREACHABLE: Identity = (-1, -1, -1, -1)

_PIECE = 1 << 16  # bytes: most photos of a data set have less, and more is taken from the system page by page
_BINARY = getattr(os, "O_BINARY", 0)  # Windows
_POSITIVE = (1 << 63) - 1  # some network file systems number with 64 bits, Windows with 128


def identity_of(status: os.stat_result) -> Identity:
    """The identity of a file whose status is known."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino & _POSITIVE


def identities(paths: Iterable[str]) -> NDArray[np.int64]:
    """The identities of files as they are now, int64 [n, 4]; `UNREACHABLE` where there is none."""
    found: list[int] = []
    stat = os.stat
    for path in paths:
        try:
            found += identity_of(stat(path))
        except OSError:
            found += UNREACHABLE
    return np.array(found, dtype=np.int64).reshape(-1, len(FIELDS))


def read_file(path: Path | str) -> tuple[bytes, Identity]:
    """The content of a file, and the identity that it had just before; a slow read is noted (`slow_reads`).

    Raises:
        OSError: when it cannot be read.
    """
    with noted(path):
        # Half the calls that `open` makes: after each a thread queues for the interpreter.
        handle = os.open(path, os.O_RDONLY | _BINARY)
        try:
            identity = identity_of(os.fstat(handle))
            parts = [os.read(handle, _PIECE)]
            while parts[-1]:
                parts.append(os.read(handle, _PIECE))
        finally:
            os.close(handle)
    return b"".join(parts), identity


def same(one: Sequence[int] | NDArray[np.int64], other: Sequence[int] | NDArray[np.int64]) -> bool:
    """Whether two identities are of one file with one content."""
    return list(one) == list(other)
