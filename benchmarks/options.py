"""Command line options of the benchmarks."""

import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """Settings of a benchmark.

    Attributes:
        photos: an archive of photos; None if there is none.
        rounds: how often each contender is measured.
        images: training images per round; None: all.
        quick: only checks that it works.
        only: for `rates`: the parts of its panel; empty: all.
        results: for `rates`: the file of earlier measurements; None: `outputs/rates.jsonl`.
        again: for `rates`: measures `lr=auto` again, whatever the file holds.
        large: for `loader`: phone-sized photos; for `inspection`: very many files.
    """

    photos: Path | None
    rounds: int
    images: int | None
    quick: bool
    only: tuple[str, ...] = ()
    results: Path | None = None
    large: bool = False
    again: bool = False


def heading(name: str, options: Options, details: str, load_before: float, how: str = "") -> str:
    """The lines above a table: what was measured, on what data, and how busy the machine was."""
    quick = "QUICK: these numbers mean nothing. " if options.quick else ""
    return (
        f"{quick}{name}: {details}; {how or f'median of {options.rounds} interleaved rounds'}\n"
        f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}, "
        f"TensorFlow {version('tensorflow')}, Keras {version('keras')}; "
        f"load {load_before:.1f} before, {os.getloadavg()[0]:.1f} after\n"
    )
