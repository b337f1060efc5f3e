"""Builds the network of a run in its precision, with its class weights."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import cached_property

import keras
import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.config.schema import Config
from catsdogs_exp.data.images.resizing import evaluation_size
from catsdogs_exp.data.open_data import Data
from catsdogs_exp.models import build_model
from catsdogs_exp.models.graph import inner_layers
from catsdogs_exp.run.insides import Insides
from catsdogs_exp.run.loaders import Loaders
from catsdogs_exp.training.distribution.distribution import ONE_DEVICE, Distribution
from catsdogs_exp.training.precision import building_in, choose_precision
from catsdogs_exp.training.steps import Steps, balanced_weights

Say = Callable[[str], None]
_STEPS = 2  # kept per network: those of the rate search, and those of the run


@dataclass(frozen=True)
class Network:
    """A network, ready for training.

    Attributes:
        model: pixels to probabilities, frozen according to the settings.
        policy: the precision policy it was built with.
        class_weights: float32 [classes], or None for equal weights.
        distribution: the devices and processes that train it.
        deterministic: whether only deterministic operations are compiled for it.
        kept_steps: compiled ones, by everything in them that is not a variable; the latest last.
    """

    model: keras.Model
    policy: str
    class_weights: NDArray[np.float32] | None
    distribution: Distribution = ONE_DEVICE
    deterministic: bool = False
    kept_steps: dict[Hashable, Steps] = field(default_factory=dict)

    @property
    def is_adapted(self) -> bool:
        """Whether a layer was adapted to data, like the normalisation of an EfficientNet: it calls with constants."""
        return any(hasattr(each, "finalize_state") and each.weights for each in inner_layers(self.model))

    @cached_property
    def insides(self) -> Insides:
        """The network as recorders see it.

        Raises:
            NoGraph: if its layers cannot be told apart.
        """
        return Insides(self.model)

    def compiled(self, key: Hashable, fresh: Steps) -> Steps:
        """Returns steps equal to fresh ones of this network: kept ones with the same key, which are compiled already.

        Args:
            key: everything in the steps that is not a variable.
            fresh: new ones, with the initial values.
        """
        found = self.kept_steps.pop(key, None)
        if found is None:
            found = fresh
        else:
            found.take_values(fresh)
        self.kept_steps[key] = found
        while len(self.kept_steps) > _STEPS:
            del self.kept_steps[next(iter(self.kept_steps))]
        return found


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
    return Network(model, policy, weights, distribution, config.training.deterministic)


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
