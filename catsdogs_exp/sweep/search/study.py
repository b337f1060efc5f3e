"""The study of a search: its storage, sampler and pruner, all of Optuna's."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from catsdogs_exp.errors import BadInput, did_you_mean, one_line

JOURNAL = "study.journal"  # in the folder of the sweep
PRUNERS = ("none", "median", "successive_halving", "hyperband")


def optuna() -> Any:
    """The library, quiet.

    Raises:
        BadInput: if it is not installed.
    """
    try:
        import optuna as library  # noqa: PLC0415  (an extra)
    except ImportError as error:
        raise BadInput(
            "hydra/sweeper=optuna needs Optuna, which is not installed: pip install 'catsdogs-exp[search]'"
        ) from error
    library.logging.set_verbosity(library.logging.WARNING)
    return library


def open_storage(place: str) -> Any:
    """Opens a storage.

    Args:
        place: a URL such as `sqlite:///study.db`, or the path of a journal file.

    Raises:
        BadInput: if it cannot be opened.
    """
    library = optuna()
    try:
        if "://" in place:
            return library.storages.get_storage(place)
        return library.storages.JournalStorage(library.storages.journal.JournalFileBackend(place))
    except (OSError, ValueError, ImportError, RuntimeError) as error:
        raise _unusable(place, error) from error
    except Exception as error:  # of SQLAlchemy and its drivers: there is no common base class
        if type(error).__module__.split(".")[0] not in ("sqlalchemy", "alembic", "optuna"):
            raise
        raise _unusable(place, error) from error


def make_pruner(name: str) -> Any:
    """The pruner for one of `PRUNERS`. Its steps are epochs."""
    pruners = optuna().pruners
    if name == "median":
        return pruners.MedianPruner(n_startup_trials=5)
    if name == "successive_halving":
        return pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2)
    if name == "hyperband":
        return pruners.HyperbandPruner()
    return pruners.NopPruner()


def make_sampler(name: str, seed: int, options: Mapping[str, Any], space: Mapping[str, Any]) -> Any:
    """A sampler of Optuna by its name: `tpe`, `random`, `cmaes`, `TPESampler`, ...

    Args:
        name: with or without `Sampler`, in any case.
        seed: for its draws, if it takes one.
        options: further arguments.
        space: name -> values, for the sampler `grid`.

    Raises:
        BadInput: for an unknown name or option.
    """
    samplers = optuna().samplers
    abstract = ("BaseSampler", "BaseGASampler", "PartialFixedSampler")
    known = {
        each.removesuffix("Sampler").lower(): each
        for each in samplers.__all__
        if each.endswith("Sampler") and each not in abstract
    }
    found = known.get(name.lower().removesuffix("sampler"))
    if found is None:
        raise BadInput(
            f"sweep.sampler must be one of {', '.join(known)}. Received: sweep.sampler={name}."
            f"{did_you_mean(name, known)}"
        )
    arguments = {"seed": seed, **({"search_space": dict(space)} if found == "GridSampler" else {}), **options}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that options are experimental or no longer needed
        try:
            return getattr(samplers, found)(**arguments)
        except (TypeError, ValueError) as error:
            raise BadInput(f"sweep.sampler={name} does not take these options: {one_line(error)}") from error
        except ImportError as error:
            raise BadInput(f"sweep.sampler={name} needs a package that is not installed: {one_line(error)}") from error


def _unusable(place: str, error: Exception) -> BadInput:
    shown = place.rpartition("@")[2] if "@" in place else place  # without a password
    kind = "a URL such as sqlite:///study.db" if "://" in place else Path(place).name
    return BadInput(f"sweep.storage must be {kind} that can be opened: {one_line(error)}. Received: {shown}")
