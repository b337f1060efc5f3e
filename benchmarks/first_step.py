"""`python -m benchmarks.first_step key=value ...`: a run that stops at its first training step and prints the time.

It takes the same path as `python -m catsdogs_exp` and imports nothing earlier.
"""

import os
import sys
import time
from typing import Any

from catsdogs_exp.__main__ import main
from catsdogs_exp.training import runtime


def _end_at_first_step() -> None:
    """Called when the run has just imported TensorFlow: before that there is nothing to hook into."""
    from catsdogs_exp.training.steps import Steps

    build = Steps.__init__

    def patched(self: Steps, *arguments: Any, **settings: Any) -> None:
        build(self, *arguments, **settings)
        train = self.train

        def once(*batch: Any) -> None:
            train(*batch)
            self.averages()  # waits for the step's result
            print(time.time(), flush=True)
            os._exit(0)

        self.train = once

    Steps.__init__ = patched  # type: ignore[method-assign]


def _hook() -> None:
    prepare = runtime.prepare

    def patched(*arguments: Any, **settings: Any) -> None:
        prepare(*arguments, **settings)
        _end_at_first_step()

    runtime.prepare = patched


if __name__ == "__main__":
    _hook()
    sys.exit(main(sys.argv[1:]))
