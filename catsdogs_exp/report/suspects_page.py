"""A page of images whose labels may be wrong, most suspicious first."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from catsdogs_exp.report import page
from catsdogs_exp.report.thumbnails import thumbnail


@dataclass(frozen=True)
class Suspect:
    """One image on the page.

    Attributes:
        file: to show.
        path: as in the manifest.
        label, predicted: class names.
        suspicion: 0..1.
        split: where it was used.
        sure: whether it counts as mislabelled.
    """

    file: Path
    path: str
    label: str
    predicted: str
    suspicion: float
    split: str
    sure: bool


def write_page(folder: Path, title: str, notes: Sequence[str], suspects: Sequence[Suspect]) -> Path:
    """Writes `suspects.html`, or `suspects-2.html` and so on if that exists already.

    Args:
        folder: of the run or sweep.
        title: the heading.
        notes: one paragraph each.
        suspects: in the order of the page.

    Returns:
        The page's path.

    Raises:
        BadInput: if it cannot be written.
    """
    shown = [
        thumbnail(
            suspect.file,
            suspect.path,
            lines=(
                f"{number}. labelled {suspect.label}, looks like {suspect.predicted}",
                f"suspicion {suspect.suspicion:.3f}, {suspect.split}",
            ),
            marked=suspect.sure,
        )
        for number, suspect in enumerate(suspects, start=1)
    ]
    return page.write_new(page.render("suspects.html.j2", title=title, notes=notes, suspects=shown), folder, "suspects")
