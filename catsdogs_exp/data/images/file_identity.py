"""File identity: determines, without reading a file, whether it is still the one that was read before."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.data.images.slow_reads import noted

Identity = tuple[int, int, int, int]
"""Size in bytes, modification time in ns, inode change time (content, name, permissions) in ns, and inode.

Size and modification time alone are not enough: an archive may give all its files the same time, and two files of the
same size and time may be swapped. On Windows the third value is the creation time.
"""

FIELDS = ("bytes", "mtime_ns", "ctime_ns", "inode")
UNREACHABLE: Identity = (-1, -1, -1, -1)

_PIECE = 1 << 16  # bytes: most photos are smaller, and a larger buffer costs page faults
_BINARY = getattr(os, "O_BINARY", 0)  # Windows
_POSITIVE = (1 << 63) - 1  # some network file systems use 64-bit numbers, Windows 128


def identity_of(status: os.stat_result) -> Identity:
    """Returns the identity of a file from its status."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino & _POSITIVE


def identities(paths: Iterable[str]) -> NDArray[np.int64]:
    """Returns the current identities of files, int64 [n, 4]; `UNREACHABLE` where there is none."""
    found: list[int] = []
    stat = os.stat
    for path in paths:
        try:
            found += identity_of(stat(path))
        except OSError:
            found += UNREACHABLE
    return np.array(found, dtype=np.int64).reshape(-1, len(FIELDS))


def read_file(path: Path | str) -> tuple[bytes, Identity]:
    """Returns the content of a file, and its identity just before reading; slow reads are reported (`slow_reads`).

    Raises:
        OSError: if it cannot be read.
    """
    with noted(path):
        # Half as many system calls as `open`: after each, a thread waits for the interpreter lock.
        handle = os.open(path, os.O_RDONLY | _BINARY)
        try:
            status = os.fstat(handle)
            identity = identity_of(status)
            parts = [os.read(handle, min(status.st_size + 1, _PIECE))]
            if len(parts[0]) == status.st_size < _PIECE:  # the end, because one more byte was requested
                return parts[0], identity
            while parts[-1]:
                parts.append(os.read(handle, _PIECE))
        finally:
            os.close(handle)
    return b"".join(parts), identity


def same(one: Sequence[int] | NDArray[np.int64], other: Sequence[int] | NDArray[np.int64]) -> bool:
    """Returns whether two identities stand for the same file with the same content."""
    return list(one) == list(other)
