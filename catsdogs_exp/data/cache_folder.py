"""Where things that can be made again are kept: the user's cache folder, or `CATSDOGS_CACHE`."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs
from filelock import FileLock

from catsdogs_exp.errors import BadInput


def cache_folder(*parts: str) -> Path:
    """Returns (and creates) a folder below the cache folder.

    Raises:
        BadInput: when it cannot be created.
    """
    root = os.environ.get("CATSDOGS_CACHE") or platformdirs.user_cache_dir("catsdogs_exp", appauthor=False)
    folder = Path(root).expanduser().joinpath(*parts)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(
            f"The cache folder cannot be created: {error.strerror}: {folder}. "
            "Set the environment variable CATSDOGS_CACHE to a folder that can be written."
        ) from error
    return folder


@contextmanager
def made_once(target: Path) -> Iterator[Path | None]:
    """Lets one process make `target`, a folder, while others wait; never shows a half-made one.

    Yields a scratch folder to fill, renamed to `target` at the end, or None where `target` is there already.
    """
    with FileLock(f"{target}.lock"):
        if target.exists():
            yield None
            return
        scratch = target.with_name(f"{target.name}.part")
        remove_tree(scratch)  # left by a process that died
        scratch.mkdir()
        try:
            yield scratch
            scratch.rename(target)
        except BaseException:
            remove_tree(scratch)
            raise


def remove_tree(folder: Path) -> None:
    """Removes a folder of the cache, with files that an archive made read-only."""
    if folder.is_symlink():  # what it leads to is not the cache's
        folder.unlink()
    if not folder.exists():
        return
    for parent, _, files in os.walk(folder, topdown=False):
        Path(parent).chmod(0o700)
        for name in files:
            (Path(parent) / name).unlink()
        for child in Path(parent).iterdir():
            child.rmdir()
    folder.rmdir()
