"""Reads a run's folder for its report: plain data, and which parts are missing and why."""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from catsdogs_exp.errors import BadInput
from catsdogs_exp.natural_sort import flatten
from catsdogs_exp.record.folder.epoch_rows import epoch_rows
from catsdogs_exp.record.folder.predictions import Predictions, predictions_of
from catsdogs_exp.record.folder.run_files import RunFiles, read_result
from catsdogs_exp.record.folder.run_lock import true_status


@dataclass(frozen=True)
class RunFacts:
    """The content of a run's folder.

    Attributes:
        result: `result.json`.
        status: of the run; `killed` if it was running but no process trains it.
        history: one epoch per row of `metrics.csv`.
        config: dotted keys; empty if it cannot be read.
        overrides: the settings that the user gave.
        inspection: `inspection.json`; empty if it cannot be read.
        predictions: for validation images, or None.
        lacking: one line per missing part.
    """

    result: dict[str, Any]
    status: str
    history: tuple[dict[str, float], ...]
    config: dict[str, Any]
    overrides: tuple[str, ...]
    inspection: dict[str, Any]
    predictions: Predictions | None
    lacking: tuple[str, ...]

    @property
    def root(self) -> Path | None:
        """The folder that image paths are relative to."""
        root = self.inspection.get("root")
        return Path(root) if isinstance(root, str) else None


def read_facts(run: RunFiles) -> RunFacts:
    """Reads a run's folder; missing or damaged parts are listed in `lacking`.

    Raises:
        BadInput: if `result.json` cannot be read.
    """
    result = read_result(run.folder)
    lacking: list[str] = []
    config = _yaml(run.folder / "config.yaml", lacking)
    overrides = _yaml(run.folder / "overrides.yaml", [])
    try:
        inspection = json.loads((run.folder / "inspection.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        inspection = {}
        lacking.append("inspection.json is missing or unreadable: no data report.")
    predictions = None
    try:
        predictions = predictions_of(run.folder).of_split("validation")
    except BadInput as error:
        lacking.append(f"{error}")
    history = _history(run.folder)
    if not history:
        lacking.append("No epoch has ended: no curves.")
    status = str(true_status(run.folder, result.get("status")))
    settings = flatten(config) if isinstance(config, dict) else {}
    unmade = _unmade(run.folder, settings)
    if unmade and history and status != "ok":
        lacking.append(f"{' and '.join(unmade)} of the best epoch: made when training ends; resume continues it.")
    return RunFacts(
        result,
        status,
        history,
        settings,
        tuple(map(str, overrides)) if isinstance(overrides, list) else (),
        inspection if isinstance(inspection, dict) else {},
        predictions if predictions is not None and len(predictions) else None,
        tuple(lacking),
    )


def _unmade(folder: Path, settings: Mapping[str, Any]) -> list[str]:
    """Returns what the settings ask for and the end of training has not made."""
    parts = (
        ("activations", "activations", any((folder / "activations").glob("best-*.png"))),
        ("probes", "linear probes", (folder / "staircase.png").is_file()),
    )
    return [name for key, name, is_made in parts if settings.get(f"logging.{key}.every", -1) >= 0 and not is_made]


def _yaml(path: Path, lacking: list[str]) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        lacking.append(f"{path.name} is missing or unreadable.")
        return {}


def _history(folder: Path) -> tuple[dict[str, float], ...]:
    try:
        rows = epoch_rows(folder)
    except (OSError, ValueError, csv.Error):
        return ()
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        values = {}
        for key, text in row.items():
            try:
                values[key] = float(text)
            except (TypeError, ValueError):
                continue
        if "loss" in values and row.get("epoch"):
            found[row["epoch"]] = values
    return tuple(found.values())
