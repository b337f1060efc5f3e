"""Training and evaluation steps: forward, loss, backward, metrics; compiled once per run."""

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from catsdogs_exp.compat import rate_of
from catsdogs_exp.metrics.names import KEPT_WHOLE, TOP_K
from catsdogs_exp.training.batch_statistics import last_batch_only, normalisations, statistics_of
from catsdogs_exp.training.logits import class_probabilities, logits_of
from catsdogs_exp.training.losses import Objective, cross_entropy, minimised
from catsdogs_exp.training.nonfinite import FirstBad
from catsdogs_exp.training.optim.averaging import GradientSum, WeightAverage
from catsdogs_exp.training.optim.fused import FusedRMSprop
from catsdogs_exp.training.variable_values import value_of

WEIGHTS = "model"
"""First part of the names of the network's weights."""

_TOP = f"top_{TOP_K}_accuracy"


@dataclass(frozen=True)
class StepSettings:
    """The content of a batch, and how its gradients are used.

    Attributes:
        inputs: the dtype of the network's input.
        mixed: whether images are mixed, so that training labels are class fractions, float32 [b, classes], instead of
            int32 [b]. Accuracy then counts the class with the larger fraction as correct.
        accumulate: batches per update.
        ema: decay of the weight average, or 0 for none.
        jit: whether to compile with XLA.
        norms: whether to track the mean norm of the gradients.
    """

    inputs: tf.DType = tf.uint8
    mixed: bool = False
    accumulate: int = 1
    ema: float = 0.0
    jit: bool = False
    norms: bool = False


_PLAIN = StepSettings()


class Steps:
    """Training and evaluation steps of one network.

    Attributes:
        model: the network, pixels to probabilities.
        optimizer: its optimizer, or None if nothing is trained.
        class_weights: float32 [classes], the weight of each class's images in the training loss, or None for equal
            weights.
        normalisations: its batch normalisation that uses a batch's own statistics.
        statistics: (images, labels) runs a batch as in training, without an update, and returns the statistics of its
            batch normalisation: see `renew`.
        evaluate: (images, labels) adds a batch to the averages in inference mode, and returns the probabilities to
            keep: see `Outputs`.
        objective: the loss to minimise. Averages are of the plain cross-entropy, without class weights, so that they
            are comparable with validation and with other runs.
        settings: the content of a batch, and how its gradients are used.
    """

    def __init__(
        self,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer | None = None,
        class_weights: NDArray[np.float32] | None = None,
        objective: Objective | None = None,
        settings: StepSettings = _PLAIN,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.class_weights = class_weights
        units = model.output_shape[-1]
        self._objective = objective or Objective()
        self._own_loss = minimised(self._objective, units)
        shown = ("loss", "accuracy", *([_TOP] if units > TOP_K else []))
        self._metrics = {name: keras.metrics.Mean(name=name) for name in shown}
        self._finite = FirstBad()
        self._gradient_norm = keras.metrics.Mean(name="gradient_norm") if settings.norms else None
        self._average, self._gathered = None, None
        if optimizer is not None:
            optimizer.build(model.trainable_variables)
            self._average = WeightAverage(model, settings.ema) if settings.ema else None
            if settings.accumulate > 1:
                self._gathered = GradientSum(model.trainable_variables, settings.accumulate)
        images, labels = tf.TensorSpec(model.input_shape, settings.inputs), tf.TensorSpec((None,), tf.int32)
        shares = tf.TensorSpec((None, max(2, units)), tf.float32)
        train, jit = (images, shares if settings.mixed else labels), settings.jit
        self.train = tf.function(self._train, input_signature=train, jit_compile=jit)
        self.normalisations = normalisations(model)
        self.statistics = tf.function(self._statistics, input_signature=train)
        self.evaluate = tf.function(self._evaluate, input_signature=(images, labels), jit_compile=jit)
        self.predict = tf.function(self._predict, input_signature=(images,), jit_compile=jit)

    def reset(self) -> None:
        """Resets the averages."""
        for metric in (*self._metrics.values(), self._finite):
            metric.reset_state()

    def first_bad(self) -> int:
        """The first training step since `reset`, from 1, whose loss was NaN or infinite; 0 for none."""
        return int(self._finite.result())

    def averages(self) -> dict[str, float]:
        """Loss and accuracy over the batches since `reset`, with equal weight per image.

        With more than five classes, also `top_5_accuracy`: the fraction of images for which fewer than five other
        classes are at least as probable as the right one.
        """
        return {name: float(metric.result()) for name, metric in self._metrics.items()}

    def take_values(self, other: "Steps") -> None:
        """Continues as other steps of the same kind for the same network would: takes the values of their variables."""
        self.assign(other.variables())
        if self._gradient_norm is not None:
            self._gradient_norm.reset_state()

    def assign(self, values: Mapping[str, Any]) -> None:
        """Gives all variables these values, named as in `variables`, as if nothing had been trained since."""
        for name, variable in self.variables().items():
            if variable is not values[name]:  # the network's own, as in other steps for it
                variable.assign(values[name])
        optimizer = getattr(self.optimizer, "inner_optimizer", self.optimizer)  # without loss scaling
        if isinstance(optimizer, FusedRMSprop):
            optimizer.forget_steps()

    def take_gradient_norm(self) -> float | None:
        """Returns the mean norm of the gradients since the last call; None unless it is tracked, or if all of them
        overflowed float16.
        """
        if self._gradient_norm is None:
            return None
        norm, count = float(self._gradient_norm.result()), float(self._gradient_norm.count)
        self._gradient_norm.reset_state()
        return None if self._skips_overflows and not count else norm

    def set_rate(self, rate: float) -> None:
        """Sets the learning rate, unless it is a function of the number of updates."""
        variable = rate_of(self.optimizer)
        variable = getattr(variable, "rate", variable)
        if hasattr(variable, "assign"):
            variable.assign(rate)

    def averaged(self) -> AbstractContextManager[None]:
        """A context manager in which the network has its averaged weights, if any: for evaluating, saving and
        drawing.
        """
        updated = self.optimizer is not None and int(value_of(self.optimizer.iterations)) > 0
        return self._average.swapped() if self._average is not None and updated else nullcontext()

    def begin_average(self) -> None:
        """Initializes the weight average, if any, with the current weights."""
        if self._average is not None:
            self._average.begin()

    def weights(self) -> dict[str, Any]:
        """The network's weights, named as in `variables`."""
        return {_named(WEIGHTS, place, weight): weight for place, weight in enumerate(self.model.weights)}

    def variables(self) -> dict[str, Any]:
        """Returns every variable that training depends on, once, with order and names determined only by the settings.

        Weights, states of random generators, the optimizer's (learning rate, iterations, slots, loss scale), the weight
        average, accumulated gradients, and the sums behind the epoch's averages.
        """
        found: dict[str, Any] = self.weights()
        weights = {id(weight) for weight in self.model.weights}
        groups = {
            "state": [variable for variable in self.model.variables if id(variable) not in weights],
            "optimizer": _of_optimizer(self.optimizer),
            "average": self._average.averages if self._average is not None else [],
            "gathered": self._gathered.variables if self._gathered is not None else [],
            "metric": [v for metric in (*self._metrics.values(), self._finite) for v in metric.variables],
        }
        for group, variables in groups.items():
            found |= {_named(group, place, variable): variable for place, variable in enumerate(variables)}
        return found

    def _train(self, images: tf.Tensor, labels: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            logits = logits_of(self.model(images, training=True))
            losses = self._own_loss(labels, logits)
            loss = self._minimised(self._weighted(losses, labels))
        self._move(tape.gradient(loss, self.model.trainable_variables), tf.shape(images)[0])
        self._finite.update_state(losses)
        self._count(losses if self._objective.is_shown else None, labels, logits)

    def _minimised(self, losses: Any) -> Any:
        mean = tf.reduce_mean(losses)
        if self.model.losses:  # regularisation
            mean += tf.add_n(
                [tf.cast(each, tf.float32) for each in self.model.losses]
            )  # of outputs: in their precision
        assert self.optimizer is not None
        return self.optimizer.scale_loss(mean)  # required for float16; otherwise the loss itself

    def _move(self, gradients: list[Any], images: Any) -> None:
        """Updates the weights with the mean gradients over this many images, now or once enough are accumulated."""
        if self._gradient_norm is not None:
            assert self.optimizer is not None
            norm = tf.linalg.global_norm(gradients) / self.optimizer.scale_loss(1.0)  # loss scale of float16
            if self._skips_overflows:
                counts = tf.math.is_finite(norm)
                self._gradient_norm.update_state(tf.where(counts, norm, 0.0), tf.cast(counts, tf.float32))
            else:
                self._gradient_norm.update_state(norm)
        if self._gathered is None:
            self._update(gradients)
        else:
            self._gathered.add(gradients, images, self._update)

    @property
    def _skips_overflows(self) -> bool:
        """Whether gradients that overflow float16 update nothing; they do not count in their mean norm, either."""
        return isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer)

    def _update(self, gradients: list[Any]) -> None:
        assert self.optimizer is not None
        self.optimizer.apply(gradients, self.model.trainable_variables)
        if self._average is not None:
            self._average.update(self.optimizer.iterations)

    def _statistics(self, images: tf.Tensor, labels: tf.Tensor) -> list[tf.Tensor]:
        with last_batch_only(self.normalisations):
            self.model(images, training=True)
        return [tf.convert_to_tensor(each) for each in statistics_of(self.normalisations)]

    def _evaluate(self, images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, ...]:
        logits = logits_of(self.model(images, training=False))
        self._count(None, labels, logits)
        return self._kept(logits)

    def _predict(self, images: tf.Tensor) -> tf.Tensor:
        return class_probabilities(logits_of(self.model(images, training=False)))

    def _kept(self, logits: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Returns probabilities, float32 [b, classes]; with very many classes, the largest and their classes, float32
        and int32 [b, 5].
        """
        probabilities = class_probabilities(logits)
        if probabilities.shape[-1] <= KEPT_WHOLE:
            return (probabilities,)
        largest, classes = tf.math.top_k(probabilities, TOP_K)  # ties go to the first, as with argmax
        return largest, classes

    def _weighted(self, losses: Any, labels: tf.Tensor) -> Any:
        if self.class_weights is None:
            return losses
        weights = tf.constant(self.class_weights, tf.float32)
        if labels.shape.rank == 2:
            return losses * tf.linalg.matvec(labels, weights)
        return losses * tf.gather(weights, labels)

    def _count(self, losses: Any, labels: tf.Tensor, logits: tf.Tensor) -> None:
        """Adds a batch to the averages; `losses` are the reported ones, or None if they are still to be computed."""
        for name, values in self._shown(losses, labels, logits).items():
            self._metrics[name].update_state(values)

    def _shown(self, losses: Any, labels: tf.Tensor, logits: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the metrics of each image: float32 [b]."""
        found = {"loss": cross_entropy(labels, logits) if losses is None else losses}
        if labels.shape.rank == 2:
            labels = tf.argmax(labels, axis=-1, output_type=tf.int32)
        probabilities = class_probabilities(logits)
        if probabilities.shape[-1] == 2:  # TensorFlow 2.21 fails to optimise the argmax of a sigmoid, and warns
            said = tf.cast(probabilities[:, 1] > probabilities[:, 0], tf.int32)
        else:
            said = tf.argmax(probabilities, axis=-1, output_type=tf.int32)
        nothing = tf.reduce_any(tf.math.is_nan(probabilities), axis=-1)  # NaN is no prediction: never right
        found["accuracy"] = tf.cast((said == labels) & ~nothing, tf.float32)
        if _TOP in self._metrics:
            right = tf.gather(probabilities, labels, batch_dims=1)[:, None]
            rank = tf.math.count_nonzero(probabilities >= right, axis=-1)  # 0 for NaN probabilities
            found[_TOP] = tf.cast((rank >= 1) & (rank <= TOP_K), tf.float32)
        return found


def balanced_weights(labels: NDArray[np.int32], classes: int) -> NDArray[np.float32]:
    """Returns weights that give every class the same total: n / (classes * n of the class), 1 on average.

    Args:
        labels: labels of the training images, int32 [n]. Classes without any (as with `training.overfit_batches`) are
            not counted.
        classes: number of classes.

    Returns:
        float32 [classes], exactly 1 if the classes have the same size; 0 for classes without images.
    """
    counts = np.bincount(labels, minlength=classes)
    return np.where(counts, len(labels) / ((counts > 0).sum() * np.maximum(counts, 1)), 0).astype(np.float32)


def _of_optimizer(optimizer: keras.optimizers.Optimizer | None) -> list[Any]:
    """Returns all variables of an optimizer, including the rate of an adjustable schedule."""
    if optimizer is None:
        return []
    rate = getattr(rate_of(optimizer), "rate", None)
    return [*optimizer.variables, *([] if rate is None else [rate])]


def _named(group: str, place: int, variable: Any) -> str:
    """Names a variable: its position identifies it; the rest is for readers.

    Keras numbers layer names across the whole process (`dropout_3`); such numbers are left out.
    """
    path = getattr(variable, "path", "") or variable.name.partition(":")[0]
    return f"{group}/{place:04d}/" + re.sub(r"_\d+(?=[/_]|$)", "", path)
