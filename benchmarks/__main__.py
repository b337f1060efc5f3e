"""`python -m benchmarks NAME`: prints a table; without a name, lists what there is."""

import argparse
import importlib
import sys
from pathlib import Path

from benchmarks import recipe_results, unlike
from benchmarks.options import Options
from benchmarks.photos import MIN_IMAGES, archive
from catsdogs_exp import process
from catsdogs_exp.errors import BadInput, RunFailed, did_you_mean

NAMES = {
    "throughput": "P1 to P5: images per second of training and of the loaders, against Keras and the course loop",
    "loader": "P4 to P6: images per second of the loader alone, against Keras's loaders; --large: P20, phone photos",
    "inspection": "P7: inspection of a folder, first and again, against Pillow's load(); --large: P18, 200,000 files",
    "optimizers": "the fused updates of the optimizers against Keras's own",
    "rates": "A6: accuracy lost by lr=auto against the best of seven rates; --only cnn,sgd,photos --results FILE",
    "startup": "P8 and P9: seconds to a response, and to the first training step",
    "sweep": "P10: overhead of a sweep's job beyond its own epochs, in seconds",
    "workers": "P15: jobs per minute of a sweep with sweep.workers=auto, against one after another",
    "checkpoints": "P12: the cost of checkpoints, and of determinism",
    "record": "P13: the cost of TensorBoard, activations and linear probes",
    "atlas": "P14: seconds of a channel atlas, of the course's network and of EfficientNet-Lite0",
    "predict": "P16: images per second of predict, against the validation pass of training",
    "compare": "P17: seconds that `compare` of 500 runs takes, with tests of significance on 1,000 images",
    "demo": "P19: answers per second while a crop box is dragged, and requests per second of /predict",
    "memory": "P11: peak memory of a run with ten times the images, and the extrapolated cost of a million",
}
_ROUNDS = 5
_LARGE = ("loader", "inspection")
_ONCE = ("rates",)  # its rounds are seeds, and one takes an hour


def main(arguments: list[str] | None = None) -> int:
    """Runs a benchmark. Returns the exit code: 0, 1 when a side fails, 2 for bad input."""
    with process.command_line():  # measured as it runs there
        return _answer(sys.argv[1:] if arguments is None else arguments)


def _answer(words: list[str]) -> int:
    try:
        if words[:1] == ["recipe-results"]:
            return recipe_results.main(words[1:])
        if words[:1] == ["unlike"]:
            return unlike.main(words[1:])
        parsed = _parser().parse_args(words)
        if parsed.name is None:
            print("python -m benchmarks NAME [--photos ZIP] [--rounds N] [--images N] [--quick]")
            print(f"python -m benchmarks recipe-results RUN...: {recipe_results.ABOUT}")
            print(f"python -m benchmarks unlike RUN PATH...: {unlike.ABOUT}\n")
            for name, text in NAMES.items():
                print(f"  {name:<12} {text}")
            return 0
        options = _options(parsed)
        print(importlib.import_module(f"benchmarks.{parsed.name}").run(options))
    except (BadInput, RunFailed) as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__, allow_abbrev=False)
    parser.add_argument("name", nargs="?", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--photos", type=Path, metavar="ZIP", help="photos instead of those next to the checkout")
    parser.add_argument("--rounds", type=int, metavar="N", help=f"default {_ROUNDS}; a target needs at least 5")
    parser.add_argument("--images", type=int, metavar="N", help="training images of a round; default all")
    parser.add_argument("--only", metavar="NAMES", help="for rates: parts of its panel, such as cnn,sgd,photos")
    parser.add_argument(
        "--results", type=Path, metavar="FILE", help="for rates: the file of measurements, extended by this run"
    )
    parser.add_argument("--again", action="store_true", help="for rates: lr=auto is measured again, the grid is kept")
    parser.add_argument(
        "--large",
        action="store_true",
        help="with loader: 12-megapixel JPEGs (P20); with inspection: 200,000 files (P18)",
    )
    parser.add_argument("--quick", action="store_true", help="one round of 200 images, only to check that it works")
    return parser


def _options(parsed: argparse.Namespace) -> Options:
    if parsed.name not in NAMES:
        raise BadInput(
            f"Unknown benchmark: {parsed.name}.{did_you_mean(parsed.name, [*NAMES, 'recipe-results', 'unlike'])} "
            f"Known: {', '.join(NAMES)}."
        )
    rounds, images = parsed.rounds, parsed.images
    if rounds is None:
        rounds = 1 if parsed.quick or parsed.name in _ONCE else _ROUNDS
    if images is None and parsed.quick:
        images = 200
    if rounds < 1:
        raise BadInput(f"--rounds must be >= 1. Received: {rounds}")
    if images is not None and images < MIN_IMAGES:
        raise BadInput(f"--images must be >= {MIN_IMAGES}. Received: {images}")
    only = tuple(name.strip() for name in (parsed.only or "").split(",") if name.strip())
    if (only or parsed.results or parsed.again) and parsed.name != "rates":
        raise BadInput(f"--only, --results and --again are for rates. Received: {parsed.name}")
    if parsed.large and parsed.name not in _LARGE:
        raise BadInput(f"--large is for {' and '.join(_LARGE)}. Received: {parsed.name}")
    photos = archive(parsed.photos)
    return Options(photos, rounds, images, parsed.quick, only, parsed.results, parsed.large, parsed.again)


if __name__ == "__main__":
    sys.exit(main())
