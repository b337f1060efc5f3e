"""From what Hydra composed to a checked `Config`. Knows nothing of TensorFlow: a mistake answers at once."""

import math
import re
import types
import warnings
from collections.abc import Callable, Iterable
from dataclasses import MISSING, asdict, fields, is_dataclass
from typing import Any, get_args, get_origin

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from catsdogs_exp.config import plugins
from catsdogs_exp.config.checks.cnn_size_check import check_cnn
from catsdogs_exp.config.checks.dataset_checks import check_dataset
from catsdogs_exp.config.checks.evaluation_size_check import check_evaluation_size
from catsdogs_exp.config.checks.training_checks import check_training
from catsdogs_exp.config.registry import check_operations
from catsdogs_exp.config.schema import VARIANTS, Config, SplitSettings
from catsdogs_exp.config.schema.limits import Limits
from catsdogs_exp.config.schema.models import CnnModel
from catsdogs_exp.config.schema.residual import StagedModel, check_stages
from catsdogs_exp.config.schema.transfer import TransferModel, check_transfer
from catsdogs_exp.errors import BadInput, did_you_mean


def build(
    composed: DictConfig,
    experiment: str | None = None,
    import_plugins: Callable[[Iterable[str]], None] = plugins.load,
) -> Config:
    """Checks types, ranges, names and combinations and returns the run's config.

    Args:
        composed: what Hydra composed, with or without its `hydra` node.
        experiment: the name of the recipe, if one was chosen.
        import_plugins: what is done about the plugins that it names: `plugins.load`, or `plugins.require`, where the
            config is not the user's own.

    Raises:
        BadInput: naming the setting, what is allowed and what was received.
    """
    try:
        own = OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])
        plain = OmegaConf.to_container(own, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        reason = str(error).splitlines()[0]
        raise BadInput(f"{error.full_key or 'The config'} cannot be resolved: {reason}") from error
    assert isinstance(plain, dict)
    import_plugins(_value(tuple[str, ...], plain.get("plugins", []), "plugins", Limits()))
    return build_plain({**plain, "experiment": experiment})  # type: ignore[dict-item]


def build_plain(plain: dict[str, Any]) -> Config:
    """Checks a config of plain values, such as that of a run's `config.yaml`.

    Raises:
        BadInput: as `build` does.
    """
    config = _object(Config, plain, "")
    assert isinstance(config, Config)
    _check_combinations(config)
    return config


def to_plain(config: Any) -> dict[str, Any]:
    """The config as nested dictionaries of plain values, lists for tuples: what `config.yaml` holds.

    A list of one number is that number, as one would type it.
    """
    return {key: _listed(value) for key, value in asdict(config).items()}


def _listed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _listed(item) for key, item in value.items()}
    if not isinstance(value, tuple):
        return value
    return value[0] if len(value) == 1 and isinstance(value[0], int | float) else list(value)


def _object(cls: type, plain: Any, path: str) -> Any:
    """A dataclass from a dictionary; `path` is the dotted name of where we are, for messages."""
    if not isinstance(plain, dict):
        raise BadInput(f"{path} must be a group of settings. Received: {path}={_show(plain)}")
    known = {f.name: f for f in fields(cls)}
    for key in plain:
        if key not in known:
            name = _join(path, str(key))
            raise BadInput(
                f"Unknown setting: {name}={_show(plain[key])}.{did_you_mean(str(key), known)} "
                f"Known here: {', '.join(known)}."
            )
    values: dict[str, Any] = {}
    for key, definition in known.items():
        name = _join(path, key)
        if key not in plain:
            if definition.default is MISSING:
                raise BadInput(f"{name} is missing. Set it: {name}=...")
            continue
        values[key] = _value(definition.type, plain[key], name, definition.metadata.get("limits", Limits()))
    return cls(**values)


def _value(kind: Any, value: Any, name: str, limits: Limits) -> Any:
    if name in VARIANTS:
        return _object(_variant(name, value), value, name)
    if is_dataclass(kind):
        return _object(kind, value, name)  # type: ignore[arg-type]
    if limits.word is not None:  # a number, or this word
        return value if value == limits.word else _scalar(get_args(kind)[0], value, name, limits)
    if get_origin(kind) is types.UnionType:  # X | None
        if value is None:
            return None
        kinds = [each for each in get_args(kind) if each is not types.NoneType]
        if len(kinds) > 1:  # one text or several
            return _texts(value, name)
        kind = kinds[0]
    if get_origin(kind) is dict:
        return _names(value, name)
    if get_origin(kind) is tuple and Ellipsis in get_args(kind):
        return _several(get_args(kind)[0], value, name, limits)
    if get_origin(kind) is tuple:
        return _range(value, name, limits) if get_args(kind)[0] is float else _size(value, name, limits)
    return _scalar(kind, value, name, limits)


def _variant(group: str, plain: Any) -> type:
    name = plain.get("name") if isinstance(plain, dict) else None
    known = VARIANTS[group]
    if not isinstance(name, str) or name not in known:
        raise BadInput(
            f"{group}.name must be one of {', '.join(known)}. Received: {group}.name={_show(name)}."
            f"{did_you_mean(str(name), known)} Choose it with {group}=NAME."
        )
    return known[name]


def _scalar(kind: type, value: Any, name: str, limits: Limits) -> Any:
    allowed = _allowed(kind, limits)
    refused = BadInput(f"{name} must be {allowed}. Received: {name}={_show(value)}")
    if kind is bool:
        if not isinstance(value, bool):
            raise refused
        return value
    if kind is str:
        if isinstance(value, bool | dict | list) or value is None:
            raise refused
        text = str(value)
        if limits.choices and text not in limits.choices:
            raise BadInput(
                str(refused) + (f".{guess}" if (guess := did_you_mean(text, map(str, limits.choices))) else "")
            )
        return text
    if isinstance(value, bool) or not isinstance(value, int if kind is int else int | float):
        raise refused
    if not math.isfinite(value) or not _within(value, limits) or (limits.choices and value not in limits.choices):
        raise refused
    return kind(value)


def _within(value: float, limits: Limits) -> bool:
    return (
        (limits.above is None or value > limits.above)
        and (limits.at_least is None or value >= limits.at_least)
        and (limits.below is None or value < limits.below)
        and (limits.at_most is None or value <= limits.at_most)
    )


def _size(value: Any, name: str, limits: Limits) -> tuple[int, int]:
    pair = value if isinstance(value, list) else [value, value]
    whole = [item for item in pair if isinstance(item, int) and not isinstance(item, bool)]
    if len(whole) != len(pair) or len(pair) != 2 or not all(_within(item, limits) for item in whole):
        raise BadInput(
            f"{name} must be a whole number of pixels from {limits.at_least} to {limits.at_most}, "
            f"or two: [height,width]. Received: {name}={_show(value)}"
        )
    return whole[0], whole[1]


def _several(kind: type, value: Any, name: str, limits: Limits) -> tuple[Any, ...]:
    """Numbers or texts, any count of them; one alone is a list of one."""
    items = value if isinstance(value, list) else [value]
    try:
        return tuple(_scalar(kind, item, name, limits) for item in items)
    except BadInput as error:
        example = {int: "[512,128]", float: "[0.5,0.1]"}.get(kind, "[a,b]")
        one = "text" if kind is str else "number"
        raise BadInput(
            f"{name} must be a list, such as [] or {example}, of {_allowed(kind, limits)} each, or one such {one}. "
            f"Received: {name}={_show(value)}"
        ) from error


def _range(value: Any, name: str, limits: Limits) -> tuple[float, float]:
    """Two numbers, the lower first; or one, where the limits say what it is around."""
    pair = value
    if limits.around is not None and isinstance(value, int | float) and not isinstance(value, bool):
        pair = [limits.around - value, limits.around + value]
    numbers = [item for item in pair if isinstance(item, int | float)] if isinstance(pair, list) else []
    good = len(numbers) == 2 == len(pair) and all(math.isfinite(n) and _within(n, limits) for n in numbers)
    if not good or any(isinstance(item, bool) for item in pair) or numbers[0] > numbers[1]:
        one = "" if limits.around is None else f"; or one number n for {limits.around:g}-n..{limits.around:g}+n"
        raise BadInput(
            f"{name} must be two numbers, [lowest,highest], each {_allowed(float, limits)}{one}. "
            f"Received: {name}={_show(value)}"
        )
    return float(numbers[0]), float(numbers[1])


def _texts(value: Any, name: str) -> str | tuple[str, ...]:
    """One text, or several as a list."""
    if isinstance(value, list):
        if value and all(isinstance(item, str | int | float) and not isinstance(item, bool) for item in value):
            return tuple(str(item) for item in value)
    elif not isinstance(value, bool | dict):
        return str(value)
    raise BadInput(f"{name} must be a text or a list of texts: [a,b]. Received: {name}={_show(value)}")


def _names(value: Any, name: str) -> dict[str, str]:
    """Names to names; a list keeps each as it is."""
    plain = {item: item for item in value if not isinstance(item, dict | list)} if isinstance(value, list) else value
    if not isinstance(plain, dict) or not plain or (isinstance(value, list) and len(plain) != len(value)):
        raise BadInput(
            f"{name} must be a list of different names, [cat,dog], or old names with new ones, "
            f"{{kitten: cat, dog: dog}}. Received: {name}={_show(value)}"
        )
    for old, new in plain.items():
        if any(isinstance(each, bool | dict | list) or each is None or str(each).strip() == "" for each in (old, new)):
            raise BadInput(f"{name} must hold names. Received: {name}={_show(value)}")
        if not f"{old}{new}".isprintable():
            raise BadInput(f"{name} must hold printable names. Received: {name}={_show(value)}")
    return {str(old): str(new) for old, new in plain.items()}


def _allowed(kind: type, limits: Limits) -> str:
    """What is allowed, in words: `> 0`, `a whole number >= 1`, `one of none, memory`."""
    if limits.choices:
        return f"one of {', '.join(map(str, limits.choices))}"
    if kind is bool:
        return "true or false"
    if kind is str:
        return "a text"
    bounds = [
        f"{sign} {bound:g}" if bound < 2**20 else f"{sign} {bound}"
        for sign, bound in (
            (">", limits.above),
            (">=", limits.at_least),
            ("<", limits.below),
            ("<=", limits.at_most),
        )
        if bound is not None
    ]
    words = ["a whole number"] if kind is int else [] if bounds else ["a number"]
    return " ".join([*words, " and ".join(bounds)]).strip()


def _show(value: Any) -> str:
    """A value as one would type it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ",".join(_show(item) for item in value) + "]"
    text = str(value) if str(value).isprintable() else repr(value)  # a message is one line
    if isinstance(value, str) and re.match(r"[-+]?\.?\d", text):
        return f"'{text}'"  # a text, though it looks like a number
    return text


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _check_split(split: SplitSettings) -> None:
    if split.folds is None and split.validation + split.test >= 1:
        raise BadInput(
            "split.validation + split.test must be < 1, so that images remain to train on. "
            f"Received: split.validation={split.validation} split.test={split.test}"
        )
    if split.folds is None and split.fold:
        raise BadInput(
            f"split.fold must be 0 without split.folds. Received: split.fold={split.fold} split.folds=null. "
            f"Set the number of folds: split.folds={max(5, split.fold + 1)}"
        )
    if split.folds is not None and split.fold >= split.folds:
        raise BadInput(
            "split.fold must be < split.folds, as folds count from 0. "
            f"Received: split.fold={split.fold} split.folds={split.folds}"
        )
    if split.group_by is not None:
        try:
            if not split.group_by:
                raise re.error("it is empty")
            with warnings.catch_warnings(action="ignore"):  # of what a later Python may read otherwise
                re.compile(split.group_by)
        except (re.error, OverflowError, RecursionError) as error:
            raise BadInput(
                f"split.group_by must be a regular expression, such as 'split.group_by=\"clip_([0-9]+)\"': {error}. "
                f"Received: split.group_by={_show(split.group_by)}"
            ) from error


def _check_combinations(config: Config) -> None:
    """What no single setting shows."""
    check_operations(config.augment.custom)
    _check_split(config.split)
    check_dataset(config.dataset)
    check_training(config.training, config.schedule)
    if isinstance(config.model, TransferModel):
        check_transfer(config.model, config.loader.target_size, config.loader.channels)
    elif isinstance(config.model, CnnModel):
        check_cnn(config.model, config.loader.target_size)
    elif isinstance(config.model, StagedModel):
        check_stages(config.model, config.loader.target_size)
    check_evaluation_size(config.model, config.loader.target_size, config.loader.evaluation_size)
    if config.training.jit == "always" and config.training.deterministic:
        raise BadInput(
            "training.jit=always needs training.deterministic=false: XLA has no deterministic gradient of max-pooling. "
            "Received: training.jit=always training.deterministic=true"
        )
    warmup = getattr(config.schedule, "warmup_epochs", 0.0)
    if warmup >= config.epochs:
        raise BadInput(
            f"schedule.warmup_epochs must be < epochs. Received: schedule.warmup_epochs={warmup:g} "
            f"epochs={config.epochs}"
        )
