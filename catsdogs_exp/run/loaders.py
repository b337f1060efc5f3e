"""The loaders of a run, for training and validation."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from catsdogs_exp.config.schema import Config
from catsdogs_exp.data.images.resizing import evaluation_size
from catsdogs_exp.data.loaders import Loader, make_loader
from catsdogs_exp.data.open_data import Data
from catsdogs_exp.data.overfitting import first_batches, some_batches
from catsdogs_exp.data.sources.listing import TRAIN, VALIDATION
from catsdogs_exp.errors import BadInput
from catsdogs_exp.metrics.intervals import wilson_interval
from catsdogs_exp.training.feed import steps_per_epoch

_NAMED = 5  # maximum number of classes in a line
_USUAL = (0.2, 0.5)  # shares of validation images
_FEW = 30  # validation images: with fewer, even a perfect score leaves an interval wider than 0.1


@dataclass(frozen=True)
class Loaders:
    """The loaders of a run.

    Attributes:
        train: shuffled and augmented.
        validation: images without randomness; may be empty.
    """

    train: Loader
    validation: Loader


def open_loaders(config: Config, data: Data, say: Callable[[str], None], shard: tuple[int, int] = (0, 1)) -> Loaders:
    """Opens the loaders for training and validation.

    Args:
        config: of the run.
        data: the images.
        say: prints a line.
        shard: (index, count): the part of each batch that this process prepares.

    Raises:
        BadInput: if the monitored values require images that do not exist, or no weight would ever be updated.
    """
    train = make_loader(config, data, TRAIN)
    if config.training.overfit_batches:
        plain = make_loader(config, data, TRAIN, evaluate=True)
        train, validation = first_batches(train, plain, config.training.overfit_batches)
        height, width = evaluation_size(config.loader)
        differs = (height, width) != config.loader.target_size
        size = f", at loader.evaluation_size=[{height},{width}]" if differs else ""
        say(
            f"training.overfit_batches: {len(train.rows)} training images, not augmented, also used for validation"
            f"{size}"
        )
    else:
        validation = make_loader(config, data, VALIDATION)
        if config.training.validation_steps:
            validation = some_batches(validation, config.training.validation_steps, config.split.seed)
    _check_sizes(config, train, validation, say)
    if len(validation.rows) and not (config.training.overfit_batches or config.training.validation_steps):
        counts = np.bincount(validation.labels, minlength=len(data.manifest.classes)).tolist()
        without = [name for name, count in zip(data.manifest.classes, counts, strict=True) if not count]
        if without:
            more = f" and {len(without) - _NAMED} more classes" if len(without) > _NAMED else ""
            say(
                f"no validation images of {', '.join(without[:_NAMED])}{more}: how well the network recognizes them "
                "is unknown"
            )
    return Loaders(replace(train, shard=shard), replace(validation, shard=shard))


def _check_unvalidated(config: Config, train: Loader) -> None:
    """Rejects settings that need a value of the validation images, of which there are none."""
    stop_at = config.training.stop_at
    needed = [("training.monitor", config.training.monitor)]
    needed += [("training.stop_at.metric", stop_at.metric)] if stop_at.value is not None else []
    for key, metric in needed:
        if metric.startswith("val_"):
            share = config.split.validation
            instead = "loss" if key == "training.monitor" else metric.removeprefix("val_")
            more = next((f" or split.validation={usual:g}" for usual in _USUAL if usual > share), "")
            raise BadInput(
                "split.validation must be > 0, and yield at least one image, to monitor validation values. "
                f"Received: split.validation={share:g} {key}={metric}, with {len(train.rows)} images of "
                f"{train.classes} classes. Set {key}={instead}{more}"
            )


def _check_sizes(config: Config, train: Loader, validation: Loader, say: Callable[[str], None]) -> None:
    if not len(validation.rows):
        _check_unvalidated(config, train)
    if 0 < len(validation.rows) < _FEW and not config.training.overfit_batches:
        low, high = wilson_interval(len(validation.rows), len(validation.rows))
        say(
            f"only {len(validation.rows)} validation images: even if all are classified correctly, the accuracy "
            f"could be anywhere from {low:.2f} to {high:.2f} (95 % Wilson interval)"
        )
    planned = 1 if isinstance(config.epochs, str) else config.epochs  # auto: at least one
    for key, epochs in (("epochs", planned), ("training.finetune.epochs", config.training.finetune.epochs)):
        batches = epochs * steps_per_epoch(train, config.training)
        if 0 < batches < config.training.accumulate:
            raise BadInput(
                f"training.accumulate must be <= {batches}, the number of batches in {key}={epochs}, "
                "or weights never change. "
                f"Received: training.accumulate={config.training.accumulate}. Lower it, or raise {key}"
            )
    if len(train.rows) < config.loader.batch_size:
        say(
            f"batch_size={config.loader.batch_size} is larger than the training set of {len(train.rows)} images: "
            "every epoch is one batch"
        )
