"""The folder that TensorBoard is started on: links to the event files of runs, under short names.

TensorBoard names a run by its path in the given folder, and its list wraps after about 25 characters. Does not import
TensorFlow, so that the command responds at once.
"""

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from catsdogs_exp.errors import BadInput
from catsdogs_exp.printable import printable
from catsdogs_exp.record.folder.run_reader import find_runs, read_run

EVENTS = "tensorboard"  # in a run folder
_TIMED = re.compile(r"\d{4}-(\d\d-\d\d_\d\d-\d\d)-\d\d(-\w+)?")  # names of run folders and sweeps
_FEWEST, _MOST = 10, 1000  # pictures of a series that TensorBoard keeps


@dataclass(frozen=True)
class ShownRuns:
    """Runs with event files.

    Attributes:
        folders: short name of each run -> its event folders: `{"0-lr=0.1": RUN/tensorboard}`.
        remarks: runs that are left out, and why; one line each.
    """

    folders: Mapping[str, Path]
    remarks: Sequence[str]


def shown_runs(path: Path) -> ShownRuns:
    """Finds the runs in a path that TensorBoard can show.

    Raises:
        BadInput: if the path is not a folder, contains no runs, or none with event files.
    """
    remarks: list[str] = []
    runs = find_runs([path], remarks)
    if not runs:
        raise BadInput(
            f"PATH must be a run folder or a folder that contains runs. Received: {path} (no runs). Train one with "
            "python -m catsdogs_exp, or name another folder."
        )
    silent = [run for run in runs if not _event_folders(run / EVENTS)]
    remarks += [f"{run.name} has no event files (logging.tensorboard=false?)" for run in silent]
    runs = [run for run in runs if run not in silent]
    if not runs:
        raise BadInput(
            f"No run in {path} has event files: {remarks[0]}. Train with logging.tensorboard=true, or view the "
            f"runs with: compare {shlex.quote(str(path))}"
        )
    return ShownRuns({name: run / EVENTS for name, run in _short_names(runs).items()}, remarks)


def pictures_per_series(runs: ShownRuns) -> int:
    """Returns how many pictures per series TensorBoard must keep to show all: one per planned epoch, and the start.

    At least 10, its own default, and at most 1000: it holds them in memory.
    """
    return min(max([_FEWEST, *(_epochs(folder.parent) + 1 for folder in runs.folders.values())]), _MOST)


def link_runs(runs: ShownRuns, view: Path) -> None:
    """Creates `view/NAME/train` and `view/NAME/validation`, links to event folders; existing ones are kept.

    A run keeps its first name, although those that appear later may change the short names: TensorBoard would list it
    twice.

    Raises:
        OSError: if links cannot be created.
    """
    linked = {path.readlink() for path in view.rglob("*") if path.is_symlink()}
    for name, folder in runs.folders.items():
        for events in _event_folders(folder):
            if events in linked:
                continue
            link = view / name if events == folder else view / name / events.name
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.is_symlink() and not link.exists():
                link.symlink_to(events, target_is_directory=True)


def _event_folders(folder: Path) -> list[Path]:
    """Returns the folders with event files: `train` and `validation`; for older versions with a third writer,
    `folder`.
    """
    if _has_events(folder):
        return [folder]
    return sorted(found for found in folder.glob("*") if _has_events(found))


def _has_events(folder: Path) -> bool:
    return folder.is_dir() and any(folder.glob("*tfevents*"))


def _short_names(runs: Sequence[Path]) -> dict[str, Path]:
    """Names each run by its path in the common folder, with times shortened to `11-25_23-52-abcd`."""
    root = Path(os.path.commonpath([run.parent for run in runs]))
    parts = [run.relative_to(root).parts for run in runs]
    short = ["/".join(printable(_without_year(part)) for part in each) for each in parts]
    full = ["/".join(each) for each in parts]
    return dict(zip(short if len(set(short)) == len(runs) else full, runs, strict=True))


def _without_year(part: str) -> str:
    found = _TIMED.fullmatch(part)
    return f"{found[1]}{found[2] or ''}" if found else part


def _epochs(run: Path) -> int:
    """Returns the number of epochs of a run, planned or done, whichever is larger; 0 if unknown."""
    found = read_run(run, run.name, [])
    settings = (found.config if found else None) or {}
    planned = [settings.get(key) for key in ("epochs", "training.finetune.epochs")]
    done = (found.epoch if found else None) or 0
    return max(done, sum(count for count in planned if isinstance(count, int)))
