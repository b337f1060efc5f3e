"""The first step whose loss is NaN or infinite is known, also when the epoch goes on."""

import math

import numpy as np
import pytest

from catsdogs_exp.training.nonfinite import FirstBad


@pytest.mark.parametrize(
    ("steps", "first"),
    [
        ([[0.5, 1.0], [2.0]], 0),
        ([[0.5, math.nan], [2.0]], 1),
        ([[0.5], [1e38], [math.inf], [math.nan], [1.0]], 3),
        ([[0.5], [-math.inf]], 2),
        ([[]], 0),
    ],
)
def test_the_first_bad_step(steps: list[list[float]], first: int) -> None:
    metric = FirstBad()
    for losses in steps:
        metric.update_state(np.array(losses, dtype=np.float32))
    assert int(metric.result()) == first
    metric.reset_state()
    assert int(metric.result()) == 0
