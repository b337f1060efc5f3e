"""Random numbers as a function of (seed, epoch, index), so any epoch can be reproduced on its own, on any thread.

Counter-based generators (Philox: Salmon et al., 2011) have no state to share or to save.
"""

import numpy as np
from numpy.typing import NDArray

_ORDER, _SAMPLE, _MIX, _NOISE, _CROP, _CUSTOM = range(6)  # separates the streams


def epoch_order(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    """Returns the order of the training images in an epoch: a permutation, int64 [count]."""
    generator = np.random.Generator(np.random.Philox(key=[seed, _ORDER], counter=[0, 0, epoch, 0]))
    return generator.permutation(count)


def sample_uniforms(seed: int, epoch: int, index: int, count: int) -> NDArray[np.float64]:
    """Returns random numbers for image `index` in an epoch: float64 [count], in [0, 1)."""
    generator = np.random.Generator(np.random.Philox(key=[seed, _SAMPLE], counter=[0, index, epoch, 0]))
    return generator.random(count)


def mix_generator(seed: int, epoch: int, index: int) -> np.random.Generator:
    """Returns the generator that determines how image `index` is mixed with another one in an epoch."""
    return np.random.Generator(np.random.Philox(key=[seed, _MIX], counter=[0, index, epoch, 0]))


def custom_generator(seed: int, epoch: int, index: int, key: int) -> np.random.Generator:
    """Returns the generator of a plugin's operation for image `index`; `key` is an integer below 2**64."""
    return np.random.Generator(np.random.Philox(key=[seed, _CUSTOM], counter=[0, index, epoch, key]))


def noise(key: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Returns Gaussian noise with standard deviation 1: float32 [*shape], a function of the key, an integer below
    2**64.
    """
    return np.random.Generator(np.random.Philox(key=[key, _NOISE])).standard_normal(shape, dtype=np.float32)


def crop_uniforms(seed: int, epoch: int, index: int, count: int) -> NDArray[np.float64]:
    """Returns the random numbers that determine the crop of image `index` in an epoch: float64 [count], in [0, 1)."""
    return np.random.Generator(np.random.Philox(key=[seed, _CROP], counter=[0, index, epoch, 0])).random(count)
