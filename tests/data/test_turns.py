"""An order in which every prefix is a fair sample."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from catsdogs_exp.data.turns import taking_turns


@given(st.lists(st.integers(0, 3), min_size=1, max_size=80), st.integers(0, 5))
def test_every_beginning_has_each_class_in_proportion(labels: list[int], seed: int) -> None:
    given_labels = np.array(labels, np.int32)
    order = taking_turns(given_labels, seed)
    assert sorted(order.tolist()) == list(range(len(labels)))
    for end in range(1, len(labels) + 1):
        for label in set(labels):
            share = (given_labels[order[:end]] == label).sum()
            assert abs(share - end * labels.count(label) / len(labels)) <= len(set(labels))


def test_another_seed_gives_another_order() -> None:
    labels = np.zeros(50, np.int32)
    assert taking_turns(labels, 0).tolist() == taking_turns(labels, 0).tolist() != taking_turns(labels, 1).tolist()
