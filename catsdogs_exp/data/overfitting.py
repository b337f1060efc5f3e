"""Some batches that stand for all: for `validation_steps` and `overfit_batches` of `training`, and the range test."""

from typing import Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.data.loaders import Loader
from catsdogs_exp.data.turns import taking_turns


def first_batches(train: Loader, plain: Loader, count: int) -> tuple[Loader, Loader]:
    """`count` batches in which each class has its share, for training and, as they are, for validation.

    Args:
        train: the training loader.
        plain: the same images without chance, as `make_loader(..., evaluate=True)` gives them.
        count: batches, >= 1.

    Returns:
        Both without shuffling and augmentation: the same images in the same batches every time.
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
    """A loader of the images of `count` batches in which each class has its share, the same ones every time.

    Args:
        loader: of images or their features.
        count: batches, >= 1; a loader that has no more is given back as it is.
        seed: of the choice.
    """
    if count >= loader.steps:
        return loader
    chosen = taking_turns(loader.labels, seed)[: count * loader.batch_size]
    return loader.part(chosen)
