"""Keras's optimizers with TensorFlow's fused updates: the same arithmetic in one pass over memory.

Keras 3 writes an update as a dozen element-wise operations, each of which reads and writes all weights again. On the
9.5 million weights of the course's network this took 19 ms of a 90 ms step for RMSprop and 26 ms for Adam on two cores;
fused it takes 9 and 8 ms (`python -m benchmarks optimizers`). Everything else (slots, schedules, clipping) is
unchanged, except for two features that Keras lacks: a learning rate factor per variable, and weight decay that follows
it.
"""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from catsdogs_exp.compat import OptimizerInternals, handles, tf_variable


def subtract(variable: Any, factor: Any, delta: Any) -> None:
    """`variable -= factor * delta` in one pass; `factor` a scalar, `delta` of the variable's shape and dtype."""
    factor = tf.cast(factor, variable.dtype)
    found = handles(variable)
    if found is None or isinstance(delta, tf.IndexedSlices):
        variable.assign_sub(factor * tf.convert_to_tensor(delta))
        return
    tf.raw_ops.ResourceApplyGradientDescent(var=found[0], alpha=factor, delta=tf.cast(delta, variable.dtype))


class _ByVariable(OptimizerInternals):
    """Settings that differ between variables.

    Args:
        rates: `variable.path` -> learning rate factor; 1 for variables not listed.
        decay_vectors: whether weight decay applies to all weights, as in Keras, or only to kernels: not to weights with
            at most one dimension, which are biases and the scales and offsets of normalisation (as in timm).
    """

    def __init__(
        self, *args: Any, rates: Mapping[str, float] | None = None, decay_vectors: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._rates, self._decay_vectors = dict(rates or {}), decay_vectors

    def build(self: Any, variables: Any) -> None:
        """Creates the slots and looks up the factors."""
        super().build(variables)  # type: ignore[misc]
        self._factors = tuple(float(self._rates.get(getattr(v, "path", ""), 1.0)) for v in variables)

    def _rate(self: Any, variable: Any, learning_rate: Any) -> Any:
        """Returns the learning rate of a variable, in its dtype."""
        factor = self._factors[self.index_of(variable)]
        rate = tf.cast(learning_rate, variable.dtype)
        return rate if factor == 1 else rate * factor

    def decay_weights(self: Any, variables: Any) -> None:
        """Shrinks weights by the decay times their own learning rate."""
        if not self.weight_decay:
            return
        kept = [v for v in variables if self._decay_vectors or len(v.shape) > 1]

        def decay(variable: Any) -> None:
            if self.takes_decay(variable):
                share = self._rate(variable, self.learning_rate) * tf.cast(self.weight_decay, variable.dtype)
                subtract(variable, share, tf.convert_to_tensor(variable))

        def everywhere(strategy: Any, inner: Any) -> None:
            for variable in inner:
                strategy.extended.update(variable, decay, group=False)

        self.on_all_copies(everywhere, [tf_variable(v) for v in kept])


class FusedRMSprop(_ByVariable, keras.optimizers.RMSprop):  # type: ignore[misc]
    """RMSprop with `ResourceApplyRMSProp`."""

    def build(self, variables: Any) -> None:
        """Creates the slots; the fused update always writes a momentum, which equals the step if momentum is off."""
        super().build(variables)
        if self.momentum == 0:
            self._scratch = [tf.Variable(tf.zeros(v.shape, v.dtype), trainable=False) for v in variables]

    def forget_steps(self) -> None:
        """Clears those momenta: the update multiplies them by 0, so that one NaN would make all later ones NaN."""
        for scratch in getattr(self, "_scratch", ()):
            scratch.assign(tf.zeros(scratch.shape, scratch.dtype))

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Updates a variable with its gradient, both of the same shape and dtype."""
        rate = self._rate(variable, learning_rate)
        has_momentum = self.momentum > 0
        momentum = self.mean_of_gradients(variable) if has_momentum else self._scratch[self.index_of(variable)]
        found = handles(variable, self.mean_of_squares(variable), momentum)
        if found is None or self.centered or isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable, rate)
            return
        tf.raw_ops.ResourceApplyRMSProp(
            var=found[0],
            ms=found[1],
            mom=found[2],
            lr=rate,
            rho=self.rho,
            momentum=self.momentum,
            epsilon=self.epsilon,
            grad=tf.cast(gradient, variable.dtype),
        )


class _FusedAdamStep(_ByVariable):
    def update_step(self: Any, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Updates a variable with its gradient, both of the same shape and dtype."""
        rate = self._rate(variable, learning_rate)
        found = handles(variable, self.mean_of_gradients(variable), self.mean_of_squares(variable))
        if found is None or self.amsgrad or isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable, rate)  # type: ignore[misc]
            return
        step = tf.cast(self.iterations + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=found[0],
            m=found[1],
            v=found[2],
            beta1_power=tf.pow(tf.cast(self.beta_1, variable.dtype), step),
            beta2_power=tf.pow(tf.cast(self.beta_2, variable.dtype), step),
            lr=rate,
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.cast(gradient, variable.dtype),
        )


class FusedAdam(_FusedAdamStep, keras.optimizers.Adam):  # type: ignore[misc]
    """Adam with `ResourceApplyAdam`."""


class FusedAdamW(_FusedAdamStep, keras.optimizers.AdamW):  # type: ignore[misc]
    """AdamW with `ResourceApplyAdam`, after the decay."""


class FusedSGD(_ByVariable, keras.optimizers.SGD):  # type: ignore[misc]
    """SGD with `ResourceApplyKerasMomentum`, or `ResourceApplyGradientDescent` without momentum."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Updates a variable with its gradient, both of the same shape and dtype."""
        rate = self._rate(variable, learning_rate)
        slots = [self.momentums[self.index_of(variable)]] if self.momentum != 0 else []
        found = handles(variable, *slots)
        if found is None or isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable, rate)
            return
        gradient = tf.cast(gradient, variable.dtype)
        if not slots:
            tf.raw_ops.ResourceApplyGradientDescent(var=found[0], alpha=rate, delta=gradient)
            return
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=found[0],
            accum=found[1],
            lr=rate,
            grad=gradient,
            momentum=self.momentum,
            use_nesterov=self.nesterov,
        )


class FusedLion(_ByVariable, keras.optimizers.Lion):  # type: ignore[misc]
    """Lion in six passes instead of Keras's ten: TensorFlow has no fused operation for it."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Updates a variable with its gradient, both of the same shape and dtype."""
        rate = self._rate(variable, learning_rate)
        momentum = self.mean_of_gradients(variable)
        if handles(variable, momentum) is None or isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable, rate)
            return
        behind = tf.convert_to_tensor(momentum) - tf.cast(gradient, variable.dtype)
        subtract(variable, rate, tf.sign(momentum - (1 - self.beta_1) * behind))
        subtract(momentum, 1 - self.beta_2, behind)
