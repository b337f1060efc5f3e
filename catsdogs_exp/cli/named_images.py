"""The images named by a command's arguments: files, and folders of files."""

from collections.abc import Sequence
from pathlib import Path

from catsdogs_exp.cli.screen import aside
from catsdogs_exp.data.sources.walking import Walker, image_files
from catsdogs_exp.errors import BadInput


def named_images(paths: Sequence[Path]) -> list[Path]:
    """Lists the files, including those in folders, and reports what it skips.

    Raises:
        BadInput: if there are none.
    """
    walker = Walker()
    files = image_files(paths, walker)
    for note in walker.notes():
        aside(f"skipped: {note}")
    if not files:
        raise BadInput(f"No files in: {', '.join(map(str, paths))}")
    return files
