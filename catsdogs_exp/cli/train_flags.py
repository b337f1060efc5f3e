"""The flags of a training run, and Hydra's flags that have an effect here; all other words are settings."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from catsdogs_exp.cli.arguments import path_of, unknown_option
from catsdogs_exp.errors import BadInput, did_you_mean

_LOOKS = {  # flag -> what it can show; defaults to the first unless the next word names one
    "--cfg": ("job", "hydra", "all"),
    "--info": ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath"),
}
_VALUED = {"--config-dir": "DIR", "--package": "GROUP", "--shell-completion": "install=bash"}
_PLAIN = ("--multirun", "--run", "--dry-run", "--profile", "--verbose", "--resolve", "--hydra-help", "--version")
_SHORT = {
    "-m": "--multirun",
    "-r": "--run",
    "-v": "--verbose",
    "-c": "--cfg",
    "-i": "--info",
    "-cd": "--config-dir",
    "-p": "--package",
    "-sc": "--shell-completion",
    "-cn": "--config-name",
    "-cp": "--config-path",
}
_REFUSED = {
    "--config-name": "The main config is fixed: choose a recipe, experiment=NAME, or add your own, --config-dir DIR",
    "--config-path": "The main config is fixed: add your own choices and recipes with --config-dir DIR",
    "--experimental-rerun": "To run a run again: python -m catsdogs_exp repeat RUN",
}


@dataclass
class Asked:
    """The parsed words of a training run.

    Attributes:
        settings: `key=value`, as typed.
        flags: long names of flags given without a value.
        looks: Hydra's flags that print something instead of running.
        config_dir: a folder with further choices.
    """

    settings: list[str] = field(default_factory=list)
    flags: set[str] = field(default_factory=set)
    looks: list[str] = field(default_factory=list)
    config_dir: str | None = None

    def for_hydra(self) -> list[str]:
        """The flags passed on to Hydra."""
        flags = [flag for flag in ("--multirun", "--run", "--resolve", "--hydra-help") if flag in self.flags]
        return [*flags, *self.looks, *(["--config-dir", self.config_dir] if self.config_dir is not None else [])]


def asked_for(words: Sequence[str]) -> Asked:
    """Separates flags from settings.

    Raises:
        BadInput: for an unknown flag, one without its value, or two that cannot be combined.
    """
    asked = Asked()
    position = 0
    while position < len(words):
        word = words[position]
        name, sign, value = word.partition("=") if word.startswith("-") else (word, "", "")
        flag = _SHORT.get(name, name)
        after = value if sign else words[position + 1] if position + 1 < len(words) else ""
        takes_next = not sign
        if flag in _LOOKS:
            shown = _shown(flag, after, bool(sign))
            asked.looks += [flag, shown]
            position += takes_next and after == shown
        elif flag in _VALUED:
            if not after or (takes_next and (after.startswith("-") or (flag != "--shell-completion" and "=" in after))):
                raise BadInput(f"{flag} needs a value: {flag} {_VALUED[flag]}. Received none")
            if flag == "--config-dir":
                folder = path_of("--config-dir", after)
                if not folder.is_dir():
                    raise BadInput(f"--config-dir must be a folder of configs. There is none at: {folder}")
                asked.config_dir = str(folder)
            else:
                asked.looks += [flag, after]
            position += takes_next
        elif flag in _PLAIN and not sign:
            asked.flags.add(flag)
        elif flag in _REFUSED:
            raise BadInput(f"{_REFUSED[flag]}. Received: {word}")
        elif word.startswith("-"):
            raise unknown_option(words, position, [*_LOOKS, *_VALUED, *_PLAIN])
        elif word.partition("=")[0] == "hydra.mode" and word.partition("=")[2].upper() in ("RUN", "MULTIRUN"):
            asked.flags.add(f"--{word.partition('=')[2].lower()}")
        else:
            asked.settings.append(word)
        position += 1
    _check_together(asked)
    return asked


def _shown(flag: str, after: str, given: bool) -> str:
    """Returns what `--cfg` or `--info` shows: the next word, or the first choice if that is a setting or a flag."""
    choices = _LOOKS[flag]
    if after in choices:
        return after
    if given or (after and "=" not in after and after[0] not in "-+~"):
        raise BadInput(
            f"{flag} must be one of {', '.join(choices)}. Received: {flag} {after}.{did_you_mean(after, choices)}"
        )
    return choices[0]


def _check_together(asked: Asked) -> None:
    looks = [look for look in asked.looks if look in (*_LOOKS, "--shell-completion")]
    given = [*looks, *(flag for flag in ("--run", "--multirun", "--dry-run") if flag in asked.flags)]
    if len(given) > 1 and given != ["--run", "--dry-run"]:
        raise BadInput(
            f"{given[0]} and {given[1]} are two commands: --cfg and --info print, --dry-run builds one network, "
            f"-m trains several. Received both. Leave {given[1]} out"
        )
    for flag in ("--resolve", "--package"):
        if (flag in asked.flags or flag in asked.looks) and "--cfg" not in asked.looks:
            raise BadInput(f"{flag} has no effect without --cfg job, which shows the config. Leave it out")


def check_single_run(asked: Asked) -> None:
    """Refuses words that only a sweep obeys, where none was asked for.

    Raises:
        BadInput: naming the word.
    """
    for word in asked.settings:
        if word.startswith(("sweep.", "hydra/sweeper", "hydra/launcher", "hydra.sweeper.", "hydra.launcher.")):
            raise BadInput(
                f"{word.partition('=')[0]} has no effect in a single run: it is a setting of sweeps. "
                f"Received: {word}. Add -m for a sweep, or leave it out"
            )
