"""A run's report: one page about how the run went, how reliable its figures are, and what to try next."""

import base64
import io
import math
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
from PIL import Image

from catsdogs_exp import platforms
from catsdogs_exp.errors import BadInput
from catsdogs_exp.metrics.intervals import wilson_interval
from catsdogs_exp.metrics.slices import find_slices
from catsdogs_exp.record.diagnosis import diagnose, next_setting
from catsdogs_exp.record.folder.predictions import Predictions
from catsdogs_exp.record.folder.run_files import AUGMENTED, RunFiles
from catsdogs_exp.record.photo_map import PICTURE, read_places
from catsdogs_exp.record.pictures.heat_overlay import heat_overlay
from catsdogs_exp.report import page
from catsdogs_exp.report.judgement import judgement
from catsdogs_exp.report.line_chart import Chart, Line, Marks, chart
from catsdogs_exp.report.photo_map import PhotoMap, photo_map_of
from catsdogs_exp.report.run_facts import RunFacts, read_facts
from catsdogs_exp.report.slice_groups import groups_of, measure
from catsdogs_exp.report.thumbnails import Thumbnail, thumbnail

NAME = "report.html"
SHOWN = 8  # images per section

_TEMPLATE = "run.html.j2"
_ROWS = 60  # of a table
_PATIENCE = 1.0  # seconds
_PICTURES = 3  # from the run folder, each downsized
_TITLES = {
    "staircase.png": "How well each layer separates the classes (linear probes)",
    "learning_rate.png": "Learning rates tried",
}

Explain = Callable[[RunFiles, Path, Predictions], Mapping[str, Any]]
"""`inference.judged_images.evidence_of`, which needs TensorFlow; without it, a report has no maps."""


@dataclass(frozen=True)
class JudgedImage:
    """An image on the page: its file, the Grad-CAM map, the prediction, and a link."""

    thumbnail: Thumbnail
    heat: str
    link: str


def write_report(run: RunFiles, path: Path | None = None, explain: Explain | None = None) -> tuple[Path, list[str]]:
    """Writes a run's report. For runs that failed or were stopped or killed, it contains whatever was recorded.

    Args:
        run: the run.
        path: of the page; None: `report.html` in the run's folder.
        explain: computes Grad-CAM maps; None: the page has none.

    Returns:
        The page's path, and the diagnosis, one line per finding.

    Raises:
        BadInput: if the run cannot be read or the page cannot be written.
    """
    facts = read_facts(run)
    found = diagnose(facts.history, facts.result, facts.config, facts.predictions)
    setting = next_setting(found)
    html = page.render(
        _TEMPLATE,
        title=f"Run {run.folder.name}",
        facts=facts,
        headline=headline(facts),
        found=found,
        setting=setting,
        epochs=_epochs(facts),
        charts=curves(facts),
        stages=bool(_stage_borders(facts.history)),
        judged=None if facts.predictions is None else judgement(facts.predictions),
        images=_images(run, facts, explain),
        slices=[
            each.sentence()
            for each in find_slices(
                groups_of(run.folder, facts.predictions, facts.root),
                facts.predictions.right,
            )
        ]
        if facts.predictions is not None
        else None,
        cues=facts.inspection.get("cues") or [],
        photo_map=_photo_map(run.folder, facts),
        data=_data(facts),
        augmented=_smaller([run.folder / AUGMENTED]),
        pictures=_pictures(run.folder),
        cost=_cost(facts),
        versions=sorted((facts.result.get("versions") or {}).items()),
        machine=sorted((facts.result.get("machine") or {}).items()),
        commands=_commands(run.folder, setting, facts),
    )
    path = path or run.folder / NAME
    page.write(html, path)
    lines = [each.text for each in found]
    if setting:
        lines.append(f"To try next: {setting}")
    return path, lines


@contextmanager
def prepared_meanwhile(files: Sequence[str]) -> Iterator[None]:
    """A context in which a thread prepares a report, as training leaves a core idle now and then.

    Args:
        files: the images that the report will be about.
    """
    over = Event()

    def prepare() -> None:
        platforms.stand_back()
        page.compile_template(_TEMPLATE)
        measure(files, over)

    thread = Thread(target=prepare, daemon=True, name="report")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(_PATIENCE)  # a network drive may never respond


def headline(facts: RunFacts) -> str:
    """Returns the result with its interval."""
    predictions = facts.predictions
    if predictions is not None:
        hits, count = int(predictions.right.sum()), len(predictions)
        low, high = wilson_interval(hits, count)
        return (
            f"Accuracy {hits / count:.3f} on {count} validation images (95 % Wilson interval: {low:.3f} to {high:.3f})"
        )
    objective = facts.result.get("objective")
    if isinstance(objective, dict) and isinstance(objective.get("value"), int | float):
        figure = f"{objective.get('name')} {objective['value']:.4f} in epoch {objective.get('epoch')}"
        return f"{figure}; no interval without predictions"
    return "No epoch has ended"


def _epochs(facts: RunFacts) -> list[tuple[Any, ...]]:
    """Returns the last epoch, the best one and the mean of the last ten, side by side."""
    if not facts.history:
        return []
    best = (facts.result.get("objective") or {}).get("epoch")
    last, ten = facts.history[-1], facts.history[-10:]
    chosen = next((row for row in facts.history if row.get("epoch") == best), None)
    rows = []
    for key in ("accuracy", "val_accuracy", "loss", "val_loss"):
        if key in last:
            mean = math.fsum(row.get(key, math.nan) for row in ten) / len(ten)
            cells = (last[key], math.nan if chosen is None else chosen.get(key, math.nan), mean)
            rows.append((key, *(f"{value:.4f}" if math.isfinite(value) else "-" for value in cells)))
    return rows


def curves(facts: RunFacts) -> list[Chart | None]:
    """Returns charts of accuracy, loss and learning rate by epoch; the best epoch and the start of each stage are
    marked.
    """

    def line(name: str) -> Line:
        return Line(name, [(row["epoch"], row[name]) for row in facts.history if name in row])

    best = (facts.result.get("objective") or {}).get("epoch")
    marks = Marks(float(best) if isinstance(best, int) else None, _stage_borders(facts.history))
    return [
        chart("Accuracy", "epoch", [line("accuracy"), line("val_accuracy")], marks=marks),
        chart("Loss", "epoch", [line("loss"), line("val_loss")], marks=marks),
        chart("Learning rate", "epoch", [line("learning_rate")], marks=marks),
    ]


def _stage_borders(history: Sequence[Mapping[str, float]]) -> tuple[float, ...]:
    """Returns the borders between stages, each between two epochs; runs of older versions did not record them."""
    pairs = pairwise(row for row in history if "stage" in row)
    return tuple((row["epoch"] + after["epoch"]) / 2 for row, after in pairs if row["stage"] != after["stage"])


def _images(run: RunFiles, facts: RunFacts, explain: Explain | None) -> tuple[list[tuple[str, list[JudgedImage]]], str]:
    """Returns the worst mistakes, the least certain, and the certain and right images; and why there are no maps, or
    `""`.
    """
    predictions, root = facts.predictions, facts.root
    if predictions is None or root is None:
        return [], ""
    order = np.argsort(predictions.confidence, kind="stable")
    kinds = [
        ("Worst mistakes", predictions.mistakes(SHOWN)),
        ("Least certain", order[:SHOWN]),
        ("Certain and right", order[::-1][predictions.right[order[::-1]]][:SHOWN]),
    ]
    why, evidence = "written without loading the network", {}
    if explain is not None:
        chosen = np.unique(np.concatenate([rows for _, rows in kinds])).astype(np.intp)
        try:
            evidence = dict(explain(run, root, predictions.rows(chosen)))
            why = "" if evidence else "none of these images can be read"
        except BadInput as error:
            why = str(error)
    with ThreadPoolExecutor() as pool:  # decoding and encoding release the interpreter lock
        shown = [
            (title, list(pool.map(lambda place: _image(predictions, place, root, evidence), rows.tolist())))
            for title, rows in kinds
            if len(rows)
        ]
    return shown, why


def _image(predictions: Predictions, place: int, root: Path, evidence: Mapping[str, Any]) -> JudgedImage:
    path, names = predictions.paths[place], predictions.classes
    said, is_right = int(predictions.predicted[place]), bool(predictions.right[place])
    lines = [f"{names[said]} {predictions.confidence[place]:.3f}"]
    if not is_right:
        own = float(predictions.of_label[place])
        lines.append(
            f"labelled {names[int(predictions.labels[place])]} {'' if math.isnan(own) else f'{own:.3f}'}".rstrip()
        )
    found = evidence.get(path)
    heat = "" if found is None else _uri(heat_overlay(found.image, found.heat))
    file = root / path
    return JudgedImage(thumbnail(file, path, lines, marked=not is_right), heat, file.absolute().as_uri())


def _photo_map(folder: Path, facts: RunFacts) -> PhotoMap | None:
    places, pictures = read_places(folder), _smaller([folder / PICTURE])
    return photo_map_of(pictures[0][1], places, facts) if places and pictures else None


def _uri(picture: Image.Image) -> str:
    content = io.BytesIO()
    picture.convert("RGB").save(content, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode()}"


def _data(facts: RunFacts) -> dict[str, Any]:
    counts = facts.result.get("counts") or {}
    classes = list(facts.result.get("classes") or [])[:_ROWS]
    inspection = facts.inspection
    return {
        "head": ("class", *counts),
        "rows": [(name, *(counts[split].get(name, 0) for split in counts)) for name in classes],
        "found": [(kind, number) for kind, number in (inspection.get("found") or {}).items() if number],
        "notes": [*inspection.get("reading", []), *inspection.get("passed_over", [])][:20],
        "left_out": [(each["path"], each["reason"]) for each in inspection.get("left_out", [])[:_ROWS]],
        "shown": [
            thumbnail(facts.root / each["path"], each["path"], [each["reason"]])
            for each in inspection.get("left_out", [])[:SHOWN]
        ]
        if facts.root is not None
        else [],
    }


def _pictures(folder: Path) -> list[tuple[str, str]]:
    """Returns pictures from the run folder, downsized, with their headings: the layers' activations, linear probes, the
    learning rates tried.
    """
    chosen = sorted((folder / "activations").glob("best-*.png"))[:_PICTURES]
    titles = {path.name: f"Activations for {path.stem.removeprefix('best-')}" for path in chosen} | _TITLES
    found = _smaller([*chosen, *(folder / name for name in _TITLES)])
    return [(titles[name], picture) for name, picture in found]


def _smaller(files: Sequence[Path]) -> list[tuple[str, str]]:
    """Returns the pictures that exist, small enough for a page."""

    def smaller(file: Path) -> list[tuple[str, str]]:
        try:
            with Image.open(file) as image:
                picture = image.convert("RGB")  # palettes cannot be mixed
            picture.thumbnail((900, 1800))
            return [(file.name, _uri(picture))]
        except (OSError, ValueError):
            return []

    with ThreadPoolExecutor() as pool:
        return [each for found in pool.map(smaller, files) for each in found]


def _cost(facts: RunFacts) -> list[tuple[str, str]]:
    result = facts.result
    rows = [
        ("seconds in epochs", result.get("seconds")),
        ("images per second while training", result.get("images_per_second")),
        ("share of training time spent waiting for images", result.get("waiting")),
        ("parameters", result.get("parameters")),
        ("threads", _threads(result.get("threads"))),
    ]
    return [
        (name, f"{value:,}" if isinstance(value, int | float) else str(value))
        for name, value in rows
        if value is not None
    ]


def _threads(sizes: Any) -> str | None:
    """Describes the sizes of TensorFlow's thread pools; 0 means that it chooses."""
    if not isinstance(sizes, dict) or not sizes:
        return None
    if not any(sizes.values()):
        return "chosen by TensorFlow"
    within, between = (sizes.get(key) or "chosen by TensorFlow" for key in ("intra_op", "inter_op"))
    return f"within an operation: {within}; for several operations: {between}"


def _commands(folder: Path, setting: str, facts: RunFacts) -> list[tuple[str, str]]:
    """Returns commands that work as they stand, wherever the page is read: networks are only named if there is one."""
    folder = folder.absolute()
    network = RunFiles(folder).network
    run, start = shlex.quote(str(folder)), "python -m catsdogs_exp"
    tried = shlex.join([*facts.overrides, setting])
    commands = [("Try next", f"{start} {tried}")] if setting else []
    of_network = [
        ("Predict", f"{start} predict {run} IMAGE..."),
        ("Try it out", f"{start} demo {run}"),
        ("Export", f"{start} export {run} --format all"),
        ("Open in Keras", f"import keras; network = keras.saving.load_model({str(network)!r})"),
    ]
    return [
        *commands,
        ("Repeat", f"{start} repeat {run}"),
        ("Resume", f"{start} resume {run}"),
        *(of_network if network.is_file() else []),
        ("Open in Python", f"import catsdogs_exp as ce; run = ce.open_run({str(folder)!r})"),
        ("Regenerate this page", f"{start} report {run}"),
    ]
