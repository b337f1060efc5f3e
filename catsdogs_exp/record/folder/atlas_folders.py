"""The atlases of a run: `atlas/`, then `atlas-2/`, `atlas-3/`, ..., so that none replaces another."""

import re
from pathlib import Path

from catsdogs_exp.errors import BadInput
from catsdogs_exp.record.folder.run_files import RunFiles

_NAME = re.compile(r"atlas(?:-(\d+))?")


def new_atlas_folder(run: RunFiles) -> Path:
    """Creates the folder of the run's next atlas.

    Raises:
        BadInput: if it cannot be created.
    """
    number = 1 + max((_number(path) for path in atlas_folders(run)), default=0)
    while True:
        folder = run.folder / ("atlas" if number == 1 else f"atlas-{number}")
        try:
            folder.mkdir()
        except FileExistsError:  # of another process, or a file
            number += 1
        except OSError as error:
            raise BadInput(f"The atlas cannot be written: {folder}: {error.strerror}") from error
        else:
            return folder


def atlas_folders(run: RunFiles) -> list[Path]:
    """The folders of the run's atlases, newest first."""
    found = [path for path in run.folder.glob("atlas*") if _NAME.fullmatch(path.name) and path.is_dir()]
    return sorted(found, key=_number, reverse=True)


def _number(folder: Path) -> int:
    match = _NAME.fullmatch(folder.name)
    return int(match[1] or 1) if match else 0
