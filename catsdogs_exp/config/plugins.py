"""Plugins: modules of the user's that register networks, sources and augmentations on import.

Importing a module runs it. So only those are imported that the user names: on the command line, or in a config or
recipe of his. What a run folder names is not, as run folders come from anywhere; see `require`.
"""

import importlib
import os
import traceback
from collections.abc import Iterable, Sequence
from importlib.metadata import entry_points
from pathlib import Path

from catsdogs_exp import process
from catsdogs_exp.errors import BadInput, one_line

GROUP = "catsdogs_exp.plugins"  # of entry points: an installed package may give its module a short name there
_loaded: set[str] = set()


def load(names: Iterable[str]) -> None:
    """Imports plugins, each once.

    Args:
        names: of modules, `my_networks` or `mine.networks`, in the current folder or installed; or of entry points.

    Raises:
        BadInput: when one is not there or fails, with the place.
    """
    for name in names:
        if name not in _loaded:
            _import(name)
            _loaded.add(name)


def require(names: Iterable[str]) -> None:
    """Refuses plugins that the user has not named himself.

    Raises:
        BadInput: saying how to name them.
    """
    missing = [name for name in names if name not in _loaded]
    if missing:
        raise BadInput(
            f"The run needs a plugin, which is a program: {', '.join(missing)}. A run folder may come from anywhere, "
            f"so it is imported only where you name it: --plugins {','.join(missing)}"
        )


def named(overrides: Sequence[str]) -> list[str]:
    """What `plugins=...` among the overrides names: to be imported first, so that what it offers can be chosen."""
    words = [word.partition("=")[2] for word in overrides if word.lstrip("+").partition("=")[0] == "plugins"]
    return [name for word in words for name in _split(word)]


def _split(text: str) -> list[str]:
    """`a`, `a,b` and `[a,b]` as names."""
    names = [name.strip().strip("'\"") for name in text.strip("[] ").split(",")]
    return [name for name in names if name and name != "null"]


def _import(name: str) -> None:
    if not all(part.isidentifier() for part in name.split(".")):
        raise BadInput(
            f"plugins must be names of modules, such as [my_networks], not paths. Received: plugins=[{name}]"
        )
    module = next((point.module for point in entry_points(group=GROUP) if point.name == name), name)
    here = Path.cwd()
    importlib.invalidate_caches()
    try:
        with process.importing_plugin(here):
            importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise BadInput(f"The plugin {name} needs a module that is not installed: {error.name}") from error
        raise BadInput(
            f"plugins must name modules that can be imported. Received: plugins=[{name}]. Looked for {module} in "
            f"{here} and in Python's own folders"
        ) from error
    except (Exception, SystemExit) as error:  # whatever a user's module may do
        raise BadInput(f"The plugin {name} fails: {one_line(error)} ({_place(error, module)})") from error


def _place(error: BaseException, module: str) -> str:
    """File and line in the plugin, or the file where the module was found."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{os.path.relpath(error.filename)}, line {error.lineno}"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if "importlib" not in frame.filename and "catsdogs_exp" not in Path(frame.filename).parts
    ]
    mine = [frame for frame in frames if Path(frame.filename).is_relative_to(Path.cwd())] or frames
    if mine:
        return f"{os.path.relpath(mine[-1].filename)}, line {mine[-1].lineno}"
    return f"module {module}"
