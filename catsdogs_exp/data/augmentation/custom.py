"""Plugin operations on single images: `augment.custom=[NAME]`."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.config.registry import OFFERED
from catsdogs_exp.data.randomness import custom_generator
from catsdogs_exp.errors import BadInput

Image = NDArray[np.uint8]
# (uint8 [height, width, channels], not to be modified; random generator) -> uint8 of the same shape
CustomOperation = Callable[[Image, np.random.Generator], Image]
_operations: dict[str, CustomOperation] = {}


@dataclass(frozen=True)
class Custom:
    """One operation on one image.

    Attributes:
        name: name of the operation.
        seed, epoch, index: determine its random numbers.
        repeat: how often the operation came before in the list, so that it is not random in the same way each time.
    """

    name: str
    seed: int
    epoch: int
    index: int
    repeat: int = 0


def register_operation(name: str) -> Callable[[CustomOperation], CustomOperation]:
    """Registers an operation as `name`. It runs on several threads at once and must not keep state between images.

    Raises:
        ValueError: if the name is taken.
    """

    def enter(operation: CustomOperation) -> CustomOperation:
        if name in _operations:
            by = _operations[name].__module__
            raise ValueError(f"An operation named {name!r} is already registered by {by}.")
        _operations[name] = operation
        OFFERED.setdefault("augment.custom", []).append(name)
        return operation

    return enter


def apply_custom(image: Image, done: Custom) -> Image:
    """Applies an operation to an image.

    Raises:
        BadInput: if the result is not a uint8 image of the same shape.
    """
    # by name, so that an operation's random numbers do not depend on which others are enabled
    key = zlib.crc32(done.name.encode()) + (done.repeat << 32)
    given = image.view()
    given.flags.writeable = False  # it may be the cached image
    result = _operations[done.name](given, custom_generator(done.seed, done.epoch, done.index, key))
    if not isinstance(result, np.ndarray) or result.dtype != np.uint8 or result.shape != image.shape:
        what = f"{result.dtype} {list(result.shape)}" if isinstance(result, np.ndarray) else type(result).__name__
        raise BadInput(
            f"augment.custom: {done.name} must return a uint8 image with the shape of its input, "
            f"{list(image.shape)}. Received: {what}"
        )
    return result
