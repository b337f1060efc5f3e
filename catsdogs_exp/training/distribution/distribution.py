"""Training on several devices or machines: `training.strategy`, built on `tf.distribute`.

Every device holds all weights and computes the gradients of its share of a batch; the sum over all shares updates every
copy equally. The batch is the same as on one device, and so is the result, up to rounding.
"""

import logging
import socket
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import tensorflow as tf

from catsdogs_exp import compat, process
from catsdogs_exp.config.cluster import Cluster
from catsdogs_exp.config.schema.training import Training
from catsdogs_exp.errors import BadInput, RunFailed

JOIN_SECONDS = 600  # how long a worker waits for the others to start: one may still be inspecting its images
_LOOK_SECONDS = 10  # between health checks
_ANSWER_SECONDS = 10  # timeout of a health check
_LOOKS = 2  # failed health checks before a worker counts as gone
GONE_SECONDS = _LOOK_SECONDS + _LOOKS * _ANSWER_SECONDS  # at the latest

_log = logging.getLogger("catsdogs_exp")

# Errors that TensorFlow raises when the other side of a connection is gone.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
)


@dataclass(frozen=True)
class Distribution:
    """The devices and processes that train together.

    Attributes:
        strategy: the `tf.distribute` strategy; None for a single device.
        cluster: the processes that train together; None: only this one.
    """

    strategy: tf.distribute.Strategy | None = None
    cluster: Cluster | None = None

    @property
    def workers(self) -> int:
        """Number of processes."""
        return len(self.cluster.workers) if self.cluster else 1

    @property
    def worker(self) -> int:
        """The index of this process."""
        return self.cluster.index if self.cluster else 0

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run folder."""
        return self.worker == 0

    @property
    def replicas(self) -> int:
        """Number of devices in all processes."""
        return int(self.strategy.num_replicas_in_sync) if self.strategy is not None else 1

    @property
    def shard(self) -> tuple[int, int]:
        """This process's part of each batch, and the number of parts."""
        return self.worker, self.workers

    def scope(self) -> AbstractContextManager[Any]:
        """Variables created inside have a copy on each device. All workers must create them in the same order."""
        return self.strategy.scope() if self.strategy is not None else nullcontext()

    def describe(self) -> str:
        """Returns one line for the run's output; `""` for one device."""
        if self.strategy is None:
            return ""
        devices = f"{self.replicas} device{'s' if self.replicas > 1 else ''}"
        if self.cluster is not None:
            return f"spread over {self.workers} workers, {devices}: {', '.join(self.cluster.workers)}"
        return f"spread over {devices}: {', '.join(map(_short, self.strategy.extended.worker_devices))}"

    def agree(self, values: Mapping[str, str | int]) -> None:
        """Verifies that all workers train the same thing.

        Args:
            values: what must be equal: name -> hexadecimal string or integer.

        Raises:
            BadInput: on every worker, naming what differs and where.
        """
        if self.cluster is None or self.strategy is None:
            return
        rows = np.zeros((self.workers, len(values)), np.int64)
        rows[self.worker] = [int(v[:15], 16) if isinstance(v, str) else v for v in values.values()]
        every_value = np.asarray(self._summed(tf.constant(rows)))
        for place, name in enumerate(values):
            for worker, value in enumerate(every_value[:, place].tolist()):
                if value != every_value[0, place]:
                    raise BadInput(
                        f"All workers must have the same {name}. That of worker {worker} at "
                        f"{self.cluster.workers[worker]} is not that of worker 0. Start all of them with the same "
                        "command, version and data"
                    )

    def all_workers(self, value: bool) -> bool:
        """Returns whether a value is true on all workers. All of them must call this."""
        if self.cluster is None:
            return value
        return int(self._summed(tf.constant(int(value)))) == self.workers

    @contextmanager
    def together(self) -> Iterator[None]:
        """A context manager in which the workers depend on each other, until they `part`.

        Raises:
            RunFailed: at most `GONE_SECONDS` after another worker dies.
        """
        if self.cluster is None:
            yield
            return
        try:
            yield
        except _LOST as error:
            if self.strategy is None or not compat.is_watching(self.strategy):
                raise
            raise RunFailed(self._who_is_gone(str(error))) from error

    def _summed(self, value: tf.Tensor) -> tf.Tensor:
        """Returns the sum of all workers' values."""
        strategy = self.strategy
        assert strategy is not None

        def one() -> tf.Tensor:
            first = tf.cast(
                tf.equal(local_replica(strategy), 0), value.dtype
            )  # a worker's other devices contribute nothing
            return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, value * first)

        return strategy.experimental_local_results(tf.function(lambda: strategy.run(one))())[0]

    def part(self) -> None:
        """Stops watching the other workers, which may then exit, once all of them have reached this point."""
        if self.cluster is None or self.strategy is None:
            return
        try:
            self._summed(tf.zeros((), tf.int32))
        except _LOST:  # a worker got here and exited before its answer arrived
            _log.info("another worker ended first")
        compat.stop_watching(self.strategy)

    def _who_is_gone(self, message: str) -> str:
        assert self.cluster is not None
        said = compat.workers_down(message)
        others = [worker for worker in range(self.workers) if worker != self.worker]
        gone = [worker for worker in others if worker in said or not self._answers(worker)]
        if not gone:
            reason = " ".join(message.split())[:300]
            who = f"The workers have lost contact ({reason})"
        else:
            who = " and ".join(f"worker {worker} at {self.cluster.workers[worker]}" for worker in gone)
            who = f"{who[0].upper()}{who[1:]} {'is' if len(gone) == 1 else 'are'} gone"
        return f"{who}. Start all workers again: each with `python -m catsdogs_exp resume RUN`"

    def _answers(self, worker: int) -> bool:
        assert self.cluster is not None
        host, _, port = self.cluster.workers[worker].rpartition(":")
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=2):
                return True
        except OSError:
            return False


ONE_DEVICE = Distribution()


def local_replica(strategy: tf.distribute.Strategy) -> int:
    """Returns the index of the current device among this process's devices, in a replica context."""
    number = tf.distribute.get_replica_context().replica_id_in_sync_group
    number = int(tf.get_static_value(number)) if tf.is_tensor(number) else int(number)
    return number % len(strategy.extended.worker_devices)


def open_strategy(training: Training, cluster: Cluster | None) -> Distribution:
    """Creates the strategy for `training.strategy`. With a cluster, it waits for all workers to start.

    Must be called before TensorFlow has computed anything in this process.

    Args:
        training: the settings.
        cluster: the processes that train together, for `multi_worker`.

    Raises:
        RunFailed: if the other workers do not start, or this one's port is taken.
    """
    if training.strategy == "mirrored":
        kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
        return Distribution(_mirrored(tuple(device.name for device in tf.config.list_logical_devices(kind))))
    if training.strategy == "multi_worker":
        assert cluster is not None, "cluster_for has found it"
        return Distribution(_of_workers(cluster), cluster)
    return Distribution()


@cache
def _mirrored(devices: tuple[str, ...]) -> tf.distribute.Strategy:
    """Returns one shared strategy for all jobs of a process.

    A new one would restart the numbering of its sums, and TensorFlow confuses sums with the same number.
    """
    return tf.distribute.MirroredStrategy(devices)


def _of_workers(cluster: Cluster) -> tf.distribute.Strategy:
    compat.watch_workers(compat.Patience(_LOOK_SECONDS, _ANSWER_SECONDS, _LOOKS, JOIN_SECONDS))
    process.silence_tensorflow()
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": list(cluster.workers)}),
        task_type="worker",
        task_id=cluster.index,
        num_accelerators={"GPU": len(tf.config.list_physical_devices("GPU"))},
        rpc_layer="grpc",
    )
    others = ", ".join(address for place, address in enumerate(cluster.workers) if place != cluster.index)
    try:
        return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
    except RuntimeError as error:
        if not compat.joined_too_late(error):
            raise
        raise RunFailed(
            f"Worker {cluster.index} at {cluster.workers[cluster.index]} waited {JOIN_SECONDS} s for {others}. "
            "Start all workers within that time; the ports must be open"
        ) from error
    except tf.errors.OpError as error:
        raise RunFailed(
            f"Worker {cluster.index} cannot start at {cluster.workers[cluster.index]}: "
            f"{' '.join(str(error).split())[:200]}. The port must be free and the others ({others}) reachable"
        ) from error


def _short(device: str) -> str:
    return ":".join(device.rsplit(":", 2)[-2:])
