"""Batches that represent the whole: all classes in proportion, however the rows are sorted."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from catsdogs_exp.data.loaders import Loader
from catsdogs_exp.data.overfitting import first_batches, some_batches


def loader(labels: np.ndarray, batch_size: int) -> Loader:
    rows = np.arange(1000, 1000 + len(labels))
    fetch = SimpleNamespace()
    return Loader(fetch, rows, labels, int(labels.max()) + 1, (8, 8, 3), batch_size, 0, False, None, None, 1)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def sorted_by_class() -> Loader:
    """20 classes, one after the other, as a table may list them."""
    return loader(np.repeat(np.arange(20), 50).astype(np.int32), 20)


@pytest.mark.parametrize("count", [1, 2, 20])
def test_a_part_of_a_validation_pass_has_all_classes(sorted_by_class: Loader, count: int) -> None:
    part = some_batches(sorted_by_class, count, seed=0)
    assert len(part.rows) == count * 20 and len(set(part.rows.tolist())) == len(part.rows)
    assert np.bincount(part.labels, minlength=20).tolist() == [count] * 20
    assert ((part.rows - 1000) // 50 == part.labels).all()


def test_the_choice_is_the_same_every_time_and_another_for_another_seed(sorted_by_class: Loader) -> None:
    rows = [some_batches(sorted_by_class, 2, seed).rows.tolist() for seed in (0, 0, 1)]
    assert rows[0] == rows[1] != rows[2]


def test_a_whole_pass_stays_as_it_is(sorted_by_class: Loader) -> None:
    assert some_batches(sorted_by_class, 50, 0) is sorted_by_class


def test_overfitting_takes_images_of_every_class(sorted_by_class: Loader) -> None:
    train, validation = first_batches(sorted_by_class, sorted_by_class, 1)
    assert sorted(train.labels.tolist()) == list(range(20)) and (validation.rows == train.rows).all()


def test_a_part_with_chance_in_it_is_still_shuffled(sorted_by_class: Loader) -> None:
    part = some_batches(replace(sorted_by_class, shuffle=True), 10, seed=0)
    assert np.bincount(part.labels, minlength=20).tolist() == [10] * 20
    assert sorted(part.order(0).tolist()) == list(range(200)) != part.order(0).tolist()
    assert part.order(0).tolist() != part.order(1).tolist()
