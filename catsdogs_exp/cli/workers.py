"""A worker that is not the chief: it helps with training, writes no run folder, and says nothing but errors."""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from catsdogs_exp.cli.screen import TerminalScreen
from catsdogs_exp.job import Job


def help_chief(job: Job) -> dict[str, Any]:
    """Runs a job as one of the workers of `job.cluster`. Its log stands in a scratch folder, kept if it fails.

    Raises:
        BadInput, RunFailed, Interrupted: as `run` does.
    """
    from catsdogs_exp.run import run

    assert job.cluster is not None
    folder = Path(tempfile.mkdtemp(prefix=f"catsdogs-worker{job.cluster.index}-"))
    content = run(replace(job, folder=folder, found=None), TerminalScreen(silent=True))
    shutil.rmtree(folder)
    return content
