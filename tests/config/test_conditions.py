"""Conditions on settings, as people type them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catsdogs_exp.config.conditions import Condition
from catsdogs_exp.errors import BadInput

VALUES: dict[str, Any] = {
    "lr": 0.01,
    "depth": 4,
    "model": "resnet",
    "model.dropout": None,
    "loader.cache": "disk",
    "augment.horizontal_flip": True,
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("depth==4 and lr>0.001", True),
        ("depth==4 and lr>0.01", False),
        ("depth == 3 or model == resnet", True),
        ("model=='resnet'", True),
        ('model!="resnet"', False),
        ("not (depth>=4)", False),
        ("model in [cnn, resnet]", True),
        ("depth not in (2, 3)", True),
        ("0.001 < lr <= 1e-2", True),
        ("lr > -1", True),
        ("model.dropout == null", True),
        ("augment.horizontal_flip", True),
        ("augment.horizontal_flip == true", True),
        ("loader.cache==disk", True),
        ("model > 3", False),
        ("nothing > 3", False),
        ("not nothing > 3", True),
    ],
)
def test_a_condition_holds_or_not(text: str, holds: bool) -> None:
    assert Condition(text, "sweep.skip").holds(VALUES) is holds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "depth=4",
        "__import__('os').system('true')",
        "lr.__class__()",
        "depth + 1 > 3",
        "[x for x in lr]",
        "depth is 4",
        "lambda: 1",
        "depth if lr else 1",
        "lr > 'a' 'b' \x00",
        "(" * 500 + "lr" + ")" * 500,
        "lr>1 and " * 300 + "lr>1",
    ],
)
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match=r"sweep\.skip must be a condition on settings, such as sweep\.skip="):
        Condition(text, "sweep.skip")


def test_its_keys_must_exist() -> None:
    condition = Condition("dept==4 and model==cnn and 3 < lr", "sweep.skip")
    assert condition.keys() == ["dept", "model", "lr"]
    with pytest.raises(BadInput, match=r"does not exist or does not vary: dept\. Did you mean depth\?"):
        condition.check_keys(VALUES)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        condition = Condition(text, "sweep.skip")
    except BadInput:
        return
    assert condition.holds(VALUES) in (True, False)
