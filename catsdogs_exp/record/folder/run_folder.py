"""Creates run folders that cannot collide and are never overwritten."""

import datetime
import re
import secrets
import string
from pathlib import Path
from typing import Any

import yaml

from catsdogs_exp import platforms
from catsdogs_exp.config.build import to_plain
from catsdogs_exp.config.schema import Config
from catsdogs_exp.errors import BadInput
from catsdogs_exp.platforms import expanded

_TRIES = 100
_MAX_NAME = 120
_TIMED = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d-\w+")  # names of run folders and sweeps
_LONG_NUMBER = re.compile(r"(?<=[=,\[ ])-?\d+\.\d{6,}(?:[eE][-+]?\d+)?(?=[,\] ]|$)")


def new_run_folder(output_dir: str, name: str) -> Path:
    """Creates `<output_dir>/<name>/<YYYY-MM-DD_HH-MM-SS>-<4 letters>`, exclusively.

    Raises:
        BadInput: if it cannot be created.
    """
    parent = expanded(output_dir) / name
    for _ in range(_TRIES):
        moment = datetime.datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
        letters = "".join(secrets.choice(string.ascii_lowercase) for _ in range(4))
        folder = parent / f"{moment}-{letters}"
        if _create(folder):
            return folder
    raise BadInput(f"No free name for a run folder in {parent} after {_TRIES} tries.")


def new_job_folder(sweep_folder: Path, number: int, overrides: list[str]) -> Path:
    """Creates `<sweep folder>/<number>-<overrides>` for one job of a sweep, exclusively."""
    folder = sweep_folder / job_name(number, overrides)
    if not _create(folder):
        raise BadInput(f"The folder of the sweep's job already exists: {folder}")
    return folder


def write_config(folder: Path, config: Config) -> None:
    """Writes the run's `config.yaml`: every setting with its value."""
    write_yaml(folder / "config.yaml", to_plain(config))


def write_yaml(path: Path, content: Any) -> None:
    """Writes plain values under a temporary name and renames it, so that readers see the old file or the new one."""
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    scratch = path.with_name(f".{path.name}.part")
    scratch.write_text(text, encoding="utf-8", errors="backslashreplace")
    platforms.replace(scratch, path)


def job_name(number: int, overrides: list[str]) -> str:
    """Returns `3-depth=2,lr=0.01`: safe as a file name, unique by its number; long numbers have four digits."""
    text = _LONG_NUMBER.sub(lambda found: f"{float(found[0]):.4g}", ",".join(word.lstrip("+") for word in overrides))
    text = re.sub(r"[^\w.=,+-]+", "_", text, flags=re.ASCII)
    return f"{number}-{text}"[:_MAX_NAME].rstrip("-.")


def row_name(folder: Path) -> str:
    """Returns the name of a run in TensorBoard's table: a job's with its sweep, as other sweeps may have the same
    job.
    """
    return job_row_name(folder) if _TIMED.fullmatch(folder.absolute().parent.name) else folder.name


def job_row_name(folder: Path) -> str:
    """Returns the name of a sweep's job there."""
    return f"{folder.name} in {folder.absolute().parent.name}"


def _create(folder: Path) -> bool:
    """Creates the folder; returns False if it already exists."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir()
    except FileExistsError:
        if folder.is_dir():
            return False
        raise BadInput(
            f"output_dir must be a folder. Received a path through a file: {folder.parent}. Choose another output_dir."
        ) from None
    except NotADirectoryError as error:
        raise BadInput(
            f"output_dir must be a folder. Received a path through a file: {folder.parent}. Choose another output_dir."
        ) from error
    except OSError as error:
        raise BadInput(
            f"output_dir cannot be written: {error.strerror}: {folder.parent}. Choose another: output_dir=PATH"
        ) from error
    return True
