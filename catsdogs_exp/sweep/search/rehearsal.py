"""Tries a sampler before a search: some need a package, or refuse the objectives, only after their first trials."""

import warnings
from collections.abc import Sequence
from typing import Any

from catsdogs_exp.errors import BadInput, one_line
from catsdogs_exp.sweep.search.space import Space
from catsdogs_exp.sweep.search.study import optuna

_MOST = 50  # trials that a sampler may draw at random before it begins to choose


def rehearse(name: str, sampler: Any, space: Space, directions: Sequence[str]) -> None:
    """Lets a sampler choose the first trials of a study in memory.

    Args:
        name: as typed.
        sampler: its object, which no study uses afterwards.
        space: what it chooses from.
        directions: of the objectives.

    Raises:
        BadInput: if it needs a package that is not installed, or does not handle these objectives or this space.
    """
    library = optuna()
    verbosity = library.logging.get_verbosity()
    library.logging.set_verbosity(library.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            study = library.create_study(sampler=sampler, directions=list(directions))
            for number in range(min(getattr(sampler, "_n_startup_trials", 0), _MOST) + 2):
                trial = study.ask()
                space.choose(trial)
                study.tell(trial, [float(number)] * len(directions))
    except ImportError as error:
        raise BadInput(
            f"sweep.sampler={name} needs a package that is not installed: {one_line(error)}. Install it, or choose "
            "another sampler: sweep.sampler=tpe"
        ) from error
    except RuntimeError:  # all combinations have been tried, which is how `grid` ends a study
        return
    except (ValueError, TypeError, NotImplementedError) as error:
        raise BadInput(
            f"sweep.sampler={name} cannot be used with this space and these objectives: {one_line(error)}. Choose "
            "another sampler: sweep.sampler=tpe"
        ) from error
    finally:
        library.logging.set_verbosity(verbosity)
