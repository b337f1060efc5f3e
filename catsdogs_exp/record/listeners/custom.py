"""Listeners of plugins: `logging.listeners=[NAME]`.

Does not import TensorFlow, so that plugins can register a listener cheaply.
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
_METHODS = ("on_step", "on_epoch", "on_end")
_log = logging.getLogger("catsdogs_exp")


@dataclass(frozen=True)
class ListenedRun:
    """The information about its run that a listener is created with.

    Attributes:
        folder: of the run; the listener may write its own files there.
        config: of the run.
        classes: names, in the order of the probabilities.
        model: the network being trained.
        say: prints a line, also to the run's log.
        epochs: results of the epochs done so far, if the run is resumed.
    """

    folder: Path
    config: Config
    classes: tuple[str, ...]
    model: "keras.Model"
    say: Callable[[str], None]
    epochs: tuple["EpochResult", ...] = ()


ListenerMaker = Callable[[ListenedRun], "Listener"]
_makers: dict[str, ListenerMaker] = {}


def register_listener(name: str) -> Callable[[ListenerMaker], ListenerMaker]:
    """Registers a listener as `name`: a class or factory function that takes a `ListenedRun`.

    A listener has any of `on_step(epoch, step, steps, steps_object)`, `on_epoch(result)` and `on_end(status)`, with
    `ok`, `failed`, `interrupted` or `pruned`.

    Raises:
        ValueError: if the name is already registered.
    """

    def enter(maker: ListenerMaker) -> ListenerMaker:
        if name in _makers:
            raise ValueError(f"A listener named {name!r} is already registered by {_makers[name].__module__}.")
        _makers[name] = maker
        OFFERED.setdefault(_SETTING, []).append(name)
        return maker

    return enter


def make_listeners(names: tuple[str, ...], run: ListenedRun) -> list["GuardedListener"]:
    """Creates the listeners that a run requests.

    Raises:
        BadInput: if one cannot be created; names it. Training has not begun yet.
    """
    made = []
    for name in names:
        try:
            listener = _makers[name](run)
        except (Exception, SystemExit) as error:  # user code may raise anything
            raise BadInput(f"{_SETTING}: {name} cannot be created: {one_line(error)}") from error
        if not any(hasattr(listener, method) for method in _METHODS):
            run.say(f"the listener {name} is never called: it has none of {', '.join(_METHODS)}")
        made.append(GuardedListener(name, listener, run.say))
    return made


class GuardedListener:
    """A listener whose errors do not end the run: the first one is reported, and the listener is not called again.

    Args:
        name: of the listener, for the message.
        listener: the listener.
        say: called with the message.
    """

    def __init__(self, name: str, listener: Any, say: Callable[[str], None]) -> None:
        self.name, self._listener, self._say = name, listener, say
        self._has_failed = False

    def on_step(self, epoch: int, step: int, steps: int, steps_object: "Steps") -> None:
        """Calls the listener."""
        self._tell("on_step", f"epoch {epoch}, step {step}", epoch, step, steps, steps_object)

    def on_epoch(self, result: "EpochResult") -> None:
        """Calls the listener."""
        self._tell("on_epoch", f"epoch {result.epoch}", result)

    def on_end(self, status: str) -> None:
        """Calls the listener."""
        self._tell("on_end", "the end", status)

    def _tell(self, method: str, when: str, *arguments: Any) -> None:
        call = getattr(self._listener, method, None)
        if call is None or self._has_failed:
            return
        try:
            call(*arguments)
        except (Exception, SystemExit) as error:  # user code may raise anything
            self._has_failed = True
            _log.exception("the listener %s failed", self.name)
            self._say(
                f"the listener {self.name} failed at {when}: {one_line(error)}. The run continues without it; the "
                "traceback is in run.log"
            )
