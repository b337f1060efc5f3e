"""A job: the config, folder and names of a run before it starts; and the screen that it reports to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from catsdogs_exp.config.build import to_plain
from catsdogs_exp.config.cluster import Cluster
from catsdogs_exp.config.schema import FLAT_KEYS, VARIANTS, Config
from catsdogs_exp.natural_sort import flatten

if TYPE_CHECKING:  # it comes with TensorFlow
    from catsdogs_exp.training.checkpoint.snapshot_file import Snapshot
    from catsdogs_exp.training.fit import Listener


class Screen(Protocol):
    """Where a run tells how it goes."""

    def say(self, text: str) -> None:
        """A line."""

    def progress(self, what: str, done: int, total: int) -> None:
        """How far one piece of work is."""

    def close(self) -> None:
        """Takes away what moves."""

    def training(self, epochs: Callable[[], int], batch_size: int) -> "Listener":
        """The display of the epochs, as a listener; `epochs`: how many there will be, as far as is known then."""


@dataclass(frozen=True)
class Job:
    """One run to be: its config, its folder, and how it came about.

    Attributes:
        config: checked.
        folder: created for this run alone.
        name: how TensorBoard's table calls the run.
        command: as typed.
        overrides: what the user set.
        verbose: let TensorFlow's own messages through.
        profile: trace some steps and say what training waits for.
        found: what `result.json` says of a run that goes on, or None for a new one.
        snapshot: where it goes on, or None: at the beginning.
        allow_changes: go on with other data than before.
        cluster: the processes that train it together, or None.
    """

    config: Config
    folder: Path
    name: str
    command: str
    overrides: list[str]
    verbose: bool = False
    profile: bool = False
    found: Mapping[str, Any] | None = None
    snapshot: "Snapshot | None" = None
    allow_changes: bool = False
    cluster: Cluster | None = None


def run_name(config: Config) -> str:
    """The folder below output_dir: the recipe's name, or the dataset's."""
    return config.experiment or config.dataset.name


def describe(config: Config) -> str:
    """What is being run, in a line: `cats and dogs drawn here, cnn, rmsprop lr=0.001, ...`."""
    source = getattr(config.dataset, "path", None) or config.dataset.name
    height, width = config.loader.target_size
    rate = config.optimizer.learning_rate
    rate = rate if isinstance(rate, str) else f"{rate:g}"
    return (
        f"{source}: {config.model.name}{_of_network(config)} {height}x{width} "
        f"{config.optimizer.name} lr={rate} "
        f"batch_size={config.loader.batch_size} epochs={config.epochs} seed={config.seed}"
    )


def _of_network(config: Config) -> str:
    """What tells a network from others of its name."""
    model = config.model
    keys = [key for key in ("depth", "backbone") if getattr(model, key, model.name) != model.name]
    return "".join(f" {key}={getattr(model, key)}" for key in keys)


def hparams(config: Config, overrides: list[str]) -> Mapping[str, Any]:
    """Flat scalars for TensorBoard's table: the flat keys, the groups' choices, and whatever else was set."""
    plain = to_plain(config)
    flat = flatten(plain)
    chosen = {key: plain[key] for key in FLAT_KEYS}
    if config.target_size[0] == config.target_size[1]:
        chosen["target_size"] = config.target_size[0]
    chosen |= {group: plain[group]["name"] for group in VARIANTS}
    for word in overrides:
        key = word.lstrip("+").partition("=")[0]
        if key in flat and key not in chosen:
            chosen[key] = flat[key]
        elif key in ("augment", "experiment"):
            chosen[key] = word.partition("=")[2]
    return chosen
