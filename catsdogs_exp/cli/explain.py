"""`predict --explain`: a page per image that shows what the answer is based on."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catsdogs_exp.errors import BadInput, RunFailed

if TYPE_CHECKING:  # they come with TensorFlow
    from catsdogs_exp.inference.image_names import NamedImage
    from catsdogs_exp.inference.network_file import NetworkFile


def check_explain(options: argparse.Namespace) -> None:
    """Checks the flags that do not go together, before anything is read.

    Raises:
        BadInput: for some that do not.
    """
    others = (
        *(("crops", options.crops), ("crop", options.crop is not None), ("csv", options.csv)),
        *(("watch", options.watch is not None), ("threshold", options.threshold is not None)),
        *(("tta", options.tta is not None), ("reject", options.reject)),
        ("forget-rescaling", options.forget_rescaling),
    )
    if wrong := [name for name, given in others if given and options.explain]:
        raise BadInput(
            f"--explain does not go with --{wrong[0]}. It writes a page per image, and prints numbers with --json"
        )


def explain_images(source: "NetworkFile", images: "Sequence[NamedImage]", as_json: bool) -> int:
    """Writes the pages into the current folder. Exit code 1 if some images could not be read, 2 if none could."""
    from catsdogs_exp.cli.screen import aside, output
    from catsdogs_exp.data.images.decoding import Undecodable
    from catsdogs_exp.data.images.preparing import read_image
    from catsdogs_exp.inference.explain import Explainer
    from catsdogs_exp.report.explain_page import write_page

    explainer = Explainer(source.network, source.run)
    classes = explainer.card.classes
    if explainer.missing:
        aside(f"no similar training images: {explainer.missing}")
    rows: list[dict[str, Any]] = []
    for image in images:
        reason = image.error
        if not reason:
            try:
                pixels = read_image(image.path, explainer.card.preparation)
            except Undecodable as error:
                reason = str(error)
            except OSError as error:
                reason = f"cannot be read: {error.strerror}"
        if reason:
            rows.append({"path": image.name, "error": reason})
            aside(f"not predicted: {image.name}: {reason}")
            continue
        found = explainer.explain(pixels)
        page = write_page(image.name, found, classes, explainer.missing, Path())
        best = found.answer
        rows.append(
            {
                "path": image.name,
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
            output().say(f"{image.name}: {classes[best]} {found.probabilities[best]:.4f}; page: {page}")
    if as_json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))  # noqa: T201
    unreadable = sum("error" in row for row in rows)
    if unreadable == len(rows):
        return BadInput.exit_code
    return RunFailed.exit_code if unreadable else 0
