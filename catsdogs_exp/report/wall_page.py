"""The wall of a sweep: one picture per probe, and a page of them."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from catsdogs_exp.errors import BadInput
from catsdogs_exp.insight.wall import arrange
from catsdogs_exp.record.activation_arrays import BEST, KeptActivations, read_activations
from catsdogs_exp.record.comparison import Comparison, told_apart
from catsdogs_exp.record.folder.run_reader import Run
from catsdogs_exp.record.pictures.wall_picture import WallRow, wall_picture
from catsdogs_exp.report import page

_COLUMNS, _CHANNELS, _RUNS = 8, 24, 60
_SETTINGS = 6  # maximum lines of a label


@dataclass(frozen=True)
class Wall:
    """The pictures of a wall by the names of their probes, and what was left out."""

    pictures: dict[str, Image.Image]
    runs: int
    remarks: tuple[str, ...]


def make_wall(found: Comparison) -> Wall:
    """Builds the wall of compared runs from their saved activations.

    Raises:
        BadInput: if fewer than two runs have saved activations of the same images.
    """
    kept: list[tuple[Run, KeptActivations]] = []
    remarks: list[str] = []
    for run in found.runs[:_RUNS]:
        try:
            kept.append((run, read_activations(run.folder / "activations" / BEST)))
        except BadInput as error:
            remarks.append(f"left out: {run.name}: {error}")
    if len(found.runs) > _RUNS:
        remarks.append(f"left out: {len(found.runs) - _RUNS} runs after the best {_RUNS}")
    same = [pair for pair in kept if pair[1].probes == kept[0][1].probes]
    remarks += [f"left out: {run.name}: different probes" for run, each in kept if each.probes != kept[0][1].probes]
    if len(same) < 2:
        raise BadInput(
            f"A wall needs at least two runs that saved activations of the same images. Received: {len(same)} of "
            f"{len(found.runs)}{f'; {remarks[0]}' if remarks else ''}. Train with logging.activations.keep > 0"
        )
    cells = arrange([each.answers.layers for _, each in same], _COLUMNS, _CHANNELS)
    rows = [WallRow(_label(run, found), row) for (run, _), row in zip(same, cells, strict=True)]
    probes = same[0][1].probes
    pictures = {name: wall_picture(name, rows, number) for number, name in enumerate(probes)}
    return Wall(pictures, len(same), tuple(remarks))


def write_page(wall: Wall, path: Path) -> None:
    """Writes the page.

    Raises:
        BadInput: if it cannot be written.
    """
    html = page.render(
        "wall.html.j2",
        title=f"Wall of {wall.runs} runs",
        runs=wall.runs,
        walls=[
            {"name": name, "uri": _uri(picture), "width": picture.width, "height": picture.height}
            for name, picture in wall.pictures.items()
        ],
    )
    page.write(html, path)


def _label(run: Run, found: Comparison) -> tuple[str, ...]:
    value = run.metrics.get(found.by)
    head = f"{found.by} {value:.4f}" if value is not None else run.status
    settings = told_apart(run, found, _SETTINGS)
    return (head, *settings) if settings else (head, run.name)


def _uri(picture: Image.Image) -> str:
    content = io.BytesIO()
    picture.save(content, "PNG")
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"
