"""Caches the features of a frozen backbone; training the head on them equals training the whole network.

This holds if nothing before them is random (no augmentation, no random layer, no unknown code) and nothing below them
is trained. Features are stored in the cache of decoded images, under its lock, its limit and
`python -m catsdogs_exp cache`.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import psutil
import tensorflow as tf
from numpy.typing import NDArray

from catsdogs_exp.config import schema
from catsdogs_exp.data.cache_folder import CacheUnusable
from catsdogs_exp.data.images.pixel_cache import NoRoom, gib, has_entry, open_entry
from catsdogs_exp.data.images.pixels import Fetch, key_of
from catsdogs_exp.data.loaders import Loader, part_of
from catsdogs_exp.data.manifest import Manifest
from catsdogs_exp.data.prefetch import ahead
from catsdogs_exp.data.progress import ReportProgress
from catsdogs_exp.models.determinism import why_it_varies
from catsdogs_exp.models.graph import HEAD, calls_layers_again, has_graph, parents, up_to
from catsdogs_exp.training.distribution.distribution import ONE_DEVICE, Distribution

NO_ROOM = "there is no room for their"
"""In the sentence that says why features are not cached."""

_BATCH = 32
_VALUE = np.dtype(np.float32)
Batch = tuple[NDArray[np.float32], NDArray[np.int32]]  # float32 [b, *shape], int32 [b]


@dataclass(frozen=True)
class FeatureLoader:
    """Batches of features of one split, in the order in which `pixels` returns the images.

    Attributes:
        pixels: the loader of the images, without randomness.
        stored: uint8 [n, 4 * values], the bytes of float32 values, for each of `pixels.rows`.
        shape: shape of one image's features.
    """

    pixels: Loader
    stored: NDArray[np.uint8]
    shape: tuple[int, ...]

    @property
    def rows(self) -> NDArray[np.intp]:
        """The split's manifest rows, [n]."""
        return self.pixels.rows

    @property
    def labels(self) -> NDArray[np.int32]:
        """int32 [n]."""
        return self.pixels.labels

    @property
    def batch_size(self) -> int:
        """Images per batch; the last one of an epoch may be smaller."""
        return self.pixels.batch_size

    @property
    def fetch(self) -> Fetch:
        """Maps manifest rows to the images themselves."""
        return self.pixels.fetch

    @property
    def steps(self) -> int:
        """Number of batches per epoch."""
        return self.pixels.steps

    @property
    def threads(self) -> int:
        """Number of threads that prepare batches."""
        return self.pixels.threads

    @property
    def mixed(self) -> bool:
        """Whether labels are class fractions: never, because mixing is random."""
        return False

    def order(self, epoch: int) -> NDArray[np.int64]:
        """The order of the split's images in an epoch: int64 [n], indices into `rows`."""
        return self.pixels.order(epoch)

    def part(self, chosen: NDArray[np.intp]) -> "FeatureLoader":
        """Returns a loader of some of its images, given as indices into `rows`. Their features are copied."""
        return replace(self, pixels=self.pixels.part(chosen), stored=self.stored[chosen])

    def batch(self, epoch: int, step: int) -> Batch:
        """Returns one batch, or this shard's part of it; `epoch` and `step` count from 0: float32 [b, *shape] and int32
        [b].
        """
        chosen = self.order(epoch)[step * self.batch_size : (step + 1) * self.batch_size]
        chosen = part_of(chosen, *self.pixels.shard)
        values = np.ascontiguousarray(self.stored[chosen]).view(_VALUE)
        return values.reshape(len(chosen), *self.shape), self.labels[chosen]


@dataclass(frozen=True)
class FeatureSplit:
    """A network split into two parts that share its weights.

    Attributes:
        body: pixels -> features. Nothing in it is trained or random.
        head: features, float32 -> probabilities.
        cut: the backbone layer whose outputs are the features; pooling above it belongs to the body.
    """

    body: keras.Model
    head: keras.Model
    cut: str


@dataclass(frozen=True)
class Features:
    """The head and the features that it is trained on.

    Attributes:
        head: features -> probabilities; it shares its weights with the whole network.
        train: the training split.
        validation: the validation split, which may be empty.
    """

    head: keras.Model
    train: FeatureLoader
    validation: FeatureLoader


@dataclass(frozen=True)
class FeatureSource:
    """The images from which features are computed.

    Attributes:
        train, validation: the images of both splits; validation may be empty.
        manifest: the data.
        settings: how images are prepared; `cache` and `cache_limit` also apply to features.
    """

    train: Loader
    validation: Loader
    manifest: Manifest
    settings: schema.LoaderSettings


def prepare_features(
    model: keras.Model,
    source: FeatureSource,
    progress: ReportProgress | None = None,
    distribution: Distribution = ONE_DEVICE,
) -> tuple[Features | None, str]:
    """Computes the features of both splits, or reads them from the cache, if training on them is exactly equivalent.

    Args:
        model: the whole network, already frozen as required.
        source: the images.
        progress: called with ("features", done, total).
        distribution: the devices. Each worker has the features of all images, and its share of each batch.

    Returns:
        What to train with, or None, and a sentence that reports what was done, or why it is not possible.
    """
    refused = "features are not cached: {}, so each step runs the whole network"
    train, validation = source.train, source.validation
    if train.augment is not None:
        return None, refused.format("augmentation changes the images")
    if train.cut is not None:
        return None, refused.format("random crops change the images")
    parts = split_network(model)
    if isinstance(parts, str):
        return None, refused.format(parts)
    shape = tuple(parts.body.output_shape[1:])
    values = int(np.prod(shape))
    size = (len(train.rows) + len(validation.rows)) * values * _VALUE.itemsize
    compute, identity = _compute(parts.body), _identity(parts.body)
    stored, before = [], True
    for split in (train, validation):
        pixels_key = key_of(source.manifest, split.rows, source.settings, training=split is train)
        key = hashlib.sha256(f"{pixels_key} {identity}".encode()).hexdigest()[:24]
        about = {
            "data": str(source.manifest.listing.root),
            "images": len(split.rows),
            "features": f"{values:,} values at {parts.cut} of {model.name}",
        }
        before &= has_entry(key) or not len(split.rows)
        found = _stored(_Entry(key, about, values), split, compute, source.settings, progress)
        if found is None:
            break
        stored.append(found)
    # a worker that trains only the head cannot add its sums to the others'
    if not distribution.all_workers(len(stored) == 2):
        where = " on every worker" if distribution.workers > 1 else ""
        return None, refused.format(f"{NO_ROOM} {gib(size)} GiB{where}")
    whole = len(train.rows) + len(validation.rows)
    how = "were computed by an earlier run" if before else "computed once"
    return (
        Features(parts.head, *(FeatureLoader(*each, shape) for each in zip((train, validation), stored, strict=True))),
        f"features of {whole:,} images {how} (cut at {parts.cut}, {values:,} values each): training the head alone",
    )


def split_network(model: keras.Model) -> FeatureSplit | str:
    """Splits a network at the highest point below which nothing is trained or random, or returns what prevents it.

    From there to the output there must be a plain sequence of layers.
    """
    if not has_graph(model):
        return f"{model.name} has no graph of layers"
    feeding = parents(model)
    if calls_layers_again(model):
        return "a layer is called more than once"
    uses = Counter(each for below in feeding.values() for each in below)
    fixed: dict[Any, bool] = {}
    first = ""  # the obstacle
    for operation, below in feeding.items():
        why = why_it_varies(operation)
        fixed[operation] = not why and all(fixed[each] for each in below)
        first = first or why
    top = next(each for each in feeding if each.output is model.outputs[0])
    chain = [top]
    while True:
        below = feeding[chain[-1]]
        if len(below) != 1 or uses[below[0]] != 1:
            return first
        if fixed[below[0]]:
            break
        chain.append(below[0])
    last = feeding[chain[-1]][0]
    if not any(getattr(each, "weights", ()) for each in up_to(model, last)):
        return first
    features = keras.Input(last.output.shape[1:], name="features", dtype="float32")
    x = features
    for operation in reversed(chain):
        try:
            x = operation(x)
        except (TypeError, ValueError):  # a plain operation such as `x * 2` does not expose its constant
            return f"{operation.name} cannot be called on features alone"
    cut = last
    while cut.name.startswith(HEAD):
        (cut,) = feeding[cut]
    body = keras.Model(model.inputs[0], last.output, name=f"{model.name}_body")
    return FeatureSplit(body, keras.Model(features, x, name=f"{model.name}_head"), cut.name)


def _compute(body: keras.Model) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    @tf.function(input_signature=(tf.TensorSpec(body.input_shape, tf.uint8),))  # type: ignore[untyped-decorator]
    def run(images: tf.Tensor) -> tf.Tensor:
        return tf.cast(body(images, training=False), tf.float32)

    return lambda images: np.asarray(run(images))


def _identity(body: keras.Model) -> str:
    """Returns a key for the backbone: its layers, weights and precision, and the library versions."""
    digest = hashlib.sha256(f"{keras.__version__} {tf.__version__} {body.to_json()}".encode())
    for variable in body.weights:
        digest.update(np.ascontiguousarray(variable.numpy()).tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class _Entry:
    """An entry of the cache: its key, its description, and the number of values per image."""

    key: str
    about: dict[str, Any]
    values: int


def _stored(
    entry: _Entry,
    split: Loader,
    compute: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
    loader: schema.LoaderSettings,
    progress: ReportProgress | None,
) -> NDArray[np.uint8] | None:
    """Returns the features of a split on disk or in memory, or None if there is no room."""
    shape = (len(split.rows), entry.values * _VALUE.itemsize)

    def fill(array: NDArray[np.uint8]) -> None:
        done = 0
        if progress:
            progress("features", 0, len(split.rows))
        for images in _images(split):
            features = np.ascontiguousarray(compute(images).reshape(len(images), -1), dtype=_VALUE)
            array[done : done + len(images)] = features.view(np.uint8)
            done += len(images)
            if progress:
                progress("features", done, len(split.rows))

    if not len(split.rows):
        return np.empty(shape, np.uint8)
    if loader.cache in ("auto", "disk"):
        try:
            return open_entry(entry.key, shape, entry.about, fill, int(loader.cache_limit * 2**30))
        except (NoRoom, CacheUnusable):
            pass  # fall back to memory
    if psutil.virtual_memory().available < 2 * shape[0] * shape[1]:
        return None
    array = np.empty(shape, np.uint8)
    fill(array)
    return array


def _images(split: Loader) -> Iterator[NDArray[np.uint8]]:
    """Yields the images of a split in the order of its rows, prefetched in threads."""
    return ahead(
        lambda start: split.fetch(split.rows[start : start + _BATCH]), range(0, len(split.rows), _BATCH), split.threads
    )
