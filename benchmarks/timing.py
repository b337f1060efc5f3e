"""Measuring two sides fairly: taking turns, then medians."""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Pair:
    """What two sides gave, round by round.

    Attributes:
        ours, theirs: one number a round, of equal length.
    """

    ours: Sequence[float]
    theirs: Sequence[float]

    @property
    def ratio_of_medians(self) -> float:
        """Ours to theirs, each at its median."""
        return median(self.ours) / median(self.theirs)

    @property
    def ratios(self) -> list[float]:
        """Ours to theirs, round by round."""
        return [a / b for a, b in zip(self.ours, self.theirs, strict=True)]

    @property
    def differences(self) -> list[float]:
        """Ours minus theirs, round by round."""
        return [a - b for a, b in zip(self.ours, self.theirs, strict=True)]


def interleaved(
    contenders: Mapping[str, Callable[[], float]], rounds: int, say: Callable[[str], None] | None = None
) -> dict[str, list[float]]:
    """Lets every contender measure itself once a round; every other round goes backwards, so that drift cancels.

    Returns:
        A number a round for each contender.
    """
    measured: dict[str, list[float]] = {name: [] for name in contenders}
    names = list(contenders)
    for number in range(rounds):
        started = time.perf_counter()
        for name in names if number % 2 == 0 else reversed(names):
            measured[name].append(contenders[name]())
        if say:
            latest = ", ".join(f"{name} {measured[name][-1]:,.4g}" for name in names)
            say(f"round {number + 1}/{rounds}: {time.perf_counter() - started:.0f} s: {latest}")
    return measured


def steady_rate(ends: Sequence[float], images: int, batch_size: int, skip: int) -> float:
    """Images a second once the first `skip` steps, with compilation and the filling of queues, are over.

    Args:
        ends: when each step ended, in seconds.
        images: of all steps together.
        batch_size: images of each step but perhaps the last.
        skip: steps that do not count, at least 1; fewer where there are no more.
    """
    skip = min(skip, len(ends) - 1)
    return (images - skip * batch_size) / (ends[-1] - ends[skip - 1])


def say(text: str) -> None:
    """How far it is, on stderr: stdout is for the table."""
    print(text, file=sys.stderr, flush=True)
