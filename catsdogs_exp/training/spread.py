"""Training on several devices or machines at once: `training.strategy`, on `tf.distribute`.

Every device holds all weights and computes the gradients of its part of a batch; the sum over all parts moves every
copy alike. The batch stays what it is on one device, and so does the result, up to rounding.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from catsdogs_exp.config.cluster import Cluster
from catsdogs_exp.config.training import Training
from catsdogs_exp.errors import BadInput, RunFailed

JOIN_SECONDS = 600  # how long a worker waits for the others to begin: one may still inspect its images
_LOOK_SECONDS = 10  # between two looks at whether all are still there
_ANSWER_SECONDS = 10  # that one has to answer
_LOOKS = 2  # without an answer: then it is gone
GONE_SECONDS = _LOOK_SECONDS + _LOOKS * _ANSWER_SECONDS  # at the latest

# What TensorFlow raises when the other side of a connection is no longer there.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
)


@dataclass(frozen=True)
class Spread:
    """Over what training is spread.

    Attributes:
        strategy: of `tf.distribute`; None: one device, as if there were no such thing.
        cluster: the processes that train together; None: this one alone.
    """

    strategy: tf.distribute.Strategy | None = None
    cluster: Cluster | None = None

    @property
    def workers(self) -> int:
        """Processes."""
        return len(self.cluster.workers) if self.cluster else 1

    @property
    def worker(self) -> int:
        """Which of them this one is."""
        return self.cluster.index if self.cluster else 0

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run folder."""
        return self.worker == 0

    @property
    def replicas(self) -> int:
        """Devices of all processes."""
        return int(self.strategy.num_replicas_in_sync) if self.strategy is not None else 1

    @property
    def shard(self) -> tuple[int, int]:
        """Which part of each batch this process prepares, of how many."""
        return self.worker, self.workers

    def scope(self) -> AbstractContextManager[Any]:
        """Variables made inside have a copy on each device. All workers must make the same ones in the same order."""
        return self.strategy.scope() if self.strategy is not None else nullcontext()

    def describe(self) -> str:
        """What a run says of it in a line; `""` for one device."""
        if self.strategy is None:
            return ""
        devices = f"{self.replicas} device{'s' if self.replicas > 1 else ''}"
        if self.cluster is not None:
            return f"spread over {self.workers} workers, {devices}; this is the chief of {', '.join(self.cluster.workers)}"
        return f"spread over {devices}: {', '.join(map(_short, self.strategy.extended.worker_devices))}"

    def agree(self, values: Mapping[str, str | int]) -> None:
        """Makes sure that all workers train the same thing.

        Args:
            values: what must be the same: its name to hexadecimal digits or a whole number.

        Raises:
            BadInput: on every worker, naming what differs and where.
        """
        if self.cluster is None or self.strategy is None:
            return
        rows = np.zeros((self.workers, len(values)), np.int64)
        rows[self.worker] = [int(v[:15], 16) if isinstance(v, str) else v for v in values.values()]
        everybody = np.asarray(self._summed(tf.constant(rows)))
        for place, name in enumerate(values):
            for worker, value in enumerate(everybody[:, place].tolist()):
                if value != everybody[0, place]:
                    raise BadInput(
                        f"All workers must have the same {name}. That of worker {worker} at "
                        f"{self.cluster.workers[worker]} is not that of worker 0. Start all of them with the same "
                        "command, version and data"
                    )

    @contextmanager
    def together(self) -> Iterator[None]:
        """Within it the workers need each other; when it ends well, all of them have come to its end.

        Raises:
            RunFailed: at most `GONE_SECONDS` after another worker is gone.
        """
        if self.cluster is None:
            yield
            return
        try:
            yield
        except _LOST as error:
            raise RunFailed(self._who_is_gone(str(error))) from error
        self._part()

    def _summed(self, value: tf.Tensor) -> tf.Tensor:
        """The sum of all workers' values."""
        strategy = self.strategy
        assert strategy is not None

        @tf.function
        def total() -> Any:
            first = tf.cast(tf.equal(_local_replica(strategy), 0), value.dtype)
            return strategy.run(
                lambda: tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, value * first)
            )

        # several devices of a worker would count it several times
        total = tf.function(
            lambda: strategy.run(
                lambda: tf.distribute.get_replica_context().all_reduce(
                    tf.distribute.ReduceOp.SUM, value * tf.cast(tf.equal(_local_replica(strategy), 0), value.dtype)
                )
            )
        )
        return strategy.experimental_local_results(total())[0]
