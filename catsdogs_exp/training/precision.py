"""Chooses precision and threads by name, or by what the machine supports."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import tensorflow as tf

from catsdogs_exp.config.schema.training import Training
from catsdogs_exp.errors import BadInput

_BFLOAT16_FLAGS = ("avx512_bf16", "amx_bf16", "avx_ne_convert", "bf16")  # the last on ARM
_CPUINFO = Path("/proc/cpuinfo")
_BFLOAT16_CAPABILITY = (8, 0)  # NVIDIA Ampere and later


def choose_precision(precision: str) -> tuple[str, str]:
    """Returns the Keras policy for `training.precision`, and a line with the reason if `auto` chose it, otherwise
    `""`.
    """
    if precision != "auto":
        return precision, ""
    reason = _bfloat16_of_gpus() if gpus() else _bfloat16_of_processor()
    policy = "mixed_bfloat16" if reason else "float32"
    why = reason or (
        "the GPU does not support bfloat16" if gpus() else "the processor reports no instructions for bfloat16"
    )
    return policy, f"precision: {policy} ({why}; training.precision=auto)"


@contextmanager
def building_in(policy: str) -> Iterator[None]:
    """A context manager in which networks are built with this policy, which they keep; later ones use float32 again."""
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy("float32")


def scaled(optimizer: keras.optimizers.Optimizer, policy: str) -> keras.optimizers.Optimizer:
    """Adds loss scaling for float16, whose small gradients would vanish (Micikevicius et al., 2018); otherwise
    unchanged.
    """
    return keras.optimizers.LossScaleOptimizer(optimizer) if policy == "mixed_float16" else optimizer


def use_jit(training: Training) -> bool:
    """Returns whether to compile with XLA: `auto` only on GPUs, because on CPUs it halves the speed of convolutions.

    Not with `training.deterministic`: XLA has no deterministic gradient for max-pooling.
    """
    return training.jit == "always" or (training.jit == "auto" and not training.deterministic and bool(gpus()))


def set_threads(training: Training) -> None:
    """Sets TensorFlow's thread pools.

    Raises:
        BadInput: if an earlier job in this process has set another number; TensorFlow allows only one.
    """
    for name, wanted, get, put in (
        (
            "intra_op_threads",
            training.intra_op_threads,
            tf.config.threading.get_intra_op_parallelism_threads,
            tf.config.threading.set_intra_op_parallelism_threads,
        ),
        (
            "inter_op_threads",
            training.inter_op_threads,
            tf.config.threading.get_inter_op_parallelism_threads,
            tf.config.threading.set_inter_op_parallelism_threads,
        ),
    ):
        if get() == wanted:
            continue
        try:
            put(wanted)
        except RuntimeError as error:
            raise BadInput(
                f"training.{name} must be the same for all jobs of a sweep in one process. Received: "
                f"training.{name}={wanted} after {get()}. Start one process per value"
            ) from error


def threads() -> dict[str, int]:
    """The sizes of TensorFlow's thread pools; 0: TensorFlow's default."""
    return {
        "intra_op": tf.config.threading.get_intra_op_parallelism_threads(),
        "inter_op": tf.config.threading.get_inter_op_parallelism_threads(),
    }


def gpus() -> list[tf.config.PhysicalDevice]:
    """The GPUs that TensorFlow can use."""
    return list(tf.config.list_physical_devices("GPU"))


def _bfloat16_of_processor() -> str:
    """Returns a sentence with the first processor flag for bfloat16, or `""`; only known on Linux."""
    try:
        text = _CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip().lower() in ("flags", "features"):
            flags = set(value.split())
            return next((f"the processor has {flag}" for flag in _BFLOAT16_FLAGS if flag in flags), "")
    return ""


def _bfloat16_of_gpus() -> str:
    capabilities = [tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0)) for gpu in gpus()]
    able = all(tuple(capability) >= _BFLOAT16_CAPABILITY for capability in capabilities)
    return "the GPU supports bfloat16" if able else ""
