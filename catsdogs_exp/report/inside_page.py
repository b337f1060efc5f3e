"""A page that compares two networks from the inside."""

import base64
from dataclasses import dataclass
from pathlib import Path

from catsdogs_exp.errors import BadInput
from catsdogs_exp.inference.inside import Inside, Side
from catsdogs_exp.record.comparison import compare, told_apart
from catsdogs_exp.record.pictures.patch_strip import TILE, strip_as_jpeg
from catsdogs_exp.report import page

_SHOWN = 60  # channels per side
_PAIRS = 12  # per layer


@dataclass(frozen=True)
class ShownLonely:
    """A channel without a counterpart in the other network, with its patches."""

    layer: str
    number: int
    uri: str
    width: int
    use: float
    part: str
    nearest: str


def write_page(inside: Inside, path: Path) -> None:
    """Writes the page.

    Raises:
        BadInput: if it cannot be written.
    """
    found = inside.comparison
    names = _names(inside)
    html = page.render(
        "inside.html.j2",
        title=f"Inside {names[0]} and {names[1]}",
        names=names,
        first=str(inside.first.run.folder),
        second=str(inside.second.run.folder),
        images=len(inside.first.images.labels),
        data=str(inside.data or ""),
        rows=found.first,
        columns=found.second,
        cka=[[_cell(value) for value in row] for row in found.cka.tolist()],
        matches=[
            {
                "first": match.first,
                "second": match.second,
                "mean": match.correlation,
                "dead": match.dead,
                "pairs": [(pair.first, pair.second, round(pair.correlation, 3)) for pair in match.pairs[:_PAIRS]],
                "more": max(0, len(match.pairs) - _PAIRS),
            }
            for match in found.matches
        ],
        sides=[
            {"name": name, "count": len(side.only_here), "channels": _lonely(side)}
            for name, side in zip(names, (inside.first, inside.second), strict=True)
        ],
        shown=_SHOWN,
        tile=TILE,
    )
    page.write(html, path)


def _names(inside: Inside) -> tuple[str, str]:
    """The settings in which the runs differ, or else the names of their folders."""
    folders = [inside.first.run.folder, inside.second.run.folder]
    try:
        found = compare(folders)
    except BadInput:
        return folders[0].name, folders[1].name
    told = {run.folder: " ".join(told_apart(run, found)) for run in found.runs}
    first, second = (told.get(folder.absolute(), "") for folder in folders)
    return (first, second) if first and second and first != second else (folders[0].name, folders[1].name)


def _cell(value: float) -> tuple[str, float]:
    """Returns a value as text, and 0..1 for its colour."""
    return ("-", 0.0) if value != value else (f"{value:.2f}", min(max(value, 0.0), 1.0))  # noqa: PLR0124  (NaN)


def _lonely(side: Side) -> list[ShownLonely]:
    shown = []
    for lonely, channel in list(zip(side.only_here, side.channels, strict=True))[:_SHOWN]:
        content = base64.b64encode(strip_as_jpeg(channel, side.images.pixels)).decode()
        shown.append(
            ShownLonely(
                lonely.layer,
                lonely.channel,
                f"data:image/jpeg;base64,{content}",
                (len(channel.strongest) + len(channel.middling)) * (TILE + 2) + 6,
                channel.use,
                channel.part,
                f"{lonely.nearest_layer} {lonely.nearest_channel}, correlation {lonely.correlation:.2f}",
            )
        )
    return shown
