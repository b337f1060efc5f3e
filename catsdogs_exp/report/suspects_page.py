"""A page of pictures whose label a network doubts, the most doubted first: one file, nothing else needed."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

from catsdogs_exp.data.images import decoding
from catsdogs_exp.errors import BadInput
from catsdogs_exp.record.pictures.contact_sheet import contact_sheet

_TILE = 180  # pixels
_STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 2em auto; max-width: 1100px; padding: 0 1em; color: #282828 }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); gap: 1em }
figure { margin: 0; border: 1px solid #ccc; border-radius: 6px; padding: 8px; overflow-wrap: anywhere }
figure.sure { border-color: #c0392b; border-width: 2px }
img { max-width: 100%; display: block; margin: auto }
figcaption b { color: #c0392b }
small { color: #666 }
"""


@dataclass(frozen=True)
class Suspect:
    """One picture on the page.

    Attributes:
        file: to show.
        path: as the manifest names it.
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


def write_page(folder: Path, title: str, notes: Sequence[str], pictures: Sequence[Suspect]) -> Path:
    """Writes `suspects.html`, or `suspects-2.html` and so on where that is there already.

    Args:
        folder: of the run or sweep.
        title: the heading.
        notes: a paragraph each.
        pictures: in the order of the page.

    Returns:
        The page's path.

    Raises:
        BadInput: when it cannot be written.
    """
    paragraphs = "".join(f"<p>{escape(note)}</p>\n" for note in notes)
    page = (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f"<style>{_STYLE}</style>\n<h1>{escape(title)}</h1>\n{paragraphs}<main>\n"
        f"{''.join(_figure(number, picture) for number, picture in enumerate(pictures, 1))}</main>\n</html>\n"
    )
    number = 1
    while True:
        path = folder / ("suspects.html" if number == 1 else f"suspects-{number}.html")
        try:
            with path.open("x", encoding="utf-8", errors="backslashreplace") as handle:
                handle.write(page)
        except FileExistsError:
            number += 1
        except OSError as error:
            raise BadInput(f"The page cannot be written: {path}: {error.strerror}") from error
        else:
            return path


def _figure(number: int, picture: Suspect) -> str:
    sure = ' class="sure"' if picture.sure else ""
    return (
        f"<figure{sure}>{_thumbnail(picture)}<figcaption>{number}. labelled {escape(picture.label)}, "
        f"looks like <b>{escape(picture.predicted)}</b><br>suspicion {picture.suspicion:.3f}<br>"
        f"<small>{escape(picture.path)} ({escape(picture.split)})</small></figcaption></figure>\n"
    )


def _thumbnail(picture: Suspect) -> str:
    try:
        pixels = np.asarray(decoding.decode(picture.file.read_bytes()))
    except (OSError, decoding.Undecodable) as error:
        return f"<p>no picture: {escape(str(error))}</p>"
    sheet = io.BytesIO()
    contact_sheet([pixels], [picture.file.name], tile=_TILE).save(sheet, "JPEG", quality=85)
    data = base64.b64encode(sheet.getvalue()).decode()
    return f'<img alt="{escape(picture.path)}" src="data:image/jpeg;base64,{data}">'
