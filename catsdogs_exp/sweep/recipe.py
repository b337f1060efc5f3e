"""The settings of a sweep in a recipe or a folder of configs: its sweeper, launcher and varying keys."""

import re
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from catsdogs_exp.config.compose import composed_of, hydra_messages
from catsdogs_exp.config.composer import key_of
from catsdogs_exp.config.words import parsed
from catsdogs_exp.errors import BadInput
from catsdogs_exp.sweep.zips import typed_keys

_EXTRAS = {"joblib": "joblib", "submitit_local": "slurm", "submitit_slurm": "slurm", "ray": "ray"}
_AT_A_TIME = {  # settings that say how many jobs a launcher runs at a time
    "joblib": "hydra.launcher.n_jobs=2",
    "submitit_slurm": "hydra.launcher.array_parallelism=20",
    "ray": "hydra.launcher.ray.remote.num_cpus=4, the cores of a job",
}
BASIC = "basic"  # Hydra's name for the default choice


def recipe_of(settings: Sequence[str]) -> list[str]:
    """Returns the word that chooses a recipe, or none; a sweep over several recipes has no recipe of its own."""
    chosen = [word for word in settings if key_of(word) == "experiment"][-1:]
    return [word for word in chosen if re.fullmatch(r"[\w./-]+", parsed(word).value or "")]


def hydra_of(settings: Sequence[str], config_dir: str | None) -> Any:
    """Returns Hydra's part of the config, as set by the recipe and the folder of configs; None if there is neither.

    Args:
        settings: as typed.
        config_dir: as in `--config-dir`.
    """
    recipe = recipe_of(settings)
    if not recipe and config_dir is None:
        return None
    with hydra_messages(recipe):
        return composed_of(recipe, config_dir).hydra


def chosen(group: str, settings: Sequence[str], config_dir: str | None) -> str:
    """Returns the choice for `hydra/sweeper` or `hydra/launcher`: as typed, or else from the recipe.

    Args:
        group: `sweeper` or `launcher`.
        settings: as typed.
        config_dir: as in `--config-dir`.
    """
    typed = [parsed(word).value or "" for word in settings if key_of(word) == f"hydra/{group}"]
    if typed:
        return typed[-1]
    found = hydra_of(settings, config_dir)
    return BASIC if found is None else str(found.runtime.choices.get(f"hydra/{group}") or BASIC)


def check_launcher(name: str) -> None:
    """Rejects a launcher whose package is not installed.

    Raises:
        BadInput: naming the extra to install.
    """
    if name in _EXTRAS and find_spec(f"hydra_plugins.hydra_{name.partition('_')[0]}_launcher") is None:
        raise BadInput(
            f"hydra/launcher={name} needs a package that is not installed: pip install 'catsdogs-exp[{_EXTRAS[name]}]'"
        )


def refuse_words_of_workers(settings: Sequence[str], launcher: str) -> None:
    """Rejects settings of our own workers that a launcher does not heed.

    Args:
        settings: as typed.
        launcher: its name.

    Raises:
        BadInput: naming the launcher's own setting.
    """
    typed = {key_of(word): word for word in settings}
    if launcher in _AT_A_TIME and "sweep.workers" in typed:
        raise BadInput(
            f"sweep.workers has no effect with hydra/launcher={launcher}, which has a setting of its own. "
            f"Received: {typed['sweep.workers']}. Leave it out, or set {_AT_A_TIME[launcher]}"
        )
    if launcher in _EXTRAS and typed.get("sweep.isolate", "sweep.isolate=false").lower() != "sweep.isolate=false":
        raise BadInput(
            f"sweep.isolate has no effect with hydra/launcher={launcher}, which starts the processes itself. "
            f"Received: {typed['sweep.isolate']}. Leave it out"
        )


def recipe_words(settings: Sequence[str], config_dir: str | None) -> list[str]:
    """Returns the words of a sweep from a recipe's `hydra.sweeper.params`; command-line settings take precedence."""
    found = hydra_of(settings, config_dir)
    params = {} if found is None else found.sweeper.get("params") or {}
    typed = typed_keys(settings)
    return [f"{key}={_joined(str(key), value)}" for key, value in params.items() if key not in typed]


def _joined(key: str, value: object) -> str:
    """Formats the values of a key in YAML, a text or a list, as a user would type them."""
    if isinstance(value, Mapping):
        raise BadInput(
            f"hydra.sweeper.params takes the values of {key} as typed, such as 'interval(0.1,1)', or as a list. "
            f"Received: {dict(value)}. Put type, low and high into hydra.sweeper.search_space"
        )
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ",".join("null" if each is None else str(each) for each in value)
    return "null" if value is None else str(value)
