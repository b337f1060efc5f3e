"""Reads finished and running runs from their folders. Imports no TensorFlow, Hydra or NumPy, so it is fast."""

import csv
import json
import math
import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import yaml

from catsdogs_exp.config.relevance import matters
from catsdogs_exp.errors import BadInput, did_you_mean_path
from catsdogs_exp.natural_sort import flatten
from catsdogs_exp.platforms import expanded
from catsdogs_exp.record.folder.epoch_rows import epoch_rows
from catsdogs_exp.record.folder.run_lock import KILLED, true_status
from catsdogs_exp.record.folder.unstarted_jobs import SWEEP_FILE, jobs_elsewhere

# The position of each metric in `result.json`; `last` and `last10` come from `metrics.csv`.
_IN_RESULT = {
    "val_accuracy": ("metrics", "val", "accuracy"),
    "val_loss": ("metrics", "val", "loss"),
    "accuracy": ("metrics", "train", "accuracy"),
    "loss": ("metrics", "train", "loss"),
    "test_accuracy": ("metrics", "test", "accuracy"),
    "test_loss": ("metrics", "test", "loss"),
    "seconds": ("seconds",),
    "images_per_second": ("images_per_second",),
    "parameters": ("parameters",),
    "crop_sensitivity": ("crop_sensitivity", "share"),
}
METRICS = (*list(_IN_RESULT)[:6], "last", "last10", "seconds", "images_per_second", "crop_sensitivity")
FROM_PREDICTIONS = {"val_macro_f1": "validation", "test_macro_f1": "test"}
"""Metrics from `predictions.csv`, with the split of their images; computed only if runs are ranked by them."""

RANKED_BY = (*METRICS, *FROM_PREDICTIONS)
_RESULT = "result.json"  # what makes a folder that of a run
_BLOCKS = re.compile(r"\n(?=[^\s#\-}\]])")  # before a line that begins a top-level setting
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C version is ten times as fast


class _Missing:
    """A setting or value that a run does not have; `None` is the value `null`."""

    def __repr__(self) -> str:
        return "-"


MISSING: Final = _Missing()


@dataclass(frozen=True)
class Run:
    """A run as recorded in its folder.

    Attributes:
        name: its folder, relative to the common parent of all compared runs.
        folder: absolute.
        status: running, ok, failed, interrupted; or killed: recorded as running, but no process trains it.
        error: what ended it early.
        stopped: why a completed run ended before its last epoch.
        data: hash of the data that it was trained and evaluated on; None if unknown.
        images: number of images per split.
        objective: the metric that selected the best epoch; None before the first epoch ends.
        epoch: the best epoch, from 1.
        metrics: the finite ones of `METRICS` that the run has, and its `parameters`.
        config: dotted key -> value; None if `config.yaml` cannot be read.
    """

    name: str
    folder: Path
    status: str
    error: str | None
    objective: str | None
    epoch: int | None
    metrics: Mapping[str, float]
    config: Mapping[str, Any] | None
    stopped: str | None = None
    data: str | None = None
    images: Mapping[str, int] = field(default_factory=dict)

    @property
    def reason(self) -> str:
        """Returns the reason for its status and what to do about it, such as `resume RUN`; `""` if there is none."""
        go_on = f"resume {shlex.quote(str(self.folder))}"
        if self.status == KILLED:
            return go_on
        if self.status == "interrupted":
            return f"{self.error}; {go_on}" if self.error and self.error != self.status else go_on
        return self.error or self.stopped or ""

    def setting(self, key: str) -> Any:
        """Returns the value of a dotted config key, or `MISSING` if the run has none or it does not apply."""
        if self.config is None or not matters(key, self.config):
            return MISSING
        return self.config.get(key, MISSING)


def find_runs(paths: Sequence[str | Path], remarks: list[str]) -> list[Path]:
    """Finds run folders, absolute, each once; folders inside run folders and hidden ones are not searched.

    Unreadable folders, and jobs of sweeps that have no folder, are added to `remarks`.

    Raises:
        BadInput: for a path that is not a folder.
    """
    found: list[Path] = []
    seen: set[tuple[int, int]] = set()
    elsewhere: list[Path] = []
    for path in paths:
        start = expanded(path)
        if not start.is_dir():
            received = "a file" if start.exists() else "it does not exist"
            meant = "" if start.exists() else did_you_mean_path(path)
            raise BadInput(
                f"PATH must be a run folder or a folder that contains runs. Received: {path} ({received})"
                f"{meant or '. Train a run with python -m catsdogs_exp, or name another folder.'}"
            )
        for folder, files in _searched(start.absolute(), seen, remarks):
            if SWEEP_FILE in files:
                jobs = jobs_elsewhere(folder)
                remarks.extend(jobs.unstarted)
                elsewhere += jobs.taken_over
            if _RESULT in files:
                found.append(Path(os.path.normpath(folder)))
    for run in dict.fromkeys(elsewhere):
        status = run.stat()
        if (status.st_dev, status.st_ino) not in seen:
            found.append(run)
    return found


def _searched(start: Path, seen: set[tuple[int, int]], remarks: list[str]) -> Iterator[tuple[Path, list[str]]]:
    """Yields each folder to search, once, with the names of its files. Adds unreadable ones to `remarks`.

    Args:
        start: the first folder.
        seen: device and inode of folders already searched; updated.
        remarks: updated.
    """
    walked = os.walk(start, followlinks=True, onerror=lambda error: remarks.append(f"cannot read {error.filename}"))
    for folder, inner, files in walked:
        try:
            status = Path(folder).stat()
        except FileNotFoundError:  # deleted in the meantime
            inner.clear()
            continue
        except OSError:  # its parent may be read but not entered
            remarks.append(f"cannot read {folder}")
            inner.clear()
            continue
        if (status.st_dev, status.st_ino) in seen:  # named twice, or a cyclic link
            inner.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        if _RESULT in files:
            inner.clear()
        # Links last, so that a run keeps its own name and not that of a link to it.
        inner[:] = sorted(
            (name for name in inner if name[0] != "."),
            # that of Path raises an error where the folder may be read but not entered
            key=lambda name: (os.path.islink(os.path.join(folder, name)), name),  # noqa: PTH114
        )
        yield Path(folder), files


def read_run(folder: Path, name: str, remarks: list[str]) -> Run | None:
    """Reads a run, called `name`; returns None and adds a remark if its `result.json` is invalid."""
    try:
        content = json.loads((folder / _RESULT).read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        remarks.append(f"skipped {name}: result.json cannot be read ({_reason(problem)})")
        return None
    if not isinstance(content, dict) or not isinstance(content.get("status"), str):
        remarks.append(f"skipped {name}: result.json does not belong to a run (it has no status)")
        return None
    found = {metric: _number(_at(content, place)) for metric, place in _IN_RESULT.items()}
    found["last"], found["last10"] = _last_epochs(folder, name, remarks)
    if not found["seconds"]:  # before the first epoch ends
        found["seconds"] = None
    status = true_status(folder, content["status"])
    error, objective, epoch = (_at(content, p) for p in (("error",), ("objective", "name"), ("objective", "epoch")))
    stopped, data = content.get("stopped"), content.get("data_hash")
    return Run(
        name=name,
        folder=folder,
        status=status,
        error=error if isinstance(error, str) else None,
        objective=objective if isinstance(objective, str) else None,
        epoch=epoch if isinstance(epoch, int) else None,
        metrics={metric: number for metric, number in found.items() if number is not None},
        config=_read_config(folder / "config.yaml", name, remarks),
        stopped=stopped if isinstance(stopped, str) and stopped else None,
        data=data if isinstance(data, str) else None,
        images=_images(content.get("counts")),
    )


def _images(counts: Any) -> dict[str, int]:
    """Returns the number of images of each split, from their numbers per class."""
    if not isinstance(counts, dict):
        return {}
    return {
        split: sum(number for number in of_class.values() if isinstance(number, int))
        for split, of_class in counts.items()
        if isinstance(of_class, dict)
    }


def _read_config(path: Path, name: str, remarks: list[str]) -> dict[str, Any] | None:
    try:
        plain = _settings(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        remarks.append(f"settings of {name} are unknown: config.yaml cannot be read ({_reason(error)})")
        return None
    if not isinstance(plain, dict):
        remarks.append(f"settings of {name} are unknown: config.yaml contains no settings")
        return None
    return flatten(plain)


def _settings(text: str) -> Any:
    """Parses a config. Hundreds of runs have most of it in common, so each part is parsed once."""
    if not any(mark in text for mark in ("&", "*", "---", "...", "\t")):  # features that span parts
        with suppress(yaml.YAMLError):  # not our settings: parsing all of it reports the error
            parts = [_part(part) for part in _BLOCKS.split(text)]
            if all(isinstance(part, dict) for part in parts):
                return {key: value for part in parts for key, value in part.items()}
    return _parsed_yaml(text)


@lru_cache(maxsize=4096)
def _part(text: str) -> Any:
    """Parses a top-level setting with everything in it."""
    return _parsed_yaml(text)


def _parsed_yaml(text: str) -> Any:
    try:
        return yaml.load(text, _LOADER)  # noqa: S506  (both loaders are safe ones)
    except yaml.YAMLError:  # the C version rejects the bytes of paths that are not UTF-8
        return yaml.safe_load(text)


def _last_epochs(folder: Path, name: str, remarks: list[str]) -> tuple[float | None, float | None]:
    """Returns the validation accuracy of the last epoch, and its mean over the last ten (or all, if fewer)."""
    try:
        # By epoch: one repeated after a resume counts once.
        rows = {row.get("epoch"): row.get("val_accuracy") for row in epoch_rows(folder)}
    except FileNotFoundError:
        return None, None
    except (OSError, ValueError, csv.Error) as error:
        remarks.append(f"last epochs of {name} are unknown: metrics.csv cannot be read ({_reason(error)})")
        return None, None
    values = [_parsed(value) for value in rows.values()][-10:]
    numbers = [value for value in values if value is not None]
    if not values:
        return None, None
    return values[-1], math.fsum(numbers) / len(numbers) if len(numbers) == len(values) else None


def _at(content: Any, place: Sequence[str]) -> Any:
    """Returns the value at a path in nested dictionaries, None if there is none."""
    for key in place:
        content = content.get(key) if isinstance(content, dict) else None
    return content


def _number(value: Any) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and math.isfinite(value) else None


def _parsed(text: str | None) -> float | None:
    try:
        return _number(float(text or ""))
    except ValueError:
        return None


def _reason(error: Exception) -> str:
    """Shortens an error: for YAML's multi-line messages, the line that states the problem."""
    text = getattr(error, "strerror", None) or getattr(error, "problem", None) or str(error)
    return " ".join(text.split())
