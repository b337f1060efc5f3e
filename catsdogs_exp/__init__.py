"""Configuration-driven image classification experiments.

    import catsdogs_exp as ce

    run = ce.train("dataset=drawn", lr=0.001, epochs=3)
    runs = ce.open_runs("outputs")

The functions are imported when they are first used: importing the package imports neither TensorFlow nor Hydra.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from catsdogs_exp.notebook.opened_run import open_run as open_run
    from catsdogs_exp.notebook.opened_runs import compare as compare
    from catsdogs_exp.notebook.opened_runs import open_runs as open_runs
    from catsdogs_exp.notebook.training import train as train
    from catsdogs_exp.notebook.training import train_sweep as train_sweep

__version__ = "0.1.0"
__all__ = ["__version__", "compare", "open_run", "open_runs", "train", "train_sweep"]

_PLACES = {
    "compare": "opened_runs",
    "open_run": "opened_run",
    "open_runs": "opened_runs",
    "train_sweep": "training",
    "train": "training",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"catsdogs_exp.notebook.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
