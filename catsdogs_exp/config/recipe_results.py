"""What recipes say they reached: a comment in their header that programs can read, too.

    # reached: val_accuracy=0.724 seeds=3 seconds=300

One line a network; `model=NAME` where it is not the recipe's own, `data=NAME` where the recipe's data was not at hand.
Figures are means over the seeds.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from catsdogs_exp.config.search_path import CONF, EXPERIMENTS
from catsdogs_exp.errors import BadInput, did_you_mean

METRICS = ("val_accuracy", "test_accuracy")
_KEYS = ("model", "data", *METRICS, "val_loss", "test_loss", "accuracy", "seeds", "seconds")
_LINE = re.compile(r"#\s*reached:\s*(.*)")


@dataclass(frozen=True)
class Reached:
    """One line.

    Attributes:
        recipe: `experiment=NAME`.
        model: the choice of the group `model`.
        data: what stood in for the recipe's data; `""`: it was that itself.
        figures: at least one of `METRICS`, 0..1; `seeds`: how many runs; `seconds`: of one run.
    """

    recipe: str
    model: str
    data: str
    figures: dict[str, float]

    def best(self) -> tuple[str, float]:
        """The metric that tells most, and its value: that of unseen test images, where there is one."""
        metric = "test_accuracy" if "test_accuracy" in self.figures else "val_accuracy"
        return metric, self.figures[metric]


def reached(folder: Path = EXPERIMENTS) -> list[Reached]:
    """All such lines of the recipes in a folder and below.

    Raises:
        BadInput: for a line that cannot be read, naming it.
    """
    return [found for path in sorted(folder.rglob("*.yaml")) for found in _of(path, folder)]


def _of(path: Path, folder: Path) -> Iterator[Reached]:
    text = path.read_text(encoding="utf-8")
    for line in text.splitlines():
        if not (found := _LINE.fullmatch(line.strip())):
            continue
        pairs = dict(word.partition("=")[::2] for word in found[1].split())
        for key, value in pairs.items():
            if key not in _KEYS:
                raise BadInput(
                    f"A line `# reached:` of {path} must hold some of {', '.join(_KEYS)}. "
                    f"Received: {key}={value}.{did_you_mean(key, _KEYS)}"
                )
        model, data = pairs.pop("model", None) or _chosen(text), pairs.pop("data", "")
        try:
            figures = {key: float(value) for key, value in pairs.items()}
        except ValueError:
            figures = {}
        shares = [figures[key] for key in METRICS if key in figures]
        if not shares or not all(0 <= share <= 1 for share in shares) or not all(map(math.isfinite, figures.values())):
            raise BadInput(
                f"A line `# reached:` of {path} must hold numbers, among them {' or '.join(METRICS)} in 0..1. "
                f"Received: {line.strip()}"
            )
        yield Reached(path.relative_to(folder).with_suffix("").as_posix(), model, data, figures)


def _chosen(text: str) -> str:
    """The recipe's choice of the group `model`, or that of the main config."""
    for content in (text, (CONF / "config.yaml").read_text(encoding="utf-8")):
        for entry in (yaml.safe_load(content) or {}).get("defaults", []):
            if isinstance(entry, dict):
                for key in ("override /model", "/model", "model"):
                    if key in entry:
                        return str(entry[key])
    raise BadInput("The main config chooses no model.")
