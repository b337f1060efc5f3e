"""`python -m catsdogs_exp evaluate RUN`: a run's network on one of its splits, or on other pictures."""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from catsdogs_exp.cli.arguments import run_parser
from catsdogs_exp.errors import BadInput, RunFailed

if TYPE_CHECKING:  # they come with TensorFlow
    from catsdogs_exp.inference.predictor import Predictor
    from catsdogs_exp.metrics.evaluation import Evaluation

_MOST_VIEWS = 64
_MATRIX_UP_TO = 20  # classes
_CONFUSIONS = 20  # shown in place of a matrix that does not fit
_TITLES = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "roc_auc": "ROC-AUC",
    "average_precision": "AP",
}


def main(arguments: list[str]) -> int:
    """Prints accuracy, loss, calibration, per-class figures and the confusion matrix."""
    parser = run_parser(
        "evaluate",
        "The best network of a run on one of its splits, or on another folder of class folders.",
        "outputs/drawn/2026-01-31_12-00-00-abcd --split train",
    )
    parser.add_argument("--split", default="validation", help="train, validation (default) or test")
    parser.add_argument("--data", type=Path, metavar="PATH", help="other pictures: one folder a class")
    parser.add_argument("--tta", metavar="N", help="judge N views of each picture as well: the mean over them")
    parser.add_argument("--confusion", type=Path, metavar="FILE", help="write the confusion matrix: .csv or .png")
    parser.add_argument("--json", action="store_true", help="as JSON on stdout")
    options = parser.parse_args(arguments)
    views = _views(options.tta)
    _check_file(options.confusion)

    from catsdogs_exp.record.folder.run_files import find_run, split_files
    from catsdogs_exp.training.runtime import import_tensorflow

    run = find_run(options.run)
    files = _labelled(options.data) if options.data else split_files(run, options.split)
    import_tensorflow()
    from catsdogs_exp.inference.predictor import Predictor
    from catsdogs_exp.inference.tta import ViewPredictor, run_views

    predictor = Predictor(run)
    classes = predictor.card.classes
    unknown = sorted({name for _, name in files} - set(classes))
    if unknown:
        raise BadInput(
            f"--data must hold the network's classes: {', '.join(classes)}. Received also: {', '.join(unknown)}"
        )
    evaluation, images = _judged(predictor, files, lambda line: print(line, file=sys.stderr))  # noqa: T201
    figures = {"images": images, "left_out": len(files) - images, **_figures(evaluation, classes)}
    viewed = None
    if views:
        of_each = run_views(run, views)
        viewed, _ = _judged(ViewPredictor(run, of_each), files, lambda _: None)
        figures["tta"] = {"views": of_each.count, **_figures(viewed, classes)}
    if options.confusion:
        _write(evaluation, classes, options.confusion)
    if options.json:
        print(json.dumps(figures, indent=1, ensure_ascii=False, allow_nan=False))  # noqa: T201
        return 0
    what = str(options.data) if options.data else options.split
    _show(what, images, evaluation, classes, (figures["tta"]["views"], viewed) if viewed else None)
    return 0


def _show(
    what: str, images: int, evaluation: "Evaluation", classes: Sequence[str], viewed: tuple[int, "Evaluation"] | None
) -> None:
    """Prints the figures; the matrix when it fits, else the most frequent confusions."""
    from rich.table import Table

    from catsdogs_exp.cli.screen import output
    from catsdogs_exp.metrics.confusion_matrix import most_confused

    console = output()
    console.print(f"{what}: {images} images, {_line(evaluation)}", markup=False)
    if viewed:
        console.print(f"mean of {viewed[0]} views: {_line(viewed[1])}")
    fits = len(classes) <= _MATRIX_UP_TO and sum(max(len(name) + 3, 5) + 2 for name in classes) <= console.width - 60
    columns = ("class", "images", *_TITLES.values())
    table = Table(*columns, *(f"as {name}" for name in classes if fits), box=None)
    rows = zip(classes, evaluation.per_class(), evaluation.confusion.tolist(), strict=True)
    for name, row, counts in rows:
        table.add_row(
            name, str(row["images"]), *(_number(row[key]) for key in _TITLES), *map(str, counts if fits else [])
        )
    for name, means in evaluation.means().items():
        table.add_row(f"{name} mean", "", *(_number(means[key]) for key in _TITLES))
    console.print(table, markup=False)
    if not fits and (wrong := most_confused(evaluation.confusion, _CONFUSIONS)):
        console.print(f"most frequent confusions (all of them: --confusion FILE.png or .csv), of {images} images:")
        for true, said, count in wrong:
            console.print(f"  {count}  {classes[true]} as {classes[said]}", markup=False)


def _line(evaluation: "Evaluation") -> str:
    top = "" if evaluation.top_5_accuracy is None else f", top-5 accuracy {evaluation.top_5_accuracy:.4f}"
    return (
        f"accuracy {evaluation.accuracy:.4f}{top}, loss {evaluation.loss:.4f}, "
        f"calibration error {evaluation.calibration_error:.4f}"
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _check_file(path: Path | None) -> None:
    """Refuses a file that could not be written, before all the work."""
    if path is None:
        return
    from catsdogs_exp.record.pictures.confusion_plot import SUFFIXES

    if path.suffix not in SUFFIXES:
        raise BadInput(f"--confusion must name a {' or '.join(SUFFIXES)} file. Received: --confusion {path}")
    if not path.parent.is_dir() or path.is_dir():
        raise BadInput(f"--confusion must name a file in a folder that is there. Received: --confusion {path}")


def _write(evaluation: "Evaluation", classes: Sequence[str], path: Path) -> None:
    from catsdogs_exp.record.pictures.confusion_plot import write_confusion

    try:
        write_confusion(evaluation.confusion, classes, path)
    except OSError as error:
        raise RunFailed(f"The confusion matrix could not be written to {path}: {error.strerror or error}") from error


def _views(text: str | None) -> int:
    """How many views of each picture; 0 without the option."""
    if text is None:
        return 0
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= _MOST_VIEWS:
        raise BadInput(f"--tta must be a whole number from 1 to {_MOST_VIEWS}. Received: --tta={text}")
    return int(text)


def _judged(
    predictor: "Predictor", files: Sequence[tuple[Path, str]], say: Callable[[str], None]
) -> tuple["Evaluation", int]:
    """The figures of the usable files, and how many these are; says which are left out."""
    from catsdogs_exp.metrics.evaluation import evaluate_predictions

    kept, logs, labels = [], [], []
    for (path, name), prediction in zip(files, predictor.predict([path for path, _ in files]), strict=True):
        if prediction.probabilities is None:
            say(f"left out: {path}: {prediction.error}")
            continue
        kept.append(prediction.probabilities)
        logs.append(prediction.logs)
        labels.append(predictor.card.classes.index(name))
    if not kept:
        raise BadInput(f"None of the {len(files)} files is a usable image.")
    truth = np.array(labels, dtype=np.int32)
    return evaluate_predictions(np.stack(kept), truth, np.stack([each for each in logs if each is not None])), len(kept)


def _figures(evaluation: "Evaluation", classes: Sequence[str]) -> dict[str, Any]:
    return {
        "accuracy": evaluation.accuracy,
        "top_5_accuracy": evaluation.top_5_accuracy,
        "loss": evaluation.loss,
        "calibration_error": evaluation.calibration_error,
        **evaluation.means(),
        "classes": dict(zip(classes, evaluation.per_class(), strict=True)),
        "confusion": evaluation.confusion.tolist(),
    }


def _labelled(folder: Path) -> list[tuple[Path, str]]:
    """Every file of a folder of class folders, with its class."""
    from catsdogs_exp.config.schema.datasets import FolderDataset
    from catsdogs_exp.data.sources.folder import folder as source
    from catsdogs_exp.data.sources.listing import list_images

    listing = list_images(source(FolderDataset("folder", str(folder))))
    return [
        (listing.root / path, listing.classes[label])
        for path, label in zip(listing.paths.tolist(), listing.labels.tolist(), strict=True)
    ]
