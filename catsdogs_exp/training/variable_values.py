"""Reads variables, including those with a copy on each of several devices, which Keras's conversions refuse."""

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray


def value_of(variable: Any, memory: NDArray[Any] | None = None) -> NDArray[Any]:
    """Copies the value of a variable or tensor. Copies on several devices are equal, so the first is read.

    Args:
        variable: the variable or tensor.
        memory: an array to copy into, used if it has the same shape and dtype.
    """
    value = np.asarray(tf.convert_to_tensor(variable))
    if memory is None or (memory.shape, memory.dtype) != (value.shape, value.dtype):
        return np.array(value)
    np.copyto(memory, value)
    return memory
