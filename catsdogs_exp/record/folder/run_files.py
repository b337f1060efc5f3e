"""Reads a run folder."""

import csv
import glob
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from catsdogs_exp.data.sources.listing import SPLITS
from catsdogs_exp.errors import BadInput, did_you_mean, did_you_mean_path
from catsdogs_exp.platforms import expanded, is_folder

OUTPUTS = "outputs"
_MOST_NAMED = 3
AUGMENTED = "augmented.png"  # training images as they entered the first epoch


@dataclass(frozen=True)
class RunFiles:
    """The paths in a run folder."""

    folder: Path

    @property
    def network(self) -> Path:
        """The best epoch's network."""
        return self.folder / "checkpoints" / "best.keras"


def find_run(path: Path) -> RunFiles:
    """Finds a run folder by its path, or by the path of its `result.json` or `best.keras`.

    Raises:
        BadInput: if there is no run.
    """
    folder = expanded(path)
    try:
        if folder.is_file():
            folder = folder.parent.parent if folder.parent.name == "checkpoints" else folder.parent
        if not folder.exists():
            raise BadInput(
                f"RUN must be a run folder. There is none at: {path}{_of_this_name(path) or did_you_mean_path(path)}"
            )
        is_run = (folder / "result.json").is_file()
    except OSError as error:
        raise BadInput(f"RUN must be a run folder. Received: {path}, which cannot be read: {error.strerror}") from error
    if not is_run:
        inside = sorted(found.parent for found in folder.glob("*/result.json"))
        hint = f" It contains runs, such as {inside[-1]}" if inside else " Run folders contain a result.json."
        if not is_folder(expanded(path)):
            other = " Only predict takes a network without its run" if path.suffix == ".keras" else ""
            raise BadInput(f"RUN must be a run folder. Received: {path}, a file that is not in one.{other}")
        raise BadInput(f"RUN must be a run folder. Received: {path}.{hint}")
    return RunFiles(folder)


def _of_this_name(path: Path) -> str:
    """Returns a hint at runs in `outputs/` whose names begin like a path's."""
    begins = f"{glob.escape(path.name)}*/result.json"
    found = sorted(each.parent for depth in ("*", "*/*") for each in Path(OUTPUTS).glob(f"{depth}/{begins}"))
    return f". Did you mean {' or '.join(map(str, found[-_MOST_NAMED:]))}?" if path.name and found else ""


def read_result(folder: Path) -> dict[str, Any]:
    """Reads a run's `result.json`.

    Raises:
        BadInput: if it is damaged.
    """
    try:
        return _read_json(folder / "result.json")
    except (OSError, ValueError) as error:
        raise BadInput(f"The state of the run cannot be read: {folder / 'result.json'}: {error}") from error


def data_root(run: RunFiles) -> Path:
    """Returns the folder that the paths in a run's manifest are relative to.

    Raises:
        BadInput: if the run does not record it.
    """
    try:
        return Path(_read_json(run.folder / "inspection.json")["root"])
    except (OSError, KeyError, ValueError) as error:
        raise BadInput(f"The inspection of the run cannot be read: {run.folder}: {error}") from error


def split_files(run: RunFiles, split: str) -> list[tuple[Path, str]]:
    """Returns the images of a split and their class names, as the run used them.

    Raises:
        BadInput: for an unknown or empty split, or a damaged manifest.
    """
    if split not in SPLITS:
        raise BadInput(f"--split must be one of {', '.join(SPLITS)}. Received: {split}.{did_you_mean(split, SPLITS)}")
    root, rows = data_root(run), manifest_rows(run)
    files = [(root / row.path, row.label) for row in rows if row.split == split]
    if not files:
        used = sorted({row.split for row in rows} - {""})
        raise BadInput(f"The run has no {split} images. It has: {', '.join(used) or 'none'}")
    return files


class ManifestRow(NamedTuple):
    """An image of a run: its path within the data, its split (`""` if it is not used), and its class."""

    path: str
    split: str
    label: str


def manifest_rows(run: RunFiles) -> list[ManifestRow]:
    """Reads the images of a run, as the run used them.

    Raises:
        BadInput: if its manifest is damaged.
    """
    try:
        with (run.folder / "manifest.csv").open(newline="", encoding="utf-8", errors="surrogateescape") as handle:
            found = list(csv.DictReader(handle))
        rows = [ManifestRow(row["path"], row["split"], row["class"]) for row in found]
    except (OSError, KeyError, ValueError, csv.Error) as error:
        what = f"it has no column {error}" if isinstance(error, KeyError) else str(error)
        raise BadInput(f"The manifest of the run cannot be read: {run.folder}: {what}") from error
    for number, fields in enumerate(found, 1):
        if None in fields.values():
            raise BadInput(f"The manifest of the run is damaged: row {number} is cut: {run.folder / 'manifest.csv'}")
    return rows


def _read_json(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError(f"{path.name} holds no object")
    return content
