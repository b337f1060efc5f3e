"""Reads a sweep whose jobs are the folds of one cross-validation."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from catsdogs_exp.errors import BadInput
from catsdogs_exp.natural_sort import flatten, natural_key
from catsdogs_exp.platforms import expanded
from catsdogs_exp.record.folder.run_files import RunFiles, find_run
from catsdogs_exp.record.folder.run_lock import true_status

# Settings that may differ between the folds of one cross-validation.
_FREE = ("split.fold", "output_dir", "experiment", "logging.")
_HOW = "Run them all at once: python -m catsdogs_exp -m split.folds=5 'split.fold=range(5)'"


@dataclass(frozen=True)
class FoldRuns:
    """The networks that score the labels of one data set.

    Attributes:
        folder: the run or sweep.
        runs: one run, or the folds 0..k-1 in this order.
        out_of_fold: whether they are folds, so that for every image there is a network that was not trained on it.
    """

    folder: Path
    runs: tuple[RunFiles, ...]
    out_of_fold: bool


def find_fold_runs(path: Path) -> FoldRuns:
    """Finds a run by its path, or the folds of a sweep by the sweep's path.

    Raises:
        BadInput: if there is neither, or if folds are missing, failed, or belong to several experiments.
    """
    folder = expanded(path)
    jobs = sorted((found.parent for found in folder.glob("*/result.json")), key=lambda job: natural_key(job.name))
    configs = [] if (folder / "result.json").is_file() else [_config(job) for job in jobs]
    if not any(config.get("split.folds") for config in configs):
        run = find_run(path)
        return FoldRuns(run.folder, (run,), out_of_fold=False)
    differing = sorted(
        key
        for key in set().union(*configs)
        if not key.startswith(_FREE) and any(config.get(key) != configs[0].get(key) for config in configs)
    )
    if differing:
        raise BadInput(
            f"RUN must be a run, or a sweep over split.fold only. The runs in {path} also differ in: "
            f"{', '.join(differing)}. Name one of them, such as {jobs[0]}"
        )
    folds = [config.get("split.fold") for config in configs]
    wanted = range(configs[0]["split.folds"])
    twice = [fold for fold, count in Counter(folds).items() if count > 1]
    if twice:
        raise BadInput(f"RUN must contain each fold once. Received fold {twice[0]} more than once in {path}. {_HOW}")
    missing = [str(fold) for fold in wanted if fold not in folds]
    if missing:
        raise BadInput(f"RUN must contain all {len(wanted)} folds. Missing in {path}: {', '.join(missing)}. {_HOW}")
    of_fold = dict(zip(folds, jobs, strict=True))
    for fold in wanted:
        status = _status(of_fold[fold])
        if status != "ok":
            raise BadInput(f"RUN must contain finished folds. The status of fold {fold} is {status}: {of_fold[fold]}")
    return FoldRuns(folder, tuple(RunFiles(of_fold[fold]) for fold in wanted), out_of_fold=True)


def _config(job: Path) -> dict[str, Any]:
    """A run's config as `{"split.fold": 0, ...}`; empty if there is none."""
    try:
        content = yaml.safe_load((job / "config.yaml").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise BadInput(f"The config of the run cannot be read: {job / 'config.yaml'}") from error
    return flatten(content) if isinstance(content, dict) else {}


def _status(job: Path) -> str:
    try:
        return str(true_status(job, json.loads((job / "result.json").read_text(encoding="utf-8"))["status"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"The result of the run cannot be read: {job / 'result.json'}") from error
