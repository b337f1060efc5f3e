"""Some batches that stand for all: for `training.validation_steps`, and for `training.overfit_batches`."""

from dataclasses import replace

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
    few = replace(plain, rows=plain.rows[chosen], labels=plain.labels[chosen])
    return few, few


def some_batches(loader: Loader, count: int, seed: int) -> Loader:
    """A loader of the images of `count` batches in which each class has its share, the same ones every time.

    Args:
        loader: of images as they are.
        count: batches, >= 1; a loader that has no more is given back as it is.
        seed: of the choice.
    """
    if count >= loader.steps:
        return loader
    chosen = taking_turns(loader.labels, seed)[: count * loader.batch_size]
    return replace(loader, rows=loader.rows[chosen], labels=loader.labels[chosen])
