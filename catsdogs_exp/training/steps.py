"""The arithmetic of one batch: forward, loss, backward, metrics; compiled once for a run."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray


class Steps:
    """Training and evaluation of one network.

    Attributes:
        model: the network, pixels to probabilities.
        optimizer: its optimiser, or None where nothing is trained.
        class_weights: float32 [classes], what an image of each class weighs in the loss that is minimised, or None
            for all the same. Averages are without it, so that they compare with those of validation and other runs.
        mixed: whether training labels are shares of classes, float32 [b, classes], instead of int32 [b]: of pictures
            mixed of two. Their accuracy counts the class of the larger share as the right one.
    """

    def __init__(
        self,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer | None = None,
        class_weights: NDArray[np.float32] | None = None,
        mixed: bool = False,
        jit: bool = False,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.class_weights = class_weights
        self._binary = model.output_shape[-1] == 1
        loss = keras.losses.BinaryCrossentropy if self._binary else keras.losses.SparseCategoricalCrossentropy
        accuracy = keras.metrics.BinaryAccuracy if self._binary else keras.metrics.SparseCategoricalAccuracy
        self._loss_of = loss(reduction="none")
        self._mixed_loss_of = keras.losses.CategoricalCrossentropy(reduction="none")
        self._loss = keras.metrics.Mean(name="loss")
        self._accuracy = accuracy(name="accuracy")
        if optimizer is not None:
            optimizer.build(model.trainable_variables)
        images, labels = tf.TensorSpec(model.input_shape, tf.uint8), tf.TensorSpec((None,), tf.int32)
        shares = tf.TensorSpec((None, max(2, model.output_shape[-1])), tf.float32)
        train = self._train_mixed if mixed else self._train
        self.train = tf.function(train, input_signature=(images, shares if mixed else labels), jit_compile=jit)
        self.evaluate = tf.function(self._evaluate, input_signature=(images, labels), jit_compile=jit)
        self.predict = tf.function(self._predict, input_signature=(images,), jit_compile=jit)

    def reset(self) -> None:
        """Begins new averages."""
        self._loss.reset_state()
        self._accuracy.reset_state()

    def averages(self) -> dict[str, float]:
        """Loss and accuracy over the batches since `reset`, each image weighing the same."""
        return {"loss": float(self._loss.result()), "accuracy": float(self._accuracy.result())}

    def _train(self, images: tf.Tensor, labels: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            probabilities = self.model(images, training=True)
            losses = self._losses(labels, probabilities)
            loss = self._minimised(self._weighted(losses, labels))
        self._move(tape, loss)
        self._count(losses, labels, probabilities)

    def _train_mixed(self, images: tf.Tensor, shares: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            probabilities = self.model(images, training=True)
            if self._binary:
                losses = self._loss_of(shares[:, 1:], probabilities)
            else:
                losses = self._mixed_loss_of(shares, probabilities)
            loss = self._minimised(self._weighted(losses, shares))
        self._move(tape, loss)
        self._count(losses, tf.argmax(shares, axis=-1, output_type=tf.int32), probabilities)

    def _minimised(self, losses: Any) -> Any:
        mean = tf.reduce_mean(losses)
        if self.model.losses:  # regularisation
            mean += tf.add_n(self.model.losses)
        assert self.optimizer is not None
        return self.optimizer.scale_loss(mean)  # float16 needs it; else the loss itself

    def _move(self, tape: tf.GradientTape, loss: Any) -> None:
        assert self.optimizer is not None
        gradients = tape.gradient(loss, self.model.trainable_variables)
        self.optimizer.apply(gradients, self.model.trainable_variables)

    def _evaluate(self, images: tf.Tensor, labels: tf.Tensor) -> None:
        probabilities = self.model(images, training=False)
        self._count(self._losses(labels, probabilities), labels, probabilities)

    def _predict(self, images: tf.Tensor) -> tf.Tensor:
        return class_probabilities(self.model(images, training=False))

    def _losses(self, labels: tf.Tensor, probabilities: tf.Tensor) -> Any:
        return self._loss_of(self._targets(labels), probabilities)

    def _weighted(self, losses: Any, labels: tf.Tensor) -> Any:
        if self.class_weights is None:
            return losses
        weights = tf.constant(self.class_weights, tf.float32)
        if labels.shape.rank == 2:
            return losses * tf.linalg.matvec(labels, weights)
        return losses * tf.gather(weights, labels)

    def _count(self, losses: Any, labels: tf.Tensor, probabilities: tf.Tensor) -> None:
        self._loss.update_state(losses)
        self._accuracy.update_state(self._targets(labels), probabilities)

    def _targets(self, labels: tf.Tensor) -> tf.Tensor:
        return tf.cast(labels[:, None], tf.float32) if self._binary else labels


def balanced_weights(labels: NDArray[np.int32], classes: int) -> NDArray[np.float32]:
    """Weights with which every class counts the same in sum: n / (classes * n of the class), 1 on average.

    Args:
        labels: of the training images, int32 [n], each class among them.
        classes: how many there are.

    Returns:
        float32 [classes], each above 0, exactly 1 where the classes are of one size.
    """
    return (len(labels) / (classes * np.bincount(labels, minlength=classes))).astype(np.float32)


def class_probabilities(outputs: tf.Tensor) -> tf.Tensor:
    """Probabilities of every class, float32 [b, classes], also from one sigmoid unit (that of the second class)."""
    return tf.concat([1 - outputs, outputs], axis=-1) if outputs.shape[-1] == 1 else outputs
