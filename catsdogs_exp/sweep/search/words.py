"""Translates the words of a search, including those of hydra-optuna-sweeper, to our own settings."""

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from catsdogs_exp.config.compose import hydra_messages
from catsdogs_exp.config.composer import key_of
from catsdogs_exp.config.words import parsed
from catsdogs_exp.errors import BadInput, did_you_mean
from catsdogs_exp.sweep.recipe import chosen, hydra_of
from catsdogs_exp.sweep.zips import typed_keys

_OURS = {
    "n_trials": "sweep.trials",
    "n_jobs": "sweep.workers",
    "study_name": "sweep.study",
    "storage": "sweep.storage",
    "direction": "sweep.directions",
    "max_failure_rate": "sweep.max_failure_rate",
    "sampler": "sweep.sampler",
}
CHOSEN = "hydra/sweeper=optuna"
AUTO_RECIPE = "experiment=auto"


def is_auto(settings: Sequence[str]) -> bool:
    """Returns whether the words request a recipe that fits the data; of several recipes, the last one wins."""
    return [word for word in settings if key_of(word) == "experiment"][-1:] == [AUTO_RECIPE]


def is_search(settings: Sequence[str], config_dir: str | None = None) -> bool:
    """Returns whether the words or the recipe request a search; of several sweepers, the last one typed wins."""
    return chosen("sweeper", settings, config_dir) == "optuna"


def from_recipe(settings: Sequence[str], config_dir: str | None) -> list[str]:
    """Returns what a recipe's sweeper sets besides its `params`, as our own settings; typed ones are left out.

    Args:
        settings: as typed.
        config_dir: as in `--config-dir`.

    Raises:
        BadInput: for a key that neither hydra-optuna-sweeper nor our sweeper has.
    """
    found = hydra_of(settings, config_dir)
    if found is None or found.runtime.choices.get("hydra/sweeper") != "optuna":
        return []
    sweeper: Any = OmegaConf.to_container(found.sweeper, resolve=True)
    words: list[str] = []
    for key, value in sweeper.items():
        if value is None or key in ("params", "_target_"):
            continue
        text = f"hydra.sweeper.{key}={value}"
        if key == "search_space" and isinstance(value, dict):
            words += [f"{name}={_values(each, text)}" for name, each in value.items()]
        elif key == "sampler" and isinstance(value, dict):
            words += [f"hydra.sweeper.sampler.{name}={each}" for name, each in value.items() if each is not None]
        else:
            words.append(f"hydra.sweeper.{key}={_as_list(value)}")
    typed = typed_keys(translated(settings))
    return [word for word in translated(words) if key_of(word) not in typed]


def translated(settings: Sequence[str]) -> list[str]:
    """Returns the words with `hydra.sweeper.n_trials` and the like as our own settings, without the sweeper itself.

    Raises:
        BadInput: for a key that neither has.
    """
    found: list[str] = []
    options: list[str] = []
    for text in settings:
        word = parsed(text)
        value = word.value or ""
        if word.key == "hydra/sweeper":
            continue
        if word.key == "hydra/sweeper/sampler":
            found.append(f"sweep.sampler={value}")
        elif not word.key.startswith("hydra.sweeper."):
            found.append(text)
        else:
            name, _, rest = word.key.removeprefix("hydra.sweeper.").partition(".")
            if name == "sampler" and rest == "_target_":
                found.append(f"sweep.sampler={value.rpartition('.')[2]}")
            elif name == "sampler" and rest:
                options.append(f"{rest}={value}")
            elif name == "params" and rest:
                found.append(f"{rest}={value}")
            elif name in ("params", "search_space"):
                found += _several(text, rest)
            elif name in _OURS:
                found.append(f"{_OURS[name]}={value}")
            else:
                raise BadInput(
                    f"Unknown setting of a search: {word.key}.{did_you_mean(name, _OURS)} "
                    f"Known: {', '.join(_OURS)}, params, search_space. Received: {text}"
                )
    return [*found, *([f"sweep.sampler_options=[{','.join(options)}]"] if options else [])]


def sampler_options(texts: Sequence[str]) -> dict[str, Any]:
    """Parses `n_startup_trials=5` into an argument.

    Raises:
        BadInput: for anything else.
    """
    found = {}
    for text in texts:
        word = parsed(text)
        if word.value is None:
            raise BadInput(f"sweep.sampler_options takes key=value, such as n_startup_trials=5. Received: {text}")
        with hydra_messages([text]):
            found[word.key] = OverridesParser.create().parse_override(text).value()
    return found


def _as_list(value: Any) -> str:
    return f"[{','.join(map(str, value))}]" if isinstance(value, list) else str(value)


def _several(text: str, key: str) -> list[str]:
    """`hydra.sweeper.params={lr: 'interval(0.1,1)'}`, or `hydra.sweeper.search_space={lr: {type: float, ...}}`."""
    with hydra_messages([text]):
        value = OverridesParser.create().parse_override(text).value()
    entries = {key: value} if key else value
    if not isinstance(entries, Mapping):
        raise BadInput(
            f"hydra.sweeper.params takes keys with their values: {{lr: 'interval(0.1,1)'}}. Received: {text}"
        )
    return [f"{name}={_values(each, text)}" for name, each in entries.items()]


def _values(value: Any, text: str) -> str:
    if isinstance(value, Mapping):
        try:
            return _described(value)
        except KeyError as error:
            raise BadInput(
                "hydra.sweeper.search_space needs type float or int with low and high, or categorical with choices. "
                f"{error.args[0]} is missing. Received: {text}"
            ) from error
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _described(value: Mapping[str, Any]) -> str:
    if value["type"] == "categorical":
        return ",".join(map(str, value["choices"]))
    if "step" in value:
        end = value["high"] + (1 if value["type"] == "int" else value["step"] / 2)  # the end of our range is exclusive
        return f"range({value['low']},{end},{value['step']})"
    interval = f"interval({value['low']},{value['high']})"
    if value["type"] == "int":
        interval = f"int({interval})"
    return f"tag(log,{interval})" if value.get("log") else interval
