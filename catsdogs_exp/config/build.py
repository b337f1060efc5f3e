"""Turns the composed config into a validated `Config`. Needs no TensorFlow, so mistakes fail fast."""

import re
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from catsdogs_exp.config import plugins
from catsdogs_exp.config.checks.cnn_size_check import check_cnn
from catsdogs_exp.config.checks.dataset_checks import check_dataset
from catsdogs_exp.config.checks.evaluation_size_check import check_evaluation_size
from catsdogs_exp.config.checks.tracking_check import check_tracking
from catsdogs_exp.config.checks.training_checks import check_training
from catsdogs_exp.config.patterns import Pattern
from catsdogs_exp.config.reading import read_object, read_value, show
from catsdogs_exp.config.registry import check_listeners, check_operations
from catsdogs_exp.config.schema import VARIANTS, Config, SplitSettings
from catsdogs_exp.config.schema.models import CnnModel
from catsdogs_exp.config.schema.residual import StagedModel, check_stages
from catsdogs_exp.config.schema.transfer import TransferModel, check_transfer
from catsdogs_exp.config.setting_types import settings_of
from catsdogs_exp.errors import BadInput


def build(
    composed: DictConfig,
    experiment: str | None = None,
    import_plugins: Callable[[Iterable[str]], None] = plugins.load,
) -> Config:
    """Checks types, ranges, names and combinations and returns the run's config.

    Args:
        composed: the config composed by Hydra, with or without its `hydra` node.
        experiment: the name of the recipe, if one was chosen.
        import_plugins: how to handle plugins named in the config: `plugins.load`, or `plugins.require` for a config
            that is not the user's own.

    Raises:
        BadInput: for an invalid setting; names it, the allowed values and the received one.
    """
    try:
        own = OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])
        plain = OmegaConf.to_container(own, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        reason = re.sub(r"^\w+ raised while resolving interpolation: ", "", str(error).splitlines()[0]).strip('"')
        raise BadInput(f"{error.full_key or 'The config'} cannot be resolved: {reason}") from error
    assert isinstance(plain, dict)
    if isinstance(ignored := plain.get("experiment"), dict) and ignored:
        raise BadInput(
            f"The recipe sets nothing: {', '.join(map(str, ignored))} must be settings of the run. Received: "
            f"experiment={experiment}. Begin its file with the line: # @package _global_"
        )
    import_plugins(read_value(settings_of(Config)["plugins"], plain.get("plugins", []), "plugins"))
    return build_plain({**plain, "experiment": experiment})  # type: ignore[dict-item]


def build_plain(plain: dict[str, Any]) -> Config:
    """Validates a config of plain values, such as a run's `config.yaml`.

    Raises:
        BadInput: as for `build`.
    """
    config = read_object(Config, plain, "", VARIANTS)
    assert isinstance(config, Config)
    if not config.output_dir:  # such as an unset shell variable
        raise BadInput("output_dir is empty. Received: output_dir=. For the current folder: output_dir=.")
    _check_combinations(config)
    return config


def to_plain(config: Any) -> dict[str, Any]:
    """The config as nested dictionaries of plain values, with lists for tuples: the content of `config.yaml`.

    A list with a single number becomes that number, as a user would type it.
    """
    return {key: _listed(value) for key, value in asdict(config).items()}


def _listed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _listed(item) for key, item in value.items()}
    if not isinstance(value, tuple):
        return value
    return value[0] if len(value) == 1 and isinstance(value[0], int | float) else list(value)


def _check_split(split: SplitSettings) -> None:
    if split.folds is None and split.validation + split.test >= 1:
        raise BadInput(
            "split.validation + split.test must be < 1, so that some images remain for training. "
            f"Received: split.validation={split.validation} split.test={split.test}"
        )
    if split.folds is None and split.fold:
        raise BadInput(
            f"split.fold must be 0 without split.folds. Received: split.fold={split.fold} split.folds=null. "
            f"Set the number of folds: split.folds={max(5, split.fold + 1)}"
        )
    if split.folds is not None and split.fold >= split.folds:
        raise BadInput(
            "split.fold must be < split.folds: folds are numbered from 0. "
            f"Received: split.fold={split.fold} split.folds={split.folds}"
        )
    if split.group_by is not None:
        try:
            if not split.group_by:
                raise re.error("it is empty")
            Pattern("split.group_by", split.group_by)
        except re.error as error:
            raise BadInput(
                f"split.group_by must be a regular expression, such as 'split.group_by=\"clip_([0-9]+)\"': {error}. "
                f"Received: split.group_by={show(split.group_by)}"
            ) from error


def _check_combinations(config: Config) -> None:
    """Checks combinations of settings."""
    check_operations(config.augment.custom)
    check_listeners(config.logging.listeners)
    check_tracking(config.logging)
    _check_split(config.split)
    check_dataset(config.dataset)
    check_training(config.training, config.schedule, config.optimizer, config.epochs)
    if isinstance(config.model, TransferModel):
        check_transfer(config.model, config.loader.target_size, config.loader.channels)
    elif isinstance(config.model, CnnModel):
        check_cnn(config.model, config.loader.target_size)
    elif isinstance(config.model, StagedModel):
        check_stages(config.model, config.loader.target_size)
    check_evaluation_size(config.model, config.loader.target_size, config.loader.evaluation_size)
    if config.training.jit == "always" and config.training.deterministic:
        raise BadInput(
            "training.jit=always needs training.deterministic=false: XLA has no deterministic gradient for "
            "max-pooling. "
            "Received: training.jit=always training.deterministic=true"
        )
