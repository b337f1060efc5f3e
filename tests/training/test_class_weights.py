"""Class weights affect the training loss, and nothing else."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catsdogs_exp.training.logits import class_probabilities, logits_of
from catsdogs_exp.training.steps import Steps, balanced_weights


def network(units: int, seed: int = 0) -> keras.Model:
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((2, 2, 3))
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    return keras.Model(inputs, keras.layers.Dense(units, activation="sigmoid" if units == 1 else "softmax")(x))


def noisy(counts: tuple[int, ...], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Grey pictures, a little lighter from class to class, with so much noise that the classes overlap."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts)).astype(np.int32)
    levels = 100 + 40 * labels[:, None, None, None] + rng.normal(0, 60, (len(labels), 2, 2, 3))
    return np.clip(levels, 0, 255).astype(np.uint8), labels


def trained(units: int, counts: tuple[int, ...], weights: np.ndarray | None, steps: int = 30) -> Steps:
    images, labels = noisy(counts)
    made = Steps(network(units), keras.optimizers.SGD(0.5), weights)
    for _ in range(steps):
        made.train(images, labels)
    return made


@given(st.lists(st.integers(1, 500), min_size=2, max_size=8))
def test_every_class_counts_the_same_in_sum(counts: list[int]) -> None:
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int32)
    weights = balanced_weights(labels, len(counts))
    assert weights.dtype == np.float32
    np.testing.assert_allclose(weights * counts, np.full(len(counts), len(labels) / len(counts)), rtol=1e-6)
    np.testing.assert_allclose(weights[labels].mean(), 1, rtol=1e-5)
    if len(set(counts)) == 1:
        assert (weights == 1).all()


@pytest.mark.parametrize(
    ("counts", "expected"), [((2, 0, 2, 0), (1, 0, 1, 0)), ((3, 0, 1), (2 / 3, 0, 2)), ((0, 4), (0, 1))]
)
def test_classes_without_training_images_do_not_count(counts: tuple[int, ...], expected: tuple[float, ...]) -> None:
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int32)
    np.testing.assert_allclose(balanced_weights(labels, len(counts)), expected, rtol=1e-6)


@pytest.mark.parametrize("units", [1, 2, 3])
def test_with_equal_counts_nothing_changes_bit_for_bit(units: int) -> None:
    counts = (20,) * max(units, 2)
    plain = trained(units, counts, None)
    weighted = trained(units, counts, balanced_weights(noisy(counts)[1], len(counts)))
    assert plain.averages() == weighted.averages()
    for one, other in zip(plain.model.get_weights(), weighted.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("units", [1, 2])
def test_the_rare_class_is_found_more_often(units: int) -> None:
    counts = (190, 10)
    images, labels = noisy((500, 500), seed=1)
    recalls = []
    for weights in (None, balanced_weights(noisy(counts)[1], 2)):
        said = class_probabilities(logits_of(trained(units, counts, weights, 300).model(images))).numpy().argmax(axis=1)
        recalls.append((said[labels == 1] == 1).mean())
    plain, balanced = recalls
    assert balanced > plain + 0.2


@pytest.mark.parametrize("units", [1, 2, 3])
def test_a_step_is_that_of_keras_with_its_class_weight(units: int) -> None:
    counts = (12, 4) if units < 3 else (12, 4, 2)
    images, labels = noisy(counts)
    weights = balanced_weights(labels, len(counts))
    ours, theirs = network(units), network(units)
    steps = Steps(ours, keras.optimizers.SGD(0.1), weights)
    loss = "binary_crossentropy" if units == 1 else "sparse_categorical_crossentropy"
    theirs.compile(keras.optimizers.SGD(0.1), loss, jit_compile=False)
    for _ in range(3):
        steps.train(images, labels)
        theirs.train_on_batch(
            images,
            labels[:, None].astype(np.float32) if units == 1 else labels,
            class_weight=dict(enumerate(weights.tolist())),
        )
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("units", [1, 3])
def test_the_values_shown_are_unweighted(units: int) -> None:
    counts = (12, 4) if units == 1 else (12, 4, 2)
    images, labels = noisy(counts)
    plain = Steps(network(units), keras.optimizers.SGD(0.1))
    weighted = Steps(network(units), keras.optimizers.SGD(0.1), balanced_weights(labels, len(counts)))
    for steps in (plain, weighted):
        steps.train(images, labels)  # the values of a step are those before it
    assert plain.averages() == weighted.averages()


def test_a_run_says_its_weights_once_and_shows_unweighted_values(
    tmp_path: Path, photo_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    from catsdogs_exp.__main__ import main

    root = photo_folder({"cats": 15, "dogs": 5})
    words = ["dataset=folder", f"dataset.path={root}", "target_size=16", "depth=1", "epochs=1", "model.dense=4"]
    words += [f"output_dir={tmp_path / 'outputs'}", "training.class_weights=balanced"]
    assert main([*words, "logging=minimal"]) == 0
    line = "class weights in the training loss: 0.6667 cats, 2 dogs; the reported loss is unweighted"
    assert capsys.readouterr().err.count(line) == 1
    (folder,) = (tmp_path / "outputs" / "folder").iterdir()
    assert (folder / "run.log").read_text(encoding="utf-8").count(line) == 1
