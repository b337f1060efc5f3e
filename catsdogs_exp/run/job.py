"""A job: the config, folder and names of a run before it starts; and the screen it reports to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from catsdogs_exp.config.build import to_plain
from catsdogs_exp.config.cluster import Cluster
from catsdogs_exp.config.relevance import without_effect
from catsdogs_exp.config.schema import FLAT_KEYS, VARIANTS, Config
from catsdogs_exp.natural_sort import flatten

if TYPE_CHECKING:  # it comes with TensorFlow
    from catsdogs_exp.run.kept_network import KeptNetwork
    from catsdogs_exp.training.checkpoint.snapshot_file import Snapshot
    from catsdogs_exp.training.fit import Listener


class Screen(Protocol):
    """Shows the progress of a run."""

    def say(self, text: str) -> None:
        """Prints a line."""

    def progress(self, what: str, done: int, total: int) -> None:
        """Shows the progress of one task."""

    def close(self) -> None:
        """Removes progress bars."""

    def training(self, epochs: Callable[[], int], batch_size: int) -> "Listener":
        """Returns a listener that displays the epochs; `epochs` returns how many are expected."""


@dataclass(frozen=True)
class Job:
    """A run to be started: its config, its folder, and its origin.

    Attributes:
        config: validated.
        folder: created for this run.
        name: of the run in TensorBoard's table.
        command: as typed.
        overrides: the user's settings.
        verbose: show TensorFlow's own messages.
        profile: trace some steps and report the bottleneck.
        found: the `result.json` of a run to resume; None for a new run.
        snapshot: where to resume; None: from the beginning.
        allow_changes: resume even if the data has changed.
        cluster: the processes that train it together; None: only this one.
        watch: called after each epoch with its number and the monitored value; returns why to prune the run, or "".
        kept: the network of the process's last job, and the place for that of this one; or None.
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
    watch: Callable[[int, float], str] | None = None
    kept: "KeptNetwork | None" = None

    def idle_words(self) -> list[str]:
        """Returns the user's settings that have no effect in this run, each with the reason."""
        keys = [word.partition("=")[0].lstrip("+") for word in self.overrides]
        return list(without_effect(keys, flatten(to_plain(self.config))))


def run_name(config: Config) -> str:
    """Returns the folder's name below output_dir: that of the recipe, or of the dataset."""
    return config.experiment or config.dataset.name


def describe(config: Config) -> str:
    """Returns the run in one line: `drawn: cnn depth=3 150x150 rmsprop lr=0.001 ...`."""
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
    """Returns what distinguishes a network from others of the same name."""
    model = config.model
    keys = [key for key in ("depth", "backbone") if getattr(model, key, model.name) != model.name]
    return "".join(f" {key}={getattr(model, key)}" for key in keys)


_NOT_OF_THE_NETWORK = ("output_dir", "plugins", "logging.", "loader.cache", "loader.workers")


def hparams(config: Config, overrides: list[str]) -> Mapping[str, Any]:
    """Returns flat scalars for TensorBoard's table: the flat keys, the groups' choices, and other overrides."""
    plain = to_plain(config)
    flat = flatten(plain)
    depth = plain["model"].get("depth")  # pretrained networks have none
    chosen = {key: depth if key == "depth" else plain[key] for key in FLAT_KEYS if key != "depth" or depth is not None}
    if config.target_size[0] == config.target_size[1]:
        chosen["target_size"] = config.target_size[0]
    chosen |= {group: plain[group]["name"] for group in VARIANTS}
    for word in overrides:
        key = word.lstrip("+").partition("=")[0]
        if key.startswith(_NOT_OF_THE_NETWORK):
            continue
        if key in flat and key not in chosen:
            chosen[key] = flat[key]
        elif key in ("augment", "experiment"):
            chosen[key] = word.partition("=")[2]
    return chosen
