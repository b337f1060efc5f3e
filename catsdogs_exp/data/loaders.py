"""Loaders: batches as a function of (seed, epoch, step), in place of the course's generators."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.config.schema import Augment, Config, LoaderSettings
from catsdogs_exp.data import augmentation
from catsdogs_exp.data.images import resizing
from catsdogs_exp.data.images.pixels import Fetch
from catsdogs_exp.data.open_data import Data
from catsdogs_exp.data.randomness import crop_uniforms, epoch_order, mix_generator
from catsdogs_exp.data.sources.listing import TRAIN

# uint8 [b, height, width, channels], and int32 [b] or, mixed, float32 [b, classes] that sum to 1
Batch = tuple[NDArray[np.uint8], NDArray[np.int32] | NDArray[np.float32]]


@dataclass(frozen=True)
class RandomCut:
    """Cuts random boxes out of images, and describes them.

    Attributes:
        widths, heights: of the images in their files, by manifest row.
        settings: how boxes are drawn, and resized.
    """

    widths: NDArray[np.int32]
    heights: NDArray[np.int32]
    settings: LoaderSettings

    def __call__(self, fetched: NDArray[np.uint8], row: int, u: NDArray[np.float64]) -> NDArray[np.uint8]:
        """Returns the box of an image, uint8 [height, width, channels].

        Args:
            fetched: uint8 [h, w, channels].
            row: its manifest row.
            u: float64 [BOX_UNIFORMS].
        """
        return resizing.crop_stored(fetched, int(self.widths[row]), int(self.heights[row]), self.settings, u)

    def describe(self, row: int, u: NDArray[np.float64]) -> str:
        """Returns the box as text: its share of the image, and its proportions."""
        width, height = int(self.widths[row]), int(self.heights[row])
        box = resizing.random_box(height, width, self.settings.crop_scale, self.settings.crop_ratio, u)
        return f"{box[2] * box[3] / (width * height):.2f} of it, {box[2] / box[3]:.2f} : 1"


@dataclass(frozen=True)
class Loader:
    """The batches of one split.

    Attributes:
        fetch: manifest rows -> uint8 [b, height, width, channels], or with `cut` the larger images to cut from.
        rows: the split's manifest rows, [n].
        labels: int32 [n].
        classes: number of classes.
        image_shape: height, width, channels.
        batch_size: images per batch; the last batch of an epoch may be smaller.
        seed: seed for shuffling and augmentation.
        shuffle: whether the whole set is reshuffled each epoch.
        augment: None for validation and test, which are never augmented.
        cut: cuts a random box out of training images, for `resize=random_resized_crop`; otherwise None.
        workers: threads; 0: one per core.
        shard: (index, count): prepares only this part of each batch, for training on several machines.
    """

    fetch: Fetch
    rows: NDArray[np.intp]
    labels: NDArray[np.int32]
    classes: int
    image_shape: tuple[int, int, int]
    batch_size: int
    seed: int
    shuffle: bool
    augment: Augment | None
    cut: RandomCut | None
    workers: int
    shard: tuple[int, int] = (0, 1)

    @property
    def steps(self) -> int:
        """Number of batches per epoch."""
        return -(-len(self.rows) // self.batch_size)

    @property
    def threads(self) -> int:
        """Number of threads that prepare batches."""
        return self.workers or os.cpu_count() or 1

    @property
    def mixed(self) -> bool:
        """Whether labels are class fractions because images are mixed in pairs."""
        return self.augment is not None and augmentation.mixes(self.augment)

    def batch(self, epoch: int, step: int) -> Batch:
        """Returns one batch, or this shard's part of it; `epoch` and `step` count from 0.

        Returns:
            uint8 [b, height, width, channels], and int32 [b] or, with `mixed`, float32 [b, classes] that sum to 1.
        """
        chosen = part_of(self.order(epoch)[step * self.batch_size : (step + 1) * self.batch_size], *self.shard)
        if not len(chosen):
            none = np.empty((0, *self.image_shape), np.uint8)
            return none, np.empty((0, self.classes), np.float32) if self.mixed else np.empty(0, np.int32)
        images = self._entering(epoch, chosen)
        if not self.mixed:
            return images, self.labels[chosen]
        mixes = [self._mix(epoch, index) for index in chosen.tolist()]
        partners = np.array([mix.partner for mix in mixes], dtype=np.intp)
        others = self._entering(epoch, partners)
        images = np.stack([augmentation.apply_mix(*each) for each in zip(images, others, mixes, strict=True)])
        share = np.array([mix.share for mix in mixes], dtype=np.float32)[:, None]
        one_hot = np.eye(self.classes, dtype=np.float32)
        labels = (1 - share) * one_hot[self.labels[chosen]] + share * one_hot[self.labels[partners]]
        return images, labels

    def order(self, epoch: int) -> NDArray[np.int64]:
        """Returns the order of the split's images in an epoch: int64 [n], indices into `rows`."""
        return _order(self.seed, epoch, len(self.rows)) if self.shuffle else np.arange(len(self.rows))

    def part(self, chosen: NDArray[np.intp]) -> "Loader":
        """Returns a loader of some of its images, given as indices into `rows`."""
        return replace(self, rows=self.rows[chosen], labels=self.labels[chosen])

    def original(self, index: int) -> NDArray[np.uint8]:
        """Returns image `index` without any randomness: uint8 [height, width, channels]."""
        image = np.asarray(self.fetch(self.rows[[index]])[0])
        return image if self.cut is None else resizing.resample(image, self.image_shape[:2], "bilinear")

    def sample(self, epoch: int, index: int) -> NDArray[np.uint8]:
        """Returns image `index` as used in an epoch: uint8 [height, width, channels]."""
        image: NDArray[np.uint8] = self._entering(epoch, [index])[0]
        if not self.mixed:
            return image
        mix = self._mix(epoch, index)
        return augmentation.apply_mix(image, self._entering(epoch, [mix.partner])[0], mix)

    def drawn(self, epoch: int, index: int) -> dict[str, str]:
        """Returns the random parameters of image `index` in an epoch, as text: `{"rotation": "31.2°", ...}`."""
        said = {}
        if self.cut is not None:
            said["crop"] = self.cut.describe(int(self.rows[index]), self._crop_uniforms(epoch, index))
        if self.augment is None:
            return said
        said |= augmentation.describe(augmentation.draw(self.augment, self.seed, epoch, index), self.augment)
        return said | augmentation.describe_mix(self._mix(epoch, index)) if self.mixed else said

    def _entering(self, epoch: int, indices: Sequence[int] | NDArray[np.integer]) -> NDArray[np.uint8]:
        """Returns images as used in an epoch, before mixing: uint8 [b, height, width, channels]."""
        rows = self.rows[indices]
        images = self.fetch(rows)
        if self.cut is None and (self.augment is None or not augmentation.changes_pictures(self.augment)):
            return images
        result = np.empty((len(rows), *self.image_shape), dtype=np.uint8)
        for slot, (image, index) in enumerate(zip(images, np.asarray(indices).tolist(), strict=True)):
            if self.cut is not None:
                image = self.cut(image, int(rows[slot]), self._crop_uniforms(epoch, index))  # noqa: PLW2901
            if self.augment is not None:
                drawn = augmentation.draw(self.augment, self.seed, epoch, index)
                image = augmentation.apply(image, drawn, self.augment)  # noqa: PLW2901
            result[slot] = image
        return result

    def _crop_uniforms(self, epoch: int, index: int) -> NDArray[np.float64]:
        return crop_uniforms(self.seed, epoch, index, resizing.BOX_UNIFORMS)

    def _mix(self, epoch: int, index: int) -> augmentation.Mix:
        assert self.augment is not None
        generator = mix_generator(self.seed, epoch, index)
        return augmentation.draw_mix(self.augment, generator, len(self.rows), self.image_shape[:2])


def part_of(batch: NDArray[np.int64], index: int, count: int) -> NDArray[np.int64]:
    """Returns part `index` of `count` of a batch. Parts are disjoint, cover the batch, and differ in length by at most
    one.
    """
    return batch[len(batch) * index // count : len(batch) * (index + 1) // count]


@lru_cache(maxsize=4)
def _order(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    """Returns an epoch's order, cached for all its batches: for a million images, it takes as long as a batch."""
    order = epoch_order(seed, epoch, count)
    order.flags.writeable = False  # shared
    return order


def make_loader(config: Config, data: Data, split: int, evaluate: bool = False) -> Loader:
    """Creates the loader of a split. Only the training split is shuffled and augmented, unless `evaluate` is set.

    Args:
        config: the run's config.
        data: the images.
        split: train, validation or test.
        evaluate: whether to turn off augmentation and shuffling.
    """
    manifest, fetch = data.manifest, data.fetch
    rows = manifest.rows(split)
    training = split == TRAIN and not evaluate
    augmented = training and (augmentation.changes_pictures(config.augment) or augmentation.mixes(config.augment))
    if training and resizing.trains_on_others(config.loader):
        assert data.stored is not None, "pictures to train on"
        fetch = data.stored
    verdicts, cuts = manifest.verdicts, training and resizing.cuts_at_random(config.loader.resize)
    size = config.loader.target_size if training else resizing.evaluation_size(config.loader)
    return Loader(
        fetch=fetch,
        rows=rows,
        labels=manifest.listing.labels[rows],
        classes=len(manifest.classes),
        image_shape=(*size, config.loader.channels),
        batch_size=config.loader.batch_size,
        seed=config.seed,
        shuffle=training,
        augment=config.augment if augmented else None,
        cut=RandomCut(verdicts.width, verdicts.height, config.loader) if cuts else None,
        workers=config.loader.workers,
    )
