"""The table printed by a benchmark: both sides' measurements, the target, and whether it is reached."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median

from benchmarks.timing import Pair

_HEADER = ("row", "what", "ours", "theirs", "of medians", "median of rounds [lowest, highest]", "target", "reached")


@dataclass(frozen=True)
class Row:
    """A row of the table, as text.

    Attributes:
        name: of the row, as docs/benchmarks.md defines it: `P1`.
        what: what is compared with what.
        ours, theirs: medians with their unit.
        of_medians: ratio or difference of the two medians.
        of_rounds: median, lowest and highest of that ratio or difference over the rounds.
        target: the target.
        reached: yes, no, or why it cannot be determined.
    """

    name: str
    what: str
    ours: str
    theirs: str
    of_medians: str
    of_rounds: str
    target: str
    reached: str


def ratio(name: str, what: str, pair: Pair, shown: Callable[[float], str], at_most: float | None = None) -> Row:
    """Ours divided by theirs, each `shown` with its unit. Reached if both the ratio of medians and the median ratio
    are.
    """
    worst = max(pair.ratio_of_medians, median(pair.ratios))
    return Row(
        name,
        what,
        shown(median(pair.ours)),
        shown(median(pair.theirs)),
        f"{pair.ratio_of_medians:.3f}",
        _spread(pair.ratios, ".3f"),
        "-" if at_most is None else f"<= {at_most:g}",
        "-" if at_most is None else _yes(worst <= at_most),
    )


def faster(name: str, what: str, pair: Pair, at_least: float) -> Row:
    """Images per second on both sides. Reached if both the ratio of medians and the median ratio are."""
    worst = min(pair.ratio_of_medians, median(pair.ratios))
    row = ratio(name, what, pair, lambda rate: f"{rate:,.0f} img/s")
    return replace(row, target=f">= {at_least:g}", reached=_yes(worst >= at_least))


def beyond(name: str, what: str, pair: Pair, at_most: float) -> Row:
    """Seconds on both sides; ours may take at most so many seconds longer."""
    of_medians = median(pair.ours) - median(pair.theirs)
    return Row(
        name,
        what,
        f"{median(pair.ours):.2f} s",
        f"{median(pair.theirs):.2f} s",
        f"+{of_medians:.2f} s",
        _spread(pair.differences, ".2f"),
        f"<= {at_most:g} s",
        _yes(max(of_medians, median(pair.differences)) <= at_most),
    )


def within(name: str, what: str, seconds: Sequence[float], at_most: float | None = None) -> Row:
    """Seconds of our side only."""
    return Row(
        name,
        what,
        f"{median(seconds):.2f} s",
        "-",
        "-",
        _spread(seconds, ".2f"),
        "-" if at_most is None else f"<= {at_most:g} s",
        "-" if at_most is None else _yes(median(seconds) <= at_most),
    )


def render(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table that is also readable as plain text."""
    return markdown(_HEADER, [tuple(vars(row).values()) for row in rows])


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table with aligned columns."""
    cells = [header, *rows]
    widths = [max(len(line[column]) for line in cells) for column in range(len(header))]
    lines = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |" for line in cells
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def _spread(values: Sequence[float], form: str) -> str:
    return f"{median(values):{form}} [{min(values):{form}}, {max(values):{form}}]"


def _yes(reached: bool) -> str:
    return "yes" if reached else "no"
