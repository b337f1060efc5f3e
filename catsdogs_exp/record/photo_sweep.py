"""Would more photos help? Learning curves of runs that differ in the number of training images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from catsdogs_exp.metrics.learning_curves import FEWEST_SIZES, LearningCurve, Noise, fit_learning_curve
from catsdogs_exp.metrics.names import lower_is_better
from catsdogs_exp.record.comparison import Comparison
from catsdogs_exp.record.folder.run_reader import Run
from catsdogs_exp.record.run_groups import REPEATED

SIZES = ("dataset.fraction", "dataset.max_per_class")
"""Settings that determine how many of the training images are used."""

_METRICS = {"val_accuracy": "validation", "val_loss": "validation", "test_accuracy": "test", "test_loss": "test"}
_HOW = "-m dataset.fraction=0.125,0.25,0.5,1"


@dataclass(frozen=True)
class PhotoSweep:
    """Runs that differ only in the number of training images, and possibly in seeds.

    Attributes:
        settings: settings that these runs share, but in which other runs differ.
        by: the metric.
        sizes: training images of each run.
        values: of the metric.
        curve: fitted; None if the fit is impossible.
        reason: why there is no curve, or `""`.
    """

    settings: Mapping[str, Any]
    by: str
    sizes: tuple[int, ...]
    values: tuple[float, ...]
    curve: LearningCurve | None
    reason: str = ""

    def lines(self) -> list[str]:
        """Returns the answer in words."""
        if self.curve is None:
            return [f"Would more photos help? Unknown: {self.reason}"]
        curve = self.curve
        check, last = curve.check, curve.values[-1]
        head = f"Would more photos help? {self.by} is {last:.3f} with {curve.sizes[-1]:,} training images; expected"
        expected = ", ".join(
            f"{each.value:.3f} ({each.low:.3f} to {each.high:.3f}) with {each.images:,}" for each in curve.forecasts
        )
        inside = check.low <= last <= check.high
        return [
            f"{head} {expected}",
            f"  checked on the largest size: {check.value:.3f} ({check.low:.3f} to {check.high:.3f}) expected from the "
            f"smaller ones, {last:.3f} reached: off by {curve.missed_by:.3f}"
            + ("" if inside else ", outside the interval: do not rely on the forecast"),
        ]


def photo_sweeps(found: Comparison) -> list[PhotoSweep]:
    """Returns the learning curves of compared runs; empty if they do not differ in the number of training images."""
    if not any(key in found.keys for key in SIZES):
        return []
    others = [key for key in found.keys if key not in (*SIZES, *REPEATED, "experiment")]
    sweeps = []
    for runs in map(found.distinct, found.alike(others)):
        if len({run.images.get("train") for run in runs} - {None}) > 1:  # unknown until the data has been read
            shared = {key: runs[0].setting(key) for key in others}
            sweeps.append(_sweep(found.by, runs, shared))
    return sweeps


def _sweep(by: str, runs: Sequence[Run], settings: Mapping[str, Any]) -> PhotoSweep:
    split = _METRICS.get(by)
    if split is None:
        return PhotoSweep(
            settings, by, (), (), None, f"{by} has no learning curve: choose one of {', '.join(_METRICS)}"
        )
    ended = [run for run in runs if run.status == "ok" and by in run.metrics and run.images.get("train")]
    sizes = tuple(run.images["train"] for run in ended)
    values = tuple(run.metrics[by] for run in ended)
    judged = {run.images.get(split, 0) for run in ended}
    if len(judged) > 1:
        counts = ", ".join(f"{count:,}" for count in sorted(judged))
        reason = f"the runs were evaluated on different numbers of {split} images: {counts}"
        return PhotoSweep(settings, by, sizes, values, None, reason)
    if len(set(sizes)) < FEWEST_SIZES:
        done = len(set(sizes))
        reason = f"the completed runs cover {done} of the {FEWEST_SIZES} training set sizes that a curve needs: {_HOW}"
        return PhotoSweep(settings, by, sizes, values, None, reason)
    noise = Noise(is_share=not lower_is_better(by), judged=max(1, *judged))
    return PhotoSweep(settings, by, sizes, values, fit_learning_curve(sizes, values, noise))
