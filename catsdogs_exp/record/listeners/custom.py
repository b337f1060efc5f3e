"""Listeners of plugins: `logging.listeners=[NAME]`.

Needs no TensorFlow itself, so that a plugin can enter a listener before anybody pays for it.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catsdogs_exp.config.registry import OFFERED
from catsdogs_exp.config.schema import Config
from catsdogs_exp.errors import BadInput, one_line

if TYPE_CHECKING:  # they come with TensorFlow
    import keras

    from catsdogs_exp.training.fit import Listener
    from catsdogs_exp.training.progress import EpochResult
    from catsdogs_exp.training.steps import Steps

_SETTING = "logging.listeners"
_log = logging.getLogger("catsdogs_exp")


@dataclass(frozen=True)
class ListenedRun:
    """What a listener is told of its run when it is made.

    Attributes:
        folder: of the run; files of the listener's own may be written there.
        config: of the run.
        classes: names, in the order of the probabilities.
        model: the network that is trained.
        say: prints a line, which the run's log has too.
    """

    folder: Path
    config: Config
    classes: tuple[str, ...]
    model: "keras.Model"
    say: Callable[[str], None]


ListenerMaker = Callable[[ListenedRun], "Listener"]
_makers: dict[str, ListenerMaker] = {}


def register_listener(name: str) -> Callable[[ListenerMaker], ListenerMaker]:
    """Enters a listener under `name`: a class, or a function that makes one, that takes a `ListenedRun`.

    A listener has `on_step(epoch, step, steps, steps_object)` and `on_epoch(result)`, or one of the two, and may have
    `on_end(status)`, with `ok`, `failed` or `interrupted`.

    Raises:
        ValueError: when the name is taken.
    """

    def enter(maker: ListenerMaker) -> ListenerMaker:
        if name in _makers:
            raise ValueError(f"A listener named {name!r} is already registered by {_makers[name].__module__}.")
        _makers[name] = maker
        OFFERED.setdefault(_SETTING, []).append(name)
        return maker

    return enter


def make_listeners(names: tuple[str, ...], run: ListenedRun) -> list["GuardedListener"]:
    """Makes the listeners that a run asks for.

    Raises:
        BadInput: when one cannot be made, naming it: nothing is trained yet.
    """
    made = []
    for name in names:
        try:
            made.append(GuardedListener(name, _makers[name](run), run.say))
        except Exception as error:  # whatever a user's code may raise
            raise BadInput(f"{_SETTING}: {name} cannot be made: {one_line(error)}") from error
    return made


class GuardedListener:
    """A listener whose errors do not end the run: the first one is told, and it hears of nothing more.

    Args:
        name: of the listener, for the message.
        listener: the listener.
        say: takes the message.
    """

    def __init__(self, name: str, listener: Any, say: Callable[[str], None]) -> None:
        self.name, self._listener, self._say = name, listener, say
        self._has_failed = False

    def on_step(self, epoch: int, step: int, steps: int, steps_object: "Steps") -> None:
        """Passes it on."""
        self._tell("on_step", f"epoch {epoch}, step {step}", epoch, step, steps, steps_object)

    def on_epoch(self, result: "EpochResult") -> None:
        """Passes it on."""
        self._tell("on_epoch", f"epoch {result.epoch}", result)

    def on_end(self, status: str) -> None:
        """Passes it on."""
        self._tell("on_end", "the end", status)

    def _tell(self, method: str, when: str, *arguments: Any) -> None:
        call = getattr(self._listener, method, None)
        if call is None or self._has_failed:
            return
        try:
            call(*arguments)
        except Exception as error:  # whatever a user's code may raise
            self._has_failed = True
            _log.exception("the listener %s failed", self.name)
            self._say(
                f"the listener {self.name} failed at {when}: {one_line(error)}. The run goes on without it; the "
                "traceback is in run.log"
            )
