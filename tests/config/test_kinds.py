"""The schema says which settings take text."""

from dataclasses import dataclass
from typing import Literal

import pytest

from catsdogs_exp.config.kinds import Form, kinds_of, known_keys
from catsdogs_exp.config.schema.models import MODELS


def forms(key: str, **names: str) -> set[Form]:
    return {kind.form for kind in kinds_of(key, names)}


def test_text_by_the_type_of_the_setting() -> None:
    for key in ("output_dir", "split.group_by", "dataset.pattern", "dataset.root", "model.freeze", "loader.cache"):
        assert forms(key) == {Form.TEXT}, key
    for key in ("lr", "target_size", "model.dense", "training.stop_at.value", "augment.zoom_range", "loader.channels"):
        assert forms(key) == {Form.OTHER}, key
    assert forms("augment.custom") == forms("plugins") == {Form.LIST}
    assert forms("training.checkpoint.every") == {Form.TEXT}


def test_the_choice_of_a_group_decides() -> None:
    assert forms("dataset.path", dataset="folder") == {Form.TEXTS}
    assert forms("dataset.path", dataset="csv") == {Form.TEXT}
    assert forms("dataset.path") == {Form.TEXT, Form.TEXTS}
    assert forms("dataset.classes", dataset="drawn") == {Form.OTHER}
    assert forms("dataset.classes", dataset="folder") == {Form.NAMES}
    assert forms("dataset.path", dataset="drawn") == set()


@pytest.mark.parametrize(
    "key", ["nope", "lr.x", "dataset", "dataset.nope.x", "", ".", "experiment", "model.", "augment"]
)
def test_what_is_no_setting_has_no_kind(key: str) -> None:
    assert kinds_of(key) == set()


def test_null_where_the_schema_allows_it() -> None:
    assert {kind.optional for kind in kinds_of("split.group_by")} == {True}
    assert {kind.optional for kind in kinds_of("output_dir")} == {False}


def test_known_keys_are_those_of_all_choices() -> None:
    keys = known_keys()
    assert {"lr", "dataset.handle", "model.backbone", "schedule.gamma", "training.stop_at.value"} <= set(keys)
    assert len(keys) == len(set(keys))
    assert all(kinds_of(key) for key in keys if key != "experiment")


def test_a_plugins_settings_count_with_its_own_types(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True)
    class Mine:
        name: str = "mine"
        label: "str | None" = None
        folders: "tuple[str, ...]" = ()
        way: Literal["up", "down"] = "up"
        shares: "dict[str, float] | None" = None

    monkeypatch.setitem(MODELS, "mine", Mine)
    assert forms("model.label") == {Form.TEXT}
    assert forms("model.folders", model="mine") == {Form.LIST}
    assert {kind.choices for kind in kinds_of("model.way")} == {("up", "down")}
    assert forms("model.shares") == {Form.NUMBERS}
