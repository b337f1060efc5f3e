"""The study of a search: its storage, sampler and pruner, all from Optuna."""

import os
import time
import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from catsdogs_exp.errors import BadInput, did_you_mean, one_line

JOURNAL = "study.journal"  # in the folder of the sweep
_POSTGRESQL = "postgresql://"
_DISTURBED = ("IntegrityError", "ProgrammingError", "InternalError")  # while another process creates the same tables
_ATTEMPTS = 5
_RETRIES = 3  # machines that a trial may outlive
PRUNERS = ("none", "median", "successive_halving", "hyperband")


def optuna() -> Any:
    """Imports Optuna, without its messages.

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


def open_storage(place: str, lost_after: int | None = None) -> Any:
    """Opens a storage.

    Args:
        place: a URL such as `sqlite:///study.db`, or the path of a journal file.
        lost_after: seconds without a sign of life after which a trial in a database counts as lost; None: never.

    Raises:
        BadInput: if it cannot be opened.
    """
    library = optuna()
    try:
        if "://" in place:
            return _database(place, lost_after)
        return library.storages.JournalStorage(_journal(place))
    except (OSError, ValueError, ImportError, RuntimeError) as error:
        raise _unusable(place, error) from error
    except Exception as error:  # of SQLAlchemy and its drivers: there is no common base class
        if type(error).__module__.split(".")[0] not in ("sqlalchemy", "alembic", "optuna"):
            raise
        raise _unusable(place, error) from error


def beats_per_wait(lost_after: int) -> int:
    """Seconds between two signs of life: three may get lost before a trial counts as lost."""
    return max(1, lost_after // 4)


def make_pruner(name: str, warmup: int = 0) -> Any:
    """A pruner. Its steps are epochs, from 1.

    Args:
        name: one of `PRUNERS`.
        warmup: epochs that the median pruner lets pass; the others begin with few epochs by design.
    """
    pruners = optuna().pruners
    if name == "median":
        return pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=warmup + 1)
    if name == "successive_halving":
        return pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2)
    if name == "hyperband":
        return pruners.HyperbandPruner()
    return pruners.NopPruner()


def sampler_class(name: str) -> Any:
    """A class of samplers of Optuna by its name: `tpe`, `random`, `cmaes`, `TPESampler`, ...

    Args:
        name: with or without `Sampler`, in any case.

    Raises:
        BadInput: for an unknown name.
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
    return getattr(samplers, found)


def make_sampler(name: str, seed: int, options: Mapping[str, Any], space: Mapping[str, Any]) -> Any:
    """A sampler.

    Args:
        name: as for `sampler_class`.
        seed: for its draws, if it takes one.
        options: further arguments.
        space: name -> values, for the sampler `grid`.

    Raises:
        BadInput: for an unknown name or option.
    """
    found = sampler_class(name)
    grid = {"search_space": dict(space)} if found.__name__ == "GridSampler" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that options are experimental or no longer needed
        try:
            return found(**{"seed": seed, **grid, **options})
        except (TypeError, ValueError) as error:
            raise BadInput(f"sweep.sampler={name} does not take these options: {one_line(error)}") from error
        except ImportError as error:
            raise BadInput(f"sweep.sampler={name} needs a package that is not installed: {one_line(error)}") from error


def _journal(place: str) -> Any:
    """Opens a journal file. Before each change, the rest of a line that a full disk or a power failure has cut short is
    removed; otherwise, the next line would continue it, and nothing could read the file again.
    """
    journal = optuna().storages.journal

    class MendingLock(journal.JournalFileSymlinkLock):  # type: ignore[misc, name-defined]
        def acquire(self) -> bool:
            acquired = bool(super().acquire())
            if acquired:
                _drop_cut_line(Path(place))
            return acquired

    return journal.JournalFileBackend(place, MendingLock(place))


def _drop_cut_line(path: Path) -> None:
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        if size == 0:
            return
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)


def _database(url: str, lost_after: int | None) -> Any:
    """Opens a database. If several processes start with an empty one, those creating tables disturb each other."""
    storages = optuna().storages
    with_driver = url
    if url.startswith(_POSTGRESQL) and find_spec("psycopg") is not None:
        with_driver = url.replace(_POSTGRESQL, "postgresql+psycopg://", 1)
    # a connection that was idle during an epoch may have been closed by a restart or a firewall
    options: dict[str, Any] = {"engine_kwargs": {"pool_pre_ping": True}}
    if lost_after is not None:
        options |= {"heartbeat_interval": beats_per_wait(lost_after), "grace_period": lost_after}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that signs of life are experimental
        if lost_after is not None:
            options["heartbeat_stale_trial_callback"] = storages.RetryHeartbeatStaleTrialCallback(max_retry=_RETRIES)
        for attempt in range(_ATTEMPTS):
            try:
                return storages.get_storage(storages.RDBStorage(with_driver, **options))
            except Exception as error:  # of SQLAlchemy, an optional dependency
                disturbed = type(error).__name__ in _DISTURBED or "already exists" in str(error)  # SQLite's own words
                if not disturbed or attempt == _ATTEMPTS - 1:
                    raise
                time.sleep(1)
    return None


def _unusable(place: str, error: Exception) -> BadInput:
    shown = place.rpartition("@")[2] if "@" in place else place  # without a password
    if isinstance(error, ImportError) and place.startswith("postgresql"):
        return BadInput(
            "sweep.storage=postgresql://... needs psycopg, which is not installed: "
            f"pip install 'catsdogs-exp[postgresql]'. Received: {shown}"
        )
    kind = "a URL such as sqlite:///study.db" if "://" in place else Path(place).name
    return BadInput(f"sweep.storage must be {kind} that can be opened: {one_line(error)}. Received: {shown}")
