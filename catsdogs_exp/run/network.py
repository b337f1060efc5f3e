"""Builds the network of a run in its precision, with its class weights."""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.config.schema import Config
from catsdogs_exp.data.images.resizing import evaluation_size
from catsdogs_exp.data.open_data import Data
from catsdogs_exp.models import build_model
from catsdogs_exp.run.loaders import Loaders
from catsdogs_exp.training.distribution.distribution import ONE_DEVICE, Distribution
from catsdogs_exp.training.precision import building_in, choose_precision
from catsdogs_exp.training.steps import balanced_weights

Say = Callable[[str], None]


@dataclass(frozen=True)
class Network:
    """A network, ready for training.

    Attributes:
        model: pixels to probabilities, frozen according to the settings.
        policy: the precision policy it was built with.
        class_weights: float32 [classes], or None for equal weights.
        distribution: the devices and processes that train it.
    """

    model: keras.Model
    policy: str
    class_weights: NDArray[np.float32] | None
    distribution: Distribution = ONE_DEVICE


@dataclass(frozen=True)
class Setup:
    """Everything that the stages of a run share.

    Attributes:
        config: of the run.
        data: the images.
        loaders: their batches.
        network: the network.
    """

    config: Config
    data: Data
    loaders: Loaders
    network: Network


def build_network(
    config: Config, data: Data, loaders: Loaders, say: Say, distribution: Distribution = ONE_DEVICE
) -> Network:
    """Builds the network with the requested precision."""
    policy, why = choose_precision(config.training.precision)
    if why:
        say(why)
    classes = data.manifest.classes
    with building_in(policy), distribution.scope():
        model = build_model(config.model, _input_size(config), len(classes), config.loader.channels)
    weights = None
    if config.training.class_weights == "balanced":
        weights = _balanced(loaders.train.labels, classes, say)
    return Network(model, policy, weights, distribution)


def _input_size(config: Config) -> tuple[int | None, int | None]:
    """Returns the height and width of the input; both None (any size) if evaluation uses another size than training."""
    same = evaluation_size(config.loader) == config.loader.target_size
    return config.loader.target_size if same else (None, None)


def _balanced(labels: NDArray[np.int32], classes: tuple[str, ...], say: Say) -> NDArray[np.float32] | None:
    """Returns balanced class weights; None if all classes have the same size, so that the run equals one without
    weights.
    """
    weights = balanced_weights(labels, len(classes))
    shown = (f"{weight:.4g} {name}" for name, weight in zip(classes, weights.tolist(), strict=True) if weight)
    say(f"class weights in the training loss: {', '.join(shown)}; the reported loss is unweighted")
    return None if (weights[weights > 0] == 1).all() else weights
