"""Packages that only some sources need."""

import importlib
import importlib.util
import sys
from types import ModuleType

from catsdogs_exp.errors import BadInput, one_line


def installed(module: str, package: str, extra: str) -> None:
    """Raises an error if a source's package is missing, without importing it.

    Raises:
        BadInput: saying how to install it.
    """
    if module not in sys.modules and importlib.util.find_spec(module) is None:
        raise BadInput(
            f"dataset={extra} needs the package {package}, which is not installed. "
            f"Install it: pip install 'catsdogs-exp[{extra}]'"
        )


def imported(module: str, package: str, extra: str) -> ModuleType:
    """Imports such a package.

    Raises:
        BadInput: if it is missing, or does not work here.
    """
    installed(module, package, extra)
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise BadInput(f"The package {package} cannot be imported: {one_line(error)}") from error
