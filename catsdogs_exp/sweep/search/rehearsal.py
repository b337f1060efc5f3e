"""Tries a sampler before a search: some need a package, or refuse the objectives, only after their first trials."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from catsdogs_exp.errors import BadInput, one_line
from catsdogs_exp.sweep.search.space import Space
from catsdogs_exp.sweep.search.study import optuna

_DRAWN = 10  # trials that Optuna's samplers draw at random before they begin to choose, unless they are told otherwise
_MOST = 50


def rehearse(name: str, sampler: Any, options: Mapping[str, Any], space: Space, directions: Sequence[str]) -> None:
    """Lets a sampler choose the first trials of a study in memory.

    Args:
        name: as typed.
        sampler: its object, which no study uses afterwards.
        options: its arguments.
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
            for number in range(min(_drawn(options), _MOST) + 2):
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


def _drawn(options: Mapping[str, Any]) -> int:
    count = options.get("n_startup_trials", _DRAWN)
    return count if isinstance(count, int) and count > 0 else 0
