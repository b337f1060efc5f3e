"""Geometry of charts: every run has its line, values lie where their ticks are."""

import math

from hypothesis import example, given
from hypothesis import strategies as st

from catsdogs_exp.report.charts import HEIGHT, WIDTH, over_epochs, parallel

VALUES = st.none() | st.floats(-1e6, 1e6) | st.booleans() | st.text(max_size=5) | st.integers(-5, 5)


def test_a_missing_value_breaks_a_line() -> None:
    chart = over_epochs("loss", [(7, (1, 2, 3, 4), (1.0, math.nan, 0.5, 0.0))])
    assert chart is not None
    (line,) = chart.lines
    assert line.run == 7
    assert [piece.count(",") for piece in line.points] == [1, 2]
    assert over_epochs("loss", [(0, (1,), (math.nan,))]) is None
    assert over_epochs("loss", []) is None


@given(st.lists(st.floats(-1e6, 1e6) | st.just(math.nan), min_size=1, max_size=8))
@example([0.0, 5e-324])
def test_curves_stay_within_the_chart(values: list[float]) -> None:
    chart = over_epochs("loss", [(0, range(1, len(values) + 1), values)])
    for line in chart.lines if chart else ():
        for point in " ".join(line.points).split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= WIDTH and 0 <= y <= HEIGHT


@given(st.lists(st.tuples(VALUES, VALUES, st.none() | st.floats(0, 1)), min_size=1, max_size=6))
def test_every_run_has_a_line_through_every_axis(rows: list[tuple[object, ...]]) -> None:
    found = parallel(("a", "b", "val_accuracy"), rows, [False] * len(rows))
    assert [line.run for line in found.lines] == list(range(len(rows)))
    for line in found.lines:
        assert len(line.points[0].split()) == 3
    for place, axis in enumerate(found.axes):
        assert any(tick.text == "not set" for tick in axis.ticks) == any(row[place] is None for row in rows)


def test_a_value_lies_at_its_tick_and_rates_are_logarithmic() -> None:
    found = parallel(("lr",), [(0.001,), (0.01,), (0.1,), (None,)], [False, False, False, True])
    ticks = {tick.text: tick.at for tick in found.axes[0].ticks}
    at = [float(line.points[0].split(",")[1]) for line in found.lines]
    assert [round(each) for each in at] == [round(ticks[text]) for text in ("0.001", "0.01", "0.1", "not set")]
    assert round(at[0] - at[1]) == round(at[1] - at[2])
    assert found.lines[3].dashed


def test_ticks_close_together_have_different_texts() -> None:
    found = over_epochs("", [(0, [1, 2, 3], [0.9905, 0.991, 0.992])])
    assert found is not None
    texts = [tick.text for tick in found.up]
    assert "0.9905" in texts and len(set(texts)) == len(texts)


def test_long_seeds_have_different_texts() -> None:
    found = parallel(("seed", "lr"), [(20241126, 0.00123456), (20241127, 0.1)], [False, False])
    assert [tick.text for tick in found.axes[0].ticks] == ["20241126", "20241127"]
    assert [tick.text for tick in found.axes[1].ticks] == ["0.001235", "0.1"]
