"""The page of a comparison: sortable table, curves, parallel coordinates, tests, pictures of disagreement, wall."""

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from catsdogs_exp.errors import BadInput
from catsdogs_exp.metrics.names import lower_is_better
from catsdogs_exp.metrics.slices import find_slices
from catsdogs_exp.record.best_against import BestVerdict, best_against_others, differing_images, shown_p
from catsdogs_exp.record.comparison import Comparison, setting_text
from catsdogs_exp.record.disagreement import Disagreement, disagreement
from catsdogs_exp.record.folder.predictions import Predictions, predictions_of
from catsdogs_exp.record.folder.run_files import RunFiles, data_root
from catsdogs_exp.record.folder.run_reader import MISSING, Run
from catsdogs_exp.record.image_groups import groups_of_images
from catsdogs_exp.record.importance import importance
from catsdogs_exp.record.photo_sweep import PhotoSweep, photo_sweeps
from catsdogs_exp.record.run_curves import read_curves
from catsdogs_exp.record.run_groups import RunGroup, repetitions
from catsdogs_exp.report import page
from catsdogs_exp.report.charts import Parallel, RunsChart, learning_chart, over_epochs, parallel
from catsdogs_exp.report.thumbnails import Thumbnail, thumbnail
from catsdogs_exp.report.wall_page import make_wall

_CURVES = {"val_accuracy": "Validation accuracy", "val_loss": "Validation loss", "loss": "Training loss"}
_SHOWN_AT_FIRST = 20  # curves
_MOST_CURVES = 60
_MOST_AXES = 12
_MOST_PICTURES = 60
_MOST_BY_CLASS = 12  # runs
_MOST_CLASSES = 50
_MOST_WALLS = 4
_METRICS = ("val_accuracy", "val_loss", "test_accuracy", "seconds", "images_per_second", "parameters")


@dataclass(frozen=True)
class Cell:
    """A cell of the table: its text and its sort key; numbers come first, then text, then empty cells."""

    text: str
    key: float | None = None


@dataclass(frozen=True)
class PageRun:
    """A row of the table."""

    name: str
    status: str
    colour: str
    has_curve: bool
    shown: bool
    cells: tuple[Cell, ...]


def write_page(found: Comparison, path: Path) -> None:
    """Writes the page.

    Args:
        found: the runs, best first.
        path: of the page.

    Raises:
        BadInput: if it cannot be written.
    """
    verdict = best_against_others(found)
    pair = disagreement(*found.runs) if len(found.runs) == 2 else None
    metrics = [found.by, *(name for name in _METRICS if name != found.by)]
    metrics = [name for name in metrics if any(name in run.metrics for run in found.runs)]
    grouping = repetitions(found)
    weight = importance(found)
    judged = _judged(found)
    named = [(run.name, said) for run, said in judged]
    walls, why_no_wall = _walls(found)
    html = page.render(
        "compare.html.j2",
        scripts=("compare.js",),
        title=f"{len(found.runs)} runs compared" if len(found.runs) != 1 else "One run",
        by=found.by,
        better="lower" if lower_is_better(found.by) else "higher",
        root=str(found.root),
        remarks=found.remarks,
        columns=(*metrics, *found.keys, "reason"),
        runs=[_row(run, place, metrics, found.keys) for place, run in enumerate(found.runs)],
        verdict=verdict,
        tests=_tests(verdict),
        untested=list(verdict.untested.items()),
        charts=list(_charts(found.runs)),
        parallel=_parallel(found),
        importance=weight,
        shares=[(key, share) for key, share in weight.shares.items()],
        groups=[_group(group) for group in grouping.groups] if grouping else [],
        group_head=(*grouping.keys, "n", "mean", "deviation", "95 % interval", "p against the first")
        if grouping
        else (),
        group_remarks=grouping.remarks if grouping else (),
        by_class=_by_class(named),
        slices=slice_table(named, judged[0][0].folder) if judged else ((), []),
        sweeps=[_sweep(sweep) for sweep in photo_sweeps(found)],
        pair=pair,
        settings=[(key, _shown(first), _shown(second)) for key, first, second in pair.settings] if pair else [],
        pictures=_pictures(pair) if pair else [],
        walls=walls,
        why_no_wall=why_no_wall,
    )
    page.write(html, path)


def _row(run: Run, place: int, metrics: Sequence[str], keys: Sequence[str]) -> PageRun:
    cells = [_cell(run.metrics[name], _places(name)) if name in run.metrics else Cell("") for name in metrics]
    cells += [_cell(run.setting(key)) for key in keys]
    has_curve = place < _MOST_CURVES
    # the golden angle: neighbours in the table get distinct colours
    colour = f"hsl({place * 137.5 % 360:.0f} 65% 50%)"
    return PageRun(
        run.name,
        run.status,
        colour,
        has_curve,
        place < _SHOWN_AT_FIRST or run.status != "ok",
        (*cells, Cell(run.reason)),
    )


def _cell(value: Any, places: int | None = None) -> Cell:
    if isinstance(value, int | float) and not isinstance(value, bool):
        text = f"{value:,.{places}f}" if places is not None else _whole(value)
        return Cell(text, float(value))
    return Cell(_shown(value))


def _whole(value: float) -> str:
    """Returns a setting with all its digits: a seed of nine digits is not rounded."""
    short = f"{value:g}"
    return short if float(short) == value else str(value)


def _shown(value: Any) -> str:
    return "not set" if value is MISSING else setting_text(value)


def _places(metric: str) -> int:
    return {"seconds": 1, "images_per_second": 1, "parameters": 0}.get(metric, 4)


def _tests(verdict: BestVerdict) -> list[tuple[Any, ...]]:
    return [
        (test.other, test.words(), test.method, test.images, shown_p(test.p_value), shown_p(test.corrected))
        for test in verdict.tests
    ]


def _charts(runs: Sequence[Run]) -> Iterator[RunsChart]:
    read = [read_curves(run.folder, tuple(_CURVES)) for run in runs[:_MOST_CURVES]]
    for name, title in _CURVES.items():
        curves = [(place, each.epochs, each.values[name]) for place, each in enumerate(read) if each.epochs]
        if chart := over_epochs(title, curves):
            yield chart


def _parallel(found: Comparison) -> Parallel | None:
    keys = found.keys[:_MOST_AXES]
    if not keys or len(found.runs) < 2:
        return None
    rows = [
        [
            *(_value(run.setting(key)) for key in keys),
            run.metrics.get(found.by),
        ]
        for run in found.runs
    ]
    return parallel((*keys, found.by), rows, [run.status != "ok" for run in found.runs])


def _value(setting: Any) -> Any:
    """Returns a setting as a value on an axis; `null` is a value, too: only a missing setting counts as not set."""
    if setting is MISSING:
        return None
    return setting if isinstance(setting, int | float) and not isinstance(setting, bool) else _shown(setting)


def _group(group: RunGroup) -> tuple[Any, ...]:
    mean, interval = group.mean, group.mean.interval if group.mean else None
    return (
        *map(_shown, group.values),
        group.n,
        f"{mean.mean:.4f}" if mean else "-",
        f"{mean.deviation:.4f}" if mean and mean.deviation is not None else "-",
        f"{interval[0]:.4f} to {interval[1]:.4f}" if interval else "-",
        shown_p(group.p_value) if group.p_value is not None else "-",
    )


def _sweep(sweep: PhotoSweep) -> dict[str, Any]:
    return {
        "title": ", ".join(f"{key}={_shown(value)}" for key, value in sweep.settings.items()) or sweep.by,
        "lines": sweep.lines(),
        "chart": learning_chart(sweep.curve) if sweep.curve is not None else None,
    }


def _judged(found: Comparison) -> list[tuple[Run, Predictions]]:
    """Returns the validation predictions of the best runs; only of runs with the same validation images as the best
    one.
    """
    kept: list[tuple[Run, Predictions]] = []
    for run in found.runs[:_MOST_BY_CLASS]:
        try:
            said = predictions_of(run.folder).of_split("validation")
        except BadInput:
            continue
        if len(said) and (not kept or not differing_images(*kept[0], run, said, "validation")):
            kept.append((run, said))
    return kept


def _by_class(judged: Sequence[tuple[str, Predictions]]) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Returns the recall of each class, with the runs side by side."""
    if not judged or len(judged[0][1].classes) > _MOST_CLASSES:
        return (), []
    rows = []
    for label, name in enumerate(judged[0][1].classes):
        shares = []
        for _, said in judged:
            of_class = said.labels == label
            shares.append(f"{said.right[of_class].mean():.3f} of {of_class.sum():,}" if of_class.any() else "-")
        rows.append((name, *shares))
    return ("class", *(name for name, _ in judged)), rows


def slice_table(
    judged: Sequence[tuple[str, Predictions]], folder: Path
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Returns slices side by side: one row per group of images on which one of the runs is significantly worse.

    Args:
        judged: names and predictions of runs, of the same images in the same order.
        folder: of one of the runs.
    """
    groups = groups_of_images(folder, judged[0][1])
    slices = dict.fromkeys(each.key for _, said in judged for each in find_slices(groups, said.right))
    rows = []
    for key in slices:
        inside = np.all([np.array(groups[kind]) == name for kind, name in key], axis=0)
        shares = [
            f"{(~said.right[inside]).mean():.2f} (others {(~said.right[~inside]).mean():.2f})" for _, said in judged
        ]
        rows.append((", ".join(name for _, name in key), f"{inside.sum():,}", *shares))
    return ("wrong on", "images", *(name for name, _ in judged)), rows


def _pictures(pair: Disagreement) -> list[Thumbnail]:
    try:
        root: Path | None = data_root(RunFiles(pair.first.folder))
    except BadInput:
        root = None
    shown = []
    for image in pair.disputed[:_MOST_PICTURES]:
        lines = [
            f"{run.name}: {said} {p:.2f}"
            for run, said, p in zip((pair.first, pair.second), image.said, image.confidence, strict=True)
        ]
        lines.append(f"labelled {image.label}")
        if root is None:
            shown.append(Thumbnail(image.path, problem="the run does not record where it is", lines=tuple(lines)))
        else:
            shown.append(thumbnail(root / image.path, image.path, lines))
    return shown


def _walls(found: Comparison) -> tuple[list[dict[str, Any]], str]:
    """Returns the first pictures of the wall, if the runs have saved activations."""
    try:
        wall = make_wall(found)
    except BadInput as error:
        return [], str(error)
    shown = []
    for name, picture in list(wall.pictures.items())[:_MOST_WALLS]:
        content = io.BytesIO()
        picture.save(content, "PNG")
        uri = f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"
        shown.append({"name": name, "uri": uri, "width": picture.width, "height": picture.height})
    return shown, ""
