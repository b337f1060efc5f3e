"""Snapshot files: arrays and a JSON state, written atomically.

A snapshot is an uncompressed NumPy `.npz`: the format's checksums detect damage, and nothing in it can execute.
"""

import json
import os
import zipfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from catsdogs_exp import platforms
from catsdogs_exp.errors import BadInput

KEPT = 2  # generations: the newest, and the previous one in case the newest is damaged
_STATE = "state.json"
_MAX_STATE = 64 * 2**20  # bytes; each epoch's row takes a few hundred
_SUFFIX = ".npz"
# Files next to a snapshot: the best network so far, and its predictions for the validation images.
BEST, PREDICTIONS = ".best.keras", ".predictions.csv"
_VERSION = (1, 0)  # of NumPy's array format
NETWORK = "network/"
"""Prefix of the names of the whole network's variables."""


@dataclass(frozen=True)
class Snapshot:
    """A complete snapshot.

    Attributes:
        path: its file.
        state: what was saved besides the arrays.
        names: names of the arrays.
    """

    path: Path
    state: dict[str, Any]
    names: tuple[str, ...]

    def arrays(
        self, like: Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]], unread: Collection[str] = ()
    ) -> dict[str, NDArray[Any]]:
        """Reads arrays.

        Args:
            like: shape and dtype of each requested array.
            unread: names that may also be present; no others are allowed.

        Raises:
            BadInput: if the snapshot belongs to another network or optimizer.
        """
        if missing := sorted((set(like) ^ set(self.names)) - set(unread)):
            raise BadInput(
                f"The checkpoint does not fit the network and optimizer of this config: {self.path}. "
                f"Only one of them has: {', '.join(missing[:5])}"
            )
        found = {}
        with zipfile.ZipFile(self.path) as archive:
            for number, name in enumerate(self.names):
                if name not in like:
                    continue
                with archive.open(_entry(number)) as handle:
                    shape, fortran, dtype = self._header(handle)
                    if (shape, dtype) != like[name] or fortran:
                        raise BadInput(
                            f"The checkpoint does not fit the network and optimizer of this config: {self.path}. "
                            f"{name} is {dtype} {list(shape)} there, {like[name][1]} {list(like[name][0])} here"
                        )
                    data = handle.read()
                found[name] = np.frombuffer(data, dtype).reshape(shape)
        return found

    def _header(self, handle: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
        try:
            if npy.read_magic(handle) != _VERSION:
                raise ValueError("another version of the format")
            shape, fortran, dtype = npy.read_array_header_1_0(handle)
        except ValueError as error:
            raise self.refused(error) from error
        return shape, fortran, dtype

    @property
    def holds_network(self) -> bool:
        """Returns whether another stage can start from it: it contains the whole network, not only what its own stage
        trains.
        """
        return any(name.startswith(NETWORK) for name in self.names)

    def beside(self, suffix: str) -> Path | None:
        """Returns the file next to it with that suffix, `BEST` or `PREDICTIONS`, or None if there is none."""
        path = self.path.with_suffix(suffix)
        return path if path.is_file() else None

    def refused(self, reason: object) -> BadInput:
        """Returns the error for a snapshot that is intact but has unexpected content."""
        reason = f"{reason} is missing" if isinstance(reason, KeyError) else reason
        return BadInput(
            f"Not a checkpoint of catsdogs_exp: {self.path} ({reason}). Remove it to continue from the previous one"
        )


def write_snapshot(folder: Path, number: int, arrays: Mapping[str, NDArray[Any]], state: Mapping[str, Any]) -> Path:
    """Writes a snapshot under a temporary name, syncs it and the files next to it, renames it, and only then deletes
    the oldest ones.

    Args:
        folder: the folder of this run's snapshots; created if missing.
        number: number of steps done so far, which orders the snapshots.
        arrays: by name.
        state: JSON-serializable.

    Raises:
        OSError: for example on a full disk. Earlier snapshots are unaffected.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{number:09d}{_SUFFIX}"
    scratch = folder / f".{path.name}.part"
    try:
        with scratch.open("wb") as handle:
            with zipfile.ZipFile(handle, "w", zipfile.ZIP_STORED) as archive:
                archive.writestr(_STATE, json.dumps({"names": list(arrays), "state": state}))
                for place, array in enumerate(arrays.values()):
                    with archive.open(_entry(place), "w", force_zip64=True) as entry:
                        npy.write_array(entry, np.require(array, requirements="C"), _VERSION, allow_pickle=False)
            handle.flush()
            os.fsync(handle.fileno())
        for suffix in (BEST, PREDICTIONS):
            if path.with_suffix(suffix).exists():
                platforms.sync_file(path.with_suffix(suffix))
        platforms.replace(scratch, path)
        platforms.sync_folder(folder)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
    later = [each for each in _files(folder) if each.name > path.name]  # from a run that continued an earlier one
    earlier = [each for each in _files(folder) if each.name <= path.name]
    for old in (*later, *earlier[:-KEPT]):
        platforms.remove(old)
        for suffix in (BEST, PREDICTIONS):
            platforms.remove(old.with_suffix(suffix))
    return path


def newest_snapshot(folder: Path, say: Callable[[str], None]) -> Snapshot | None:
    """Returns the newest intact snapshot, or None. Damaged ones are skipped with a message.

    Args:
        folder: the folder of the run's snapshots.
        say: called with the message.
    """
    for path in reversed(_files(folder)):
        try:
            return _checked(path)
        except (OSError, zipfile.BadZipFile, ValueError, LookupError, EOFError, RuntimeError) as error:
            say(f"checkpoint {path.name} is damaged ({error}): skipped")
    return None


def _checked(path: Path) -> Snapshot:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.compress_type != zipfile.ZIP_STORED:
                raise ValueError("it is compressed")
        if (bad := archive.testzip()) is not None:
            raise ValueError(f"wrong checksum of {bad}")
        if archive.getinfo(_STATE).file_size > _MAX_STATE:
            raise ValueError("its state is too large")
        content = json.loads(archive.read(_STATE))
        names, state = content["names"], content["state"]
        if not isinstance(state, dict) or not all(isinstance(name, str) for name in names):
            raise ValueError("its state is no object")
        for number in range(len(names)):
            archive.getinfo(_entry(number))
    return Snapshot(path, state, tuple(names))


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob(f"*{_SUFFIX}") if path.stem.isdigit())


def _entry(number: int) -> str:
    return f"{number:05d}.npy"
