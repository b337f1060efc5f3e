"""Plugins: users' modules that register networks, sources and augmentations on import.

Importing a module executes it. Only modules that the user names are imported: on the command line, or in the user's own
config or recipe. Modules named in a run folder are not, because a run folder may come from anywhere; see `require`.
"""

import importlib
import os
import traceback
from collections.abc import Iterable, Sequence
from importlib.metadata import entry_points
from pathlib import Path

from catsdogs_exp import process
from catsdogs_exp.errors import BadInput, one_line

GROUP = "catsdogs_exp.plugins"  # entry points that give the modules of installed packages short names
_loaded: set[str] = set()


def load(names: Iterable[str]) -> None:
    """Imports plugins, each once.

    Args:
        names: modules in the current folder or installed, such as `my_networks` or `mine.networks`; or entry points.

    Raises:
        BadInput: if one is missing or fails to import; with the file and line.
    """
    for name in names:
        if name not in _loaded:
            _import(name)
            _loaded.add(name)


def require(names: Iterable[str]) -> None:
    """Rejects plugins that the user has not named.

    Raises:
        BadInput: with how to name them.
    """
    missing = [name for name in names if name not in _loaded]
    if missing:
        raise BadInput(
            f"The run needs a plugin, which is a program: {', '.join(missing)}. A run folder may come from anywhere, "
            f"so a plugin is imported only if you name it: --plugins {','.join(missing)}"
        )


def named(overrides: Sequence[str]) -> list[str]:
    """Returns the modules named by `plugins=...` in the overrides: they are imported first, so that their choices
    exist.
    """
    words = [word.partition("=")[2] for word in overrides if word.lstrip("+").partition("=")[0] == "plugins"]
    return [name for word in words for name in _split(word)]


def _split(text: str) -> list[str]:
    """Splits `a`, `a,b` and `[a,b]` into names."""
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
    except (Exception, SystemExit) as error:  # a plugin may raise anything
        raise BadInput(f"The plugin {name} fails: {one_line(error)} ({_place(error, module)})") from error


def _place(error: BaseException, module: str) -> str:
    """Returns the file and line in the plugin, or the module's file."""
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
