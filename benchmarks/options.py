"""What a benchmark is told on the command line."""

import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """Settings of a benchmark.

    Attributes:
        photos: an archive of photos; None where there is none.
        rounds: how often each contender is measured.
        images: training images of a round; None: all.
        quick: only to see that it works.
        only: of `rates`: the parts of its panel; empty: all.
        results: of `rates`: the file that holds what was measured before; None: `outputs/rates.jsonl`.
        large: of `loader`: photos as phones take them.
    """

    photos: Path | None
    rounds: int
    images: int | None
    quick: bool
    only: tuple[str, ...] = ()
    results: Path | None = None
    large: bool = False


def heading(name: str, options: Options, details: str, load_before: float, how: str = "") -> str:
    """The lines above a table: what was measured, on what, and how busy the machine was."""
    quick = "QUICK: these numbers mean nothing. " if options.quick else ""
    return (
        f"{quick}{name}: {details}; {how or f'median of {options.rounds} interleaved rounds'}\n"
        f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}, "
        f"TensorFlow {version('tensorflow')}, Keras {version('keras')}; "
        f"load {load_before:.1f} before, {os.getloadavg()[0]:.1f} after\n"
    )
