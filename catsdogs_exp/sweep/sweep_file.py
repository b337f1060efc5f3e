"""`sweep.json`: the current state of a sweep's jobs, written atomically by the process that runs the sweep."""

import json
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from catsdogs_exp.errors import BadInput, is_full
from catsdogs_exp.platforms import expanded
from catsdogs_exp.record.folder.json_values import finite
from catsdogs_exp.record.folder.result import overwrite, write_whole
from catsdogs_exp.record.folder.unstarted_jobs import SWEEP_FILE as FILE

PENDING, RUNNING, OK, FAILED = "pending", "running", "ok", "failed"
INTERRUPTED, PRUNED, SKIPPED = "interrupted", "pruned", "skipped"
STATUSES = (PENDING, RUNNING, OK, FAILED, INTERRUPTED, PRUNED, SKIPPED)
_MAX_BYTES = 2**28


@dataclass(frozen=True)
class JobState:
    """A job of a sweep.

    Attributes:
        number: from 0; it never changes.
        overrides: its settings, as one would type them.
        status: one of `STATUSES`.
        objective: the monitored metric of its best epoch.
        folder: its run folder, absolute; None before it starts.
        error: why it failed, was left out or ended early.
        attempts: how often it was started.
        seconds: duration of its last attempt.
        same_as: the number of the job with the same config that ran in its place; or None.
        config_hash: of its config, once it has started; see `config_hash`.
    """

    number: int
    overrides: tuple[str, ...]
    status: str = PENDING
    objective: float | None = None
    folder: str | None = None
    error: str | None = None
    attempts: int = 0
    seconds: float | None = None
    same_as: int | None = None
    config_hash: str | None = None


@dataclass(frozen=True)
class SweepFacts:
    """The constant facts about a sweep.

    Attributes:
        command: as typed.
        settings: the words of the command, as typed; without those of the sweep itself.
        config_dir: as in `--config-dir`, absolute; or None.
        dimensions: the rows of words whose combinations are the jobs, as in `Grid.dimensions`.
        config: dotted key -> value, the config of a valid job; a resumed sweep must give the same.
        objective: the name of the metric that selects the best job.
        words: the words that give this config; empty in sweeps of older versions.
    """

    command: str
    settings: tuple[str, ...]
    config_dir: str | None
    dimensions: tuple[tuple[tuple[str, ...], ...], ...]
    config: dict[str, Any]
    objective: str
    words: tuple[str, ...] = ()


class SweepFile:
    """The jobs of a sweep and their states. Each change is on disk when the call returns. Thread-safe."""

    def __init__(self, folder: Path, facts: SweepFacts, jobs: Sequence[JobState]) -> None:
        """Writes the file."""
        self.folder, self.facts = folder, facts
        self._jobs = {job.number: job for job in jobs}
        self._lines: dict[int, tuple[JobState | None, str]] = {}
        self._lock = threading.Lock()
        self._write()

    def __getitem__(self, number: int) -> JobState:
        return self._jobs[number]

    @property
    def jobs(self) -> list[JobState]:
        """All jobs, by number."""
        with self._lock:
            return [self._jobs[number] for number in sorted(self._jobs)]

    def having(self, *statuses: str) -> list[JobState]:
        """The jobs with one of these statuses."""
        return [job for job in self.jobs if job.status in statuses]

    def change(self, number: int, **changes: Any) -> JobState:
        """Changes a job's state."""
        with self._lock:
            self._jobs[number] = replace(self._jobs[number], **changes)
            self._write()
            return self._jobs[number]

    def add(self, jobs: Sequence[JobState], facts: SweepFacts | None = None) -> None:
        """Appends jobs."""
        with self._lock:
            self._jobs |= {job.number: job for job in jobs}
            self.facts = facts or self.facts
            self._write()

    def _write(self) -> None:
        """One line per job; only lines of changed jobs are recreated, because there may be thousands."""
        counts = Counter(job.status for job in self._jobs.values())
        head = {**asdict(self.facts), "counts": {status: counts[status] for status in STATUSES if counts[status]}}
        lines = []
        for number in sorted(self._jobs):
            job, line = self._lines.get(number, (None, ""))
            if job is not self._jobs[number]:
                job = self._jobs[number]
                line = json.dumps(finite(vars(job)), ensure_ascii=False)
                self._lines[number] = (job, line)
            lines.append(line)
        joined = ",\n  ".join(lines)
        start = json.dumps(finite(head), indent=1, ensure_ascii=False).removesuffix("\n}")
        text = f'{start},\n "jobs": [\n  {joined}\n ]\n}}\n'
        try:
            write_whole(self.folder / FILE, text)
        except OSError as error:
            if not is_full(error) or not (self.folder / FILE).exists():
                raise
            overwrite(self.folder / FILE, text)


def read_sweep(folder: Path) -> tuple[SweepFacts, list[JobState]]:
    """Reads `sweep.json`.

    Raises:
        BadInput: if it is missing, damaged or does not belong to a sweep.
    """
    path = folder / FILE
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise BadInput(f"The file is too large to belong to a sweep: {path}")
        content = json.loads(path.read_text(encoding="utf-8"))
        facts = SweepFacts(
            command=str(content["command"]),
            settings=_texts(content["settings"]),
            config_dir=None if content["config_dir"] is None else str(content["config_dir"]),
            dimensions=tuple(tuple(map(_texts, rows)) for rows in content["dimensions"]),
            config=dict(content["config"]),
            objective=str(content["objective"]),
            words=_texts(content.get("words", [])),
        )
        known = {field.name for field in fields(JobState)}
        jobs = [
            JobState(**{**{k: v for k, v in job.items() if k in known}, "overrides": _texts(job["overrides"])})
            for job in content["jobs"]
        ]
        if any(not isinstance(job.number, int) or job.status not in STATUSES for job in jobs):
            raise ValueError("a job has no number or an unknown status")
    except FileNotFoundError as error:
        raise BadInput(f"The folder contains no sweep (it has no {FILE}): {folder}") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"{FILE} of the sweep is damaged: {path}: {error}") from error
    return facts, jobs


def is_sweep(folder: str | Path) -> bool:
    """Returns whether a folder is that of a sweep."""
    return (expanded(folder) / FILE).is_file()


def _texts(words: Any) -> tuple[str, ...]:
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ValueError("words are no list of texts")
    return tuple(words)
