"""Lines that summarize an epoch and a finished run."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # it comes with TensorFlow
    from catsdogs_exp.training.progress import EpochResult


def epoch_line(result: "EpochResult", epochs: int) -> str:
    """Returns an epoch in one line; a star marks the best so far."""
    width = len(str(epochs))
    val = "".join(f"  val_{name} {value:.4f}" for name, value in result.val.items())
    train = "".join(f"  {name} {value:.4f}" for name, value in result.train.items())
    return (
        f"epoch {result.epoch:{width}d}/{epochs}{train}{val}"
        f"  {result.seconds:.1f} s  {result.images_per_second:,.0f} images/s{'  *' if result.is_best else ''}"
    )


def closing_lines(folder: Path, content: dict[str, Any], seconds: float) -> list[str]:
    """Returns the summary of a run: its best epoch, its folder, and what to try next."""
    objective, metrics = content["objective"], content["metrics"]
    values = ", ".join(
        f"{split} " + " ".join(f"{name} {value:.4f}" for name, value in sorted(found.items()))
        for split, found in metrics.items()
    )
    run, siblings, all_runs = (shlex.quote(str(path)) for path in (folder, folder.parent, folder.parent.parent))
    return [
        f"best epoch {objective['epoch']} of {content['epochs']} by {objective['name']}: {values}",
        f"{seconds:.0f} s in total, {content['images_per_second']:,.0f} images/s while training",
        f"run folder: {folder}",
        f"  python -m catsdogs_exp predict {run} IMAGE...",
        f"  python -m catsdogs_exp compare {siblings}",
        f"  python -m catsdogs_exp board {all_runs}",
    ]
