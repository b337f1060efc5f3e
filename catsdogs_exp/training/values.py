"""What a variable holds, also one with a copy on each of several devices, which Keras's own conversions refuse."""

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray


def value_of(variable: Any) -> NDArray[Any]:
    """A copy of the value of a variable or tensor. Copies on several devices are the same: the first is read."""
    return np.array(tf.convert_to_tensor(variable))
