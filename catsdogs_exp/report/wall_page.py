"""The wall of a sweep: one picture per probe, and a page of them."""

import base64
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from catsdogs_exp.errors import BadInput
from catsdogs_exp.insight.wall import arrange
from catsdogs_exp.record.activation_arrays import BEST, KeptActivations, epoch_files, read_activations
from catsdogs_exp.record.comparison import Comparison, told_apart
from catsdogs_exp.record.folder.run_reader import Run
from catsdogs_exp.record.pictures.wall_picture import WallRow, wall_picture
from catsdogs_exp.report import page

_COLUMNS, _CHANNELS, _RUNS = 8, 24, 60
_SETTINGS = 6  # maximum lines of a label
_HOW = "Train with logging.activations.keep > 0"


@dataclass(frozen=True)
class Wall:
    """The pictures of a wall by the names of their probes, and what was left out."""

    pictures: dict[str, Image.Image]
    runs: int
    remarks: tuple[str, ...]


def make_wall(found: Comparison) -> Wall:
    """Builds the wall of compared runs from their saved activations.

    Runs with other probes than most, such as those of another data set, are left out. A run that was killed before it
    could record its best epoch is shown at the newest one that it recorded.

    Raises:
        BadInput: if fewer than two runs have saved activations of the same images.
    """
    kept: list[tuple[Run, KeptActivations]] = []
    remarks: list[str] = []
    unfinished: dict[str, str] = {}
    for run in found.runs[:_RUNS]:
        try:
            path = _newest(run.folder / "activations")
            kept.append((run, read_activations(path)))
        except BadInput as error:
            remarks.append(f"left out: {run.name}: {error}")
        else:
            if path.name != BEST:
                unfinished[run.name] = f"epoch {kept[-1][1].epoch}, the newest one"
                remarks.append(f"{run.name}: {unfinished[run.name]}: its best was not recorded")
    if len(found.runs) > _RUNS:
        remarks.append(f"left out: {len(found.runs) - _RUNS} runs after the best {_RUNS}")
    probes = Counter(each.probes for _, each in kept).most_common(1)[0][0] if kept else ()
    same = [(run, each) for run, each in kept if each.probes == probes]
    remarks += [f"left out: {run.name}: different probes" for run, each in kept if each.probes != probes]
    if len(same) < 2:
        why = f"; {remarks[0].removesuffix(f'. {_HOW}')}" if remarks else ""
        all_saved = len(kept) == min(len(found.runs), _RUNS)
        how = "Compare runs on the same data, with the same split" if all_saved and len(kept) > 1 else _HOW
        raise BadInput(
            f"A wall needs at least two runs that saved activations of the same images. Received: {len(same)} of "
            f"{len(found.runs)}{why}. {how}"
        )
    cells = arrange([each.answers.layers for _, each in same], _COLUMNS, _CHANNELS)
    labels = [_label(run, found, unfinished.get(run.name, "")) for run, _ in same]
    rows = [WallRow(label, row) for label, row in zip(labels, cells, strict=True)]
    pictures = {name: wall_picture(name, rows, number) for number, name in enumerate(probes)}
    return Wall(pictures, len(same), tuple(remarks))


def _newest(folder: Path) -> Path:
    """Returns the file of the best epoch, or of the newest one if there is none."""
    best = folder / BEST
    return best if best.is_file() else (epoch_files(folder) or [best])[-1]


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


def _label(run: Run, found: Comparison, epoch: str) -> tuple[str, ...]:
    value = run.metrics.get(found.by)
    head = f"{found.by} {value:.4f}" if value is not None else run.status
    settings = told_apart(run, found, _SETTINGS)
    return head, *([epoch] if epoch else []), *(settings or [run.name])


def _uri(picture: Image.Image) -> str:
    content = io.BytesIO()
    picture.save(content, "PNG")
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"
