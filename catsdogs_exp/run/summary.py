"""The summary of a finished run: its best epoch, its folder, and what to type next."""

from pathlib import Path
from typing import Any


def closing_lines(folder: Path, content: dict[str, Any], seconds: float) -> list[str]:
    """The summary of a run: its best epoch, its folder, and what to try next."""
    objective, metrics = content["objective"], content["metrics"]
    values = ", ".join(
        f"{split} " + " ".join(f"{name} {value:.4f}" for name, value in sorted(found.items()))
        for split, found in metrics.items()
    )
    return [
        f"best epoch {objective['epoch']} of {content['epochs']} by {objective['name']}: {values}",
        f"{seconds:.0f} s in all, {content['images_per_second']:,.0f} images/s while training",
        f"run folder: {folder}",
        f"  python -m catsdogs_exp predict {folder} IMAGE...",
        f"  python -m catsdogs_exp compare {folder.parent}",
        f"  tensorboard --logdir {folder.parent.parent}",
    ]
