"""The layout of the photo map: classes that a network tells apart lie left and right, and each image has its place."""

import numpy as np
import pytest

from catsdogs_exp.insight.photo_map import lay_out

LABELS = np.array([0, 1] * 25, np.int32)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_second_class_lies_on_the_right_and_photos_follow_the_second_direction_downwards(sign: int) -> None:
    down = np.linspace(-1, 1, 50) ** 3
    features = np.stack([sign * 10.0 * LABELS, down, np.zeros(50)], axis=1).astype(np.float32)
    layout = lay_out(features, LABELS)
    assert layout is not None
    assert sorted(zip(layout.columns.tolist(), layout.rows.tolist(), strict=True)) == [
        (column, row) for column in range(10) for row in range(5)
    ]
    np.testing.assert_array_equal(layout.columns >= 5, LABELS == 1)
    for column in range(10):
        (members,) = np.nonzero(layout.columns == column)
        order = down[members[np.argsort(layout.rows[members])]]
        assert (np.diff(order) > 0).all() or (np.diff(order) < 0).all()


def test_numbers_that_overflow_when_squared_do_no_harm() -> None:
    features = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    small, large = lay_out(features, LABELS), lay_out(features * np.float32(1e30), LABELS)
    assert small is not None and large is not None
    np.testing.assert_array_equal(small.columns, large.columns)
    np.testing.assert_array_equal(small.rows, large.rows)


@pytest.mark.parametrize("features", [np.ones((50, 3), np.float32), np.zeros((50, 0), np.float32)])
def test_images_that_all_look_alike_have_no_layout(features: np.ndarray) -> None:
    assert lay_out(features, LABELS) is None
