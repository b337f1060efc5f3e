"""The source `folder`: existing images on disk."""

from pathlib import Path

from catsdogs_exp.config.schema.datasets import FolderDataset, several
from catsdogs_exp.errors import BadInput, did_you_mean_path
from catsdogs_exp.platforms import expanded

ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz")


def folder(dataset: FolderDataset) -> Path:
    """Returns the folder named by `dataset.path`, or the first of several.

    Raises:
        BadInput: if it is missing, a file, or unreadable.
    """
    return folders(dataset)[0]


def folders(dataset: FolderDataset) -> list[Path]:
    """Returns the folders named by `dataset.path`.

    Raises:
        BadInput: if one is missing, a file, or unreadable.
    """
    return [existing_folder(path) for path in several(dataset.path) or ("",)]


def existing_folder(text: str, key: str = "dataset.path") -> Path:
    """Returns a folder's full path.

    Args:
        text: as the user wrote it.
        key: the setting it comes from, for messages.

    Raises:
        BadInput: if it is missing, a file, or unreadable.
    """
    path = expanded(text)
    if not path.exists():
        raise BadInput(f"{key} must be a folder of images. There is none at: {path}{did_you_mean_path(text)}")
    if not path.is_dir():
        hint = "For an archive use dataset=archive." if path.suffix.lower() in ARCHIVES else "Name its folder."
        if path.suffix.lower() == ".csv":
            hint = "For a table use dataset=csv."
        raise BadInput(f"{key} must be a folder of images. Received a file: {path}. {hint}")
    try:
        next(path.iterdir(), None)
    except OSError as error:
        raise BadInput(f"{key} cannot be read: {error.strerror}: {path}") from error
    return path.resolve()
