"""The model card of an exported network, in Markdown (Mitchell et al., 2019): what it is, how good it is, and its
limits.
"""

import re
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

from catsdogs_exp.errors import BadInput
from catsdogs_exp.inference.export.checking import Row
from catsdogs_exp.metrics.evaluation import calibration_error
from catsdogs_exp.metrics.intervals import bootstrap_interval, wilson_interval
from catsdogs_exp.metrics.slices import find_slices
from catsdogs_exp.models.efficientnet_lite_weights import PUBLISHED
from catsdogs_exp.printable import printable
from catsdogs_exp.record.folder.predictions import Predictions, predictions_of
from catsdogs_exp.record.folder.run_files import RunFiles
from catsdogs_exp.report.run_facts import RunFacts, read_facts
from catsdogs_exp.report.slice_groups import groups_of
from catsdogs_exp.training.checkpoint.card import ModelCard

_RESIZES = {
    "stretch": "stretched to this size",
    "crop": "cropped in the middle to its aspect ratio, then resized",
    "pad": "resized to fit, then padded",
}


def model_card(run: RunFiles, card: ModelCard, rows: Sequence[Row]) -> str:
    """Returns the text.

    Args:
        run: the run.
        card: the card saved with its network.
        rows: results of checking the exported files.
    """
    facts = read_facts(run)
    parts = (
        [f"# {literal(run.folder.name)}", "", *_network(facts, card)],
        ["## Data", "", *_data(facts)],
        ["## Results", "", *_results(run)],
        ["## Where it performs worse", "", *_slices(run, facts)],
        ["## Exported files", "", *_files(rows)],
        ["## Limits", "", *_limits(facts, card)],
        ["## Licence of the weights", "", *_licence(facts.config)],
    )
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def literal(text: str) -> str:
    """Escapes a name, so that nothing in it is read as markup."""
    return re.sub(r"([\\`*_{}\[\]<>#!|~&])", r"\\\1", printable(text))


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(str(cell) for cell in line) + " |" for line in lines]


def _network(facts: RunFacts, card: ModelCard) -> list[str]:
    height, width = card.target_size
    classes = ", ".join(literal(name) for name in card.classes)
    count, versions = facts.result.get("parameters"), facts.result.get("versions") or {}
    colours = "RGB" if card.channels == 3 else "grey"
    return [
        f"Classifies images as one of {len(card.classes)} classes: {classes}.",
        "",
        *_table(
            ("", ""),
            [
                ("network", literal(str(facts.config.get("model.name", "unknown")))),
                ("parameters", f"{count:,}" if isinstance(count, int) else "unknown"),
                ("input", f"{width} x {height} pixels, {colours}, 0 to 255; rescaling is part of the network"),
                ("resizing", f"images are {_RESIZES.get(card.resize, literal(card.resize))}; {card.interpolation}"),
                ("output", "probabilities in the order of `labels.txt`"),
                ("best epoch", f"{(facts.result.get('objective') or {}).get('epoch')} of {facts.result.get('epochs')}"),
                ("trained with", literal(", ".join(f"{name} {each}" for name, each in sorted(versions.items())))),
            ],
        ),
    ]


def _data(facts: RunFacts) -> list[str]:
    counts: Mapping[str, Mapping[str, int]] = facts.result.get("counts") or {}
    names = [str(name) for name in facts.result.get("classes") or ()]
    lines = [f"Source: {literal(_source(facts.config))}.", ""]
    lines += _table(
        ("class", *counts),
        [(literal(name), *(of_split.get(name, 0) for of_split in counts.values())) for name in names],
    )
    return [*lines, "", f"Files left out: {facts.result.get('quarantined', 'unknown')}."]


def _source(config: Mapping[str, Any]) -> str:
    name, path = config.get("dataset.name"), config.get("dataset.path") or config.get("dataset.archive")
    return f"{name}, {Path(str(path)).name}" if path else str(name)


def _results(run: RunFiles) -> list[str]:
    try:
        every = predictions_of(run.folder)
    except BadInput as error:
        return [f"Unknown: {literal(str(error))}"]
    lines: list[str] = []
    for split in ("validation", "test"):
        found = every.of_split(split)
        if len(found):
            lines += [*([""] if lines else []), *_of_split(split, found)]
    return lines


def _of_split(split: str, found: Predictions) -> list[str]:
    right, count = found.right, len(found)
    rows = []
    for place, name in enumerate(found.classes):
        mine = found.labels == place
        if mine.any():
            rows.append((literal(name), int(mine.sum()), _share(int(right[mine].sum()), int(mine.sum()))))
    return [
        f"On {count} {split} images: accuracy {_share(int(right.sum()), count)}, expected calibration error "
        f"{_calibration(found)}. In brackets: 95 % intervals.",
        "",
        *_table(("class", "images", "recall"), rows),
    ]


def _calibration(found: Predictions) -> str:
    if not found.finite.all():
        return "unknown: the network returns NaN"
    confidence, right = found.confidence, found.right
    low, high = bootstrap_interval(lambda rows: calibration_error(confidence[rows], right[rows]), len(found), 200)
    return f"{calibration_error(confidence, right):.3f} ({low:.3f} to {high:.3f})"


def _share(hits: int, count: int) -> str:
    low, high = wilson_interval(hits, count)
    return f"{hits / count:.3f} ({low:.3f} to {high:.3f})"


def _slices(run: RunFiles, facts: RunFacts) -> list[str]:
    if facts.predictions is None:
        return ["Unknown: the run has no predictions."]
    found = find_slices(groups_of(run.folder, facts.predictions, facts.root), facts.predictions.right)
    if found:
        return [f"- {literal(each.sentence())}" for each in found]
    return [
        "No group of at least 10 validation images (by class, size, shape, folder, brightness, sharpness) is "
        "significantly worse than the others (Fisher's exact test, Holm's correction)."
    ]


def _files(rows: Sequence[Row]) -> list[str]:
    head = ("format", "file", "MB", "largest difference", "changed answers", "accuracy", "ms per image", "runtime")
    cells = [
        (
            row.label,
            f"`{row.file}`",
            f"{row.megabytes:.2f}",
            f"{row.largest_difference:.1e}",
            row.changed,
            f"{row.accuracy:.4f}",
            f"{row.milliseconds:.2f}",
            row.runtime,
        )
        for row in rows
        if not row.refused
    ]
    note = f"Each compared with the run's network on {rows[0].images} {rows[0].split} images, one at a time."
    return [note, "", *_table(head, cells)]


def _limits(facts: RunFacts, card: ModelCard) -> list[str]:
    lines = [
        (
            "- It knows only its classes: an image of anything else is assigned to one of them, often "
            "with a high probability."
        ),
        "- The figures hold for images from the same source. Other cameras, places or times may differ.",
    ]
    counts = facts.result.get("counts") or {}
    if "validation" in counts and "test" not in counts:
        lines.append("- The best epoch was chosen on the validation images: their figures are slightly optimistic.")
    if facts.predictions is not None:
        lines.append("- A probability is the network's own estimate; the calibration error says how far it is off.")
    if card.resize == "crop":
        lines.append("- It does not see the margins of images with another aspect ratio.")
    return lines


def _licence(config: Mapping[str, Any]) -> list[str]:
    """Returns where the weights come from, and which terms apply to them."""
    terms = "The terms of the training images determine what they may be used for; this program adds no terms."
    weights, backbone = config.get("model.weights"), str(config.get("model.backbone") or "")
    if weights in (None, "none"):
        return [f"The weights were trained from random initialization on the data above. {terms}"]
    if weights != "imagenet":
        return [f"The weights started from the file {literal(Path(str(weights)).name)}; its terms apply. {terms}"]
    if backbone not in PUBLISHED:
        return [f"The weights started from ImageNet weights of `keras.applications`; their terms apply. {terms}"]
    package = PUBLISHED[backbone].package.replace("_", "-")
    try:
        about = metadata(package)
        stated = next((about[key] for key in ("License-Expression", "License") if key in about), "nothing")
    except PackageNotFoundError:
        stated = "unknown: it is not installed here"
    return [
        f"The weights started from ImageNet weights in the package {literal(package)}, whose stated licence is: "
        f"{literal(stated)}. {terms}"
    ]
