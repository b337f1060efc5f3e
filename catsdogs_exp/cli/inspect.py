"""`python -m catsdogs_exp inspect [dataset=... ...]`: what is in the data and what is wrong with it."""

import json
from typing import Any

from catsdogs_exp.cli.arguments import settings_and_flags
from catsdogs_exp.cli.screen import TerminalScreen, output

_SHOWN = 20
_USAGE = """Usage: python -m catsdogs_exp inspect [key=value ...] [--json]

What is in the data and what is wrong with it. Nothing is trained, moved or deleted.

  python -m catsdogs_exp inspect
  python -m catsdogs_exp inspect dataset=folder dataset.path=~/photos
  python -m catsdogs_exp inspect dataset=archive dataset.path=cats_and_dogs_filtered.zip --json"""


def main(arguments: list[str]) -> int:
    """Prints a table of classes, sizes, and files that are left out, with the reasons."""
    overrides, flags = settings_and_flags(arguments, ("--json",), _USAGE)

    from catsdogs_exp.config.compose import config_of
    from catsdogs_exp.data.gather import check_source, gather

    config = config_of(overrides)
    check_source(config.dataset)
    screen = TerminalScreen()
    report = gather(config, screen.progress).report()
    screen.close()
    if "--json" in flags:
        print(json.dumps(report, indent=1, ensure_ascii=False))  # noqa: T201
    else:
        _print(report)
    return 0


def _print(report: dict[str, Any]) -> None:
    from rich.table import Table

    console = output()
    console.print(f"{report['root']}: {report['files']} files, {report['usable']} usable", markup=False)
    counts = report["counts"]
    table = Table("class", *counts, "in all", box=None, pad_edge=False)
    for name in report["classes"]:
        numbers = [counts[split].get(name, 0) for split in counts]
        table.add_row(name, *map(str, numbers), str(sum(numbers)))
    console.print(table)
    for side in ("width", "height"):
        spread = report[side]
        console.print(f"{side}: {spread['min']} to {spread['max']} pixels, median {spread['median']}", markup=False)
    if report["notes"]:
        console.print("used, though odd:")
        for note, count in report["notes"].items():
            console.print(f"  {count:>5}  {note}", markup=False)
    if report["quarantined"]:
        console.print(f"left out: {report['quarantined']}")
        for reason, count in report["reasons"].items():
            console.print(f"  {count:>5}  {reason}", markup=False)
        for entry in report["left_out"][:_SHOWN]:
            console.print(f"  {entry['path']}: {entry['reason']}", markup=False)
        if report["quarantined"] > _SHOWN:
            console.print(f"  ... and {report['quarantined'] - _SHOWN} more: --json lists all")
