"""Where a run stands: the epochs done, and how far the one under way is. Goes to JSON and back without loss."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class EpochResult:
    """One epoch, counted from 1.

    Attributes:
        epoch: number.
        train: loss and accuracy over the epoch's training batches.
        val: loss and accuracy of the validation pass; empty without validation images.
        learning_rate: at the epoch's end.
        seconds: of the training steps and the validation pass.
        images_per_second: of the training steps alone.
        waiting: share of their time that steps waited for a batch, 0..1.
        is_best: whether `monitor` was never better.
    """

    epoch: int
    train: dict[str, float]
    val: dict[str, float]
    learning_rate: float
    seconds: float
    images_per_second: float
    waiting: float
    is_best: bool

    def value(self, monitor: str) -> float:
        """The monitored value: `val_accuracy`, `loss`, ..."""
        source = self.val if monitor.startswith("val_") else self.train
        return source[monitor.removeprefix("val_")]


def falls(metric: str) -> bool:
    """Whether less is better."""
    return metric.endswith("loss")


@dataclass
class History:
    """The epochs of a run so far."""

    monitor: str
    epochs: list[EpochResult] = field(default_factory=list)

    @property
    def best(self) -> EpochResult:
        """The best epoch by `monitor`; of equals the first."""
        return next(result for result in reversed(self.epochs) if result.is_best)

    @property
    def seconds(self) -> float:
        """What the epochs took."""
        return sum(result.seconds for result in self.epochs)

    def would_be_best(self, value: float) -> bool:
        """Whether `value` is better than all so far. NaN never is, but for the first epoch."""
        if not any(result.is_best for result in self.epochs):
            return True
        best = self.best.value(self.monitor)
        return value < best if falls(self.monitor) else value > best


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
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Progress":
        """What `to_json` gave.

        Raises:
            KeyError, TypeError: when it is something else.
        """
        history = content["history"]
        rest = {name: value for name, value in content.items() if name != "history"}
        return cls(History(str(history["monitor"]), [EpochResult(**each) for each in history["epochs"]]), **rest)


def same_numbers(one: History, other: History) -> bool:
    """Whether two runs gave the same values in every epoch, bit for bit. Times do not count."""
    return len(one.epochs) == len(other.epochs) and all(
        _equal(a.train, b.train) and _equal(a.val, b.val) and a.learning_rate == b.learning_rate
        for a, b in zip(one.epochs, other.epochs, strict=True)
    )


def _equal(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    return one.keys() == other.keys() and all(
        value == other[name] or (math.isnan(value) and math.isnan(other[name])) for name, value in one.items()
    )
