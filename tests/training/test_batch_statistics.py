"""Batch normalisation's mean and variance are those of the training images with the current weights."""

import csv
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import pytest

from catsdogs_exp.__main__ import main
from catsdogs_exp.models.batch_norm import FusedBatchNormalization
from catsdogs_exp.training.batch_statistics import normalisations, renew
from catsdogs_exp.training.steps import Steps
from catsdogs_exp.training.variable_values import value_of


def batches_of(count: int, size: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Batches that become darker."""
    rng = np.random.default_rng(3)
    labels = np.zeros(size, np.int32)
    return [(rng.integers(0, 256 // n, (size, 4, 4, 3), dtype=np.uint8), labels) for n in range(1, count + 1)]


def network(layer: type[keras.layers.Layer], nested: bool = False) -> keras.Model:
    """A network whose normalisation sees the pixels, doubled."""
    inputs = keras.Input((4, 4, 3))
    x = keras.layers.Rescaling(2.0)(inputs)
    norm = layer(name="norm")
    if nested:
        inner = keras.Input(x.shape[1:])
        x = keras.Model(inner, norm(inner), name="inside")(x)
    else:
        x = norm(x)
    x = keras.layers.Dropout(0.5, seed=1)(keras.layers.Flatten()(x))
    return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(x))


@pytest.mark.parametrize("nested", [False, True])
def test_they_are_those_of_all_images(nested: bool) -> None:
    model = network(keras.layers.BatchNormalization, nested)
    (norm,) = normalisations(model)
    taken = batches_of(5, 6)
    renew(Steps(model, keras.optimizers.SGD(0.1)), taken)
    pixels = 2.0 * np.concatenate([images for images, _ in taken]).reshape(-1, 3)
    np.testing.assert_allclose(value_of(norm.moving_mean), pixels.mean(0), rtol=1e-5)
    np.testing.assert_allclose(value_of(norm.moving_variance), pixels.var(0), rtol=1e-4)
    renew(Steps(model, keras.optimizers.SGD(0.1)), taken[:1])  # nothing of earlier ones is left
    np.testing.assert_allclose(value_of(norm.moving_mean), 2.0 * taken[0][0].reshape(-1, 3).mean(0), rtol=1e-5)


def test_every_image_counts_the_same_in_a_smaller_last_batch() -> None:
    model = network(keras.layers.BatchNormalization)
    (norm,) = normalisations(model)
    (first, second, (images, labels)) = batches_of(3, 6)
    taken = [first, second, (images[:1], labels[:1])]
    renew(Steps(model, keras.optimizers.SGD(0.1)), taken, [6, 6, 1])
    pixels = 2.0 * np.concatenate([images for images, _ in taken]).reshape(-1, 3)
    np.testing.assert_allclose(value_of(norm.moving_mean), pixels.mean(0), rtol=1e-5)
    np.testing.assert_allclose(value_of(norm.moving_variance), pixels.var(0), rtol=1e-4)


def test_the_statistics_of_an_epoch_are_those_of_its_images(
    tiny: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an epoch of 28 images, the last batch has one."""
    given: list[Sequence[int] | None] = []

    def noted(steps: Steps, taken: object, images: Sequence[int] | None = None) -> None:
        given.append(images)

    monkeypatch.setattr("catsdogs_exp.training.fit.renew", noted)
    words = [*tiny, "logging=minimal", "model.batch_norm=true", "epochs=1", "batch_size=9", "dataset.broken=0"]
    assert main([*words, "split.validation=0.2", f"output_dir={tmp_path}"]) == 0
    assert given == [[9, 9, 9, 1]]


def test_our_own_layer_keeps_its_sample_variance() -> None:
    model = network(FusedBatchNormalization)
    (norm,) = normalisations(model)
    ((images, labels),) = batches_of(1, 6)
    renew(Steps(model, keras.optimizers.SGD(0.1)), [(images, labels)])
    np.testing.assert_allclose(value_of(norm.moving_variance), (2.0 * images).reshape(-1, 3).var(0, ddof=1), rtol=1e-4)


def test_nothing_else_changes() -> None:
    model = network(keras.layers.BatchNormalization)
    (norm,) = normalisations(model)
    steps = Steps(model, keras.optimizers.SGD(0.1))
    own = {id(norm.moving_mean), id(norm.moving_variance)}
    before = {name: np.array(value_of(each)) for name, each in steps.variables().items() if id(each) not in own}
    assert any("seed" in name for name in before)  # dropout draws in the forward pass
    renew(steps, batches_of(3, 6))
    for name, each in steps.variables().items():
        if id(each) not in own:
            np.testing.assert_array_equal(value_of(each), before[name], err_msg=name)
    steps.train(*batches_of(1, 6)[0])  # and training goes on with moving averages
    mean = 2.0 * np.concatenate([images for images, _ in batches_of(3, 6)]).reshape(-1, 3).mean(0)
    last = 2.0 * batches_of(1, 6)[0][0].reshape(-1, 3).mean(0)
    np.testing.assert_allclose(value_of(norm.moving_mean), 0.99 * mean + 0.01 * last, rtol=1e-5)


def test_a_layer_that_is_called_twice_keeps_its_moving_averages() -> None:
    inputs, norm = keras.Input((4, 4, 3)), keras.layers.BatchNormalization()
    both = keras.layers.Add()([norm(inputs), norm(keras.layers.Rescaling(9.0)(inputs))])
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(keras.layers.Flatten()(both)))
    assert not normalisations(model) and not Steps(model).normalisations


def test_frozen_layers_keep_theirs() -> None:
    model = network(keras.layers.BatchNormalization, nested=True)
    model.get_layer("inside").trainable = False
    assert not normalisations(model) and not Steps(model).normalisations


def rows(output: Path) -> list[dict[str, str]]:
    (path,) = output.glob("*/*/metrics.csv")
    with path.open(newline="") as handle:
        return list(csv.DictReader(handle))


def test_training_is_the_same_and_validation_is_not(tiny: tuple[str, ...], tmp_path: Path) -> None:
    """In training, a batch's own statistics are used: the moving averages matter only to validation."""
    words = [*tiny, "logging=minimal", "model.batch_norm=true", "model.dropout=0.3", "epochs=2", "augment=course"]
    for count in (0, 2):
        assert main([*words, f"training.precise_batch_norm={count}", f"output_dir={tmp_path / str(count)}"]) == 0
    averaged, renewed = rows(tmp_path / "0"), rows(tmp_path / "2")
    assert [row["loss"] for row in averaged] == [row["loss"] for row in renewed]
    assert all(one["val_loss"] != other["val_loss"] for one, other in zip(averaged, renewed, strict=True))
