"""A single run, or the jobs of an external Hydra sweeper: Hydra composes the config and calls the task."""

import math
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from catsdogs_exp.config.build import build
from catsdogs_exp.config.cluster import cluster_for
from catsdogs_exp.config.compose import chosen_experiment, config_of, hydra_messages
from catsdogs_exp.config.schema import VARIANTS, Config
from catsdogs_exp.config.words import as_typed
from catsdogs_exp.config.yaml_spelling import check_spelling
from catsdogs_exp.errors import BadInput, Interrupted, RunFailed, of_the_disk
from catsdogs_exp.metrics.names import lower_is_better
from catsdogs_exp.record.folder.run_folder import job_name, new_job_folder, new_run_folder
from catsdogs_exp.record.folder.run_lock import owned
from catsdogs_exp.run.job import Job, Screen, run_name
from catsdogs_exp.run.summary import closing_lines


class Jobs:
    """Runs jobs for Hydra and remembers how they ended.

    Args:
        command: as typed, for the record.
        make_screen: returns a screen for one job, given the prefix of its lines and whether it is silent.
        verbose: show TensorFlow's own messages.
        profile: trace some steps and report the bottleneck.
    """

    def __init__(
        self, command: str, make_screen: Callable[[str, bool], Screen], verbose: bool = False, profile: bool = False
    ) -> None:
        self._make_screen = make_screen
        self._command, self._verbose, self._profile = command, verbose, profile
        self._sweep: Path | None = None
        self._varying: set[str] = set()
        self._done: list[tuple[Path, dict[str, Any]]] = []
        self._failed: list[tuple[str, BadInput | RunFailed]] = []
        self._started = time.perf_counter()

    def prepare_search(self, overrides: list[str], config_dir: str | None) -> list[str]:
        """Checks the settings that all jobs share, and creates the folder of the sweep.

        Args:
            overrides: in Hydra's grammar, with `hydra/sweeper=NAME`.
            config_dir: as in `--config-dir`.

        Returns:
            Further overrides for Hydra.
        """
        with hydra_messages(overrides):
            parsed = OverridesParser.create().parse_overrides(overrides)
        fixed = [
            str(each.input_line) for each in parsed if not each.is_sweep_override() and not each.is_hydra_override()
        ]
        config = config_of(fixed, config_dir)
        from catsdogs_exp.data.open_data import check_source  # noqa: PLC0415  (as in `_run`)

        check_source(config.dataset)
        self._varying = {each.key_or_group for each in parsed if each.is_sweep_override()}
        self._sweep = new_run_folder(config.output_dir, run_name(config))
        self._make_screen("", False).say(f"a sweep -> {self._sweep}")
        folder = str(self._sweep).replace("'", "\\'")
        return [f"hydra.sweep.dir='{folder}'"]

    def task(self, composed: DictConfig) -> float:
        """Runs one job; called by Hydra. Returns the objective, NaN for a failed job of a sweep."""
        hydra = HydraConfig.get()
        in_sweep = hydra.mode == RunMode.MULTIRUN
        # unresolved: a text may hold ${...}
        words = OmegaConf.to_container(hydra.overrides, resolve=False)["task"]  # type: ignore[call-overload, index]
        overrides = [str(word) for word in words]
        number = hydra.job.num if in_sweep else 0
        screen = self._make_screen(f"[{number + 1}] " if in_sweep else "", False)
        try:
            check_spelling(hydra.runtime)
            config = build(composed, chosen_experiment(hydra))
            names = {group: getattr(config, group).name for group in VARIANTS}
            overrides = [as_typed(word, names) for word in overrides]
            content = self._run(config, overrides, number if in_sweep else None, screen)
            return float(content["objective"]["value"])
        except (BadInput, RunFailed) as error:
            reason = error
        except OSError as error:  # the first files of a run could not be written
            reworded = of_the_disk(error)
            if reworded is None:
                raise
            reason = reworded
        finally:
            screen.close()
        # Stored rather than raised: Hydra would print its own message first, and a sweep continues.
        self._failed.append((job_name(number, self._own(overrides)), reason))
        if in_sweep:
            screen.say(f"failed: {reason}")
        return float("nan")

    def finish(self) -> tuple[list[str], int]:
        """Returns the last lines for the screen, and the exit code.

        Raises:
            BadInput, RunFailed: what ended a single run.
        """
        if self._failed and self._sweep is None:
            raise self._failed[0][1]
        lines: list[str] = []
        if self._sweep is not None and (self._done or self._failed):
            lines = self._sweep_lines()
        elif self._done:
            folder, content = self._done[0]
            lines = closing_lines(folder, content, time.perf_counter() - self._started)
        return lines, RunFailed.exit_code if self._failed else 0

    def _run(self, config: Config, overrides: list[str], number: int | None, screen: Screen) -> dict[str, Any]:
        # Imported here so that --cfg need not wait for data and training to be imported.
        from catsdogs_exp.data.open_data import check_source  # noqa: PLC0415
        from catsdogs_exp.run.train import train  # noqa: PLC0415
        from catsdogs_exp.run.workers import help_chief  # noqa: PLC0415

        check_source(config.dataset)
        cluster = cluster_for(config.training)
        if cluster is not None and not cluster.is_chief:
            return help_chief(
                Job(config, Path(), "", self._command, overrides, self._verbose, cluster=cluster),
                self._make_screen("", True),
            )
        if number is None or self._sweep is None:
            folder = new_run_folder(config.output_dir, run_name(config))
            name = folder.name
        else:
            folder = new_job_folder(self._sweep, number, self._own(overrides))
            name = f"{folder.name} in {self._sweep.name}"  # the same job in two sweeps: two rows
        try:
            job = Job(config, folder, name, self._command, overrides, self._verbose, self._profile, cluster=cluster)
            with owned(folder):
                content = train(job, screen)
        except Interrupted:
            screen.say(f"interrupted; to continue: python -m catsdogs_exp resume {shlex.quote(str(folder))}")
            raise
        self._done.append((folder, content))
        return content

    def _own(self, overrides: list[str]) -> list[str]:
        """Returns what distinguishes a job from the others of its sweep."""
        own = [word for word in overrides if word.partition("=")[0] in self._varying]
        return own or overrides

    def _sweep_lines(self) -> list[str]:
        best = sorted(self._done, key=lambda item: -_rank(item[1]))
        objectives = [(folder, content["objective"]) for folder, content in best]
        return [
            *(f"{o['name']} {o['value']:.4f}  epoch {o['epoch']:>3}  {folder.name}" for folder, o in objectives),
            *(f"failed: {name}: {error}" for name, error in self._failed),
            f"{len(self._done)} of {len(self._done) + len(self._failed)} runs in {self._sweep}",
            f"  python -m catsdogs_exp compare {shlex.quote(str(self._sweep))}",
            f"  python -m catsdogs_exp board {shlex.quote(str(self._sweep))}",
        ]


def _rank(content: dict[str, Any]) -> float:
    objective = content["objective"]
    value = float(objective["value"])
    if math.isnan(value):
        return -math.inf
    return -value if lower_is_better(objective["name"]) else value
