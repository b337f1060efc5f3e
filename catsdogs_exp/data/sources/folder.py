"""The source `folder`: images that lie on disk already."""

from pathlib import Path

from catsdogs_exp.config.schema import FolderDataset
from catsdogs_exp.errors import BadInput

ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz")


def folder(dataset: FolderDataset) -> Path:
    """Returns the folder named by `dataset.path`.

    Raises:
        BadInput: when it is missing, a file, or cannot be read.
    """
    path = Path(dataset.path or "").expanduser()
    if not path.exists():
        raise BadInput(f"dataset.path must be a folder of images. There is none at: {path}")
    if not path.is_dir():
        hint = "For an archive use dataset=archive." if path.suffix.lower() in ARCHIVES else "Name its folder."
        raise BadInput(f"dataset.path must be a folder of images. Received a file: {path}. {hint}")
    try:
        next(path.iterdir(), None)
    except OSError as error:
        raise BadInput(f"dataset.path cannot be read: {error.strerror}: {path}") from error
    return path.resolve()
