"""An exported file opened in its own runtime. Does not import TensorFlow."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

INPUT, OUTPUT = "images", "probabilities"
"""Of every file but the page."""
PIXELS, BYTES = "pixels", "bytes"
"""The signatures of SavedModels; LiteRT files have the first one."""


@dataclass(frozen=True)
class Photo:
    """One image.

    Attributes:
        data: the file's bytes.
        pixels: uint8 [height, width, channels], prepared for the network.
    """

    data: bytes
    pixels: NDArray[np.uint8]


class Refused(Exception):
    """The runtime cannot read the image; the message gives the reason."""


@dataclass(frozen=True)
class Opened:
    """A file in its own runtime.

    Attributes:
        label: label of its row: `litert`; `savedmodel, bytes` for the second signature of a file.
        runtime: what runs it, with its version.
        answer: returns the probabilities for one image, float32 [classes].
        exact: whether it computes in float32 from the same pixels, so that its predictions must match the network's.
        clock: seconds, of which those between two looks are its time.
    """

    label: str
    runtime: str
    answer: Callable[[Photo], NDArray[np.float32]]
    exact: bool = True
    clock: Callable[[], float] = time.perf_counter
