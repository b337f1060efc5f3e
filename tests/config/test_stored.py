"""The configs of existing runs, including those of older versions."""

from pathlib import Path

import pytest
import yaml

from catsdogs_exp.config.build import to_plain
from catsdogs_exp.config.stored import changes_between, stored_config
from catsdogs_exp.errors import BadInput


@pytest.fixture
def plain(config) -> dict:
    return to_plain(config("model=resnet", "lr=0.02", "batch_size=7", "optimizer=adam", "depth=2"))


def read(folder: Path, plain: dict):
    (folder / "config.yaml").write_text(yaml.safe_dump(plain), encoding="utf-8")
    return stored_config(folder)


def test_a_run_of_this_version_is_read_as_it_was(tmp_path: Path, plain: dict) -> None:
    assert to_plain(read(tmp_path, plain)) == plain


@pytest.mark.parametrize(
    "missing", [("logging", "probes"), ("logging", "activations", "layers"), ("split", "folders"), ("model", "stem")]
)
def test_settings_that_an_older_version_did_not_have_take_their_defaults(
    tmp_path: Path, plain: dict, missing: tuple[str, ...], config
) -> None:
    before = plain
    for key in missing[:-1]:
        before = before[key]
    before.pop(missing[-1])
    found = to_plain(read(tmp_path, plain))
    assert found == to_plain(config("model=resnet", "lr=0.02", "batch_size=7", "optimizer=adam", "depth=2"))


def test_a_run_that_kept_moving_averages_goes_on_with_them(tmp_path: Path, plain: dict) -> None:
    assert plain["training"].pop("precise_batch_norm") == 30
    assert read(tmp_path, plain).training.precise_batch_norm == 0


@pytest.mark.parametrize(
    ("key", "value"), [("lr", "fast"), ("olden", 3), ("model", {"name": "perceptron"}), ("depth", 99)]
)
def test_what_this_version_does_not_know_is_named(tmp_path: Path, plain: dict, key: str, value: object) -> None:
    with pytest.raises(BadInput, match=r"from another version of catsdogs_exp, or damaged: .*config\.yaml: ") as error:
        read(tmp_path, {**plain, key: value})
    assert key in str(error.value)


def test_a_missing_setting_does_not_hide_a_wrong_one(tmp_path: Path, plain: dict) -> None:
    plain["logging"].pop("probes")
    plain["batch_size"] = -1
    with pytest.raises(BadInput, match="or damaged"):
        read(tmp_path, plain)


def test_changes_are_told_as_one_types_them(config) -> None:
    before = config("training.max_steps=9", "target_size=64")
    after = config("training.max_steps=null", "target_size=[64,96]", "model.batch_norm=true")
    found = changes_between(before, after)
    assert found["training.max_steps"] == "9 -> null"
    assert found["target_size"] == "[64,64] -> [64,96]"
    assert found["model.batch_norm"] == "false -> true"
