"""`--where`: conditions on settings, metrics and status; nothing in them is executed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catsdogs_exp.errors import BadInput
from catsdogs_exp.record.folder.run_reader import Run
from catsdogs_exp.record.run_filter import where


def run(name: str, config: Mapping[str, Any], accuracy: float | None = None, status: str = "ok") -> Run:
    metrics = {} if accuracy is None else {"val_accuracy": accuracy}
    return Run(name, Path("/runs") / name, status, None, "val_accuracy", 1, metrics, config)


RUNS = (
    run("a", {"lr": 0.1, "optimizer.name": "adam", "target_size": [150, 150], "flip": True, "path": None}, 0.8),
    run("b", {"lr": 0.01, "optimizer.name": "sgd", "target_size": [64, 64], "flip": False, "path": "007"}, 0.9),
    run(
        "c",
        {"lr": 0.001, "optimizer.name": "adam", "target_size": [64, 64], "flip": False, "path": "x"},
        None,
        "failed",
    ),
)


@pytest.mark.parametrize(
    ("texts", "names"),
    [
        (["lr<0.1"], "bc"),
        (["lr <= 1e-2"], "bc"),
        (["lr>0.001"], "ab"),
        (["lr>=0.1"], "a"),
        (["lr=0.1"], "a"),
        (["lr==0.10"], "a"),
        (["lr!=0.1"], "bc"),
        (["optimizer=adam"], "ac"),
        (["optimizer.name='adam'"], "ac"),
        (["optimizer=adam and lr<0.05"], "c"),
        (["optimizer=adam", "lr<0.05"], "c"),
        (["val_accuracy>=0.9"], "b"),
        (["val_accuracy<2"], "ab"),  # a run without it fulfils nothing
        (["val_accuracy!=0.9"], "ac"),
        (["status=failed"], "c"),
        (["run!=a"], "bc"),
        (["target_size=[64,64]"], "bc"),
        (["flip=true"], "a"),
        (["path=null"], "a"),
        (["path=007"], "b"),
    ],
)
def test_conditions(texts: list[str], names: str) -> None:
    assert "".join(each.name for each in where(texts, RUNS)) == names


RECORDED = (
    run("a", {"cache": "none", "milestones": 7, "size": [64, 64], "dense": [], "path": "cats and dogs", "fold": None}),
    run("b", {"cache": "disk", "milestones": [7, 9], "size": [64, 96], "dense": 512, "path": "it's", "fold": 0}),
)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("cache=none", "a"),  # a choice called none, not null
        ("cache='none'", "a"),
        ("cache!=none", "b"),
        ("fold=none", "a"),
        ("fold!=null", "b"),
        ("milestones=[7]", "a"),  # recorded as a number
        ("milestones=7", "a"),
        ("milestones=[7, 9]", "b"),
        ("dense=[]", "a"),
        ("dense=[512]", "b"),
        ("size=64", "a"),  # as it is typed
        ("size!=64", "b"),
        ("path='cats and dogs'", "a"),
        ('path="cats and dogs" and cache=none', "a"),
        ("path='cats and dogs' && cache=disk", ""),
        ("cache=disk and path=it's and dense=512", "b"),
        ("path=it's and run='b'", "b"),
    ],
)
def test_values_are_found_as_they_are_typed(text: str, names: str) -> None:
    assert "".join(each.name for each in where([text], RECORDED)) == names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lr", "--where must compare a setting or a metric with a value. Received: 'lr'. Examples: --where 'lr<0.01'"),
        ("", "--where must compare a setting or a metric with a value. Received: ''."),
        ("__import__('os').system('true')", "--where must compare a setting or a metric with a value."),
        ("lrr<1", "--where must name a setting of the runs, a metric, run or status. Received: lrr. Did you mean lr"),
        ("lr<fast", "--where lr< must be followed by a number. Received: fast."),
        ("lr<", "--where lr< must be followed by a number. Received: nothing."),
    ],
)
def test_what_is_no_condition(text: str, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        where([text], RUNS)
    assert str(caught.value).startswith(message)


@given(st.text())
def test_any_text_is_a_condition_or_refused(text: str) -> None:
    try:
        assert len(where([text], RUNS)) <= len(RUNS)
    except BadInput as error:
        assert str(error).startswith("--where")
