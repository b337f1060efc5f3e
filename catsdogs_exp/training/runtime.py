"""TensorFlow as a run wants it: quiet, seeded, deterministic."""

import ctypes
import gc
import logging
import os
import platform
import random
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from catsdogs_exp.compat import forget_custom_gradients
from catsdogs_exp.config.cluster import Cluster
from catsdogs_exp.config.schema import Config

if TYPE_CHECKING:  # it comes with TensorFlow
    from catsdogs_exp.training.distribution.distribution import Distribution


def import_tensorflow(verbose: bool = False) -> None:
    """Imports TensorFlow without its start-up messages (oneDNN, CUDA stub, absl), unless `verbose`.

    They are written by C++ before any logger is set up, so they are kept off the screen at the file descriptor.
    """
    if verbose or "tensorflow" in sys.modules:
        import tensorflow  # noqa: F401, PLC0415

        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _silent_stderr(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tensorflow as tf  # noqa: PLC0415

        tf.get_logger().setLevel("ERROR")
        tf.config.list_physical_devices()  # the first look at devices is what the CUDA messages are about
    gc.freeze()  # its 330,000 objects stay for good, and to look through them takes 0.2 s each time


def start(config: Config, verbose: bool = False) -> None:
    """Imports TensorFlow and makes it ready for a config: its threads, its seed, its determinism.

    Raises:
        BadInput: when this process has other threads already.
    """
    import_tensorflow(verbose)
    from catsdogs_exp.training.precision import set_threads  # noqa: PLC0415

    set_threads(config.training)
    prepare(config.seed, config.training.deterministic)


def start_distributed(config: Config, verbose: bool, cluster: Cluster | None) -> "Distribution":
    """As `start`, and opens `training.strategy`; with a cluster it waits for all workers to begin.

    Raises:
        BadInput: when this process has other threads already.
        RunFailed: when the other workers do not come.
    """
    if cluster is not None and not verbose:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # a broken connection is told in a line of ours
    started = time.perf_counter()
    import_tensorflow(verbose)
    logging.getLogger("catsdogs_exp").info("TensorFlow imported in %.1f s", time.perf_counter() - started)
    from catsdogs_exp.training.distribution.distribution import open_strategy  # noqa: PLC0415
    from catsdogs_exp.training.precision import set_threads  # noqa: PLC0415

    set_threads(config.training)
    distribution = open_strategy(config.training, cluster)
    prepare(config.seed, config.training.deterministic)
    return distribution


def prepare(seed: int, deterministic: bool) -> None:
    """Seeds Python, NumPy and TensorFlow and forgets the last job's graphs, so that a sweep does not grow.

    With `deterministic`, the same config, data and machine give bit-identical weights.
    """
    import keras  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415
    import tensorflow as tf  # noqa: PLC0415

    _keep_freed_memory()
    keras.backend.clear_session(free_memory=False)
    forget_custom_gradients()
    gc.collect()
    random.seed(seed)
    np.random.seed(seed)
    keras.utils.set_random_seed(seed)
    if deterministic:
        tf.config.experimental.enable_op_determinism()


def _keep_freed_memory() -> None:
    """Lets the C library use large blocks again instead of giving each one back and getting it anew, zeroed.

    Saving a network of 38 MB takes several copies of it; a job of a sweep becomes 0.8 s shorter by this.
    """
    if platform.libc_ver()[0] == "glibc":
        library, threshold, trim = ctypes.CDLL(None), -3, -1  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD of malloc.h
        library.mallopt(threshold, 2**30)
        library.mallopt(trim, 2**31 - 1)


@contextmanager
def _silent_stderr() -> Iterator[None]:
    sys.stderr.flush()
    saved = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)
