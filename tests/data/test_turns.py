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


def test_a_part_smaller_than_the_number_of_classes_is_not_always_of_the_first_ones() -> None:
    labels = np.repeat(np.arange(20, dtype=np.int32), 10)  # sorted by class, as a table of files is
    chosen = [labels[taking_turns(labels, seed)[:8]] for seed in range(40)]
    assert all(len(set(part.tolist())) == 8 for part in chosen)
    often = np.bincount(np.concatenate(chosen), minlength=20)  # 16 of 40 each, if every class has the same chance
    assert often.min() >= 6 and often.max() <= 26
    further = [labels[taking_turns(labels, seed)[20:28]] for seed in range(40)]  # the next turn: the same order
    assert all(set(first.tolist()) == set(then.tolist()) for first, then in zip(chosen, further, strict=True))
