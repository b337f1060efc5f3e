"""`python -m catsdogs_exp atlas RUN`: what each channel of a run's network detects, and how much it is used."""

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catsdogs_exp.cli.arguments import Parser, a_path, add_classes, check_classes, refuse_together, run_parser
from catsdogs_exp.cli.json_output import put_json
from catsdogs_exp.errors import BadInput

if TYPE_CHECKING:  # it comes with TensorFlow
    from catsdogs_exp.inference.atlas import RunAtlas
    from catsdogs_exp.insight.atlas import Channel

_NAMED = 4  # channels per layer


def main(arguments: list[str]) -> int:
    """Writes `RUN/atlas/`: the page, `channels.csv`, and the patches as TensorBoard images."""
    options = _parser().read(arguments)
    _check(options)

    from catsdogs_exp.cli.screen import TerminalScreen
    from catsdogs_exp.config.stored import stored_config
    from catsdogs_exp.record.folder.run_files import find_run

    run = find_run(options.run)
    config = stored_config(run.folder)
    from catsdogs_exp.training.runtime import import_tensorflow

    import_tensorflow()
    from catsdogs_exp.inference.atlas import AtlasOptions, atlas_of_run
    from catsdogs_exp.report.atlas import write_atlas

    screen = TerminalScreen()
    wanted = AtlasOptions(
        tuple(options.layers),
        options.split or "validation",
        options.data,
        tuple(options.classes or ()),
        options.parts,
        options.images,
        options.seconds,
        options.visualize,
    )
    atlas = atlas_of_run(run, config, wanted, screen.progress)
    screen.close()
    for line in atlas.images.left_out:
        screen.say(f"left out: {line}")
    page = write_atlas(run, atlas)
    channels = [channel for layer in atlas.layers for channel in layer.channels]
    if options.json:
        put_json({"page": str(page), "channels": [_plain(channel, atlas.images.classes) for channel in channels]})
    else:
        _print(atlas, channels, page)
    return 0


def _parser() -> Parser:
    parser = run_parser(
        "atlas",
        "For every channel: the patches that excite it most, what the network loses without it, and the part of the "
        "image that it detects, if masks of parts are available (the data set drawn, or --parts).",
        "outputs/drawn/2026-01-31_12-00-00-abcd --layers 'block*_conv'",
    )
    parser.add_argument("--layers", nargs="+", default=["auto"], help="auto, all, or names and patterns of layers")
    parser.add_argument("--split", help="the split whose images are shown; default: validation")
    parser.add_argument("--data", type=a_path, help="other images to show, one folder per class")
    add_classes(parser)
    parser.add_argument(
        "--parts", type=a_path, help="masks: PNGs at the images' paths, and a parts.csv that names values"
    )
    parser.add_argument("--images", type=int, default=1000, help="maximum number of images; default: 1000")
    parser.add_argument(
        "--seconds", type=float, default=40.0, help="approximate time limit for measuring use; default: 40"
    )
    parser.add_argument(
        "--visualize",
        type=int,
        default=0,
        metavar="N",
        help="draw what excites the N most used channels of each layer, by gradient ascent; default: 0",
    )
    parser.add_argument("--json", action="store_true", help="the channels, as JSON on stdout")
    return parser


def _check(options: argparse.Namespace) -> None:
    check_classes(options)
    if options.data is not None:
        refuse_together(options, "--data", ["--split"], "Splits are those of the run's own images.")
    if options.images < 8:
        raise BadInput(f"--images must be >= 8. Received: --images {options.images}")
    if not options.seconds >= 0:
        raise BadInput(f"--seconds must be >= 0. Received: --seconds {options.seconds:g}")
    if options.visualize < 0:
        raise BadInput(f"--visualize must be >= 0. Received: --visualize {options.visualize}")


def _plain(channel: "Channel", classes: tuple[str, ...]) -> dict[str, Any]:
    return {
        "layer": channel.layer,
        "channel": channel.number,
        "use": channel.use,
        "top_class": classes[channel.top_class],
        "part": channel.part,
        "iou": None if math.isnan(channel.iou) else channel.iou,
        "iou_untrained": None if math.isnan(channel.iou_untrained) else channel.iou_untrained,
        "dead": channel.dead,
    }


def _print(atlas: "RunAtlas", channels: list["Channel"], page: Path) -> None:
    from catsdogs_exp.cli.screen import output

    console = output()
    for layer in atlas.layers:
        best = ", ".join(
            f"{channel.number}{f' {channel.part}' if channel.part else ''} {channel.use:+.3f}"
            for channel in layer.used[:_NAMED]
        )
        console.say(f"{layer.name}: {best or 'the network uses none of its channels'}")
    named = [channel for channel in channels if channel.part]
    if atlas.concepts is not None:
        kinds = len({channel.part for channel in named})
        console.say(f"{len(named)} of {len(channels)} channels detect a part, {kinds} parts in all")
    else:
        console.say("no part masks: channels have no names (--parts FOLDER)")
    console.say(f"atlas: {page}")
