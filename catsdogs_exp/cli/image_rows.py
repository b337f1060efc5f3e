"""For commands that read the named images one by one: one row each, and messages about unreadable ones."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from catsdogs_exp.cli.json_output import put_json
from catsdogs_exp.cli.screen import aside
from catsdogs_exp.data.images.preparing import read_or_reason
from catsdogs_exp.errors import BadInput, RunFailed

if TYPE_CHECKING:  # it comes with TensorFlow
    from catsdogs_exp.inference.image_names import NamedImage

T = TypeVar("T")


class ImageRows:
    """The rows that a command prints as JSON.

    Attributes:
        rows: one per image so far.
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def readable(self, images: "Sequence[NamedImage]", read: Callable[[Path], T]) -> Iterator[tuple[str, T]]:
        """Yields name and content of the readable images; others are reported, and get a row with the reason."""
        for image in images:
            found: T | str = image.error if image.error else read_or_reason(partial(read, image.path))
            if isinstance(found, str):
                self.rows.append({"path": image.name, "error": found})
                aside(f"not predicted: {image.name}: {found}")
            else:
                yield image.name, found

    def finish(self, as_json: bool) -> int:
        """Prints the rows if requested, and returns the exit code."""
        if as_json:
            put_json(self.rows)
        return code_for(sum("error" in row for row in self.rows), len(self.rows))


def code_for(unreadable: int, images: int) -> int:
    """Returns the exit code: 2 if none of the images could be read, 1 if some could not."""
    if unreadable == images:
        return BadInput.exit_code
    return RunFailed.exit_code if unreadable else 0
