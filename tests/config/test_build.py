"""Values: types, ranges, names and combinations. Composing has its own tests."""

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from catsdogs_exp.config.build import build, to_plain
from catsdogs_exp.config.compose import config_of
from catsdogs_exp.config.schema import VARIANTS, Config
from catsdogs_exp.config.schema.limits import Limits
from catsdogs_exp.errors import BadInput
from catsdogs_exp.natural_sort import flatten

Build = Callable[..., Config]


@pytest.fixture(scope="module")
def built(config: Callable[..., Config]) -> Build:
    """`built({"lr": 0.1, "model.depth": 2})`: the default config with these values, checked."""

    def make(values: dict[str, Any], base: str = "") -> Config:
        plain = copy.deepcopy(to_plain(config(*base.split())))
        for name, value in values.items():
            *parents, key = name.split(".")
            node = plain
            for parent in parents:
                node = node[parent]
            node[key] = value
        return build(OmegaConf.create(plain))

    return make


def refusal(built: Build, values: dict[str, Any], base: str = "") -> str:
    with pytest.raises(BadInput) as caught:
        built(values, base)
    assert caught.value.exit_code == 2
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("lr", -0.5, "lr must be > 0. Received: lr=-0.5"),
        ("lr", 0, "lr must be > 0. Received: lr=0"),
        ("lr", "fast", "lr must be > 0. Received: lr=fast"),
        ("lr", math.nan, "lr must be > 0. Received: lr=nan"),
        ("lr", math.inf, "lr must be > 0. Received: lr=inf"),
        ("lr", None, "lr must be > 0. Received: lr=null"),
        ("lr", True, "lr must be > 0. Received: lr=true"),
        ("lr", [1, None], "lr must be > 0. Received: lr=[1,null]"),
        ("lr", "0.1", "lr must be > 0. Received: lr='0.1'"),
        ("batch_size", 0, "batch_size must be a whole number >= 1 and <= 65536. Received: batch_size=0"),
        ("batch_size", 2.5, "batch_size must be a whole number >= 1 and <= 65536. Received: batch_size=2.5"),
        ("epochs", 1000.0, "epochs must be a whole number >= 1. Received: epochs=1000.0"),
        ("epochs", False, "epochs must be a whole number >= 1. Received: epochs=false"),
        ("seed", -1, "seed must be a whole number >= 0 and <= 2147483647. Received: seed=-1"),
        ("seed", 2**31, "seed must be a whole number >= 0 and <= 2147483647. Received: seed=2147483648"),
        ("depth", 17, "depth must be a whole number >= 1 and <= 16. Received: depth=17"),
        ("output_dir", None, "output_dir must be a text. Received: output_dir=null"),
        ("model.dropout", 1, "model.dropout must be >= 0 and < 1. Received: model.dropout=1"),
        ("model.batch_norm", 1, "model.batch_norm must be true or false. Received: model.batch_norm=1"),
        (
            "augment.rotation_range",
            181,
            "augment.rotation_range must be >= 0 and <= 180. Received: augment.rotation_range=181",
        ),
        (
            "augment.fill_mode",
            "neares",
            "augment.fill_mode must be one of nearest, reflect, wrap, constant. "
            "Received: augment.fill_mode=neares. Did you mean nearest?",
        ),
        (
            "loader.cache",
            "cloud",
            "loader.cache must be one of none, memory, disk, auto. Received: loader.cache=cloud",
        ),
        (
            "training.monitor",
            "val_acuracy",
            "training.monitor must be one of val_accuracy, val_loss, accuracy, loss. "
            "Received: training.monitor=val_acuracy. Did you mean val_accuracy or accuracy?",
        ),
        (
            "logging.activations.every",
            -2,
            "logging.activations.every must be a whole number >= -1. Received: logging.activations.every=-2",
        ),
        (
            "logging.activations",
            3,
            "logging.activations is a group of settings: logging.activations.every, logging.activations.layers, "
            "logging.activations.images, logging.activations.channels, logging.activations.scale, "
            "logging.activations.keep. Received: logging.activations=3",
        ),
        (
            "model",
            "cnn",
            "model is a group of settings. Received: model: cnn. In a YAML file, choose it in the list of defaults: "
            "- override /model: cnn",
        ),
        (
            "optimizer.name",
            "adamm",
            "optimizer.name must be one of rmsprop, adam, adamw, sgd, lion, muon. Received: optimizer.name=adamm. "
            "Did you mean adam or adamw? Choose it with optimizer=NAME.",
        ),
        (
            "optimizer.rh",
            3,
            "Unknown setting: optimizer.rh=3. Did you mean rho? "
            "Known here: name, learning_rate, rho, momentum, weight_decay.",
        ),
        (
            "logging.activations.evry",
            3,
            "Unknown setting: logging.activations.evry=3. Did you mean every? Known here: every, layers, images, "
            "channels, scale, keep.",
        ),
        (
            "batchsize",
            3,
            "Unknown setting: batchsize=3. Did you mean batch_size? Known here: lr, batch_size, "
            "target_size, depth, epochs, seed, output_dir, experiment, plugins, dataset, inspection, split, loader, "
            "augment, model, optimizer, schedule, training, logging, sweep.",
        ),
    ],
)
def test_a_wrong_value_names_the_setting_what_is_allowed_and_what_was_received(
    built: Build, name: str, value: Any, message: str
) -> None:
    assert refusal(built, {name: value}) == message


@pytest.mark.parametrize(
    ("value", "size"),
    [(150, (150, 150)), ([120, 160], (120, 160)), ([64, 64], (64, 64)), (4096, (4096, 4096))],
)
def test_target_size_is_one_number_or_height_and_width(built: Build, value: Any, size: tuple[int, int]) -> None:
    assert built({"target_size": value, "loader.target_size": value}).loader.target_size == size


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (4097, "4097"),
        (-5, "-5"),
        (120.5, "120.5"),
        (True, "true"),
        (None, "null"),
        ("big", "big"),
        ("[120,160]", "[120,160]"),
        ([120], "[120]"),
        ([120, 160, 3], "[120,160,3]"),
        ([], "[]"),
        ([120, True], "[120,true]"),
        ([120, 0], "[120,0]"),
        ([120.0, 160.0], "[120.0,160.0]"),
    ],
)
def test_other_target_sizes_are_refused(built: Build, value: Any, shown: str) -> None:
    assert refusal(built, {"target_size": value}) == (
        "target_size must be a whole number of pixels from 1 to 4096, or two: [height,width]. "
        f"Received: target_size={shown}"
    )


@pytest.mark.parametrize(("validation", "test"), [(0.5, 0.5), (0.9, 0.2)])
def test_splits_must_leave_images_to_train_on(built: Build, validation: float, test: float) -> None:
    assert refusal(built, {"split.validation": validation, "split.test": test}) == (
        "split.validation + split.test must be < 1, so that some images remain for training. "
        f"Received: split.validation={validation} split.test={test}"
    )


def test_splits_may_take_nearly_all(built: Build) -> None:
    assert built({"split.validation": 0.5, "split.test": 0.49}).split.test == 0.49


def test_the_message_for_a_deep_network_says_the_largest_depth_that_fits(built: Build) -> None:
    assert refusal(built, {"model.depth": 6, "loader.target_size": 100}) == (
        "depth must be <= 5 for target_size=[100,100]: each block halves the image. "
        "Received: depth=6. Lower depth or raise target_size."
    )
    assert built({"model.depth": 5, "loader.target_size": 100}).model.depth == 5


@pytest.mark.parametrize("path", [None, ""])
@pytest.mark.parametrize(("name", "what"), [("folder", "folder"), ("archive", "archive")])
def test_a_source_on_disk_needs_a_path(built: Build, name: str, what: str, path: str | None) -> None:
    assert refusal(built, {"dataset": {"name": name, "path": path}}) == (
        f"dataset.path must name the {what} of images. Received: none. Set it: dataset={name} dataset.path=PATH"
    )


def test_warming_up_must_end_before_the_run_does(built: Build) -> None:
    cosine = {"name": "cosine", "warmup_epochs": 2.5, "final": 0.0}
    assert refusal(built, {"schedule": cosine, "epochs": 2}) == (
        "schedule.warmup_epochs must be < epochs. Received: schedule.warmup_epochs=2.5 epochs=2"
    )
    assert built({"schedule": cosine, "epochs": 3}).epochs == 3


def test_a_removed_setting_is_missed(config: Callable[..., Config]) -> None:
    plain = to_plain(config())
    del plain["model"]["dropout"]
    with pytest.raises(BadInput, match=r"^model\.dropout is missing\. Set it: model\.dropout=\.\.\.$"):
        build(OmegaConf.create(plain))


def test_an_interpolation_to_nowhere_names_the_setting(built: Build) -> None:
    assert refusal(built, {"lr": "${rate}"}) == "lr cannot be resolved: Interpolation key 'rate' not found"


def test_a_whole_number_will_do_where_any_number_will(built: Build) -> None:
    lr = built({"lr": 1}).lr
    assert lr == 1.0
    assert isinstance(lr, float)


def test_a_number_will_do_as_a_folder_name(built: Build) -> None:
    assert built({"output_dir": 2024}).output_dir == "2024"


def test_the_recipe_is_remembered(config: Callable[..., Config]) -> None:
    assert build(OmegaConf.create(to_plain(config())), "course_week1").experiment == "course_week1"


def test_a_config_survives_the_way_through_plain_values(config: Callable[..., Config]) -> None:
    ours = config("target_size=[120,160]", "optimizer=adamw", "augment=course")
    plain = to_plain(ours)
    assert plain["target_size"] == [120, 160]
    assert build(OmegaConf.create(plain)) == ours


def test_flatten_joins_names_with_dots() -> None:
    nested = {"lr": 0.1, "model": {"depth": 3, "inner": {"a": None}}, "size": [1, 2]}
    assert flatten(nested) == {"lr": 0.1, "model.depth": 3, "model.inner.a": None, "size": [1, 2]}


def test_a_checked_config_cannot_be_changed(config: Callable[..., Config]) -> None:
    with pytest.raises(AttributeError):
        config().lr = 1.0  # type: ignore[misc]


def _numbers(cls: type = Config, path: str = "") -> Iterator[tuple[str, type, Limits]]:
    """Every number of the default config: its dotted name, int or float, and its limits."""
    default = {"dataset": "drawn", "model": "cnn", "optimizer": "rmsprop", "schedule": "constant"}
    for definition in fields(cls):
        name = f"{path}{definition.name}"
        kind = VARIANTS[name][default[name]] if name in VARIANTS else definition.type
        limits = definition.metadata.get("limits")
        if limits and limits.word:  # a number or a word
            kind = int if int in get_args(kind) else float
        if isinstance(kind, type) and is_dataclass(kind):
            yield from _numbers(kind, f"{name}.")
        elif kind in (int, float) and not definition.metadata["limits"].choices:
            yield name, kind, definition.metadata["limits"]


NUMBERS = list(_numbers())
# where two settings that are fine alone do not go together
COMBINATIONS = (
    "depth must be <= ",
    "model.filters must be <= model.max_filters",
    "target_size must be >= ",
    "split.validation + split.test must be < 1",
    "split.fold must be ",
    "schedule.warmup_epochs must be < epochs",
    "training.clip_norm and training.clip_value cannot both be set",
)


def test_the_walk_over_the_schema_finds_the_numbers() -> None:
    names = {name for name, _, _ in NUMBERS}
    assert {"lr", "seed", "model.dropout", "optimizer.rho", "logging.activations.every"} <= names
    assert not any(get_origin(kind) is UnionType or get_args(kind) for _, kind, _ in NUMBERS)


@given(data=st.data())
def test_every_number_keeps_to_its_limits(built: Build, data: st.DataObject) -> None:
    name, kind, limits = data.draw(st.sampled_from(NUMBERS))
    edges = [b for b in (limits.above, limits.at_least, limits.below, limits.at_most) if b is not None]
    near = [kind(edge + step) for edge in edges for step in (-1, 0, 1)]
    value = data.draw(st.sampled_from(near) | (st.integers() if kind is int else st.floats()))
    inside = (
        math.isfinite(value)
        and not (limits.above is not None and value <= limits.above)
        and not (limits.at_least is not None and value < limits.at_least)
        and not (limits.below is not None and value >= limits.below)
        and not (limits.at_most is not None and value > limits.at_most)
    )
    try:
        built({name: value})
    except BadInput as error:
        message = str(error)
        assert message.startswith(COMBINATIONS if inside else f"{name} must be ")
        if not inside:
            assert message.endswith(f". Received: {name}={value}")
    else:
        assert inside


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8).filter(lambda t: "${" not in t),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abn", max_size=4), inner, max_size=3),
    max_leaves=5,
)


@given(data=st.data(), value=ANYTHING)
def test_whatever_a_setting_is_given_the_answer_is_a_config_or_one_line(
    built: Build, config: Callable[..., Config], data: st.DataObject, value: Any
) -> None:
    plain = to_plain(config())
    name = data.draw(st.sampled_from([*flatten(plain), *plain]))
    try:
        made = built({name: value})
    except BadInput as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert isinstance(made, Config)


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("augment.zoom_range", 0.2, (0.8, 1.2)),
        ("augment.zoom_range", [0.5, 1], (0.5, 1.0)),
        ("augment.brightness_range", 0, (1.0, 1.0)),
        ("augment.brightness_range", 1, (0.0, 2.0)),
        ("loader.crop_scale", [0.08, 1.0], (0.08, 1.0)),
    ],
)
def test_a_range_is_two_numbers_or_one_around_one(built: Build, name: str, value: Any, kept: tuple) -> None:
    group, _, key = name.partition(".")
    assert getattr(getattr(built({name: value}), group), key) == pytest.approx(kept)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "augment.zoom_range",
            [1.2, 0.8],
            "augment.zoom_range must be two numbers, [lowest,highest], each > 0 and <= 100; or one number n for "
            "1-n..1+n. Received: augment.zoom_range=[1.2,0.8]",
        ),
        ("augment.zoom_range", 1, "1-n..1+n. Received: augment.zoom_range=1"),
        ("augment.zoom_range", [0.5], "Received: augment.zoom_range=[0.5]"),
        ("augment.zoom_range", "wide", "Received: augment.zoom_range=wide"),
        ("augment.zoom_range", True, "Received: augment.zoom_range=true"),
        ("augment.zoom_range", [True, 2], "Received: augment.zoom_range=[true,2]"),
        ("augment.zoom_range", [0.5, math.nan], "Received: augment.zoom_range=[0.5,nan]"),
        (
            "loader.crop_scale",
            0.5,
            "loader.crop_scale must be two numbers, [lowest,highest], each > 0 and <= 1. Received: "
            "loader.crop_scale=0.5",
        ),
    ],
)
def test_what_is_no_range_is_refused(built: Build, name: str, value: Any, message: str) -> None:
    assert message in refusal(built, {name: value})


def test_xla_and_determinism_exclude_each_other(built: Build) -> None:
    message = refusal(built, {"training.jit": "always"})
    assert message.startswith("training.jit=always needs training.deterministic=false")
    assert built({"training.jit": "always", "training.deterministic": False}).training.jit == "always"


@pytest.mark.parametrize("key", ["output_dir", "dataset.path", "loader.cache"])
def test_a_number_in_a_recipe_is_no_text_as_its_spelling_would_be_lost(key: str, tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    group, _, last = key.rpartition(".")
    text = f"{group}:\n  {last}: 1.10\n" if group else f"{last}: 1.10\n"
    (tmp_path / "experiment" / "mine.yaml").write_text(
        f"# @package _global_\ndefaults:\n  - override /dataset: folder\n{text}", encoding="utf-8"
    )
    with pytest.raises(
        BadInput, match=rf"{key} must be a text. Received 1.10, which YAML reads as a number: .*mine.yaml, line [45]. "
    ):
        config_of(
            ["experiment=mine"] if key == "dataset.path" else ["experiment=mine", "dataset.path=x"], str(tmp_path)
        )
