"""Arguments that several commands take: a run, or settings (`key=value`) and a few flags."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from catsdogs_exp.errors import BadInput, did_you_mean


def run_parser(command: str, description: str, example: str) -> argparse.ArgumentParser:
    """The parser of a command that takes a run folder first: RUN, as `run`.

    Args:
        command: its name.
        description: what it does.
        example: what may stand behind its name.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m catsdogs_exp {command}",
        description=description,
        epilog=f"Example: python -m catsdogs_exp {command} {example}",
    )
    parser.add_argument("run", metavar="RUN", type=Path, help="a run folder")
    return parser


def settings_and_flags(arguments: list[str], flags: Sequence[str], usage: str) -> tuple[list[str], set[str]]:
    """Separates settings from flags; prints `usage` and leaves for `--help`.

    Raises:
        BadInput: for an unknown flag.
    """
    if "-h" in arguments or "--help" in arguments:
        print(usage)  # noqa: T201
        raise SystemExit(0)
    given = {word for word in arguments if word.startswith("-")}
    for word in sorted(given - set(flags)):
        raise BadInput(f"Unknown option: {word}.{did_you_mean(word, flags)} Known: {', '.join(flags) or 'none'}.")
    return [word for word in arguments if not word.startswith("-")], given
