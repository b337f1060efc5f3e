"""Random numbers that are a function of (seed, epoch, index): any epoch can be made again, alone, on any thread.

Counter-based generators (Philox: Salmon et al., 2011) have no state to share or to save.
"""

import numpy as np
from numpy.typing import NDArray

_ORDER, _SAMPLE = range(2)  # keeps the streams apart


def epoch_order(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    """The order of the training images in an epoch: a permutation, int64 [count]."""
    generator = np.random.Generator(np.random.Philox(key=[seed, _ORDER], counter=[0, 0, epoch, 0]))
    return generator.permutation(count)


def sample_uniforms(seed: int, epoch: int, index: int, count: int) -> NDArray[np.float64]:
    """The numbers of image `index` in an epoch: float64 [count], in [0, 1)."""
    generator = np.random.Generator(np.random.Philox(key=[seed, _SAMPLE], counter=[0, index, epoch, 0]))
    return generator.random(count)
