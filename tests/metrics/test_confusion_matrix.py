"""The confusion matrix, counted by hand."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from catsdogs_exp.metrics.confusion_matrix import confusion_matrix, most_confused, row_shares

PAIRS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40)


@given(PAIRS)
def test_it_counts_true_classes_in_rows(pairs: list[tuple[int, int]]) -> None:
    labels, predicted = (np.array(column) for column in zip(*pairs, strict=True))
    found = confusion_matrix(labels.astype(np.int32), predicted, 5)
    assert found.dtype == np.int64 and found.shape == (5, 5)
    for true, said in np.ndindex(5, 5):
        assert found[true, said] == pairs.count((true, said))
    mistakes = most_confused(found, 100)
    assert sum(count for *_, count in mistakes) == sum(true != said for true, said in pairs)
    assert most_confused(found, 1) == mistakes[:1]
    shares = row_shares(found)
    for true in range(5):
        assert np.isclose(shares[true].sum(), 1 if true in labels else 0)
