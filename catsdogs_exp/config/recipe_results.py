"""Results of the recipes: `experiments/results.json`, quoted by `models`, recipe headers and the documentation.

`python -m benchmarks recipe-results RUN...` writes it from run folders; tests check every quotation against it.
"""

import json
import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catsdogs_exp.config.search_path import EXPERIMENTS
from catsdogs_exp.errors import BadInput, did_you_mean

RESULTS = EXPERIMENTS / "results.json"
METRICS = ("val_accuracy", "test_accuracy")
FIGURES = (*METRICS, "last", "last10", "training")
_SECONDS = ("mean", "low", "high")
_TEXT, _TEXTS, _NUMBERS = "text", "a list of texts", "a list of whole numbers"
_REQUIRED = {
    **{"recipe": _TEXT, "model": _TEXT, "settings": _TEXTS},
    **{"seeds": _NUMBERS, "conditions": _TEXT, "source": _TEXT},
}
_OPTIONAL = {
    **{"data": _TEXT, "seconds": f"an object with {', '.join(_SECONDS)}"},
    **{"note": _TEXT, "version": _TEXT, "commit": _TEXT},
}
_EQUIPMENT = ("dataset", "training.precision", "training.intra_op_threads", "training.inter_op_threads")


@dataclass(frozen=True)
class Seconds:
    """How long one run took, in seconds: the mean over the seeds, the shortest and the longest."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class RecipeResult:
    """Runs of one recipe that differ only in their seeds.

    Attributes:
        recipe: `experiment=NAME`.
        model: the choice of the group `model`.
        settings: overrides other than the recipe and the seed, as typed; of paths, only the last part.
        seeds: one per run.
        figures: name, one of `FIGURES` -> one value per seed, 0..1: `val_accuracy` and `test_accuracy` of the best
            epoch; `last` and `last10`, validation accuracy of the last epoch and the mean of the last ten; `training`,
            training accuracy of the last epoch.
        seconds: time per run; None if it was not measured.
        conditions: what the time depends on: `2 cores, float32`.
        source: the runs, or the page that contained the figures before this file existed.
        data: the data used instead of the recipe's own; `""` for its own.
        note: anything else worth knowing.
        version, commit: of this package; None if not recorded.
    """

    recipe: str
    model: str
    settings: tuple[str, ...]
    seeds: tuple[int, ...]
    figures: Mapping[str, tuple[float, ...]]
    seconds: Seconds | None
    conditions: str
    source: str
    data: str = ""
    note: str = ""
    version: str | None = None
    commit: str | None = None

    def mean(self, figure: str) -> float:
        """Returns the mean over the seeds."""
        return statistics.fmean(self.figures[figure])

    def best(self) -> tuple[str, float]:
        """Returns the most informative metric and its mean: accuracy on unseen test images if available."""
        metric = "test_accuracy" if "test_accuracy" in self.figures else "val_accuracy"
        return metric, self.mean(metric)

    def variant(self) -> tuple[str, ...]:
        """Returns the settings that make it a different experiment: no data locations, no hardware settings."""
        return tuple(word for word in self.settings if not word.startswith(_EQUIPMENT))

    def headline(self) -> str:
        """`Reached: val_accuracy 0.724 (3 seeds, 200 s per run)`: a line for the recipe's header."""
        metric, value = self.best()
        told = [f"{len(self.seeds)} seeds" if len(self.seeds) > 1 else f"seed {self.seeds[0]}"]
        if self.seconds:
            told.append(f"{self.seconds.mean:.0f} s per run")
        if self.variant():
            told.append(" ".join(self.variant()))
        if self.data:
            told.append(f"on {self.data}")
        return f"Reached: {metric} {value:.3f} ({', '.join(told)})"


def recipe_results(path: Path = RESULTS) -> list[RecipeResult]:
    """Returns all results, in file order; quote the first one of a recipe.

    Raises:
        BadInput: if the file is damaged; names the entry.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"The results of the recipes cannot be read: {path}: {error}") from error
    if not isinstance(content, list):
        raise BadInput(f"The results of the recipes must be a list. Received: {type(content).__name__} in {path}")
    return [_result(entry, f"entry {number} of {path}") for number, entry in enumerate(content, start=1)]


def write_results(results: list[RecipeResult], path: Path = RESULTS) -> None:
    """Writes the file that `recipe_results` reads, one line per field."""
    entries = [
        ",\n".join(
            f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in _plain(each).items()
        )
        for each in results
    ]
    text = ",\n".join(f" {{\n{entry}\n }}" for entry in entries)
    path.write_text(f"[\n{text}\n]\n", encoding="utf-8")


def _result(entry: Any, where: str) -> RecipeResult:
    """Validates an entry of the file."""
    if not isinstance(entry, dict):
        raise BadInput(f"A result must be an object. Received: {entry!r}, {where}")
    known = (*_REQUIRED, *_OPTIONAL, *FIGURES)
    for key in [*(key for key in _REQUIRED if key not in entry), *(key for key in entry if key not in known)]:
        what = f"Unknown: {key}.{did_you_mean(key, known)}" if key in entry else f"Missing: {key}."
        raise BadInput(f"A result must contain {', '.join(_REQUIRED)} and a metric. {what} See {where}")
    for key, value in entry.items():
        if key not in FIGURES and not _fits(value, (_REQUIRED | _OPTIONAL)[key]):
            raise BadInput(f"{key} of a result must be {(_REQUIRED | _OPTIONAL)[key]}. Received: {value!r}, {where}")
    seeds = tuple(entry["seeds"])
    figures = {key: tuple(entry[key]) for key in FIGURES if key in entry}
    if not any(metric in figures for metric in METRICS):
        raise BadInput(f"A result must contain {' or '.join(METRICS)}. Received neither, {where}")
    for key, values in figures.items():
        if len(values) != len(seeds) or not all(_is_number(value) and 0 <= value <= 1 for value in values):
            raise BadInput(
                f"{key} of a result must contain a number in 0..1 for each seed. Received: {entry[key]} for "
                f"{len(seeds)} seeds, {where}"
            )
    seconds = entry.get("seconds")
    return RecipeResult(
        figures=figures,
        seconds=Seconds(*(seconds[key] for key in _SECONDS)) if seconds else None,
        settings=tuple(entry["settings"]),
        seeds=seeds,
        **{key: entry[key] for key in ("recipe", "model", "conditions", "source")},
        **{key: entry[key] for key in ("data", "note", "version", "commit") if key in entry},
    )


def _fits(value: Any, kind: str) -> bool:
    if kind == _TEXT:
        return isinstance(value, str)
    if kind == _TEXTS:
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    if kind == _NUMBERS:
        return isinstance(value, list) and bool(value) and all(type(each) is int for each in value)
    return isinstance(value, dict) and set(value) == set(_SECONDS) and all(map(_is_number, value.values()))


def _plain(result: RecipeResult) -> dict[str, Any]:
    plain = {
        "recipe": result.recipe,
        "model": result.model,
        "data": result.data,
        "settings": list(result.settings),
        "seeds": list(result.seeds),
        **{key: list(result.figures[key]) for key in FIGURES if key in result.figures},
        "seconds": vars(result.seconds) if result.seconds else None,
        "conditions": result.conditions,
        "source": result.source,
        "note": result.note,
        "version": result.version,
        "commit": result.commit,
    }
    return {key: value for key, value in plain.items() if value not in ("", None) or key in _REQUIRED}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
