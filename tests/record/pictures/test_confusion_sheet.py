"""The confusion matrix of TensorBoard's series."""

import numpy as np
import pytest

from catsdogs_exp.record.pictures.confusion_sheet import confusion_sheet


def test_cells_are_coloured_by_their_share_of_the_row() -> None:
    sheet = np.asarray(confusion_sheet(np.array([[9, 1], [0, 90]]), ["cats", "dogs"])).astype(int)
    assert sheet.shape == (222, 222, 3)
    corners = {(row, column): tuple(sheet[114 + 52 * row, 114 + 52 * column]) for row in (0, 1) for column in (0, 1)}
    assert corners[1, 0] == (68, 1, 84) and corners[1, 1] == (253, 231, 37)  # the ends of viridis: 0 and 1
    assert sum(corners[0, 0]) > sum(corners[0, 1]) > sum(corners[1, 0])


@pytest.mark.parametrize(("classes", "side"), [(25, 1300), (26, 26 * 38), (1500, 1500)])
def test_many_classes_fit(classes: int, side: int) -> None:
    sheet = confusion_sheet(np.eye(classes, dtype=np.int64), [f"class {n} 图 <b>" for n in range(classes)])
    edge = 110 if classes <= 25 else 24
    assert sheet.size == (edge + side + 8, edge + side + 8)
