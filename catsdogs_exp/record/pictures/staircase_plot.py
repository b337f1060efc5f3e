"""The plot of a staircase."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from catsdogs_exp.insight.staircase import Step, deep_enough


def draw_staircase(epochs: Mapping[int, Sequence[Step]], best: int, chance: float, path: Path) -> None:
    """Writes a PNG: accuracy over depth, earlier epochs in grey, the best one in colour with its standard error.

    Args:
        epochs: the steps by epoch.
        best: which epoch is the best one.
        chance: the accuracy of always naming the most frequent class.
        path: where to.
    """
    steps = epochs[best]
    names = [step.layer for step in steps]
    figure = Figure(figsize=(max(4.0, 0.75 * len(names) + 1.5), 3.6), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    places = range(len(names))
    for epoch, others in sorted(epochs.items()):
        if epoch != best:
            axes.plot(places, [step.accuracy for step in others], color="0.8", label=f"epoch {epoch}")
    accuracies = [step.accuracy for step in steps]
    axes.errorbar(
        places,
        accuracies,
        [step.deviation for step in steps],
        color="C0",
        marker="o",
        capsize=3,
        label=f"epoch {best}, the best",
    )
    axes.axhline(chance, color="0.6", linestyle=":", label="most frequent class")
    enough = names.index(deep_enough(steps).layer)
    axes.axvline(enough, color="C3", linestyle="--", label=f"deep enough: {names[enough]}".replace("$", r"\$"))
    axes.set_xticks(list(places), [name.replace("$", r"\$") for name in names], rotation=45, ha="right", fontsize=8)
    axes.set_ylabel("accuracy of a linear probe")
    axes.legend(fontsize=8)
    figure.savefig(path)
