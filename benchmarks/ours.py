"""Our side of `throughput`: the package's own loaders and training step, set up as in a run."""

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from benchmarks.photos import chosen
from benchmarks.timing import say, steady_rate
from catsdogs_exp.config.compose import config_of
from catsdogs_exp.config.schema import Config
from catsdogs_exp.data.images.pixels import Fetch, open_pixels
from catsdogs_exp.data.manifest import Manifest
from catsdogs_exp.data.open_data import Data, gather
from catsdogs_exp.data.prefetch import batches
from catsdogs_exp.data.sources.listing import TRAIN
from catsdogs_exp.training.runtime import start

if TYPE_CHECKING:  # it comes with TensorFlow
    from catsdogs_exp.data.loaders import Loader


def contenders(overrides: tuple[str, ...], images: int | None, skip: int) -> dict[str, Callable[[], float]]:
    """Each call returns images per second.

    `train`, `train_augmented`, `train_bfloat16`: warm cache, the steps after the first `skip` of an epoch; the last one
    with augmentation too.
    `files`, `augmented`: the loader alone, one pass: over the files without a cache; warm with augmentation.
    `cache`: decoding all images, including those for validation, into a new cache on disk.
    """
    config = config_of(overrides)
    augmented = config_of((*overrides, "augment=course"))
    bfloat16 = config_of((*overrides, "augment=course", "training.precision=mixed_bfloat16"))
    manifest = gather(config)
    fetch = open_pixels(manifest, config.loader)
    no_cache = open_pixels(manifest, replace(config.loader, cache="none"))
    start(config)
    return {
        "train": _training(config, manifest, fetch, images, skip),
        "train_augmented": _training(augmented, manifest, fetch, images, skip),
        "train_bfloat16": _training(bfloat16, manifest, fetch, images, skip),
        "files": _loading(config, manifest, no_cache, images),
        "augmented": _loading(augmented, manifest, fetch, images),
        "cache": lambda: build_cache(config, manifest),
    }


def _training(config: Config, manifest: Manifest, fetch: Fetch, images: int | None, skip: int) -> Callable[[], float]:
    from catsdogs_exp.run.loaders import Loaders
    from catsdogs_exp.run.network import Setup, build_network
    from catsdogs_exp.run.plan import plan_stages
    from catsdogs_exp.run.stage import make_steps

    data, loader = Data(manifest, fetch), training_loader(config, manifest, fetch, images)
    loaders = Loaders(loader, loader)
    network = build_network(config, data, loaders, say)
    steps = make_steps(Setup(config, data, loaders, network), plan_stages(config)[0], loader)

    def measure() -> float:
        ends = []
        # Two epochs, one of which is used: as in a run, the loader is not idle towards the end.
        taken = batches(loader, range(2 * loader.steps))
        steps.reset()
        for _ in range(loader.steps):
            steps.train(*next(taken))
            ends.append(time.perf_counter())
        return steady_rate(ends, len(loader.rows), loader.batch_size, skip)

    return measure


def _loading(config: Config, manifest: Manifest, fetch: Fetch, images: int | None) -> Callable[[], float]:
    loader = training_loader(config, manifest, fetch, images)

    def measure() -> float:
        started = time.perf_counter()
        for _ in batches(loader):
            pass
        return len(loader.rows) / (time.perf_counter() - started)

    return measure


def build_cache(config: Config, manifest: Manifest) -> float:
    """Decodes all images into a new cache on disk: images per second."""
    before = os.environ.get("CATSDOGS_CACHE")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CATSDOGS_CACHE"] = folder
        try:
            started = time.perf_counter()
            open_pixels(manifest, replace(config.loader, cache="disk"))
            seconds = time.perf_counter() - started
        finally:
            if before is None:
                del os.environ["CATSDOGS_CACHE"]
            else:
                os.environ["CATSDOGS_CACHE"] = before
    return len(manifest.usable()) / seconds


def training_loader(config: Config, manifest: Manifest, fetch: Fetch, images: int | None) -> "Loader":
    """The loader of the training images, or of `images` of them."""
    from catsdogs_exp.data.loaders import make_loader

    loader = make_loader(config, Data(manifest, fetch), TRAIN)
    some = chosen(manifest, images)
    return replace(loader, rows=loader.rows[some], labels=loader.labels[some])
