"""Activation sheets of a search's runs as artifacts of its trials, which optuna-dashboard shows."""

import warnings
from pathlib import Path
from typing import Any

from catsdogs_exp.sweep.search.study import optuna

FOLDER = "artifacts"  # in the folder of the sweep


def keep_sheets(storage: Any, trial: int, run: Path, sweep: Path) -> int:
    """Copies the activation sheets of a run's best epoch into the artifacts of its trial.

    Args:
        storage: Optuna's object for the storage.
        trial: its ID; the trial has not been told yet.
        run: folder of the run.
        sweep: folder of the sweep.

    Returns:
        The number of sheets.

    Raises:
        OSError: if they cannot be written.
    """
    sheets = sorted((run / "activations").glob("best-*.png"))
    if not sheets:
        return 0
    artifacts = optuna().artifacts
    (sweep / FOLDER).mkdir(exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that artifacts are experimental
        store = artifacts.FileSystemArtifactStore(sweep / FOLDER)
        for sheet in sheets:
            artifacts.upload_artifact(
                artifact_store=store, file_path=str(sheet), study_or_trial=storage.get_trial(trial), storage=storage
            )
    return len(sheets)
