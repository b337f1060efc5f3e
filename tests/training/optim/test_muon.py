"""Muon: convolution kernels are updated as in Keras's Muon for matrices, all other weights as in AdamW."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from catsdogs_exp.training.optim.fused import FusedAdamW
from catsdogs_exp.training.optim.muon import Muon, orthogonal


def plain_iteration(matrix: np.ndarray, steps: int) -> np.ndarray:
    """Newton and Schulz's as it is written, in float64."""
    x = matrix.astype(np.float64) if matrix.shape[0] <= matrix.shape[1] else matrix.astype(np.float64).T
    x = x / np.linalg.norm(x)
    for _ in range(steps):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x if matrix.shape[0] <= matrix.shape[1] else x.T


@pytest.mark.parametrize("shape", [(5, 5), (27, 16), (16, 27), (576, 64)])
@pytest.mark.parametrize("steps", [1, 5])
def test_the_short_cut_is_the_iteration(shape: tuple[int, int], steps: int) -> None:
    matrix = np.random.default_rng(0).normal(0, 0.1, shape).astype(np.float32)
    matrix[:, 0] *= 1e-3  # directions that hardly count in the gradient
    np.testing.assert_allclose(orthogonal(tf.constant(matrix), steps), plain_iteration(matrix, steps), atol=1e-4)


def test_all_directions_count_alike() -> None:
    matrix = np.random.default_rng(0).normal(0, 3, (144, 32)).astype(np.float32)
    values = np.linalg.svd(np.asarray(orthogonal(tf.constant(matrix), 5)), compute_uv=False)
    assert values.min() > 0.6 and values.max() < 1.25


def test_no_gradient_is_no_step() -> None:
    np.testing.assert_array_equal(orthogonal(tf.zeros((9, 4)), 5), np.zeros((9, 4)))


def moved(optimizer: keras.optimizers.Optimizer, shapes: list[tuple[int, ...]], steps: int = 4) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    made = [keras.Variable(rng.normal(0, 1, shape).astype(np.float32)) for shape in shapes]
    optimizer.build(made)
    for _ in range(steps):
        optimizer.apply([rng.normal(0, 1, v.shape).astype(np.float32) for v in made], made)
    return [np.asarray(v) for v in made]


def test_a_kernel_moves_as_a_matrix_does_in_keras() -> None:
    ours = moved(Muon(0.01, weight_decay=0.1, momentum=0.9), [(3, 3, 4, 8)])
    theirs = moved(keras.optimizers.Muon(0.01, weight_decay=0.1, momentum=0.9), [(36, 8)])
    np.testing.assert_allclose(ours[0].reshape(36, 8), theirs[0], atol=2e-5)


def test_all_else_moves_as_in_adamw() -> None:
    shapes = [(36, 8), (8,), (3, 3, 8, 1)]  # a dense layer, a bias, a depthwise kernel
    ours, theirs = moved(Muon(0.01, weight_decay=0.1), shapes), moved(FusedAdamW(0.01, weight_decay=0.1), shapes)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_a_step_is_as_large_as_one_of_adam() -> None:
    before, after = moved(Muon(0.01), [(3, 3, 32, 64)], 0)[0], moved(Muon(0.01), [(3, 3, 32, 64)], 1)[0]
    assert np.sqrt(np.mean((after - before) ** 2)) == pytest.approx(0.2 * 0.01, rel=0.2)


def test_a_factor_is_another_learning_rate_for_one_kernel_alone() -> None:
    shapes = [(3, 3, 2, 4), (3, 3, 2, 4)]
    made = [keras.Variable(np.ones(shape, np.float32), name=name) for shape, name in zip(shapes, "ab", strict=True)]
    optimizer = Muon(0.1, weight_decay=0.5, rates={"a": 0.25})
    optimizer.build(made)
    gradient = np.random.default_rng(0).normal(0, 1, shapes[0]).astype(np.float32)
    optimizer.apply([gradient, gradient], made)
    slow, full = (np.asarray(variable) - 1 for variable in made)
    np.testing.assert_allclose(slow, full / 4, atol=1e-6)
    assert np.abs(full).max() > 0.01


def test_it_works_on_copies_of_a_strategy() -> None:
    strategy = tf.distribute.MirroredStrategy([tf.config.list_logical_devices("CPU")[0].name])
    start = np.random.default_rng(0).normal(0, 1, (3, 3, 2, 4)).astype(np.float32)
    with strategy.scope():
        variable = keras.Variable(start)
        optimizer = Muon(0.1)
        optimizer.build([variable])
    gradient = tf.constant(np.random.default_rng(1).normal(0, 1, start.shape), tf.float32)

    @tf.function
    def step() -> None:
        strategy.run(lambda: optimizer.apply([gradient], [variable]))

    alone, other = keras.Variable(start), Muon(0.1)
    other.build([alone])
    for _ in range(3):
        step()
        other.apply([gradient], [alone])
    assert not np.allclose(start, np.asarray(alone), atol=0.01)
    np.testing.assert_allclose(np.asarray(variable), np.asarray(alone), atol=1e-5)
