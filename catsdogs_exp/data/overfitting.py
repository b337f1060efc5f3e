"""`training.overfit_batches`: overfits a few batches, to see whether the network can learn at all."""

from dataclasses import replace

from catsdogs_exp.data.loaders import Loader


def first_batches(train: Loader, plain: Loader, count: int) -> tuple[Loader, Loader]:
    """The first `count` batches of the first epoch, for training and, as they are, for validation.

    Args:
        train: the training loader.
        plain: the same images without chance, as `make_loader(..., evaluate=True)` gives them.
        count: batches, >= 1.

    Returns:
        Both without shuffling and augmentation: the same images in the same batches every time.
    """
    chosen = train.order(0)[: count * train.batch_size]
    few = replace(plain, rows=plain.rows[chosen], labels=plain.labels[chosen])
    return few, few
