"""`result.json`: the current state of a run, written atomically."""

import errno
import hashlib
import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from catsdogs_exp import platforms
from catsdogs_exp.config.build import to_plain
from catsdogs_exp.config.relevance import WIRED
from catsdogs_exp.config.schema import Config
from catsdogs_exp.errors import is_full
from catsdogs_exp.natural_sort import flatten
from catsdogs_exp.record.folder.json_values import finite
from catsdogs_exp.record.folder.provenance import git, machine, versions

# Settings that do not change the numbers of a run.
_UNHASHED = ("output_dir", "experiment", "logging", "sweep")


class Result:
    """The content of `result.json`. Every change is on disk when the call returns."""

    def __init__(self, path: Path, found: Mapping[str, Any] | None = None, **content: Any) -> None:
        """Starts a new file; with `found`, the content of a resumed run's file, continues that one."""
        self.path = path
        self._lock = threading.Lock()  # the best network's epoch is recorded in the background
        self.content: dict[str, Any] = {
            "status": "running",
            "objective": None,
            "metrics": {},
            "epochs": 0,
            "seconds": 0.0,
            "parameters": None,
            "classes": [],
            "counts": {},
            "quarantined": 0,
            "counts_by_rule": {},
            "images_per_second": None,
            "waiting": None,
            "config_hash": None,
            "data_hash": None,
            "versions": versions(),
            "machine": machine(),
            "git": git(),
            "threads": None,
            "lr_search_seconds": None,
            "crop_sensitivity": None,
            "command": None,
            "resumed": [],
            "stopped": None,
            "error": None,
        }
        kept = {key: value for key, value in (found or {}).items() if key in self.content}
        self.update(**kept | content)

    def update(self, **content: Any) -> None:
        """Changes some fields and writes the file.

        Raises:
            KeyError: for a field that is not part of the contract.
        """
        for key in content:
            if key not in self.content:
                raise KeyError(key)
        with self._lock:
            self.content.update(content)
            write_json(self.path, self.content)

    def end(self, **content: Any) -> None:
        """Makes the last change of a run. If the disk is full, the existing file's space is reused.

        Raises:
            OSError: if even that is not enough.
        """
        try:
            self.update(**content)
        except OSError as error:
            if not is_full(error):
                raise
            overwrite(self.path, f"{json.dumps(finite(self.content), indent=1, ensure_ascii=False)}\n")


def overwrite(path: Path, content: str) -> None:
    """Writes a text into the space of the existing file, for a full disk.

    Raises:
        OSError: if it does not fit.
    """
    path.with_name(f".{path.name}.part").unlink(missing_ok=True)
    text = content.encode("utf-8", "backslashreplace")
    with path.open("r+b") as handle:
        if len(text) > max(os.fstat(handle.fileno()).st_blocks * 512, os.fstat(handle.fileno()).st_size):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        handle.write(text)
        handle.truncate()
        handle.flush()
        os.fsync(handle.fileno())


def write_json(path: Path, content: Any) -> None:
    """Writes JSON; readers see the old file or the new one. NaN and infinity become null."""
    write_whole(path, f"{json.dumps(finite(content), indent=1, ensure_ascii=False)}\n")


def write_whole(path: Path, text: str) -> None:
    """Writes a text under a scratch name, synced and renamed: a reader sees the old file or the new one."""
    scratch = path.with_name(f".{path.name}.part")
    with scratch.open("w", encoding="utf-8", errors="backslashreplace") as handle:  # names may not be UTF-8
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    platforms.replace(scratch, path)


def config_hash(config: Config) -> str:
    """Returns a hash that is equal for runs that should give the same numbers on the same data."""
    plain = {key: value for key, value in to_plain(config).items() if key not in _UNHASHED}
    plain["training"] = {key: value for key, value in plain["training"].items() if key != "checkpoint"}
    settings = flatten(plain)
    for copy, key in WIRED.items():
        if key in plain:  # its copies count, which may be set separately; a network without depth has none
            plain[key] = settings.get(copy)
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]
