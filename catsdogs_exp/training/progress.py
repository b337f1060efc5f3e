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
_FLEETING = MappingProxyType({"saved": False})  # marks what is not written down


@dataclass(frozen=True)
class EpochResult:
    """One epoch, counted from 1.

    Attributes:
        epoch: number, in the whole run.
        stage: number of the stage it belongs to, from 1.
        train: loss and accuracy over the epoch's training batches.
        val: loss and accuracy of the validation pass; empty without validation images.
        learning_rate: at the epoch's end.
        seconds: of the training steps and the validation pass.
        images_per_second: of the training steps alone.
        waiting: share of their time that steps waited for a batch, 0..1.
        is_best: whether it was the best epoch when it ended.
        outputs: what the network said of the validation images, for listeners: the history does not keep it.
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
        """The monitored value: `val_accuracy`, `loss`, ..."""
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
        """The epochs of the stages before one."""
        return [result for result in self.epochs if result.stage < stage]

    @property
    def seconds(self) -> float:
        """What the epochs took."""
        return sum(result.seconds for result in self.epochs)

    def would_be_best(self, result: EpochResult) -> bool:
        """Whether an epoch is better than all so far: by `monitor`, in a tie by the loss. NaN is the worst of all."""
        if not any(each.is_best for each in self.epochs):
            return True
        return self._badness(result) < self._badness(self.best)

    def _badness(self, result: EpochResult) -> tuple[float, float]:
        """What the best epoch has the least of."""
        value = result.value(self.monitor)
        loss = (result.val or result.train).get("loss", math.nan)
        return _nan_is_worst(value if lower_is_better(self.monitor) else -value), _nan_is_worst(loss)


@dataclass
class Progress:
    """Where a run stands between two steps.

    Attributes:
        history: the epochs done.
        steps: training steps done in all.
        step: of them in the epoch under way.
        images: that they saw.
        trained: seconds that they took.
        waited: seconds of these in which they waited for a batch.
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
        """A new epoch is under way, with nothing done in it."""
        self.step, self.images, self.trained, self.waited = 0, 0, 0.0, 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain values; JSON keeps every bit of a float."""
        content = asdict(self)
        for epoch in content["history"]["epochs"]:
            del epoch["outputs"]
        return content

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Progress":
        """What `to_json` gave.

        Raises:
            KeyError, TypeError: when it is something else.
        """
        history = _made(History, content["history"])
        epochs = [_made(EpochResult, each) for each in history.epochs]
        return _made(cls, {**content, "history": replace(history, epochs=epochs)})


def progress_of(snapshot: Snapshot) -> Progress:
    """Where the run stood.

    Raises:
        BadInput: when the snapshot does not say so in our words.
    """
    try:
        return Progress.from_json(snapshot.state["progress"])
    except (KeyError, TypeError) as error:
        raise snapshot.refused(error) from error


def _nan_is_worst(badness: float) -> float:
    """Infinity for NaN. (An infinite loss is no better than one that is no number.)"""
    return math.inf if math.isnan(badness) else badness


def _made(kind: type[T], content: Any) -> T:
    """A dataclass from its values as they were in JSON.

    Raises:
        KeyError, TypeError: when one is missing, unknown, or of another kind.
    """
    for each in fields(kind):  # type: ignore[arg-type]
        if each.metadata == _FLEETING:
            if each.name in content:
                raise TypeError(f"{each.name} must not be there")
        elif not _fits(content[each.name], each.type):
            raise TypeError(f"{each.name} must not be {content[each.name]!r:.80}")
    return kind(**content)


def _fits(value: Any, kind: Any) -> bool:
    if isinstance(value, bool):  # Python counts it among the numbers
        return kind is bool
    if kind == dict[str, float]:
        return isinstance(value, dict) and all(_fits(each, float) for each in value.values())
    return isinstance(value, int | float if kind is float else get_origin(kind) or kind)
