"""Starts TensorFlow: quiet, seeded, deterministic."""

import gc
import logging
import random
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

from catsdogs_exp import process
from catsdogs_exp.compat import forget_custom_gradients
from catsdogs_exp.config.cluster import Cluster
from catsdogs_exp.config.schema import Config
from catsdogs_exp.config.schema.training import Training

if TYPE_CHECKING:  # it comes with TensorFlow
    from catsdogs_exp.training.distribution.distribution import Distribution


def import_tensorflow(verbose: bool = False, workers: bool = False) -> None:
    """Imports TensorFlow; on the command line, without its start-up messages unless `verbose`.

    Args:
        verbose: whether to show all its messages.
        workers: whether this process trains with other workers; messages about broken connections are then replaced by
            ours.
    """
    with nullcontext() if verbose else process.quiet_tensorflow(workers):
        import tensorflow  # noqa: F401, PLC0415


def start(config: Config, verbose: bool = False) -> None:
    """Imports TensorFlow and prepares it for a config: threads, seed, determinism.

    Raises:
        BadInput: if this process already uses other thread settings.
    """
    import_tensorflow(verbose)
    _settle_process(config.training)
    prepare(config.seed, config.training.deterministic)


def start_distributed(config: Config, verbose: bool, cluster: Cluster | None) -> "Distribution":
    """Like `start`, but also opens `training.strategy`; with a cluster, waits for all workers to start.

    Raises:
        BadInput: if this process already uses other thread settings.
        RunFailed: if the other workers do not start.
    """
    started = time.perf_counter()
    import_tensorflow(verbose, workers=cluster is not None)
    logging.getLogger("catsdogs_exp").info("TensorFlow imported in %.1f s", time.perf_counter() - started)
    from catsdogs_exp.training.distribution.distribution import open_strategy  # noqa: PLC0415

    _settle_process(config.training)
    distribution = open_strategy(config.training, cluster)
    prepare(config.seed, config.training.deterministic)
    return distribution


def _settle_process(training: Training) -> None:
    """Applies settings shared by all jobs of a process."""
    from catsdogs_exp.training.precision import set_threads  # noqa: PLC0415

    set_threads(training)
    if training.keep_memory:
        process.keep_freed_memory()


def prepare(seed: int, deterministic: bool) -> None:
    """Seeds Python, NumPy and TensorFlow and frees the last job's graphs, so that memory does not grow in a sweep.

    With `deterministic`, the same config, data and machine give bit-identical weights.
    """
    import keras  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415
    import tensorflow as tf  # noqa: PLC0415

    keras.backend.clear_session(free_memory=False)
    forget_custom_gradients()
    gc.collect()
    random.seed(seed)
    np.random.seed(seed)
    keras.utils.set_random_seed(seed)
    if deterministic:
        tf.config.experimental.enable_op_determinism()
