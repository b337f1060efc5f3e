"""Feeds of training batches, and the number of batches per epoch. Does not import TensorFlow."""

from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.config.schema.training import Training
from catsdogs_exp.data.images.pixels import Fetch
from catsdogs_exp.data.prefetch import Batched


class Feed(Batched[tuple[NDArray[Any], NDArray[Any]]], Protocol):
    """A source of batches: a `Loader`, or anything else that returns the same batch for the same number."""

    @property
    def rows(self) -> NDArray[np.intp]:
        """The manifest rows of its images, [n]."""

    @property
    def labels(self) -> NDArray[np.int32]:
        """The classes of its images, int32 [n]."""

    @property
    def batch_size(self) -> int:
        """Images per batch."""

    @property
    def mixed(self) -> bool:
        """Whether labels are class fractions because images are mixed in pairs."""

    @property
    def fetch(self) -> Fetch:
        """Returns the images themselves."""

    def part(self, chosen: NDArray[np.intp]) -> Self:
        """Returns a feed of some of its images, given as indices into `rows`."""

    def order(self, epoch: int) -> NDArray[np.int64]:
        """The order of the images in an epoch: int64 [n], indices into `rows`."""


def steps_per_epoch(train: Feed, training: Training) -> int:
    """Returns the number of training steps per epoch."""
    return training.steps_per_epoch or train.steps


def images_in(feed: Feed, number: int) -> int:
    """Returns the size of the whole batch `number`, counted from 0 over all epochs, even if this process prepares only
    a part.
    """
    return min(feed.batch_size, len(feed.rows) - number % feed.steps * feed.batch_size)
