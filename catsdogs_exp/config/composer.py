"""Composes the configs of many jobs that share group choices: composes each set of choices once, then sets values."""

import copy
import functools
from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from catsdogs_exp.config import plugins, search_path
from catsdogs_exp.config.build import build
from catsdogs_exp.config.compose import chosen_experiment, composed_of, config_of
from catsdogs_exp.config.schema import VARIANTS, Config
from catsdogs_exp.config.words import for_hydra, parsed
from catsdogs_exp.config.yaml_spelling import check_spelling
from catsdogs_exp.errors import BadInput


class Composer:
    """Returns the same configs as `config_of`, seven times as fast if group choices repeat.

    Args:
        config_dir: as in `--config-dir`.
    """

    def __init__(self, config_dir: str | None = None) -> None:
        self._config_dir = config_dir
        self._composed: dict[tuple[str, ...], DictConfig] = {}

    def __call__(self, words: Sequence[str]) -> Config:
        """Returns the config of a job.

        Args:
            words: overrides with one value each, as typed or in Hydra's grammar.

        Raises:
            BadInput: as for `config_of`.
        """
        try:
            return self._quickly(words)
        except (BadInput, HydraException, OmegaConfBaseException, ValueError):  # config_of raises the right message
            return config_of(words, self._config_dir)

    def _quickly(self, words: Sequence[str]) -> Config:
        names = tuple((key_of(word), str(parsed(word).value)) for word in words if key_of(word) in VARIANTS)
        words = [_read(word, names) for word in words]
        plain = {key_of(word): value_of(word) for word in words if _is_plain(word)}
        base = tuple(word for word in words if not _is_plain(word))
        if base not in self._composed:
            plugins.load(plugins.named(words))
            self._composed[base] = composed_of(base, self._config_dir)
            check_spelling(self._composed[base].hydra.runtime)
        composed = copy.deepcopy(self._composed[base])
        for key, value in plain.items():
            OmegaConf.update(composed, key, value)
        return build(composed, chosen_experiment(composed.hydra))


@functools.lru_cache(maxsize=100_000)  # thousands of jobs share a few strings
def key_of(word: str) -> str:
    """Returns the key of an override."""
    return parsed(word).key


@functools.lru_cache(maxsize=100_000)
def value_of(word: str) -> Any:
    """Returns the value of an override in Hydra's grammar.

    Raises:
        HydraException: if it cannot be read.
    """
    return OverridesParser.create().parse_override(word).value()


@functools.lru_cache(maxsize=100_000)
def _read(word: str, names: tuple[tuple[str, str], ...]) -> str:
    return for_hydra(parsed(word), dict(names))


@functools.lru_cache(maxsize=100_000)
def _is_plain(word: str) -> bool:
    """Returns whether an override sets one setting to one value, rather than selecting a choice with its own
    settings.
    """
    found = parsed(word)
    return not (found.prefix or found.value is None or set("@/") & set(found.key)) and (
        found.key not in search_path.groups() and not found.key.startswith("hydra.") and found.key != "plugins"
    )
