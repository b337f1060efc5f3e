"""`predict --explain`: a page per image that shows what the prediction is based on."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from catsdogs_exp.cli.arguments import refuse_together

if TYPE_CHECKING:  # they come with TensorFlow
    from catsdogs_exp.inference.image_names import NamedImage
    from catsdogs_exp.inference.network_file import NetworkFile


def check_explain(options: argparse.Namespace) -> None:
    """Rejects flags that cannot be combined, before anything is read.

    Raises:
        BadInput: naming them.
    """
    if options.explain:
        others = ["--crops", "--crop", "--csv", "--watch", "--threshold", "--tta", "--reject", "--forget-rescaling"]
        others += ["--sort", "--top"]
        refuse_together(options, "--explain", others, "It writes a page per image, and prints numbers with --json")


def explain_images(source: "NetworkFile", images: "Sequence[NamedImage]", as_json: bool) -> int:
    """Writes the pages to the current folder. Exit code 1 if some images could not be read, 2 if none could."""
    from catsdogs_exp.cli.image_rows import ImageRows
    from catsdogs_exp.cli.screen import aside, output
    from catsdogs_exp.data.images.preparing import read_image
    from catsdogs_exp.inference.explain import Explainer
    from catsdogs_exp.inference.predictor import Predictor
    from catsdogs_exp.report.explain_page import write_page

    explainer = Explainer(Predictor(source), source.run)
    classes = explainer.card.classes
    if explainer.missing:
        aside(f"no similar training images: {explainer.missing}")
    rows = ImageRows()
    for name, pixels in rows.readable(images, lambda path: read_image(path, explainer.card.preparation)):
        found = explainer.explain(pixels)
        page = write_page(name, found, classes, explainer.missing, Path())
        best = found.answer
        rows.rows.append(
            {
                "path": name,
                "class": classes[best],
                "probability": float(found.probabilities[best]),
                "probabilities": dict(zip(classes, map(float, found.probabilities), strict=True)),
                "page": str(page),
                "layer": found.layer,
                "channels": [{"number": each.number, "lost": each.lost} for each in found.channels],
                "neighbours": [
                    {"path": str(each.file), "class": each.label, "similarity": each.similarity}
                    for each in found.neighbours
                ],
            }
        )
        if not as_json:
            output().say(f"{name}: {classes[best]} {found.probabilities[best]:.4f}; page: {page}")
    return rows.finish(as_json)
