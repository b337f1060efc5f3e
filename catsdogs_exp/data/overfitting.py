"""Batches that represent the whole: for `training.validation_steps`, `overfit_batches` and the range test."""

from typing import Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.data.loaders import Loader
from catsdogs_exp.data.turns import taking_turns


def first_batches(train: Loader, plain: Loader, count: int) -> tuple[Loader, Loader]:
    """Selects `count` batches with all classes in proportion, for training and, unaugmented, for validation.

    Args:
        train: the training loader.
        plain: the same images without randomness, from `make_loader(..., evaluate=True)`.
        count: batches, >= 1.

    Returns:
        Both without shuffling and augmentation: always the same images in the same batches.
    """
    chosen = taking_turns(plain.labels, train.seed)[: count * train.batch_size]
    few = plain.part(chosen)
    return few, few


class _Sampled(Protocol):
    @property
    def labels(self) -> NDArray[np.int32]: ...

    @property
    def batch_size(self) -> int: ...

    @property
    def steps(self) -> int: ...

    def part(self, chosen: NDArray[np.intp]) -> Self: ...


_Loader = TypeVar("_Loader", bound=_Sampled)


def some_batches(loader: _Loader, count: int, seed: int) -> _Loader:
    """Returns a loader of `count` batches of images with all classes in proportion, always the same ones.

    Args:
        loader: a loader of images or their features.
        count: number of batches, >= 1; a loader with no more than that is returned unchanged.
        seed: seed of the selection.
    """
    if count >= loader.steps:
        return loader
    chosen = taking_turns(loader.labels, seed)[: count * loader.batch_size]
    return loader.part(chosen)
