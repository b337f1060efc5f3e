"""The atlases of a run: `atlas/`, then `atlas-2/`, `atlas-3/`, ..., so that none replaces another."""

import re
from pathlib import Path

from catsdogs_exp.record.folder.free_names import take_free_name
from catsdogs_exp.record.folder.run_files import RunFiles

_NAME = re.compile(r"atlas(?:-(\d+))?")


def new_atlas_folder(run: RunFiles) -> Path:
    """Creates the folder of the run's next atlas.

    Raises:
        BadInput: if it cannot be created.
    """
    number = 1 + max((_number(path) for path in atlas_folders(run)), default=0)
    return take_free_name(run.folder / "atlas", "", "atlas", Path.mkdir, number)


def atlas_folders(run: RunFiles) -> list[Path]:
    """The folders of the run's atlases, newest first."""
    found = [path for path in run.folder.glob("atlas*") if _NAME.fullmatch(path.name) and path.is_dir()]
    return sorted(found, key=_number, reverse=True)


def _number(folder: Path) -> int:
    match = _NAME.fullmatch(folder.name)
    return int(match[1] or 1) if match else 0
