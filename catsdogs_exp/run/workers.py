"""Runs a worker other than the chief: it trains, but writes no run folder."""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from catsdogs_exp.run.job import Job, Screen
from catsdogs_exp.run.train import train


def help_chief(job: Job, screen: Screen) -> dict[str, Any]:
    """Runs a job as one of the workers of `job.cluster`. Its log is in a temporary folder, kept if it fails.

    Raises:
        BadInput, RunFailed, Interrupted: as `train` does.
    """
    assert job.cluster is not None
    folder = Path(tempfile.mkdtemp(prefix=f"catsdogs-worker{job.cluster.index}-"))
    content = train(replace(job, folder=folder, found=None), screen)
    shutil.rmtree(folder)
    return content
