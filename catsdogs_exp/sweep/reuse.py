"""Finished runs that a sweep reuses instead of training the same again: `sweep.reuse=true`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from catsdogs_exp.config.schema import Config
from catsdogs_exp.data.open_data import gather
from catsdogs_exp.errors import BadInput
from catsdogs_exp.platforms import expanded
from catsdogs_exp.record.folder.result import config_hash
from catsdogs_exp.record.folder.run_files import read_result
from catsdogs_exp.record.folder.run_reader import find_runs


@dataclass(frozen=True)
class FinishedRun:
    """A completed run.

    Attributes:
        folder: absolute.
        data_hash: hash of the images and splits that it used.
        objective: the monitored metric of its best epoch.
    """

    folder: Path
    data_hash: str
    objective: float


def finished_runs(output_dir: str, without: Path) -> dict[str, list[FinishedRun]]:
    """Finds the completed runs in a folder, by the hash of their config.

    Args:
        output_dir: the folder of the runs.
        without: a folder to leave out: that of the sweep itself.
    """
    start = expanded(output_dir)
    found: dict[str, list[FinishedRun]] = {}
    for folder in find_runs([start], []) if start.is_dir() else []:
        if without in folder.parents:
            continue
        try:
            content = read_result(folder)
        except BadInput:  # damaged, and therefore useless
            continue
        value = (content.get("objective") or {}).get("value")
        if content.get("status") == "ok" and content.get("data_hash") and isinstance(value, int | float):
            run = FinishedRun(folder, str(content["data_hash"]), float(value))
            found.setdefault(str(content.get("config_hash")), []).append(run)
    return found


def same_run(config: Config, runs: Mapping[str, list[FinishedRun]]) -> FinishedRun | None:
    """Returns a finished run of the same config on the same data, or None.

    Raises:
        BadInput: if the data of the config cannot be read.
    """
    candidates = runs.get(config_hash(config), [])
    if not candidates:
        return None
    data = gather(config, lambda what, done, total: None).data_hash()
    return next((run for run in candidates if run.data_hash == data), None)
