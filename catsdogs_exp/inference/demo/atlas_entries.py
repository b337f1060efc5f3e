"""Reads the entries of a run's newest channel atlas from its table and its page."""

import base64
import binascii
import csv
import math
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from catsdogs_exp.printable import printable
from catsdogs_exp.record.folder.atlas_folders import atlas_folders
from catsdogs_exp.record.folder.run_files import RunFiles

_MOST_BYTES = 200_000_000  # maximum size of a page; that of all layers of EfficientNet-Lite0 has 20 MB
_JPEG = "data:image/jpeg;base64,"
_LOST = "lost: "


@dataclass(frozen=True)
class AtlasEntries:
    """The atlas entries of all channels.

    Attributes:
        rows: layer and channel -> the values of `channels.csv` by column.
        patches: layer and channel -> a JPEG of the patches that excite it; not every channel has one.
    """

    rows: dict[tuple[str, int], dict[str, str]] = field(default_factory=dict)
    patches: dict[tuple[str, int], bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, run: RunFiles) -> "AtlasEntries":
        """Reads the entries of a run's newest readable atlas; empty if it has none."""
        for folder in atlas_folders(run):
            try:
                rows = _rows(folder / "channels.csv")
            except (OSError, ValueError, KeyError, csv.Error):
                continue
            return cls(rows, _patches(folder / "atlas.html"))
        return cls()

    def __bool__(self) -> bool:
        return bool(self.rows)

    def entry(self, layer: str, channel: int) -> dict[str, Any] | None:
        """Returns a channel's entry for users; None if it has none.

        Returns:
            `use` (accuracy lost without it), `part`, `top_class`, `dead`, `iou`, `lost` (probability lost by class,
            largest first) and `patches` (a data URI or None).
        """
        row = self.rows.get((layer, channel))
        if row is None:
            return None
        lost = {name.removeprefix(_LOST): _number(value) for name, value in row.items() if name.startswith(_LOST)}
        known = [(printable(name), value) for name, value in lost.items() if value is not None]
        patches = self.patches.get((layer, channel))
        return {
            "use": _number(row.get("use", "")),
            "part": printable(row.get("part", "")),
            "top_class": printable(row.get("top_class", "")),
            "dead": row.get("dead") == "1",
            "iou": _number(row.get("iou", "")),
            "lost": sorted(known, key=lambda pair: -abs(pair[1]))[:5],
            "patches": None if patches is None else _JPEG + base64.b64encode(patches).decode(),
        }


def _rows(path: Path) -> dict[tuple[str, int], dict[str, str]]:
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as handle:
        return {
            (row["layer"], int(row["channel"])): {name: value for name, value in row.items() if name and value}
            for row in csv.DictReader(handle)
        }


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _patches(path: Path) -> dict[tuple[str, int], bytes]:
    try:
        if path.stat().st_size > _MOST_BYTES:
            return {}
        reader = _Page()
        reader.feed(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return {}
    return reader.patches


class _Page(HTMLParser):
    """Finds the picture of each channel: a figure with `data-layer`, the number in <strong>, an image."""

    def __init__(self) -> None:
        super().__init__()
        self.patches: dict[tuple[str, int], bytes] = {}
        self._layer: str | None = None
        self._number: int | None = None
        self._in_number = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Opens a figure, or reads its picture."""
        found = dict(attrs)
        if tag == "figure":
            self._layer, self._number = found.get("data-layer"), None
        self._in_number = tag == "strong"
        source = found.get("src") or ""
        if tag == "img" and self._layer is not None and self._number is not None and source.startswith(_JPEG):
            try:
                content = base64.b64decode(source.removeprefix(_JPEG), validate=True)
            except binascii.Error:
                return
            self.patches[self._layer, self._number] = content

    def handle_data(self, data: str) -> None:
        """Reads a channel's number."""
        if self._in_number and self._layer is not None and data.strip().isdecimal():
            self._number = int(data)
        self._in_number = False
