"""`compare RUN_A RUN_B --inside` and `compare PATH... --wall`: compares networks by their activations."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catsdogs_exp.cli.arguments import Parser, a_path, add_classes, check_classes
from catsdogs_exp.cli.json_output import put_json
from catsdogs_exp.data.sources.wording import counted
from catsdogs_exp.errors import BadInput

if TYPE_CHECKING:  # it comes with TensorFlow
    from catsdogs_exp.inference.inside import Inside, Side
    from catsdogs_exp.insight.networks import Comparison


def inside(arguments: list[str]) -> int:
    """Compares two networks: a summary on stdout, data with --json, a page with --html."""
    options = _inside_parser().read([word for word in arguments if word != "--inside"])
    if len(options.runs) != 2:
        received = " ".join(map(str, options.runs))
        raise BadInput(f"--inside must compare two runs: RUN_A RUN_B. Received {len(options.runs)}: {received}")
    check_classes(options)
    if options.images < 8:
        raise BadInput(f"--images must be >= 8. Received: --images {options.images}")

    from catsdogs_exp.cli.screen import TerminalScreen
    from catsdogs_exp.record.folder.run_files import find_run

    runs = (find_run(options.runs[0]), find_run(options.runs[1]))
    from catsdogs_exp.training.runtime import import_tensorflow

    import_tensorflow()
    from catsdogs_exp.inference.inside import OtherData, compare_inside
    from catsdogs_exp.report.inside_page import write_page

    screen = TerminalScreen()
    data = OtherData(options.data, tuple(options.classes or ())) if options.data else None
    found = compare_inside(runs, options.layers, options.images, screen.progress, data)
    screen.close()
    if options.html:
        write_page(found, options.html)
    if options.json:
        put_json(_plain(found))
    else:
        _print(found.comparison, options.html)
    return 0


def _inside_parser() -> Parser:
    parser = Parser(
        "compare --inside",
        description="Compare two networks from the inside: similarity of layers (CKA), matching channels, and "
        "channels that only one of them has learned.",
    )
    parser.add_argument("runs", metavar="RUN", nargs="+", type=a_path, help="two run folders")
    parser.add_argument("--layers", nargs="+", default=["auto"], help="auto, all, or names and patterns of layers")
    parser.add_argument("--images", type=int, default=500, help="validation images of the first run; default: 500")
    parser.add_argument("--data", type=a_path, metavar="PATH", help="other images instead, one folder per class")
    add_classes(parser)
    parser.add_argument("--json", action="store_true", help="cka, matches, only_in_first, only_in_second")
    parser.add_argument("--html", type=a_path, help="write a page")
    return parser


def _print(comparison: "Comparison", page: Path | None) -> None:
    from catsdogs_exp.cli.screen import output

    console = output()
    for name, row, match in zip(comparison.first, comparison.cka.tolist(), comparison.matches, strict=True):
        best = max((value for value in row if not math.isnan(value)), default=float("nan"))
        if match.pairs:
            how = f"{len(match.pairs)} matched channels correlate by {match.correlation:.2f} on average"
        else:
            how = "no channels to match"
        dead = f"; dead: {match.dead[0]} and {match.dead[1]}" if any(match.dead) else ""
        console.say(f"{name}: most like {match.second}, CKA {best:.2f}; {how}{dead}")
    for side, lonely in (("first", comparison.only_in_first), ("second", comparison.only_in_second)):
        names = ", ".join(f"{each.layer} {each.channel}" for each in lonely[:8])
        more = f": {names}{' ...' if len(lonely) > 8 else ''}" if lonely else ""
        console.say(f"only in the {side}: {counted(len(lonely), 'channel')}{more}")
    if page:
        console.say(f"page: {page}")


def wall(arguments: list[str]) -> int:
    """Draws the activations of many runs for the same images: one PNG per probe, and a page with --html."""
    parser = Parser(
        "compare --wall",
        description="Draw how the layers of many runs respond to the same images: one row per run, best first.",
    )
    parser.add_argument("paths", metavar="PATH", nargs="*", default=["outputs"], help="run folders, or folders of runs")
    parser.add_argument("--by", help="the metric that runs are ranked by")
    parser.add_argument("--html", type=a_path, help="write a page")
    parser.add_argument("--output", type=a_path, help="folder of the PNGs; default: wall/ in the folder of the runs")
    options = parser.read([word for word in arguments if word != "--wall"])

    from catsdogs_exp.cli.screen import aside, output
    from catsdogs_exp.record.comparison import compare
    from catsdogs_exp.record.pictures.files import file_name, save_new
    from catsdogs_exp.report.wall_page import make_wall, write_page

    found = compare(options.paths, options.by)
    made = make_wall(found)
    for remark in (*found.remarks, *made.remarks):
        aside(remark)
    folder = options.output or found.root / "wall"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"--output must be a folder. Received: {folder} ({error.strerror})") from error
    for name, picture in made.pictures.items():
        output().say(str(save_new(picture, folder, f"wall-{Path(file_name(name)).stem}")))
    if options.html:
        write_page(made, options.html)
        output().say(f"page: {options.html}")
    return 0


def _plain(found: "Inside") -> dict[str, Any]:
    comparison = found.comparison

    def lonely(side: "Side") -> list[dict[str, Any]]:
        return [
            {
                "layer": each.layer,
                "channel": each.channel,
                "use": channel.use,
                "part": channel.part,
                "nearest": {
                    "layer": each.nearest_layer,
                    "channel": each.nearest_channel,
                    "correlation": each.correlation,
                },
            }
            for each, channel in zip(side.only_here, side.channels, strict=True)
        ]

    return {
        "first": str(found.first.run.folder),
        "second": str(found.second.run.folder),
        "images": len(found.first.images.labels),
        "cka": {
            "first": comparison.first,
            "second": comparison.second,
            "values": [[None if math.isnan(v) else v for v in row] for row in comparison.cka.tolist()],
        },
        "matches": [
            {
                "first": match.first,
                "second": match.second,
                "correlation": None if math.isnan(match.correlation) else match.correlation,
                "dead": {"first": match.dead[0], "second": match.dead[1]},
                "pairs": [{"first": p.first, "second": p.second, "correlation": p.correlation} for p in match.pairs],
            }
            for match in comparison.matches
        ],
        "only_in_first": lonely(found.first),
        "only_in_second": lonely(found.second),
    }
