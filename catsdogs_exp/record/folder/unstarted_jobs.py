"""Jobs of a sweep without a folder of their own: failed early, left out, pending, or taken over from a finished run."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SWEEP_FILE = "sweep.json"
_SHOWN = 5  # jobs that are named one by one


@dataclass(frozen=True)
class JobsElsewhere:
    """What a sweep's folder does not show by itself.

    Attributes:
        unstarted: one line per kind, or per failed job if there are few.
        taken_over: folders of finished runs outside the sweep's folder that stand for its jobs (`sweep.reuse=true`).
    """

    unstarted: Sequence[str] = ()
    taken_over: Sequence[Path] = ()


def jobs_elsewhere(folder: Path) -> JobsElsewhere:
    """Reads the jobs of a sweep that have no folder in its own folder; none if `sweep.json` cannot tell."""
    try:
        jobs = json.loads((folder / SWEEP_FILE).read_text(encoding="utf-8"))["jobs"]
        return JobsElsewhere(_unstarted(folder, jobs), _taken_over(folder, jobs))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return JobsElsewhere()


def _unstarted(folder: Path, of_sweep: Sequence[Mapping[str, Any]]) -> list[str]:
    jobs = [job for job in of_sweep if job.get("folder") is None and job.get("same_as") is None]
    common = set.intersection(*(set(job["overrides"]) for job in of_sweep)) if jobs else set()
    failed = [job for job in jobs if job["status"] == "failed"]
    skipped = [job for job in jobs if job["status"] == "skipped"]
    waiting = [job for job in jobs if job["status"] == "pending"]
    lines = [
        f"{_name(job, common)} of {folder.name} failed before its run began: {job.get('error')}"
        for job in failed[:_SHOWN]
    ]
    if len(failed) > _SHOWN:
        lines.append(f"{len(failed) - _SHOWN} more jobs of {folder.name} failed before their runs began: {SWEEP_FILE}")
    if skipped:
        lines.append(f"{_count(skipped)} of {folder.name} left out as impossible: {SWEEP_FILE}")
    if waiting:
        lines.append(
            f"{_count(waiting)} of {folder.name} not started: python -m catsdogs_exp resume {shlex.quote(str(folder))}"
        )
    return lines


def _taken_over(folder: Path, of_sweep: Sequence[Mapping[str, Any]]) -> list[Path]:
    named = [Path(job["folder"]) for job in of_sweep if job["status"] == "ok" and job.get("folder") is not None]
    # a sweep that was moved names the old places of its own runs, which are found without this
    return [
        run
        for run in named
        if run.parent != folder and not (folder / run.name).is_dir() and (run / "result.json").is_file()
    ]


def _name(job: Mapping[str, Any], common: set[str]) -> str:
    own = [word for word in job["overrides"] if word not in common]
    return f"job {job['number']} ({' '.join(own)})" if own else f"job {job['number']}"


def _count(jobs: Sequence[Any]) -> str:
    return "1 job" if len(jobs) == 1 else f"{len(jobs)} jobs"
