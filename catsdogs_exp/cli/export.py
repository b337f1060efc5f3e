"""`python -m catsdogs_exp export RUN --format F`: a run's network for other programs, each file checked."""

import argparse
from typing import TYPE_CHECKING

from catsdogs_exp.cli.arguments import Parser, a_path, run_parser
from catsdogs_exp.cli.json_output import put_json
from catsdogs_exp.errors import BadInput, RunFailed

if TYPE_CHECKING:  # they come with TensorFlow
    from catsdogs_exp.run.export import Exported


def main(arguments: list[str]) -> int:
    """Exports the network, prints one row per file, and fails if one was rejected."""
    options = _parser().read(arguments)
    from catsdogs_exp.inference.export.formats import chosen_formats

    formats = chosen_formats(options.format)
    if options.flex and "litert" not in [each.name for each in formats]:
        raise BadInput(f"--flex needs --format litert. Received: --format {options.format}")

    from catsdogs_exp.cli.screen import TerminalScreen, output
    from catsdogs_exp.record.folder.run_files import find_run
    from catsdogs_exp.signals import interruptible
    from catsdogs_exp.training.runtime import import_tensorflow

    run = find_run(options.run)
    import_tensorflow()
    from catsdogs_exp.inference.export.checking import Limits
    from catsdogs_exp.run.export import Wanted, export_run

    screen = TerminalScreen()
    wanted = Wanted(formats, Limits(options.min_accuracy, options.max_drop), options.flex, options.data)
    try:
        with interruptible():  # removes what is half written
            exported = export_run(run, wanted, screen.say, screen.progress)
    finally:
        screen.close()
    if options.json:
        from dataclasses import asdict

        rows = [asdict(row) for row in exported.rows]
        content = {"folder": str(exported.folder) if exported.folder else None, "rows": rows}
        put_json(content)
    else:
        _show(exported)
        if exported.folder is not None:
            output().say(f"exported to {exported.folder}")
    refused = {row.file: row.refused for row in exported.rows if row.refused}
    if refused:
        reasons = "; ".join(f"{file}: {reason}" for file, reason in refused.items())
        raise RunFailed(f"Rejected and removed: {reasons}")
    return 0


def _parser() -> Parser:
    parser = run_parser(
        "export",
        "The best network of a run for other programs. Each file is opened with its own runtime and compared with the "
        "network on every validation image.",
        "outputs/drawn/2026-01-31_12-00-00-abcd --format all",
    )
    parser.add_argument(
        "--format",
        required=True,
        metavar="FORMAT,...",
        help="savedmodel, litert, litert-int8, onnx, html, several of them, or all",
    )
    parser.add_argument(
        "--min-accuracy", type=_share, metavar="A", help="reject files with a lower accuracy on validation images: 0..1"
    )
    parser.add_argument(
        "--max-drop", type=_share, metavar="D", help="reject files that lose more accuracy than this: 0..1"
    )
    parser.add_argument(
        "--flex", action="store_true", help="litert: allow TensorFlow's operators where LiteRT has none"
    )
    parser.add_argument("--data", type=a_path, metavar="PATH", help="the new location of the run's images")
    parser.add_argument("--json", action="store_true", help="the rows as JSON on stdout")
    return parser


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 1. Received: {text}")
    return value


def _show(exported: "Exported") -> None:
    from catsdogs_exp.cli.screen import output, table

    console = output()
    columns = ("format", "file", "MB", "largest difference", "changed", "unread", "accuracy", "ms/image")
    figures = table(*columns)
    for row in exported.rows:
        figures.add_row(
            row.label,
            row.file,
            f"{row.megabytes:.2f}",
            f"{row.largest_difference:.1e}",
            str(row.changed),
            str(row.unread),
            f"{row.accuracy:.4f}",
            f"{row.milliseconds:.2f}",
        )
    console.print(figures)
    console.say(
        f"{exported.rows[0].images} {exported.rows[0].split} images, one at a time; changed: predictions that differ "
        "from keras"
    )
