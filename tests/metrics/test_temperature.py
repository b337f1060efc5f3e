"""Temperature scaling: recovers a known temperature, never changes an answer, and reports honest errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catsdogs_exp.metrics.temperature import FEWEST, best_temperature, calibrate, softened


def drawn(temperature: float, images: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Log probabilities of a network that is `temperature` times too sure, and labels drawn from the true ones."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (images, classes))
    true = softened(logits, 1.0)
    labels = (true.cumsum(axis=1) > rng.random((images, 1))).argmax(axis=1)
    return np.log(softened(logits * temperature, 1.0)), labels


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
@pytest.mark.parametrize("classes", [2, 5])
def test_a_known_temperature_is_found(temperature: float, classes: int) -> None:
    logs, labels = drawn(temperature, 4000, classes)
    found = calibrate(np.exp(logs).astype(np.float32), labels)
    assert found is not None and found.images == 4000
    assert found.temperature == pytest.approx(temperature, rel=0.1)
    assert found.error_after < 0.04
    if temperature != 1:
        assert found.error_after < found.error_before / 2


def test_the_loss_is_smallest_there() -> None:
    logs, labels = drawn(2.0, 500, 3)
    rows = np.arange(len(labels))

    def loss(temperature: float) -> float:
        return -np.log(softened(logs, temperature)[rows, labels]).mean()

    best = best_temperature(logs, labels)
    assert all(loss(best) <= loss(best * factor) for factor in (0.5, 0.9, 0.99, 1.01, 1.1, 2))


def test_few_or_perfect_images() -> None:
    logs, labels = drawn(1.0, FEWEST, 2)
    assert calibrate(np.exp(logs[1:]), labels[1:]) is None
    assert calibrate(np.exp(logs), labels) is not None
    sure = np.tile([0.1, 0.9], (50, 1))
    found = calibrate(sure, np.ones(50, int))
    assert found is not None and found.temperature == pytest.approx(0.05, rel=1e-3) and found.error_after < 1e-6
    certain = calibrate(np.tile([0.0, 1.0], (50, 1)), np.zeros(50, int))  # certain, and always wrong
    assert certain is not None and certain.temperature == pytest.approx(20, rel=1e-3)


@given(
    logits=st.lists(st.lists(st.floats(-50, 50), min_size=3, max_size=3), min_size=1, max_size=5),
    temperature=st.floats(0.05, 20),
)
def test_the_order_of_classes_never_changes(logits: list[list[float]], temperature: float) -> None:
    values = np.array(logits)
    found = softened(values, temperature)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found[np.arange(len(values)), values.argmax(axis=1)] == found.max(axis=1)).all()
