"""Reads the config of an existing run, and determines what overrides would change."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from catsdogs_exp.config import plugins
from catsdogs_exp.config.build import build_plain, to_plain
from catsdogs_exp.config.compose import config_of, with_defaults
from catsdogs_exp.config.reading import show
from catsdogs_exp.config.schema import VARIANTS, Config
from catsdogs_exp.errors import BadInput
from catsdogs_exp.natural_sort import flatten

_MAX_BYTES = 2**20
# What versions without these settings did, where it is not the default.
_FORMERLY = {"training.precise_batch_norm": 0}


def stored_config(folder: Path) -> Config:
    """Returns the config that a run was started with. Settings that its version lacked get the value that
    corresponds to what it did, usually the default.

    Raises:
        BadInput: if its file is missing or damaged, or has settings that this version no longer knows.
    """
    path = folder / "config.yaml"
    plain = stored_settings(folder)
    names = plain.get("plugins")
    plugins.require(map(str, names) if isinstance(names, list) else [])
    try:
        return build_plain(plain)
    except BadInput as error:
        try:
            return build_plain(with_defaults(_as_formerly(plain), VARIANTS))
        except BadInput:
            raise BadInput(
                f"The config of the run is from another version of catsdogs_exp, or damaged: {path}: {error}"
            ) from error


def stored_settings(folder: Path) -> dict[str, Any]:
    """Returns the config as plain values, nested as in `config.yaml`, whatever version wrote it.

    Raises:
        BadInput: if the file is missing or damaged.
    """
    plain = _yaml(folder / "config.yaml")
    if not isinstance(plain, dict):
        raise BadInput(f"The config of the run contains no settings: {folder / 'config.yaml'}")
    return plain


def stored_overrides(folder: Path) -> list[str]:
    """Returns the overrides that the user typed when starting the run.

    Raises:
        BadInput: if the file is missing or damaged.
    """
    words = _yaml(folder / "overrides.yaml")
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise BadInput(f"The overrides of the run are not a list of texts: {folder / 'overrides.yaml'}")
    return words


def changed_by(folder: Path, overrides: Sequence[str], config_dir: str | None = None) -> tuple[Config, dict[str, str]]:
    """Returns the run's config with further overrides, and what they change in it.

    The base is the run's own config, not the current `conf/` and `experiments/`. The effect of an override (`lr=0.1`
    also sets the optimizer's rate) is found by composing with and without it.

    Args:
        folder: the run folder.
        overrides: such as `["epochs=20"]`.
        config_dir: as in `--config-dir`, if the run's recipe comes from there.

    Returns:
        The config, and `5 -> 20` for each changed setting.

    Raises:
        BadInput: for overrides that cannot be composed, or values out of range.
    """
    config = stored_config(folder)
    if not overrides:
        return config, {}
    typed = stored_overrides(folder)
    before = flatten(to_plain(config_of(typed, config_dir, trusted=False)))
    after = flatten(to_plain(config_of([*typed, *overrides], config_dir, trusted=False)))
    plain = to_plain(config)
    mine = flatten(plain)
    changes = {}
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) == after.get(key):
            continue
        _put(plain, key, after)
        if mine.get(key) != after.get(key):
            changes[key] = _change(mine, after, key)
    return build_plain(plain), changes


def changes_between(before: Config, after: Config) -> dict[str, str]:
    """Returns `5 -> 20` for each setting that differs between two configs, except those of the sweep itself."""
    return differences(plain_config(before), plain_config(after))


def plain_config(config: Config) -> dict[str, Any]:
    """Returns dotted key -> value, without the settings of the sweep itself."""
    return {key: value for key, value in flatten(to_plain(config)).items() if not key.startswith("sweep.")}


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, str]:
    """Returns `5 -> 20` for each key whose values differ; a missing value is `not set`."""
    return {
        key: _change(before, after, key)
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    }


def _change(before: Mapping[str, Any], after: Mapping[str, Any], key: str) -> str:
    """Formats a change in the user's words: `null`, `true`, `[1,2]`."""
    old, new = (show(values[key]) if key in values else "not set" for values in (before, after))
    return f"{old} -> {new}"


def _as_formerly(plain: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(plain)
    for key, value in _FORMERLY.items():
        group, _, name = key.partition(".")
        if isinstance(found.get(group), dict):
            found[group] = {name: value} | found[group]
    return found


def _put(plain: dict[str, Any], key: str, values: dict[str, Any]) -> None:
    *groups, last = key.split(".")
    for group in groups:
        plain = plain.setdefault(group, {})
    if key in values:
        plain[last] = values[key]
    else:
        plain.pop(last, None)


def _yaml(path: Path) -> Any:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise BadInput(f"The file is too large to belong to a run: {path}")
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadInput(f"The run has no {path.name}: {path.parent}") from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise BadInput(f"The file cannot be read: {path}: {reason[:200]}") from error
