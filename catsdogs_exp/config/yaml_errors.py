"""Words errors in the user's YAML files in one line, with file and line where they are known."""

import re
from collections.abc import Sequence

import yaml

ERRORS = (yaml.YAMLError, UnicodeDecodeError, RecursionError)
"""What reading configs raises besides the errors of Hydra and OmegaConf."""


def problem_of(error: Exception, overrides: Sequence[str]) -> str:
    """Returns what is wrong with a YAML file, and what to do.

    Args:
        error: one of `ERRORS`.
        overrides: as typed; they name the files where the error does not.
    """
    received = f"Received: {' '.join(overrides)}"
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        problem = _plain(error.problem or "it is not YAML")
        return f"The YAML file has an error: {problem}: {mark.name}, line {mark.line + 1}. Correct that line"
    if isinstance(error, yaml.reader.ReaderError):
        return f"The YAML file has an error: {_plain(error.reason)}: {error.name}. Remove these characters"
    if isinstance(error, UnicodeDecodeError):
        return f"A YAML file is not UTF-8: byte 0x{error.object[error.start]:02x}. {received}. Save it as UTF-8"
    if isinstance(error, RecursionError):
        return f"A YAML file includes itself in its defaults. {received}. Leave it out there"
    return f"A YAML file cannot be read: {_plain(str(error))}. {received}. Correct it"


def _plain(text: str) -> str:
    if "character '\\t'" in text:
        return "a tab, where YAML needs spaces"
    return re.sub(r"\s+", " ", text).strip()
