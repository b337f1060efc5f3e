"""Recognizes what users type instead of `key=value`, and suggests exactly what to type."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from catsdogs_exp.config.kinds import Form, kinds_of, known_keys
from catsdogs_exp.config.schema import FLAT_KEYS, VARIANTS
from catsdogs_exp.config.search_path import CONF, groups
from catsdogs_exp.config.words import Word, is_there, parsed
from catsdogs_exp.errors import BadInput, did_you_mean
from catsdogs_exp.printable import printable

# Names of our settings in other tools.
_ALIASES = {
    "learning_rate": "lr",
    "batch": "batch_size",
    "bs": "batch_size",
    "epoch": "epochs",
    "num_epochs": "epochs",
    "n_epochs": "epochs",
    "image_size": "target_size",
    "img_size": "target_size",
    "input_size": "target_size",
    "size": "target_size",
    "random_seed": "seed",
    "arch": "model",
    "architecture": "model",
    "network": "model",
    "path": "dataset.path",
    "data": "dataset.path",
    "data_path": "dataset.path",
    "data_dir": "dataset.path",
    "dataset_path": "dataset.path",
    "folder": "dataset.path",
    "output": "output_dir",
    "out_dir": "output_dir",
    "outdir": "output_dir",
}
_SHORT = 60  # characters of a value that a message quotes
_DIGITS = 4000
# Hydra's own settings that have an effect here; all others would change nothing.
_OBEYED = ("launcher", "sweeper", "searchpath", "callbacks", "job.env_set", "job.env_copy")
_RUN_FOLDER = "run folders are created in output_dir"
_INSTEAD = {
    "mode": ("this command has only one run", ""),
    "run.dir": (_RUN_FOLDER, "output_dir={value}"),
    "sweep.dir": (_RUN_FOLDER, "output_dir={value}"),
    "sweep.subdir": ("the folders of a sweep are named after the number and settings of their jobs", ""),
    "job.name": (_RUN_FOLDER, "output_dir=PATH"),
    "job.chdir": ("relative paths always refer to the current folder", ""),
    "output_subdir": ("config.yaml and overrides.yaml are in the run folder", ""),
    "verbose": ("the log is run.log in the run folder", "-v"),
    "job_logging": ("the log is run.log in the run folder", "-v"),
    "hydra_logging": ("the log is run.log in the run folder", "-v"),
}


def check_words(words: Sequence[str]) -> list[Word]:
    """Splits the words into parts if each is a `key=value` that has an effect.

    Raises:
        BadInput: with what to type instead.
    """
    checked = []
    for position, text in enumerate(words):
        word = parsed(text)
        if text.startswith("~") and not word.prefix:
            raise _deletion(text)
        if (word.value is None and word.prefix != "~") or not re.fullmatch(r"[A-Za-z_][\w./@:-]*", word.key, re.ASCII):
            raise not_a_setting(words, position)
        if word.key.startswith(("hydra.", "hydra/")):
            _check_hydra(word, text)
        if word.value is not None and word.value.strip() == "???":
            raise BadInput(
                f"??? marks a missing value in configs, so no setting accepts it. Received: {text}. "
                f"Type: {word.key}={_example(word.key)}; for a file or folder with this name: {word.key}=./???"
            )
        _check_group(word)
        if word.key not in _keys() and not word.prefix and (ours := renamed(word.key)):
            raise BadInput(f"Unknown setting: {word.key}. Type: {_typed(f'{ours}={word.value}')}")
        _check_alone(word, text)
        checked.append(word)
    return checked


def _check_alone(word: Word, text: str) -> None:
    """Rejects `lr:=0.1`, and `lr=0.1,depth=3` where the first setting takes no text."""
    if word.key.endswith(":") and (ours := renamed(word.key[:-1])):
        raise BadInput(
            f"Settings are written key=value. Received: {_shown(text)}. Type: {_typed(f'{ours}={word.value}')}"
        )
    if re.search(rf"\d{{{_DIGITS}}}", word.value or ""):  # Python refuses to read it as a number
        raise BadInput(f"{word.key} has a number of more than {_DIGITS} digits. Received: {_shown(text)}")
    joined = re.fullmatch(r"(.*?)[;,]\s*([A-Za-z_][\w.]*)=(.*)", word.value or "", re.DOTALL)
    kinds = kinds_of(word.key)
    if joined and joined[2] in _keys() and kinds and all(kind.form is Form.OTHER for kind in kinds):
        raise BadInput(
            f"Settings are separated by spaces. Received: {_shown(text)}. "
            f"Type: {_typed(f'{word.key}={joined[1]}', f'{joined[2]}={joined[3]}')}"
        )


def not_a_setting(words: Sequence[str], position: int = 0) -> BadInput:
    """Returns the error for a word that is not `key=value`, such as `lr`, `--lr`, `lr:` or a path, with what to
    type.
    """
    text = words[position]
    if text.startswith("zip("):
        closed = "Close its bracket" if text.count("(") > text.count(")") else "Add -m"
        return BadInput(
            "zip(...) varies several keys together in a sweep: -m 'zip(lr=0.1,0.01,depth=2,3)'. "
            f"Received: {_shown(text)}. {closed}"
        )
    found = _meant(words, position)
    if found is not None:
        return BadInput(f"Settings are written key=value. Received: {_shown(found[0])}. Type: {_typed(found[1])}")
    if text.startswith("-"):
        return BadInput(f"Unknown option: {_shown(text)}. `--help` lists the options.")
    if is_there(text):
        return BadInput(
            f"Settings are written key=value. Received a path: {_shown(text)}. "
            f"To train on it: {_typed(f'dataset.path={text}')}"
        )
    for group, choices in groups().items():
        if text in choices:
            return BadInput(f"Settings are written key=value. Received: {_shown(text)}. Type: {group}={text}")
    key = text.partition("=")[0].strip().lstrip("+~")
    return BadInput(
        f"Settings are written key=value. Received: {_shown(text)}.{did_you_mean(key, _keys())} "
        "`--help` lists the flat keys and groups, `--cfg job` every key."
    )


def renamed(key: str) -> str | None:
    """Returns our name for a setting that other tools call `key`, such as `lr` for `learning-rate`; None if unknown."""
    plain = key.strip().replace("-", "_")
    if plain in (keys := _keys()):
        return plain
    if plain.lower() in keys:
        return plain.lower()
    return _ALIASES.get(plain.lower())


def _meant(words: Sequence[str], position: int) -> tuple[str, str] | None:
    """Returns the words at a position and the `key=value` they stand for: `--lr 0.1`, `lr = 0.1` and `lr: 1`.

    None if they name no setting.
    """
    text = words[position]
    if position and words[position - 1].endswith("=") and "=" not in text:  # lr= 0.1
        return f"{words[position - 1]} {text}", f"{words[position - 1]}{text}"
    found = re.fullmatch(r"(-{0,2})([A-Za-z_][\w.-]*)\s*([:=]?)\s*(.*)", text, re.DOTALL)
    if not found:
        return None
    key = renamed(found[2])
    if key is None or (found[3] == "" and found[4]):
        return None
    if found[4]:
        return text, f"{key}={found[4]}"
    rest = [word for word in words[position + 1 : position + 3] if word not in ("=", ":")][:1]
    if rest and "=" not in rest[0]:
        used = words[position : words.index(rest[0], position + 1) + 1]
        return " ".join(used), f"{key}={rest[0].lstrip('=:')}"
    if rest and rest[0].startswith("="):  # lr =0.1
        return f"{text} {rest[0]}", f"{key}{rest[0]}"
    return text, f"{key}={_example(key)}"


def _example(key: str) -> str:
    """Returns an example value for a setting: its default, or a choice of its group."""
    if key in FLAT_KEYS:
        import yaml  # noqa: PLC0415  (only a mistake needs it)

        return str(yaml.safe_load((CONF / "config.yaml").read_text(encoding="utf-8"))[key])
    choices = groups().get(key, [])
    return choices[0] if choices else "VALUE"


def _deletion(text: str) -> BadInput:
    """Handles Hydra's `~key`, which would remove a setting that every run needs."""
    key = text[1:].partition("=")[0]
    kinds = kinds_of(key)
    advice = f"For its default, leave out {_shown(text)}"
    if any(kind.optional for kind in kinds):
        advice += f"; to switch it off: {key}=null"
    elif kinds or key in groups():
        advice += f"; for another value: {key}={_example(key)}"
    else:
        advice = f"Unknown setting: {_shown(key)}.{did_you_mean(key, _keys())} Leave it out"
    return BadInput(f"A setting cannot be removed: a run needs all of them. Received: {_shown(text)}. {advice}")


def _check_hydra(word: Word, text: str) -> None:
    name = word.key[len("hydra.") :]
    if any(name == each or name.startswith((f"{each}.", f"{each}/")) for each in _OBEYED):
        return
    why, instead = next(
        (told for key, told in _INSTEAD.items() if name == key or name.startswith(f"{key}.")),
        ("of Hydra's own settings, only hydra/launcher, hydra/sweeper and their options can be changed", ""),
    )
    # For one of Hydra's patterns: run folders are named after the time anyway.
    value = "PATH" if "${" in (word.value or "") else word.value
    next_step = f"Type: {_typed(instead.format(value=value))}" if instead else "Leave it out"
    raise BadInput(f"{word.key} has no effect: {why}. Received: {_shown(text)}. {next_step}")


def _check_group(word: Word) -> None:
    """Rejects `model.name=resnet`, and a path in place of a choice."""
    group, _, rest = word.key.partition(".")
    value = (word.value or "").strip()
    if rest == "name" and group in VARIANTS:
        raise BadInput(
            f"{word.key} is set by the choice of its group. Received: {_shown(str(word))}. "
            f"Type: {_typed(f'{group}={value or _example(group)}')}"
        )
    if rest or group not in groups() or value in groups()[group] or not _is_path(value):
        return
    if group == "dataset":
        raise BadInput(
            f"dataset must be one of {', '.join(groups()[group])}. Received a path: {_shown(str(word))}. "
            f"Type: {_typed(f'dataset.path={value}')}"
        )
    if group == "model":
        raise BadInput(
            f"model must be one of {', '.join(groups()[group])}. Received a path: {_shown(str(word))}. "
            f"To start from its network: {_typed('model=transfer', 'model.backbone=own', f'model.weights={value}')}"
        )
    if group == "experiment" and value.endswith((".yaml", ".yml")):
        path = Path(value)
        folder = path.parent.parent if path.parent.name == "experiment" else path.parent
        raise BadInput(
            f"experiment must be the name of a recipe. Received a path: {_shown(str(word))}. Put the file into a "
            f"folder called experiment and type: {_typed('--config-dir', str(folder), f'experiment={path.stem}')}"
        )


def _is_path(value: str) -> bool:
    if "," in value or "(" in value:
        return False
    return value.startswith(("/", "./", "../", "~")) or value in (".", "..") or (is_there(value) and bool(value))


def _keys() -> list[str]:
    return [*FLAT_KEYS, *known_keys(), *groups()]


def _typed(*words: str) -> str:
    """Returns the words as a user would type them in a shell."""
    return " ".join(_in_shell(word) for word in words)


def _in_shell(word: str) -> str:
    """Adds the quotes that a shell needs. A `~` after the equals sign needs none: we expand it."""
    if printable(word) != word:
        escaped = printable(word.replace("\\", "\\\\").replace("'", "\\'"))
        return f"$'{escaped}'"  # understood by bash and zsh
    return word if re.fullmatch(r"[\w@%+=:,./~-]+", word, re.ASCII) and word[0] != "~" else shlex.quote(word)


def _shown(text: str) -> str:
    """Formats the user's input for a message: on one line, shortened if necessary."""
    plain = printable(text)
    return plain if len(plain) <= _SHORT else f"{plain[:_SHORT]}..."
