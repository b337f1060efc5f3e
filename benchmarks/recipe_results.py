"""`python -m benchmarks recipe-results RUN...`: adds the results of recipe runs to `experiments/results.json`.

Runs of one recipe that differ only in their seeds become one result, which replaces an earlier one. The recipe's header
quotes its first result. Prints the rows for the table of `docs/results.md`; tests compare the pages with the file.
"""

import argparse
import csv
import itertools
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from catsdogs_exp.config.recipe_results import FIGURES, RESULTS, RecipeResult, Seconds, recipe_results, write_results
from catsdogs_exp.config.search_path import CONF
from catsdogs_exp.errors import BadInput
from catsdogs_exp.record.folder.run_files import read_result
from catsdogs_exp.record.folder.run_reader import Run, find_runs, read_run

ABOUT = "adds the results of recipe runs to experiments/results.json and the recipes' headers"
_LEFT_OUT = (
    "experiment",
    "seed",
    "output_dir",
    "logging",
    "hydra",
)  # settings that do not make it a different experiment
_HEADER = "# Reached: "
_DIGITS = 4


@dataclass(frozen=True)
class RecipeRun:
    """A finished run of a recipe, as recorded in its folder."""

    run: Run
    recipe: str
    settings: tuple[str, ...]
    training: float | None
    result: dict[str, Any]

    @property
    def seed(self) -> int:
        """The run's seed."""
        return int(self.run.setting("seed"))


def main(arguments: list[str]) -> int:
    """Updates the results and the recipes' headers, and prints Markdown.

    Raises:
        BadInput: for a path without recipe runs, or a seed that was run twice.
    """
    parser = argparse.ArgumentParser("python -m benchmarks recipe-results", description=__doc__, allow_abbrev=False)
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run folders, or folders with runs below them")
    parser.add_argument("--conditions", metavar="TEXT", help="what the seconds depend on; default: cores and precision")
    parser.add_argument(
        "--data", metavar="NAME", help="the data used instead of the recipe's; default: the archive's name"
    )
    parser.add_argument(
        "--file", type=Path, default=RESULTS, metavar="FILE", help=f"default {RESULTS.name} of the recipes"
    )
    options = parser.parse_args(arguments)
    remarks: list[str] = []
    groups = _groups(find_runs(options.runs, remarks), options.file.parent, remarks)
    for remark in remarks:
        print(f"left out: {remark}", file=sys.stderr)
    if not groups:
        raise BadInput(f"RUN must be finished runs of recipes (experiment=NAME). None at: {', '.join(options.runs)}")
    new = [_joined(group, options.file.parent, options.conditions, options.data) for group in groups]
    results = _updated(recipe_results(options.file), new)
    write_results(results, options.file)
    for result in new:
        first = next(each for each in results if each.recipe == result.recipe)
        _write_header(options.file.parent / f"{result.recipe}.yaml", first.headline())
        print(_row(result))
    return 0


def _groups(folders: Sequence[Path], recipes: Path, remarks: list[str]) -> list[list[RecipeRun]]:
    """Runs by recipe and settings, each group in seed order."""
    groups: dict[Any, list[RecipeRun]] = {}
    for folder in folders:
        found = _recipe_run(folder, recipes, remarks)
        if found is not None:
            groups.setdefault((found.recipe, frozenset(found.settings)), []).append(found)
    for group in groups.values():
        group.sort(key=lambda each: each.seed)
        for one, other in itertools.pairwise(group):
            if one.seed == other.seed:
                raise BadInput(
                    f"RUN must hold each seed of a recipe once. Received seed {one.seed} of {one.recipe} twice: "
                    f"{one.run.folder} and {other.run.folder}"
                )
    return list(groups.values())


def _recipe_run(folder: Path, recipes: Path, remarks: list[str]) -> RecipeRun | None:
    run = read_run(folder, str(folder), remarks)
    if run is None or run.config is None:
        return None
    recipe = run.setting("experiment")
    if run.status != "ok":
        remarks.append(f"{folder}: its status is {run.status}")
    elif not recipe or not (recipes / f"{recipe}.yaml").is_file():
        remarks.append(f"{folder}: {recipe} is no recipe in {recipes}" if recipe else f"{folder}: no recipe was chosen")
    else:
        words = yaml.safe_load((folder / "overrides.yaml").read_text(encoding="utf-8")) or []
        return RecipeRun(run, recipe, _settings(words), _training(folder / "metrics.csv"), read_result(folder))
    return None


def _settings(words: Sequence[str]) -> tuple[str, ...]:
    """The overrides other than recipe and seed; for data paths only the last part, because they differ between
    machines.
    """
    kept = [word for word in words if not word.lstrip("+~").startswith(_LEFT_OUT)]
    return tuple(re.sub(r"[^=\[\],'\"]*/", "", word) if word.startswith("dataset.") else word for word in kept)


def _training(metrics: Path) -> float | None:
    """The training accuracy of the last epoch."""
    with metrics.open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    return float(rows[-1]["accuracy"]) if rows and rows[-1].get("accuracy") else None


def _joined(runs: list[RecipeRun], recipes: Path, conditions: str | None, data: str | None) -> RecipeResult:
    """The result of runs that differ only in their seeds."""
    first = runs[0]
    told = [{**each.run.metrics, **({} if each.training is None else {"training": each.training})} for each in runs]
    figures = {
        name: tuple(round(each[name], _DIGITS) for each in told)
        for name in FIGURES
        if all(name in each for each in told)
    }
    seconds = [each.run.metrics["seconds"] for each in runs if "seconds" in each.run.metrics]
    took = (
        Seconds(*(round(each, 1) for each in (sum(seconds) / len(seconds), min(seconds), max(seconds))))
        if seconds
        else None
    )
    commits = {_commit(each.result): None for each in runs}
    return RecipeResult(
        recipe=first.recipe,
        model=_chosen("model", first, recipes),
        data=_data(first, data),
        settings=first.settings,
        seeds=tuple(each.seed for each in runs),
        figures=figures,
        seconds=took,
        conditions=conditions or _conditions(first),
        source=", ".join(each.run.folder.name for each in runs),
        version=first.result["versions"]["catsdogs-exp"],
        commit=", ".join(commit for commit in commits if commit) or None,
    )


def _commit(result: dict[str, Any]) -> str:
    git = result.get("git") or {}
    return f"{git['commit'][:12]}{' with changes' if git['dirty'] else ''}" if git else ""


def _chosen(group: str, run: RecipeRun, recipes: Path) -> str:
    """The choice of a config group: the last one typed, otherwise the recipe's or the main config's."""
    typed = [word.partition("=")[2] for word in run.settings if word.startswith(f"{group}=")]
    if typed:
        return typed[-1]
    for path in (recipes / f"{run.recipe}.yaml", CONF / "config.yaml"):
        for entry in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("defaults", []):
            for key, value in entry.items() if isinstance(entry, dict) else ():
                if key.removeprefix("override ").lstrip("/") == group:
                    return str(value)
    raise BadInput(f"Neither {run.recipe} nor the main config chooses a {group}.")


def _data(run: RecipeRun, asked: str | None) -> str:
    """The name of the data used instead of the recipe's; `""` if it is the recipe's own."""
    typed = [word.partition("=")[2] for word in run.settings if word.startswith("dataset=")]
    if not typed:
        return ""
    path = run.run.setting("dataset.path")
    return asked or (Path(path).stem if isinstance(path, str) else typed[-1])


def _conditions(run: RecipeRun) -> str:
    threads = (run.result.get("threads") or {}).get("intra_op")
    cores = f"{threads} thread{'s' if threads > 1 else ''}" if threads else f"{run.result['machine']['cores']} cores"
    return f"{cores}, {run.run.setting('training.precision')}"


def _updated(results: list[RecipeResult], new: list[RecipeResult]) -> list[RecipeResult]:
    """The results with new ones replacing those of the same recipe and settings, or appended."""
    updated = list(results)
    for result in new:
        same = [
            place
            for place, each in enumerate(updated)
            if each.recipe == result.recipe and set(each.settings) == set(result.settings)
        ]
        if same:
            updated[same[0]] = result
        else:
            updated.append(result)
    return updated


def _write_header(recipe: Path, headline: str) -> None:
    """Writes the line into a recipe's header comment, replacing the old one or at the end of the comment."""
    lines = recipe.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith(_HEADER)]
    old = next((number for number, line in enumerate(lines) if line.startswith(_HEADER)), None)
    end = next((number for number, line in enumerate(kept) if not line.startswith("#")), len(kept))
    kept.insert(end if old is None else old, f"# {headline}")
    recipe.write_text("\n".join(kept) + "\n", encoding="utf-8")


def _row(result: RecipeResult) -> str:
    """A row for the table of all recipes in `docs/results.md`."""
    metric, mean = result.best()
    values = ", ".join(f"{value:.3f}" for value in result.figures[metric])
    name = " ".join(f"`{word}`" for word in (result.recipe, *result.variant()))
    seconds = ""
    if result.seconds:
        low, high = f"{result.seconds.low:,.0f}", f"{result.seconds.high:,.0f}"
        seconds = f"{low if low == high else f'{low} to {high}'}, {result.conditions}"
    return f"| {name}{f', on {result.data}' if result.data else ''} | {values} | {mean:.3f} | {seconds} | |"
