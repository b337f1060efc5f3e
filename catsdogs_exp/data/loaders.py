"""Loaders: the course's generators, on tf.data. A batch is a function of (seed, epoch, step)."""

import os
from dataclasses import dataclass

import cv2
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from catsdogs_exp.config.schema import Augment, Config
from catsdogs_exp.data import augmentation
from catsdogs_exp.data.listing import TRAIN
from catsdogs_exp.data.manifest import Manifest
from catsdogs_exp.data.pixels import Fetch
from catsdogs_exp.data.randomness import epoch_order

cv2.setNumThreads(1)  # the parallelism is over batches: threads inside threads only wait for each other


@dataclass(frozen=True)
class Loader:
    """One split as batches.

    Attributes:
        fetch: manifest rows -> uint8 [b, height, width, channels].
        rows: the split's manifest rows, [n].
        labels: int32 [n].
        image_shape: height, width, channels.
        batch_size: images a batch; the last one of an epoch may be smaller.
        seed: of order and augmentation.
        shuffle: a new order of the whole set for each epoch.
        augment: None for validation and test: these are never changed.
        workers: threads.
    """

    fetch: Fetch
    rows: NDArray[np.intp]
    labels: NDArray[np.int32]
    image_shape: tuple[int, int, int]
    batch_size: int
    seed: int
    shuffle: bool
    augment: Augment | None
    workers: int

    @property
    def steps(self) -> int:
        """Batches an epoch."""
        return -(-len(self.rows) // self.batch_size)

    def batch(self, epoch: int, step: int) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        """One batch: uint8 [b, height, width, channels] and int32 [b]. `epoch` and `step` count from 0."""
        chosen = self.order(epoch)[step * self.batch_size : (step + 1) * self.batch_size]
        images = self.fetch(self.rows[chosen])
        if self.augment is not None:
            images = np.stack(
                [self._augmented(image, epoch, i) for image, i in zip(images, chosen.tolist(), strict=True)]
            )
        return images, self.labels[chosen]

    def order(self, epoch: int) -> NDArray[np.int64]:
        """In which order the split's images come in an epoch: int64 [n], indices into `rows`."""
        return epoch_order(self.seed, epoch, len(self.rows)) if self.shuffle else np.arange(len(self.rows))

    def original(self, index: int) -> NDArray[np.uint8]:
        """Image `index` without augmentation: uint8 [height, width, channels]."""
        return np.asarray(self.fetch(self.rows[[index]])[0])

    def sample(self, epoch: int, index: int) -> NDArray[np.uint8]:
        """Image `index` as it enters an epoch: uint8 [height, width, channels]."""
        image = self.original(index)
        return image if self.augment is None else self._augmented(image, epoch, index)

    def dataset(self, epochs: int = 1, start: int = 0) -> tf.data.Dataset:
        """The batches of `epochs` epochs as one stream, from batch number `start` on, decoded ahead in threads."""

        def one(number: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
            epoch, step = divmod(int(number), self.steps)
            return self.batch(epoch, step)

        def load(number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            # Stateless, or op determinism would run the map on one thread.
            images, labels = tf.numpy_function(one, [number], (tf.uint8, tf.int32), stateful=False)
            return tf.ensure_shape(images, (None, *self.image_shape)), tf.ensure_shape(labels, (None,))

        workers = self.workers or os.cpu_count() or 1
        numbers = tf.data.Dataset.range(start, epochs * self.steps)
        return numbers.map(load, num_parallel_calls=workers, deterministic=True).prefetch(workers + 1)

    def _augmented(self, image: NDArray[np.uint8], epoch: int, index: int) -> NDArray[np.uint8]:
        assert self.augment is not None
        warp = augmentation.draw_warp(self.augment, self.seed, epoch, index)
        return augmentation.apply_warp(image, warp, self.augment.fill_mode, self.augment.fill_value)


def make_loader(config: Config, manifest: Manifest, fetch: Fetch, split: int, evaluate: bool = False) -> Loader:
    """The loader of a split. Only the training split is shuffled and augmented, and with `evaluate` not even that."""
    rows = manifest.rows(split)
    training = split == TRAIN and not evaluate
    augmented = training and augmentation.changes_pictures(config.augment)
    return Loader(
        fetch=fetch,
        rows=rows,
        labels=manifest.listing.labels[rows],
        image_shape=(*config.loader.target_size, config.loader.channels),
        batch_size=config.loader.batch_size,
        seed=config.seed,
        shuffle=training,
        augment=config.augment if augmented else None,
        workers=config.loader.workers,
    )
