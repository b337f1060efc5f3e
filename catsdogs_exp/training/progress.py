"""The progress of a run: its finished epochs and the current one. Converts to JSON and back without loss."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, TypeVar, get_origin

from catsdogs_exp.metrics.names import lower_is_better
from catsdogs_exp.training.checkpoint.snapshot_file import Snapshot
from catsdogs_exp.training.outputs import Outputs

T = TypeVar("T")
_FLEETING = MappingProxyType({"saved": False})  # marks fields that are not saved


@dataclass(frozen=True)
class EpochResult:
    """One epoch, counted from 1.

    Attributes:
        epoch: number, in the whole run.
        stage: number of the stage it belongs to, from 1.
        train: loss and accuracy over the epoch's training batches.
        val: loss and accuracy of the validation pass; empty without validation images.
        learning_rate: learning rate at the end of the epoch.
        seconds: duration of the training steps and the validation pass.
        images_per_second: speed of the training steps alone.
        waiting: fraction of their time that training steps waited for a batch, 0..1.
        is_best: whether it was the best epoch so far.
        outputs: the network's outputs for the validation images, for listeners; the history does not keep them.
    """

    epoch: int
    stage: int
    train: dict[str, float]
    val: dict[str, float]
    learning_rate: float
    seconds: float
    images_per_second: float
    waiting: float
    is_best: bool
    outputs: Outputs | None = field(default=None, repr=False, compare=False, metadata=_FLEETING)

    def value(self, monitor: str) -> float:
        """Returns the value of a metric: `val_accuracy`, `loss`, ..."""
        source = self.val if monitor.startswith("val_") else self.train
        return source[monitor.removeprefix("val_")]


@dataclass
class History:
    """The epochs of a run so far."""

    monitor: str
    epochs: list[EpochResult] = field(default_factory=list)

    @property
    def best(self) -> EpochResult:
        """The best epoch: by `monitor`, then by the lower validation loss, then the earlier one."""
        return next(result for result in reversed(self.epochs) if result.is_best)

    @property
    def stage(self) -> int:
        """The stage of the last epoch; 1 before the first one."""
        return self.epochs[-1].stage if self.epochs else 1

    def of_stage(self, stage: int) -> list[EpochResult]:
        """The epochs of one stage."""
        return [result for result in self.epochs if result.stage == stage]

    def before_stage(self, stage: int) -> list[EpochResult]:
        """The epochs of all stages before one."""
        return [result for result in self.epochs if result.stage < stage]

    @property
    def seconds(self) -> float:
        """The total time of the epochs."""
        return sum(result.seconds for result in self.epochs)

    def would_be_best(self, result: EpochResult) -> bool:
        """Returns whether an epoch is better than all so far, by `monitor`; ties are broken by the loss. NaN is
        worst.
        """
        if not any(each.is_best for each in self.epochs):
            return True
        return self._badness(result) < self._badness(self.best)

    def _badness(self, result: EpochResult) -> tuple[float, float]:
        """Returns the sort key of an epoch; the best epoch has the lowest."""
        value = result.value(self.monitor)
        loss = (result.val or result.train).get("loss", math.nan)
        return _nan_is_worst(value if lower_is_better(self.monitor) else -value), _nan_is_worst(loss)


@dataclass
class Progress:
    """The position of a run between two steps.

    Attributes:
        history: the finished epochs.
        steps: total number of training steps done.
        step: steps done in the current epoch.
        images: images seen in these steps.
        trained: duration of these steps, in seconds.
        waited: seconds of that spent waiting for a batch.
        stopped: why the run ended before its last epoch, or `""`.
    """

    history: History
    steps: int = 0
    step: int = 0
    images: int = 0
    trained: float = 0.0
    waited: float = 0.0
    stopped: str = ""

    def begin_epoch(self) -> None:
        """Starts a new epoch."""
        self.step, self.images, self.trained, self.waited = 0, 0, 0.0, 0.0

    def to_json(self) -> dict[str, Any]:
        """Returns plain values; JSON preserves every bit of a float."""
        content = asdict(self)
        for epoch in content["history"]["epochs"]:
            del epoch["outputs"]
        return content

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Progress":
        """Restores the result of `to_json`.

        Raises:
            KeyError, TypeError: if it is anything else.
        """
        history = _made(History, content["history"])
        epochs = [_made(EpochResult, each) for each in history.epochs]
        return _made(cls, {**content, "history": replace(history, epochs=epochs)})


def progress_of(snapshot: Snapshot) -> Progress:
    """Returns the saved position of the run.

    Raises:
        BadInput: if the snapshot does not contain a valid one.
    """
    try:
        return Progress.from_json(snapshot.state["progress"])
    except (KeyError, TypeError) as error:
        raise snapshot.refused(error) from error


def _nan_is_worst(badness: float) -> float:
    """Replaces NaN with infinity. (An infinite loss is no better than NaN.)"""
    return math.inf if math.isnan(badness) else badness


def _made(kind: type[T], content: Any) -> T:
    """Creates a dataclass from its JSON values.

    Raises:
        KeyError, TypeError: if one is missing, unknown, or of the wrong type.
    """
    for each in fields(kind):  # type: ignore[arg-type]
        if each.metadata == _FLEETING:
            if each.name in content:
                raise TypeError(f"{each.name} must not be present")
        elif not _fits(content[each.name], each.type):
            raise TypeError(f"{each.name} must not be {content[each.name]!r:.80}")
    return kind(**content)


def _fits(value: Any, kind: Any) -> bool:
    if isinstance(value, bool):  # Python counts bool as a number
        return kind is bool
    if kind == dict[str, float]:
        return isinstance(value, dict) and all(_fits(each, float) for each in value.values())
    return isinstance(value, int | float if kind is float else get_origin(kind) or kind)
