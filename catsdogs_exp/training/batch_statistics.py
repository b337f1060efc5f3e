"""Statistics of batch normalisation, computed anew from training batches before a validation pass.

In training, batch normalisation uses the mean and variance of each batch, otherwise their moving averages. These lag
behind weights that still change quickly, as in short runs or with high learning rates. (Precise BN: Wu and Johnson,
"Rethinking 'Batch' in BatchNorm", 2021, section 3.)
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from catsdogs_exp.models.graph import calls_layers_again, inner_layers
from catsdogs_exp.training.variable_values import value_of

if TYPE_CHECKING:
    from catsdogs_exp.training.steps import Steps


def normalisations(model: keras.Model) -> list[keras.layers.BatchNormalization]:
    """Returns the layers, at any depth, that use a batch's own statistics in training. Frozen ones do not.

    None if the network calls a layer twice, whose moving averages are then those of both calls.
    """
    layers = inner_layers(model)
    if any(_is_flat(each) and calls_layers_again(each) for each in layers):
        return []
    return [each for each in layers if isinstance(each, keras.layers.BatchNormalization) and each.trainable]


def _is_flat(layer: keras.layers.Layer) -> bool:
    """Whether this is a network of layers, without other networks inside."""
    operations = getattr(layer, "operations", ())
    return bool(operations) and not any(isinstance(each, keras.Model) for each in operations)


def statistics_of(layers: Sequence[keras.layers.BatchNormalization]) -> list[keras.Variable]:
    """Returns the moving means of all layers, then their moving variances."""
    return [*(layer.moving_mean for layer in layers), *(layer.moving_variance for layer in layers)]


@contextmanager
def last_batch_only(layers: Sequence[keras.layers.BatchNormalization]) -> Iterator[None]:
    """A context manager in which the moving averages are those of the last batch. It takes effect while a
    `tf.function` is traced.
    """
    momenta = [layer.momentum for layer in layers]
    try:
        for layer in layers:
            layer.momentum = 0.0
        yield
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum


def renew(steps: "Steps", taken: Iterable[tuple[Any, Any]], images: Sequence[int] | None = None) -> None:
    """Replaces the moving averages by the statistics of some batches with the current weights.

    Nothing else of the network changes: not the states of its random generators, for example.

    Args:
        steps: of the network.
        taken: images and labels as in training, at least one batch.
        images: number of images in each whole batch, even if this process has a part of it; None: equally many.
    """
    variables = statistics_of(steps.normalisations)
    renewed = {id(variable) for variable in variables}
    others = [each for each in steps.model.non_trainable_variables if id(each) not in renewed]
    kept = [value_of(variable) for variable in others]
    found = [steps.statistics(*batch) for batch in taken]
    of_each = [np.stack([np.asarray(each, np.float64) for each in values]) for values in zip(*found, strict=True)]
    means, variances = of_each[: len(of_each) // 2], of_each[len(of_each) // 2 :]
    # Every image counts the same: the last batch of an epoch may be small.
    centres = [np.average(mean, axis=0, weights=images) for mean in means]
    # The variance over all images: that within batches, and that between their means.
    whole = [
        np.average(each + (mean - centre) ** 2, axis=0, weights=images)
        for each, mean, centre in zip(variances, means, centres, strict=True)
    ]
    for variable, value in [*zip(others, kept, strict=True), *zip(variables, [*centres, *whole], strict=True)]:
        variable.assign(value)
