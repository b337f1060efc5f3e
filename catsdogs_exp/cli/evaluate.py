"""`python -m catsdogs_exp evaluate RUN`: evaluates a run's network on one of its splits, or on other images."""

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catsdogs_exp.cli.arguments import Parser, a_path, add_classes, refuse_together, run_parser
from catsdogs_exp.cli.crop_evaluation import crop_figures, measure_crops, record_crops, show_crops
from catsdogs_exp.cli.json_output import put_json
from catsdogs_exp.cli.tta_flag import number_of_views
from catsdogs_exp.errors import BadInput, RunFailed

if TYPE_CHECKING:  # they come with TensorFlow
    from catsdogs_exp.inference.judging import Judged
    from catsdogs_exp.inference.labelled_files import LabelledFiles
    from catsdogs_exp.metrics.evaluation import Evaluation
    from catsdogs_exp.metrics.evaluation_intervals import Interval, Key
    from catsdogs_exp.record.folder.run_files import RunFiles

_MATRIX_UP_TO = 20  # maximum number of classes
_CONFUSIONS = 20  # shown instead of a matrix that does not fit
_TITLES = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "roc_auc": "ROC-AUC",
    "average_precision": "AP",
}


def main(arguments: list[str]) -> int:
    """Prints accuracy, loss, calibration, per-class metrics and the confusion matrix, and writes them with a page."""
    options = _parser().read(arguments)
    views = number_of_views(options.tta)
    _check_file(options.confusion)
    _check_effects(options)

    from catsdogs_exp.cli.screen import aside
    from catsdogs_exp.record.folder.run_files import find_run
    from catsdogs_exp.training.runtime import import_tensorflow

    run = find_run(options.run)
    if options.predictions:
        return _write_predictions(run, options)
    if options.append:
        return _append(run, options)
    found = _files(run, options)
    import_tensorflow()
    from catsdogs_exp.inference.judging import all_figures, at_threshold, figures_of, judge
    from catsdogs_exp.inference.predictor import Predictor
    from catsdogs_exp.inference.threshold import Threshold
    from catsdogs_exp.inference.tta import ViewPredictor, run_views

    predictor = Predictor(run, options.forget_rescaling)
    classes = predictor.card.classes
    threshold = Threshold.parse(options.threshold, classes) if options.threshold is not None else None
    split = options.split or ("data" if options.data else "validation")
    judged = judge(predictor, found, split, aside)
    intervals = judged.intervals()
    figures = all_figures(judged, intervals, predictor.appendix.calibration if predictor.appendix else None)
    if threshold is not None:
        figures["at_threshold"] = at_threshold(judged, threshold)
    if found.unknown:
        figures["skipped_classes"] = dict(found.unknown)
    viewed = None
    if views:
        of_each = run_views(run, views)
        viewed = judge(ViewPredictor(predictor, of_each), found, split, lambda _: None).evaluation
        figures["tta"] = {"views": of_each.count, **figures_of(viewed, classes)}
    if options.confusion:
        _write(judged.evaluation, classes, options.confusion)
    cropped = measure_crops(predictor, found.files) if options.crops else None
    if cropped:
        figures["crops"] = crop_figures(cropped)
    what = " of ".join(str(each) for each in (options.split, options.data) if each) or "validation"
    if options.json:
        put_json(figures)
    else:
        _show(what, judged, intervals, (figures["tta"]["views"], viewed) if viewed else None)
        _show_advice(figures)
        if cropped:
            show_crops(cropped)
    folder = _keep(run, what, found, judged, figures)  # after printing: the run may be somebody else's
    if cropped and split == "validation" and not options.forget_rescaling and record_crops(run, cropped):
        aside(f"crop sensitivity: kept in {run.folder / 'result.json'} for compare --by crop_sensitivity")
    aside(f"written: {folder}")
    return 0


def _parser() -> Parser:
    parser = run_parser(
        "evaluate",
        "The best network of a run on one of its splits, or on another folder of class folders.",
        "outputs/drawn/2026-01-31_12-00-00-abcd --split train",
    )
    parser.add_argument("--split", help="train, validation (default) or test")
    parser.add_argument(
        "--data",
        type=a_path,
        metavar="PATH",
        help="other images, one folder per class; with --split: the new location of the run's images",
    )
    add_classes(parser)
    parser.add_argument(
        "--skip-unknown-classes", action="store_true", help="leave out classes of --data that the run does not have"
    )
    parser.add_argument(
        "--threshold", metavar="CLASS=P", help="for two classes: also evaluate with a threshold other than 0.5"
    )
    parser.add_argument(
        "--forget-rescaling",
        action="store_true",
        help="replay the course's mistake: pixels 0..255 for a network that was trained on 0..1",
    )
    parser.add_argument("--tta", metavar="N", help="also evaluate the mean over N views of each image")
    parser.add_argument(
        "--crops",
        action="store_true",
        help="also measure how often cropping an image changes predictions; result.json keeps it for validation images",
    )
    parser.add_argument("--confusion", type=a_path, metavar="FILE", help="write the confusion matrix: .csv or .png")
    parser.add_argument(
        "--predictions", action="store_true", help="write predictions.csv for a run of an older version, and stop"
    )
    parser.add_argument(
        "--append",
        action="store_true",
        help="add calibration and a description of the training images to a best.keras of an older version or of "
        "logging=minimal, and stop",
    )
    parser.add_argument("--json", action="store_true", help="as JSON on stdout")
    return parser


def _write_predictions(run: "RunFiles", options: argparse.Namespace) -> int:
    """Writes what newer runs already have in their folder: the predictions that comparisons are based on."""
    from catsdogs_exp.cli.screen import aside, output
    from catsdogs_exp.training.runtime import import_tensorflow

    import_tensorflow()
    from catsdogs_exp.inference.run_predictions import write_missing_predictions

    found = write_missing_predictions(run, options.data, aside)
    output().say(f"{len(found)} predictions: {run.folder / 'predictions.csv'}")
    return 0


def _append(run: "RunFiles", options: argparse.Namespace) -> int:
    """Adds what newer runs already have in their best.keras."""
    from catsdogs_exp.cli.screen import output
    from catsdogs_exp.training.runtime import import_tensorflow

    import_tensorflow()
    from catsdogs_exp.inference.run_appendix import append_to_run

    found = append_to_run(run, options.data)
    console = output()
    if found.calibration:
        known = found.calibration
        console.say(
            f"temperature {known.temperature:.3g}: calibration error on {known.images} validation images "
            f"{known.error_before:.4f} before, {known.error_after:.4f} after"
        )
    if found.familiarity:
        console.say(f"training images described: {len(found.familiarity.features)}")
    console.say(f"written: {run.network}")
    return 0


def _keep(run: "RunFiles", what: str, found: "LabelledFiles", judged: "Judged", figures: dict[str, Any]) -> Path:
    """Writes the evaluation to a new folder in the run folder."""
    from catsdogs_exp.inference.evaluation_folder import new_evaluation, write_evaluation
    from catsdogs_exp.report.evaluation_page import EvaluationFacts, write_evaluation_page

    folder = new_evaluation(run, found.root.name if judged.images[0][1] == "data" else judged.images[0][1])
    predictions = judged.predictions()
    write_evaluation(folder, {"evaluated": what, "root": str(found.root), **figures}, predictions)
    notes = [*found.notes, *([f"{judged.left_out} files could not be read"] if judged.left_out else [])]
    write_evaluation_page(EvaluationFacts(run.folder, what, found.root, figures, predictions, notes), folder)
    return folder


def _files(run: "RunFiles", options: argparse.Namespace) -> "LabelledFiles":
    """Returns the files to evaluate, with their classes; reports what is skipped."""
    from catsdogs_exp.data.sources.wording import counted
    from catsdogs_exp.inference.labelled_files import files_of_folder, files_of_split, renamed_classes
    from catsdogs_exp.training.checkpoint.card_file import read_card

    for flag, given in (("--classes", options.classes), ("--skip-unknown-classes", options.skip_unknown_classes)):
        if given and (not options.data or options.split):
            raise BadInput(f"{flag} needs --data PATH without --split: the run's own images have its classes.")
    if options.split or not options.data:
        return files_of_split(run, options.split or "validation", options.data)
    classes = read_card(run.network).classes
    renamed = renamed_classes(options.classes or (), classes)
    found = files_of_folder(options.data, classes, renamed, options.skip_unknown_classes)
    notes = [*found.notes, *(f"left out: {name}: {counted(count, 'file')}" for name, count in found.unknown.items())]
    if without := [name for name in classes if name not in {name for _, name in found.files}]:
        notes.append(f"no images of {', '.join(without)}: metrics that need some of them are undefined (-)")
    from catsdogs_exp.cli.screen import aside

    for note in notes:
        aside(note)
    return found


def _show(
    what: str, judged: "Judged", intervals: "dict[Key, Interval]", viewed: "tuple[int, Evaluation] | None"
) -> None:
    """Prints the metrics; the matrix if it fits, otherwise the most frequent confusions."""
    from catsdogs_exp.cli.screen import output, table
    from catsdogs_exp.data.sources.wording import counted
    from catsdogs_exp.metrics.confusion_matrix import most_confused

    console = output()
    classes, evaluation, images = judged.classes, judged.evaluation, len(judged.labels)
    console.say(f"{what}: {counted(images, 'image')}, {_line(evaluation)}")
    if viewed:
        console.say(f"mean of {viewed[0]} views: {_line(viewed[1])}")
    spans = (f"{name.replace('_', ' ')} {low:.4f} to {high:.4f}" for (name, *_), (low, high) in _main(intervals))
    console.say(f"95 % intervals: {', '.join(spans)}")
    fits = len(classes) <= _MATRIX_UP_TO and sum(max(len(name) + 3, 5) + 2 for name in classes) <= console.width - 60
    columns = ("class", "images", *_TITLES.values())
    figures = table(*columns, *(f"as {name}" for name in classes if fits), pad_edge=True)
    rows = zip(classes, evaluation.per_class(), evaluation.confusion.tolist(), strict=True)
    for name, row, counts in rows:
        figures.add_row(
            name, str(row["images"]), *(_number(row[key]) for key in _TITLES), *map(str, counts if fits else [])
        )
    for name, means in evaluation.means().items():
        figures.add_row(f"{name} mean", "", *(_number(means[key]) for key in _TITLES))
    console.print(figures)
    if not fits and (wrong := most_confused(evaluation.confusion, _CONFUSIONS)):
        console.say(f"most frequent confusions (all of them: --confusion FILE.png or .csv), of {images} images:")
        for true, said, count in wrong:
            console.say(f"  {count}  {classes[true]} as {classes[said]}")


def _main(intervals: "dict[Key, Interval]") -> "list[tuple[Key, Interval]]":
    order = ("accuracy", "top_5_accuracy", "loss", "calibration_error")
    return [((key,), intervals[key,]) for key in order if (key,) in intervals]


def _show_advice(figures: dict[str, Any]) -> None:
    """Prints the calibration with the network's temperature, and a threshold."""
    from catsdogs_exp.cli.screen import output

    if at := figures.get("at_threshold"):
        counts = ", ".join(f"{count} {name}" for name, count in at["predicted"].items())
        output().say(f"with --threshold {_typed(at, 'g')}: accuracy {at['accuracy']:.4f}; predicted: {counts}")
    if corrected := figures.get("calibrated"):
        output().say(
            f"with the network's temperature {corrected['temperature']:.3g}: "
            f"calibration error {corrected['calibration_error']:.4f}"
        )
    if (best := figures.get("threshold")) and best["probability"] != 0.5:
        output().say(
            f"best threshold on these images: --threshold {_typed(best, '.4g')}, accuracy "
            f"{best['accuracy']:.4f} instead of {best['accuracy_at_half']:.4f}; expect less on other images"
        )


def _typed(threshold: dict[str, Any], precision: str) -> str:
    """Returns a threshold as one types it in a shell."""
    return shlex.quote(f"{threshold['class']}={threshold['probability']:{precision}}")


def _line(evaluation: "Evaluation") -> str:
    top = "" if evaluation.top_5_accuracy is None else f", top-5 accuracy {evaluation.top_5_accuracy:.4f}"
    return (
        f"accuracy {evaluation.accuracy:.4f}{top}, loss {evaluation.loss:.4f}, "
        f"calibration error {evaluation.calibration_error:.4f}"
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _check_effects(options: argparse.Namespace) -> None:
    """Rejects options that would have no effect."""
    others = ["--split", "--classes", "--skip-unknown-classes", "--threshold", "--forget-rescaling", "--tta", "--crops"]
    for flag, what in (("--predictions", "predictions.csv"), ("--append", "best.keras")):
        if getattr(options, flag.removeprefix("--")):
            refuse_together(options, flag, [*others, "--confusion", "--json"], f"It only completes {what}, and stops")
    if options.predictions:
        refuse_together(options, "--predictions", ["--append"], "Type one after the other")


def _check_file(path: Path | None) -> None:
    """Rejects an output file that cannot be written, before the work starts."""
    if path is None:
        return
    from catsdogs_exp.record.pictures.confusion_plot import SUFFIXES

    if path.suffix.lower() not in SUFFIXES:
        raise BadInput(f"--confusion must name a {' or '.join(SUFFIXES)} file. Received: --confusion {path}")
    if not path.parent.is_dir() or path.is_dir():
        raise BadInput(f"--confusion must name a file in an existing folder. Received: --confusion {path}")
    if path.exists():
        raise BadInput(
            f"--confusion must name a new file. Received: --confusion {path}, which exists and is not overwritten"
        )


def _write(evaluation: "Evaluation", classes: Sequence[str], path: Path) -> None:
    from catsdogs_exp.record.pictures.confusion_plot import write_confusion

    try:
        write_confusion(evaluation.confusion, classes, path)
    except OSError as error:
        raise RunFailed(f"The confusion matrix could not be written to {path}: {error.strerror or error}") from error
