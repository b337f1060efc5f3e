"""A screen for stages that are only tried: messages about the stage will come from the run itself."""

from collections.abc import Callable
from dataclasses import dataclass

from catsdogs_exp.run.job import Screen
from catsdogs_exp.training.fit import Listener


@dataclass(frozen=True)
class QuietScreen:
    """Shows progress only."""

    screen: Screen

    def say(self, text: str) -> None:
        """Does nothing."""

    def progress(self, what: str, done: int, total: int) -> None:
        """Shows how far a part of the work has come."""
        self.screen.progress(what, done, total)

    def close(self) -> None:
        """Removes the display."""
        self.screen.close()

    def training(self, epochs: Callable[[], int], batch_size: int) -> Listener:
        """Returns the display of the epochs."""
        return self.screen.training(epochs, batch_size)
