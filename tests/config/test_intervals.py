"""Intervals as people write them."""

import pytest

from catsdogs_exp.config.intervals import Interval, parse_interval
from catsdogs_exp.errors import BadInput


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("1epochs", Interval(1, "epochs")),
        ("1 epoch", Interval(1, "epochs")),
        ("20steps", Interval(20, "steps")),
        ("60s", Interval(60, "s")),
        ("never", Interval(0, "epochs")),
    ],
)
def test_intervals(text: str, interval: Interval) -> None:
    assert parse_interval(text, "x") == interval


@pytest.mark.parametrize("text", ["", "0epochs", "-1s", "1.5s", "5 minutes", "epochs", "10", "1e3s", "9" * 30 + "s"])
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(BadInput) as error:
        parse_interval(text, "training.checkpoint.every")
    assert str(error.value) == (
        "training.checkpoint.every must be a number >= 1 with epochs, steps or s, such as 1epochs, 20steps or 60s, "
        f"or never. Received: training.checkpoint.every={text}"
    )
