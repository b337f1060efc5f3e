"""`python -m catsdogs_exp evaluate RUN`: a run's network on one of its splits, or on other pictures."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from catsdogs_exp.errors import BadInput

if TYPE_CHECKING:  # they come with TensorFlow
    from catsdogs_exp.inference.evaluation import Evaluation
    from catsdogs_exp.inference.predictor import Predictor

_MOST_VIEWS = 64


def main(arguments: list[str]) -> int:
    """Prints accuracy, loss, per-class figures and the confusion matrix."""
    parser = argparse.ArgumentParser(
        prog="python -m catsdogs_exp evaluate",
        description="The best network of a run on one of its splits, or on another folder of class folders.",
        epilog="Example: python -m catsdogs_exp evaluate outputs/drawn/2026-01-31_12-00-00-abcd --split train",
    )
    parser.add_argument("run", metavar="RUN", type=Path, help="a run folder")
    parser.add_argument("--split", default="validation", help="train, validation (default) or test")
    parser.add_argument("--data", type=Path, metavar="PATH", help="other pictures: one folder a class")
    parser.add_argument("--tta", metavar="N", help="judge N views of each picture as well: the mean over them")
    parser.add_argument("--json", action="store_true", help="as JSON on stdout")
    options = parser.parse_args(arguments)
    views = _views(options.tta)

    from catsdogs_exp.record.reading import find_run, split_files
    from catsdogs_exp.training.runtime import import_tensorflow

    run = find_run(options.run)
    files = _labelled(options.data) if options.data else split_files(run, options.split)
    import_tensorflow()
    from catsdogs_exp.inference.predictor import Predictor
    from catsdogs_exp.inference.views import ViewPredictor, run_views

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
    if options.json:
        print(json.dumps(figures, indent=1, ensure_ascii=False))  # noqa: T201
        return 0
    from rich.table import Table

    from catsdogs_exp.cli.screen import output

    console = output()
    what = str(options.data) if options.data else options.split
    console.print(
        f"{what}: {images} images, accuracy {evaluation.accuracy:.4f}, loss {evaluation.loss:.4f}", markup=False
    )
    if viewed:
        console.print(
            f"mean of {figures['tta']['views']} views: accuracy {viewed.accuracy:.4f}, loss {viewed.loss:.4f}"
        )
    table = Table("class", "images", "precision", "recall", "F1", *(f"as {name}" for name in classes), box=None)
    for name, row, counts in zip(classes, evaluation.per_class(), evaluation.confusion.tolist(), strict=True):
        scores = (f"{row[key]:.4f}" for key in ("precision", "recall", "f1"))
        table.add_row(name, str(row["images"]), *scores, *map(str, counts))
    console.print(table)
    return 0


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
    from catsdogs_exp.inference.evaluation import judge

    kept, labels = [], []
    for (path, name), prediction in zip(files, predictor.predict([path for path, _ in files]), strict=True):
        if prediction.probabilities is None:
            say(f"left out: {path}: {prediction.error}")
            continue
        kept.append(prediction.probabilities)
        labels.append(predictor.card.classes.index(name))
    if not kept:
        raise BadInput(f"None of the {len(files)} files is a usable image.")
    return judge(np.stack(kept), np.array(labels, dtype=np.int32)), len(kept)


def _figures(evaluation: "Evaluation", classes: Sequence[str]) -> dict[str, Any]:
    return {
        "accuracy": evaluation.accuracy,
        "loss": evaluation.loss,
        "classes": dict(zip(classes, evaluation.per_class(), strict=True)),
        "confusion": evaluation.confusion.tolist(),
    }


def _labelled(folder: Path) -> list[tuple[Path, str]]:
    """Every file of a folder of class folders, with its class."""
    from catsdogs_exp.config.datasets import FolderDataset
    from catsdogs_exp.data.listing import list_images
    from catsdogs_exp.data.sources.folder import folder as source

    listing = list_images(source(FolderDataset("folder", str(folder))))
    return [
        (listing.root / path, listing.classes[label])
        for path, label in zip(listing.paths.tolist(), listing.labels.tolist(), strict=True)
    ]
