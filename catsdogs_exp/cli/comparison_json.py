"""`compare --json`: everything known about the runs, for programs."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from catsdogs_exp.metrics.significance import LEVEL
from catsdogs_exp.record.best_against import BestVerdict
from catsdogs_exp.record.comparison import Comparison
from catsdogs_exp.record.disagreement import Disagreement
from catsdogs_exp.record.folder.run_reader import MISSING
from catsdogs_exp.record.photo_sweep import PhotoSweep
from catsdogs_exp.record.run_groups import Grouping


def runs_as_json(
    found: Comparison, verdict: BestVerdict, pair: Disagreement | None, sweeps: Sequence[PhotoSweep]
) -> dict[str, Any]:
    """Returns the runs, the tests of the best one, the disagreement if there are exactly two, and learning curves."""
    more: dict[str, Any] = {"disagreement": _pair_as_json(pair)} if pair is not None else {}
    more |= {"learning_curves": [_sweep_as_json(sweep) for sweep in sweeps]} if sweeps else {}
    runs = [
        {
            "run": run.name,
            "status": run.status,
            "reason": run.reason or None,
            "error": run.error,
            "objective": run.objective,
            "best_epoch": run.epoch,
            "metrics": run.metrics,
            "settings": _present({key: run.setting(key) for key in found.keys}),
        }
        for run in found.runs
    ]
    return {
        "root": str(found.root),
        "by": found.by,
        "differing": found.keys,
        "runs": runs,
        "tests": [
            {
                "runs": [test.best, test.other],
                "method": test.method,
                "split": verdict.split,
                "images": test.images,
                "values": test.values,
                "p_value": test.p_value,
                "corrected_p_value": test.corrected,
                "better": test.corrected < LEVEL,
                "images_needed": test.needed,
            }
            for test in verdict.tests
        ],
        "not_tested": [{"run": name, "reason": reason} for name, reason in verdict.untested.items()]
        + ([{"run": None, "reason": verdict.reason}] if verdict.reason else []),
    } | more


def groups_as_json(found: Comparison, grouping: Grouping) -> dict[str, Any]:
    """Returns the groups, with Welch's test of each against the first."""
    groups = [
        {
            "settings": _present(dict(zip(grouping.keys, group.values, strict=True))),
            "n": group.n,
            "mean": group.mean.mean if group.mean else None,
            "std": group.mean.deviation if group.mean else None,
            "interval_95": group.mean.interval if group.mean else None,
            "min": group.low,
            "max": group.high,
            "corrected_p_value": group.p_value,
            "runs": group.runs,
        }
        for group in grouping.groups
    ]
    return {"root": str(found.root), "by": found.by, "group_by": grouping.keys, "groups": groups}


def _pair_as_json(pair: Disagreement) -> dict[str, Any]:
    settings = {key: [None if value is MISSING else value for value in values] for key, *values in pair.settings}
    return {
        "split": pair.split,
        "images": pair.images,
        "settings": settings,
        "disputed": [asdict(each) for each in pair.disputed],
        "reason": pair.reason or None,
    }


def _sweep_as_json(sweep: PhotoSweep) -> dict[str, Any]:
    curve = sweep.curve
    found = {
        "settings": _present(dict(sweep.settings)),
        "metric": sweep.by,
        "training_images": sweep.sizes,
        "values": sweep.values,
        "reason": sweep.reason or None,
    }
    if curve is None:
        return found
    return found | {
        "functions": curve.weights,
        "forecasts": [asdict(each) for each in curve.forecasts],
        "check": asdict(curve.check) | {"reached": curve.values[-1], "missed_by": curve.missed_by},
    }


def _present(settings: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if value is not MISSING}
