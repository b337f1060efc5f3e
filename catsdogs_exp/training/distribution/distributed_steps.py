"""Training steps on several devices; sums over all shares equal those of one device."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from catsdogs_exp.training.batch_statistics import last_batch_only, statistics_of
from catsdogs_exp.training.distribution.distribution import Distribution, local_replica
from catsdogs_exp.training.logits import logits_of
from catsdogs_exp.training.nonfinite import FirstBad
from catsdogs_exp.training.steps import Steps

_SUM = tf.distribute.ReduceOp.SUM


class DistributedSteps(Steps):
    """`Steps` on several devices: each computes its share of a batch, then all copies of the weights are updated
    equally.

    A share's gradient is that of the sum of its losses; the sum over all shares is divided by the images in the whole
    batch, so that uneven shares have the same weight as on one device. Batch normalisation uses each share's own
    statistics; its moving averages are the mean over all devices with images.

    Args:
        distribution: the strategy, and which process this is. Batches are this process's shares of whole batches.
        model, optimizer, others: as in `Steps`; both must have been created in the strategy's scope.
    """

    def __init__(
        self,
        distribution: Distribution,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer | None = None,
        **others: Any,
    ) -> None:
        self._distribution = distribution
        with distribution.scope():
            super().__init__(model, optimizer, **others)
        # Outside the scope: each worker has its own. All of them add the same sums.
        self._metrics = {name: keras.metrics.Mean(name=name) for name in self._metrics}
        self._finite = FirstBad()
        if self._gradient_norm is not None:
            self._gradient_norm = keras.metrics.Mean(name=self._gradient_norm.name)

    def _train(self, images: tf.Tensor, labels: tf.Tensor) -> None:
        weights = self.model.trainable_variables
        moving = [weight for weight in self.model.non_trainable_weights if weight.dtype == "float32"]

        def one(images: tf.Tensor, labels: tf.Tensor) -> list[tf.Tensor]:
            part, labels, real = self._part(images, labels)
            with tf.GradientTape() as tape:
                logits = logits_of(self.model(part, training=True))
                losses = self._own_loss(labels, logits)
                loss = tf.reduce_sum(self._weighted(losses, labels) * real)
                if (
                    self.model.losses
                ):  # regularisation: added for each image, because the sum is divided by their number
                    added = tf.add_n([tf.cast(each, tf.float32) for each in self.model.losses])
                    loss += added * tf.reduce_sum(real)
            shown = losses if self._objective.is_shown else None
            gradients = tape.gradient(loss, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            has_images = tf.minimum(tf.reduce_sum(real), 1.0)  # 0: the black image in their place does not count
            parts = [tf.convert_to_tensor(weight) * has_images for weight in moving]
            minimised = tf.reduce_sum(losses * real)
            return [*gradients, *parts, has_images, minimised, *self._sums(shown, labels, logits, real)]

        sums = self._over_all(one, images, labels)
        with self._distribution.scope():
            devices = sums[len(weights) + len(moving)]
            for weight, total in zip(moving, sums[len(weights) :], strict=False):
                weight.assign(total / devices)  # before they enter the moving average of the weights
            self._move([total / sums[-1] for total in sums[: len(weights)]], sums[-1])
        minimised, *shown = sums[len(weights) + len(moving) + 1 :]
        self._finite.update_state(minimised)
        self._add(shown)

    def _statistics(self, images: tf.Tensor, labels: tf.Tensor) -> list[tf.Tensor]:
        def one(images: tf.Tensor, labels: tf.Tensor) -> list[tf.Tensor]:
            part, _, real = self._part(images, labels)
            with last_batch_only(self.normalisations):
                self.model(part, training=True)
            count = tf.reduce_sum(real)
            found = statistics_of(self.normalisations)
            return [*(tf.convert_to_tensor(each) * count for each in found), count]

        *sums, count = self._over_all(one, images, labels)
        return [each / count for each in sums]

    def _evaluate(self, images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, ...]:
        def one(images: tf.Tensor, labels: tf.Tensor) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
            part, labels, real = self._part(images, labels)
            logits = logits_of(self.model(part, training=False))
            context = tf.distribute.get_replica_context()
            sums = context.all_reduce(_SUM, self._sums(None, labels, logits, real))
            # Shares are in the order of the devices, as the images of the whole batch are.
            return list(sums), [context.all_gather(each, axis=0) for each in (real, *self._kept(logits))]

        strategy = self._distribution.strategy
        assert strategy is not None
        first = [
            [strategy.experimental_local_results(each)[0] for each in part]
            for part in strategy.run(one, (images, labels))
        ]
        (sums, (real, *kept)) = first
        self._add(sums)
        return tuple(tf.boolean_mask(each, real > 0) for each in kept)

    def _part(self, images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns this device's images and labels, and float32 [b]: 1 for each, or one black image with 0 if it has
        none.
        """
        strategy = self._distribution.strategy
        assert strategy is not None
        replica, replicas = local_replica(strategy), len(strategy.extended.worker_devices)
        with tf.device("CPU:0"):  # a device gets only its own share
            count = tf.shape(images)[0]
            start, end = count * replica // replicas, count * (replica + 1) // replicas
            filler = tf.cast(tf.equal(start, end), tf.int32)
            images, labels = (
                tf.pad(each[start:end], [[0, filler]] + [[0, 0]] * (each.shape.rank - 1)) for each in (images, labels)
            )
            real = tf.cast(tf.range(end - start + filler) < end - start, tf.float32)
        return images, labels, real

    def _over_all(self, one: Callable[..., list[tf.Tensor]], images: tf.Tensor, labels: tf.Tensor) -> list[tf.Tensor]:
        """Sums the values of all workers' devices."""
        strategy = self._distribution.strategy
        assert strategy is not None

        def summed(images: tf.Tensor, labels: tf.Tensor) -> list[tf.Tensor]:
            return list(tf.distribute.get_replica_context().all_reduce(_SUM, one(images, labels)))

        found = strategy.run(summed, args=(images, labels))
        return [strategy.experimental_local_results(each)[0] for each in found]

    def _sums(self, losses: Any, labels: tf.Tensor, logits: tf.Tensor, real: tf.Tensor) -> list[tf.Tensor]:
        """Returns each metric's sum over the images, and the number of images; `losses` as in `Steps._count`."""
        values = self._shown(losses, labels, logits).values()
        return [*(tf.reduce_sum(value * real) for value in values), tf.reduce_sum(real)]

    def _add(self, sums: list[tf.Tensor]) -> None:
        for metric, value in zip(self._metrics.values(), sums, strict=False):
            metric.total.assign_add(value)
            metric.count.assign_add(sums[-1])
