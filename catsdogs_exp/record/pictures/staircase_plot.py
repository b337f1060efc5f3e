"""The plot of a staircase. Drawn with Pillow: every run draws it, and matplotlib takes a second to import."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from catsdogs_exp.insight.staircase import Step, deep_enough
from catsdogs_exp.record.pictures.contact_sheet import BACKGROUND, INK, fitted, font, write

_STEP, _LEFT, _RIGHT, _TOP, _HEIGHT, _NAMES = 84, 56, 24, 44, 240, 26  # pixels
_BEST, _EARLIER, _ENOUGH, _GRID = (31, 119, 180), (190, 190, 190), (200, 60, 50), (228, 228, 228)


def draw_staircase(epochs: Mapping[int, Sequence[Step]], best: int, chance: float, path: Path) -> None:
    """Draws a PNG: accuracy over depth, earlier epochs in grey, the best one in colour with its standard error.

    Args:
        epochs: the steps by epoch.
        best: the best epoch.
        chance: the accuracy of always predicting the most frequent class.
        path: of the file.
    """
    steps = epochs[best]
    width = max(_LEFT + _STEP * len(steps) + _RIGHT, 460)
    plot = Image.new("RGB", (width, _TOP + _HEIGHT + 2 * _NAMES), BACKGROUND)
    draw = ImageDraw.Draw(plot)
    low = min(chance, *(step.accuracy - step.deviation for some in epochs.values() for step in some))
    low = max(0.0, int(low * 10) / 10)

    def place(number: int, accuracy: float) -> tuple[float, float]:
        share = (accuracy - low) / max(1 - low, 1e-9)
        return _LEFT + _STEP * (number + 0.5), _TOP + _HEIGHT * (1 - min(max(share, 0.0), 1.0))

    for tenth in range(round(low * 10), 11):
        _, y = place(0, tenth / 10)
        draw.line((_LEFT, y, width - _RIGHT, y), fill=_GRID)
        write(draw, (_LEFT - 34, y - 8), f"{tenth / 10:.1f}")
    _, y = place(0, chance)
    for dash in range(_LEFT, width - _RIGHT, 8):
        draw.line((dash, y, dash + 4, y), fill=INK)
    for epoch, others in sorted(epochs.items()):
        if epoch != best:
            draw.line([place(n, step.accuracy) for n, step in enumerate(others)], fill=_EARLIER, width=2)
    enough = [step.layer for step in steps].index(deep_enough(steps).layer)
    x, _ = place(enough, 0)
    draw.line((x, _TOP, x, _TOP + _HEIGHT), fill=_ENOUGH, width=2)
    draw.line([place(n, step.accuracy) for n, step in enumerate(steps)], fill=_BEST, width=3)
    for number, step in enumerate(steps):
        x, y = place(number, step.accuracy)
        _, top = place(number, step.accuracy + step.deviation)
        _, bottom = place(number, step.accuracy - step.deviation)
        draw.line((x, top, x, bottom), fill=_BEST, width=1)
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=_BEST)
        name = fitted(draw, step.layer, _STEP * 2 - 8)
        row = _TOP + _HEIGHT + 6 + (number % 2) * 18  # in two rows, so that long names do not overlap
        write(draw, (x - draw.textlength(name, font=font(text=name)) / 2, row), name)
    title = (
        f"accuracy of a linear probe, epoch {best}; dotted: most frequent class; red: {steps[enough].layer} suffices"
    )
    write(draw, (8, 8), fitted(draw, title, width - 16))
    plot.save(path)
