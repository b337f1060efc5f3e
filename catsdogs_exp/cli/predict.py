"""`python -m catsdogs_exp predict MODEL IMAGE...`: classes and probabilities for your own images."""

import argparse
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from catsdogs_exp.cli.arguments import Parser, a_path, refuse_together
from catsdogs_exp.cli.crops import add_crop_flags, crop_options, predict_crops
from catsdogs_exp.cli.explain import check_explain, explain_images
from catsdogs_exp.cli.tta_flag import number_of_views
from catsdogs_exp.errors import BadInput
from catsdogs_exp.natural_sort import natural_key

if TYPE_CHECKING:  # they come with TensorFlow
    from catsdogs_exp.cli.answer_forms import Form
    from catsdogs_exp.inference.answers import Answer
    from catsdogs_exp.inference.exported.predictor import ExportedPredictor
    from catsdogs_exp.inference.image_names import NamedImage
    from catsdogs_exp.inference.image_predictor import ImagePredictor
    from catsdogs_exp.inference.network_file import NetworkFile
    from catsdogs_exp.inference.predictor import Predictor
    from catsdogs_exp.inference.threshold import Threshold

_EXAMPLE = "Example: python -m catsdogs_exp predict outputs/drawn/2026-01-31_12-00-00-abcd cat.jpg photos/"
_ORDERS = ("given", "name", "class", "probability")


def main(arguments: list[str]) -> int:
    """Predicts images. Exit code 1 if some could not be read, 2 if none could."""
    options = _parser().read(arguments)
    if options.top is not None and options.top < 1:
        raise BadInput(f"--top must be >= 1. Received: --top {options.top}")
    views = number_of_views(options.tta)
    _check_images(options)
    check_explain(options)
    crops = crop_options(options)
    _check_effects(options)

    from catsdogs_exp.inference.network_file import find_network
    from catsdogs_exp.signals import interruptible

    source = find_network(options.model)
    if source.is_exported:
        _check_exported(source, options)
    with interruptible(), tempfile.TemporaryDirectory(prefix="catsdogs-exp-") as scratch:
        images = _images(options, Path(scratch)) if options.images else []

        if source.form in ("keras", "savedmodel"):
            from catsdogs_exp.training.runtime import import_tensorflow

            import_tensorflow()
        if options.explain:
            return explain_images(source, images, options.json)
        predictor = _with_views(_predictor(source, options), source, views)
        if crops is not None:
            return predict_crops(predictor, images, crops)
        code = _print_answers(predictor, images, options) if images else 0
        if options.watch:
            _watch(predictor, options)
        return code


def _check_images(options: argparse.Namespace) -> None:
    if not options.images and not options.watch:
        raise BadInput(f"predict needs IMAGE. Received: {shlex.quote(str(options.model))}. {_EXAMPLE}")
    if options.watch and not options.watch.is_dir():
        raise BadInput(f"--watch must be a folder. Received: --watch {options.watch}")


def _check_effects(options: argparse.Namespace) -> None:
    """Rejects options that would have no effect."""
    if options.csv:
        refuse_together(options, "--csv", ["--top"], "It prints the probability of every class")
    if options.watch:
        others = ["--sort"] if options.json or options.csv else ["--sort", "--top"]
        refuse_together(options, "--watch", others, "It prints one line per image as it arrives")


def _parser() -> Parser:
    parser = Parser(
        "predict",
        description="Classes and probabilities for images, from the best network of a run or an exported file.",
        epilog=_EXAMPLE,
    )
    parser.add_argument(
        "model",
        metavar="RUN",
        type=a_path,
        help="a run folder; or a best.keras or an exported savedmodel, .tflite or .onnx, anywhere",
    )
    parser.add_argument(
        "images",
        metavar="IMAGE",
        type=_word,
        nargs="*",
        help="files, folders, patterns such as '*.jpg', http(s) URLs; -: a list of them from standard input",
    )
    parser.add_argument(
        "--watch", metavar="FOLDER", type=a_path, help="predict images as they arrive in a folder, until Ctrl-C"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="all probabilities, as JSON on stdout")
    form.add_argument("--csv", action="store_true", help="all probabilities, as CSV on stdout")
    parser.add_argument("--top", metavar="K", type=int, help="the K most probable classes of each image")
    parser.add_argument("--sort", choices=_ORDERS, help="order of the predictions (default: as given)")
    parser.add_argument(
        "--threshold",
        metavar="CLASS=P",
        help="for two classes: predict CLASS above this probability, otherwise the other one (default: 0.5)",
    )
    parser.add_argument("--reject", action="store_true", help="predict no class for images unlike the training images")
    parser.add_argument("--tta", metavar="N", help="the mean over each image and N - 1 augmented views of it")
    parser.add_argument(
        "--forget-rescaling",
        action="store_true",
        help="replay the course's mistake: pixels 0..255 for a network that was trained on 0..1",
    )
    parser.add_argument(
        "--allow-private-addresses", action="store_true", help="also download from addresses inside your own network"
    )
    add_crop_flags(parser)
    parser.add_argument(
        "--explain",
        action="store_true",
        help="write a page per image: places, channels, similar training images",
    )
    return parser


def _word(text: str) -> str:
    """Parses a word that names images, kept as typed."""
    if not text.strip():
        raise argparse.ArgumentTypeError("must be a path. Received an empty one.")
    return text


def _images(options: argparse.Namespace, scratch: Path) -> "list[NamedImage]":
    """Returns the images that the words name; reports what was skipped."""
    from catsdogs_exp.cli.screen import aside
    from catsdogs_exp.inference.image_names import STDIN, ImageNames
    from catsdogs_exp.inference.web_images import Limits

    listed = _standard_input() if STDIN in options.images else None
    names = ImageNames(scratch, Limits(private=options.allow_private_addresses))
    try:
        return names.images(options.images, listed)
    finally:
        for note in names.notes():
            aside(f"skipped: {note}")


def _standard_input() -> bytes:
    if sys.stdin is None:
        raise BadInput("- stands for a list of images from standard input, which is closed. Pipe one: ls *.jpg | ...")
    return sys.stdin.buffer.read()


def _check_exported(source: "NetworkFile", options: argparse.Namespace) -> None:
    """Rejects what an exported file cannot do, before anything else is read.

    Raises:
        BadInput: for an option that needs layers, or a runtime that is not installed.
    """
    from catsdogs_exp.inference.export.formats import check_can_open

    for flag in ("--explain", "--reject", "--forget-rescaling"):
        if getattr(options, flag.removeprefix("--").replace("-", "_")):
            raise BadInput(
                f"{flag} needs the layers of a network, which an exported file does not expose. Received: "
                f"{source.name}. Name the run or its best.keras instead"
            )
    check_can_open(source.form, source.name)


def _predictor(source: "NetworkFile", options: argparse.Namespace) -> "ImagePredictor":
    """Opens the network, and reports how far it can be trusted."""
    tells = not options.crops and options.crop is None  # sentences about crops do not mention single predictions
    if source.is_exported:
        from catsdogs_exp.inference.exported.predictor import ExportedPredictor

        exported = ExportedPredictor(source.network, source.form)
        if tells:
            _say_calibration(exported)
            _say_what_is_not_known(exported)
        return exported
    from catsdogs_exp.inference.predictor import Predictor

    network = Predictor(source, options.forget_rescaling)
    if tells:
        _say_what_is_known(source, network, options)
    return network


def _with_views(predictor: "ImagePredictor", source: "NetworkFile", views: int) -> "ImagePredictor":
    if not views:
        return predictor
    from catsdogs_exp.cli.screen import aside
    from catsdogs_exp.inference.tta import MIRRORED, ViewPredictor, run_views

    if source.run is not None:
        return ViewPredictor(predictor, run_views(source.run, views))
    if views > MIRRORED.count:
        aside("--tta: without its run, the network's augmentation is unknown: 2 views, the image and its mirror image")
    return ViewPredictor(predictor, MIRRORED)


def _say_what_is_known(source: "NetworkFile", predictor: "Predictor", options: argparse.Namespace) -> None:
    """Reports how far the network can be trusted, or why that is unknown."""
    from catsdogs_exp.cli.screen import aside

    appendix = predictor.appendix
    if not predictor.rescales:
        aside(
            "warning: the network contains no preprocessing: here, as in training, it receives raw pixels, 0..255; a "
            "program that scales them to 0..1 would get other predictions"
        )
    _say_calibration(predictor)
    if options.forget_rescaling or (appendix and appendix.familiarity):
        return
    why = "the network's file does not describe its training images"
    hint = (
        f"Add it: evaluate {shlex.quote(source.name)} --append"
        if source.run is not None and (appendix is None or not _was_to_be_described(source.run.folder))
        else "Train with at least 20 images each for training and validation, and logging.familiarity=100"
    )
    if options.reject:
        raise BadInput(f"--reject cannot tell which images are unlike the training images: {why}. {hint}")
    if appendix is None:
        aside(f"images unlike the training images cannot be detected: {why}. {hint}")


def _was_to_be_described(folder: Path) -> bool:
    """Returns whether a run's settings ask for a description of its training images; then there were too few."""
    from catsdogs_exp.config.stored import stored_settings

    try:
        return bool(stored_settings(folder)["logging"]["familiarity"])
    except (BadInput, KeyError, TypeError):  # an older version, or a damaged file
        return True


def _say_calibration(predictor: "ImagePredictor") -> None:
    from catsdogs_exp.cli.screen import aside

    known = predictor.appendix.calibration if predictor.appendix else None
    if known:
        aside(
            f"calibrated with temperature {known.temperature:.3g}: calibration error on {known.images} validation "
            f"images {known.error_before:.4f} before, {known.error_after:.4f} after"
        )


def _say_what_is_not_known(exported: "ExportedPredictor") -> None:
    from catsdogs_exp.cli.screen import aside

    aside(
        f"run by {exported.runtime}; images unlike the training images cannot be detected: an exported file does not "
        "describe them"
    )


def _watch(predictor: "ImagePredictor", options: argparse.Namespace) -> None:
    from catsdogs_exp.cli.answer_forms import print_csv
    from catsdogs_exp.cli.watch_answers import watch_answers
    from catsdogs_exp.inference.answers import answers

    threshold, form = _threshold_and_form(predictor, options)
    if options.csv and not options.images:  # otherwise the header has been printed
        print_csv([], form)
    sys.stdout.flush()
    style = "json" if options.json else "csv" if options.csv else "text"
    watch_answers(options.watch, lambda image: next(answers(predictor, [image], threshold)), form, style)


def _threshold_and_form(predictor: "ImagePredictor", options: argparse.Namespace) -> "tuple[Threshold | None, Form]":
    from catsdogs_exp.cli.answer_forms import Form
    from catsdogs_exp.inference.threshold import Threshold

    classes = predictor.card.classes
    threshold = Threshold.parse(options.threshold, classes) if options.threshold is not None else None
    return threshold, Form(classes, options.top or 1, options.reject)


def _print_answers(predictor: "ImagePredictor", images: "Sequence[NamedImage]", options: argparse.Namespace) -> int:
    from catsdogs_exp.cli.answer_forms import (
        print_csv,
        print_json,
        print_json_lines,
        print_table,
        tell_problems,
    )
    from catsdogs_exp.cli.image_rows import code_for
    from catsdogs_exp.inference.answers import answers

    threshold, form = _threshold_and_form(predictor, options)
    found = []
    for answer in answers(predictor, images, threshold):
        found.append(answer)
        tell_problems(answer)
    found = _sorted(found, options.sort, predictor.card.classes)
    if options.json:
        (print_json_lines if options.watch else print_json)(found, form)
    elif options.csv:
        print_csv(found, form)
    else:
        print_table(found, form)
    return code_for(sum(bool(answer.error) for answer in found), len(found))


def _sorted(answers: "list[Answer]", order: str | None, classes: Sequence[str]) -> "list[Answer]":
    """Sorts by name, by class, or by descending confidence; ties, and all by default, keep their order."""
    if order == "name":
        return sorted(answers, key=lambda answer: natural_key(answer.name))
    if order == "class":
        places = {name: place for place, name in enumerate(classes)}
        return sorted(answers, key=lambda answer: places.get(answer.label, len(places)))
    if order == "probability":
        return sorted(answers, key=lambda answer: -answer.probability)
    return answers
