"""Composes a config from overrides, and rewords Hydra's messages."""

import difflib
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from catsdogs_exp import compat
from catsdogs_exp.config import plugins, search_path, yaml_errors
from catsdogs_exp.config.build import build
from catsdogs_exp.config.corrections import corrected
from catsdogs_exp.config.data_words import with_source
from catsdogs_exp.config.kinds import known_keys, owners_of, takes_several
from catsdogs_exp.config.known_models import known_backbones
from catsdogs_exp.config.mistyped import check_words
from catsdogs_exp.config.schema import FLAT_KEYS, VARIANTS, Config
from catsdogs_exp.config.words import Word, as_typed, for_hydra, parsed
from catsdogs_exp.config.yaml_spelling import check_spelling
from catsdogs_exp.errors import BadInput, did_you_mean
from catsdogs_exp.natural_sort import flatten
from catsdogs_exp.printable import printable

_one_at_a_time = threading.RLock()


def config_of(
    overrides: Sequence[str],
    config_dir: str | None = None,
    trusted: bool = True,
    say: Callable[[str], None] = lambda text: None,
) -> Config:
    """Composes and validates the config for `overrides`, such as `["lr=0.01", "model=cnn"]`.

    Args:
        overrides: as typed.
        config_dir: a folder with additional choices, as in `--config-dir`.
        trusted: whether plugins named in the config may be imported. If not, they must already have been imported.
        say: called with a message about anything added to the overrides, such as the source inferred from a path.

    Raises:
        BadInput: for an unknown key, group or choice, or a value out of range.
    """
    import_plugins = plugins.load if trusted else plugins.require
    import_plugins(plugins.named(overrides))
    reading = read_words(overrides, config_dir)
    for text in reading.remarks:
        say(text)
    try:
        return _built(reading.hydra, config_dir, import_plugins)
    except BadInput as error:
        raise with_correction(error, reading, config_dir, import_plugins) from error


@dataclass(frozen=True)
class Reading:
    """The typed overrides, translated for Hydra.

    Attributes:
        words: as typed, plus what was inferred from a path.
        hydra: the same words in Hydra's grammar.
        remarks: what was added, as messages to the user.
    """

    words: list[Word]
    hydra: list[str]
    remarks: list[str]


def read_words(overrides: Sequence[str], config_dir: str | None = None, sweep: bool = False) -> Reading:
    """Reads the typed overrides; text is taken literally.

    Args:
        overrides: as typed, or already in Hydra's grammar.
        config_dir: as in `--config-dir`.
        sweep: whether commas separate the values of several runs.

    Raises:
        BadInput: for overrides that are not `key=value` or have no effect, with what to type instead.
    """
    words = check_words(overrides)
    choices = [word for word in words if word.key in search_path.groups()]

    def chosen_dataset() -> str | None:
        """Returns the dataset that the overrides choose; None if several recipes are swept over."""
        if any(word.key == "experiment" and not _is_choice(word) for word in words):
            return None
        places = [str(word) for word in words if word.key == "hydra.searchpath"]
        with hydra_messages(overrides):
            composed = composed_of([*map(str, filter(_is_choice, choices)), *places], config_dir)
        return str(composed.dataset.name)

    words, remarks = with_source(words, chosen_dataset, sweep)
    names = {word.key: str(word.value) for word in words if word.key in VARIANTS and _is_choice(word)}
    return Reading(words, [for_hydra(word, names, sweep) for word in words], remarks)


def with_correction(
    error: BadInput,
    reading: Reading,
    config_dir: str | None = None,
    import_plugins: Callable[[Iterable[str]], None] = plugins.load,
) -> BadInput:
    """Returns the error for a rejected value, with a suggestion of what to type instead if there is one.

    Args:
        error: why the config cannot be built.
        reading: what was typed.
        config_dir: as in `--config-dir`.
        import_plugins: imports plugins, or rejects them.
    """

    def accepts(word: Word) -> bool:
        try:
            others = [each for each in reading.hydra if parsed(each).key != word.key]
            _built([*others, for_hydra(word)], config_dir, import_plugins)
        except BadInput as refusal:
            return not str(refusal).startswith(word.key)
        return True

    return corrected(error, reading.words, accepts)


def _is_choice(word: Word) -> bool:
    """Returns whether a group is set to a single choice by name."""
    return re.fullmatch(r"[\w./-]+", word.value or "") is not None


def _built(words: Sequence[str], config_dir: str | None, import_plugins: Callable[[Iterable[str]], None]) -> Config:
    with hydra_messages(words):
        composed = composed_of(words, config_dir)
    check_spelling(composed.hydra.runtime)
    return build(composed, chosen_experiment(composed.hydra), import_plugins)


def chosen_experiment(hydra: Any) -> str | None:
    """Returns the name of the recipe in Hydra's own config, or None."""
    name = hydra.runtime.choices.get("experiment")
    return None if name in (None, "null") else str(name)


@contextmanager
def hydra_messages(overrides: Sequence[str]) -> Iterator[None]:
    """Converts errors that Hydra and OmegaConf raise while composing `overrides` into `BadInput`."""
    try:
        yield
    except (HydraException, OmegaConfBaseException) as error:
        raise BadInput(printable(_message(error, overrides))) from error
    except yaml_errors.ERRORS as error:
        raise BadInput(printable(yaml_errors.problem_of(error, overrides))) from error
    except ValueError as error:
        if compat.complaint_of(error).kind == "other":
            raise
        raise BadInput(printable(_message(error, overrides))) from error


@contextmanager
def initialized_hydra(config_dir: str | None = None) -> Iterator[ConfigLoader]:
    """Initializes Hydra for composing; `config_dir` is first on its search path. One thread at a time: Hydra is
    global.
    """
    search_path.register()
    with _one_at_a_time:
        found = GlobalHydra.instance()
        outer = found.hydra  # set by the launcher that runs this job
        found.clear()
        try:
            with initialize_config_dir(str(search_path.CONF), version_base="1.3"):
                if config_dir is not None:
                    compat.prepend_config_dir(str(Path(config_dir).absolute()))
                yield GlobalHydra.instance().config_loader()
        finally:
            GlobalHydra.instance().hydra = outer


def composed_of(overrides: Sequence[str], config_dir: str | None = None) -> DictConfig:
    """Returns the config composed by Hydra. Errors are Hydra's own.

    Args:
        overrides: in Hydra's grammar.
        config_dir: as in `--config-dir`.
    """
    with initialized_hydra(config_dir):
        return hydra_compose("config", overrides=list(overrides), return_hydra_config=True)


def with_defaults(plain: Mapping[str, Any], variants: Iterable[str]) -> dict[str, Any]:
    """Fills missing settings in a run's config, such as one of an older version, with defaults.

    Args:
        plain: the run's config.
        variants: groups whose choices have different keys; their defaults are those of the run's choices.

    Raises:
        BadInput: if a choice no longer exists.
    """
    groups = {group: plain.get(group) for group in variants}
    words = [f"{group}={entry['name']}" for group, entry in groups.items() if isinstance(entry, dict)]
    with hydra_messages(words):
        composed = composed_of(words)
    own = OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])
    for key in FLAT_KEYS:  # other settings refer to them
        if key in plain:
            own[key] = plain[key]
    defaults = OmegaConf.to_container(own, resolve=True)
    assert isinstance(defaults, dict)
    return _filled(plain, {str(key): value for key, value in defaults.items()})


def _filled(plain: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the given values, completed with defaults. Text is not interpreted."""
    found = {**defaults, **plain}
    for key, value in plain.items():
        if isinstance(value, dict) and isinstance(defaults.get(key), dict):
            found[key] = _filled(value, defaults[key])
    return found


def _message(error: Exception, overrides: Sequence[str]) -> str:
    """Rewords an error in one line: what was received, what exists, and the closest match."""
    complaint = compat.complaint_of(error)
    match complaint.kind:
        case "choice":
            group, _, choice = complaint.name.rpartition("/")
            near = (_backbone(choice) if group == "model" else "") or did_you_mean(choice, complaint.known)
            return f"{group} must be one of {', '.join(complaint.known)}. Received: {group}={choice}.{near}"
        case "word":
            quotes = "Put quotes around special characters: 'key=\"a b\"'"
            return f"Cannot read {complaint.name!r} as key=value. {quotes}"
        case "key":
            return _unknown(complaint.name, overrides)
        case "sweep":
            what = complaint.name or "Several values for one key"
            pair = re.fullmatch(r"([^=]*)=(\d+),(\d+)", what)
            hint = "" if pair is None else f". For a decimal number: {pair[1]}={pair[2]}.{pair[3]}"
            if pair is not None and takes_several(pair[1]):
                hint = f". For one run with both: {pair[1]}=[{pair[2]},{pair[3]}]"
            return f"Several values for one key make a sweep: add -m. Received: {what}{hint}"
        case "no choice":
            known = search_path.groups()
            for key, _, value in (word.partition("=") for word in overrides):
                if key in known and value not in known[key]:
                    return f"{key} must be one of {', '.join(known[key])}. Received: {key}={value}."
            return f"A group needs a choice, such as model=cnn. {complaint.text}"
        case "step":
            received = " ".join(word for word in overrides if "range(" in word)
            return f"The step of a range must not be 0. Received: {received}"
        case _:
            return complaint.text


def _backbone(choice: str) -> str:
    """Returns what to type for a backbone given as a network, or `""`."""
    named = [known for known in known_backbones() if known.name.lower() == choice.lower()]
    return f" {named[0].name} is a backbone: {' '.join(named[0].chosen_by)}" if named else ""


def _unknown(key: str, overrides: Sequence[str]) -> str:
    """Returns the message for an unknown key or group, given the groups' choices in `overrides`."""
    groups = search_path.groups()
    choices = [word for word in overrides if (pair := word.split("="))[-1] in groups.get(pair[0], [])]
    plain = OmegaConf.to_container(composed_of(choices), resolve=False)
    assert isinstance(plain, dict)
    plain.pop("hydra", None)
    known = [
        *flatten({str(name): value for name, value in plain.items()}),
        *(group for group in groups if group not in plain),
    ]
    if key in known:  # a recipe or config file has already set names, and Hydra merges mappings entry by entry
        received = " ".join(word for word in overrides if word.lstrip("+~").startswith(key))
        return f"{key} already has entries, which would be kept. Received: {received}. Put {key}=null first"
    group, _, last = key.rpartition(".")
    if owners := [name for name in owners_of(key) if name in groups.get(group, [])]:
        return _of_another(key, owners, overrides, str(plain[group]["name"]))
    inside = [name for name in known if name.startswith(f"{group}.")]
    of_others = [name for name in known_keys() if name.startswith(f"{group}.") and name not in inside]
    guess = did_you_mean(key, [*inside, *of_others] if group in groups else [*known, *groups])
    if not guess:
        leaves = {name.rpartition(".")[2]: name for name in reversed(known)}
        near = difflib.get_close_matches(last, leaves, n=1, cutoff=0.8)
        guess = f" Did you mean {leaves[near[0]]}?" if near else ""
    if group in groups:
        guess += f" Known here: {', '.join(inside)}."
    return f"Unknown setting: {key}.{guess} `--help` lists the flat keys and groups, `--cfg job` every key."


def _of_another(key: str, owners: Sequence[str], overrides: Sequence[str], name: str) -> str:
    """The message for a setting that other choices of its group have: `model.blocks` without `model=resnet`."""
    group = key.partition(".")[0]
    chosen = [word for word in overrides if parsed(word).key == group]
    received = " ".join([*chosen, *(as_typed(word) for word in overrides if parsed(word).key == key)])
    listed = " and ".join([", ".join(owners[:-1]), owners[-1]] if len(owners) > 1 else owners)
    this = f"{group}={owners[0]}{', or another of these' if len(owners) > 1 else ''}"
    return (
        f"{key} is a setting of {group}={listed}. Received: {received}{'' if chosen else f', with {group}={name}'}. "
        f"{f'Leave {key} out, or choose' if chosen else 'Add'} {this}"
    )
