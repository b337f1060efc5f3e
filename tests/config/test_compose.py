"""From typed words to the validated config; and the exact error messages."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from catsdogs_exp.config.compose import config_of
from catsdogs_exp.config.schema import Config
from catsdogs_exp.config.schema.models import CnnModel
from catsdogs_exp.config.schema.optimizers import AdamOptimizer
from catsdogs_exp.config.search_path import CONF, groups
from catsdogs_exp.errors import BadInput

LOOK = " `--help` lists the flat keys and groups, `--cfg job` every key."
_KEYS = [definition.name for definition in fields(CnnModel)]
OF_MODEL = f" Known here: {', '.join(f'model.{key}' for key in _KEYS)}."
_MODELS = ", ".join(groups()["model"])


def refusal(*overrides: str) -> str:
    with pytest.raises(BadInput) as caught:
        config_of(overrides)
    return str(caught.value)


def test_no_word_at_all_is_a_run_on_drawn_pictures(config: Callable[..., Config]) -> None:
    default = config()
    assert (default.dataset.name, default.model.name, default.optimizer.name) == ("drawn", "cnn", "rmsprop")
    assert (default.experiment, default.loader.target_size) == (None, (150, 150))


def test_flat_keys_reach_their_groups() -> None:
    config = config_of(["lr=0.01", "batch_size=7", "target_size=[48,64]", "depth=2", "epochs=3", "seed=5"])
    assert config.optimizer.learning_rate == config.lr == 0.01
    assert config.loader.batch_size == config.batch_size == 7
    assert config.loader.target_size == config.target_size == (48, 64)
    assert config.model.depth == config.depth == 2
    assert (config.epochs, config.seed) == (3, 5)


def test_a_group_is_chosen_by_name_and_its_keys_are_set_inside() -> None:
    optimizer = config_of(["optimizer=adam", "optimizer.beta_1=0.5", "lr=0.25"]).optimizer
    assert optimizer == AdamOptimizer(name="adam", learning_rate=0.25, beta_1=0.5, beta_2=0.999)


def test_the_order_of_words_does_not_matter() -> None:
    assert config_of(["optimizer.beta_1=0.5", "optimizer=adam"]) == config_of(
        ["optimizer=adam", "optimizer.beta_1=0.5"]
    )


@pytest.mark.parametrize(
    ("word", "message"),
    [
        # flat keys
        ("lrr=0.1", f"Unknown setting: lrr. Did you mean lr?{LOOK}"),
        ("epoch=3", "Unknown setting: epoch. Type: epochs=3"),
        ("learning_rate=3", "Unknown setting: learning_rate. Type: lr=3"),
        ("path=~/my photos", "Unknown setting: path. Type: 'dataset.path=~/my photos'"),
        ("batchsize=3", f"Unknown setting: batchsize. Did you mean batch_size or loader.batch_size?{LOOK}"),
        ("qqqq=3", f"Unknown setting: qqqq.{LOOK}"),
        # a key of a group without its group
        ("dropout=0.5", f"Unknown setting: dropout. Did you mean model.dropout?{LOOK}"),
        # groups
        ("modle=cnn", f"Unknown setting: modle. Did you mean model or model.l2?{LOOK}"),
        ("model=cnnn", f"model must be one of {_MODELS}. Received: model=cnnn. Did you mean cnn?"),
        ("model=qqqq", f"model must be one of {_MODELS}. Received: model=qqqq."),
        (
            "optimizer=adma",
            "optimizer must be one of adam, adamw, lion, muon, rmsprop, sgd. Received: optimizer=adma. "
            "Did you mean adam or adamw?",
        ),
        (
            "model=null",
            f"model must be one of {_MODELS}. Received: model=null.",
        ),
        # nested keys
        (
            "model.dropuot=0.5",
            "Unknown setting: model.dropuot. Did you mean model.dropout or model.depth or model.block_dropout?"
            f"{OF_MODEL}{LOOK}",
        ),
        (
            "logging.activations.evry=1",
            "Unknown setting: logging.activations.evry. Did you mean logging.activations.every or "
            f"logging.activations.keep or logging.activations.scale?{LOOK}",
        ),
        (
            "model.dropout.x=3",
            "Unknown setting: model.dropout.x. Did you mean model.dropout or model.block_dropout or model.depth?"
            f"{LOOK}",
        ),
        # keys of other choices
        (
            "model.blocks=3",
            "model.blocks is a setting of model=resnet and mbconv. Received: model.blocks=3, with model=cnn. "
            "Add model=resnet, or another of these",
        ),
        (
            "schedule.milestones=[1]",
            "schedule.milestones is a setting of schedule=step. Received: schedule.milestones=[1], with "
            "schedule=constant. Add schedule=step",
        ),
        ("dataset.paths=x", "Unknown setting: dataset.paths. Did you mean dataset.path or "),
        # values
        ("lr=nan", "lr must be > 0. Received: lr=nan"),
        ("lr=abc", "lr must be > 0. Received: lr=abc"),
        ("lr=", "lr must be > 0. Received: lr="),
        ("lr='0.1'", "lr must be > 0. Received: lr='0.1'. Type: lr=0.1"),
        ("lr=0.1.", "lr must be > 0. Received: lr='0.1.'. Type: lr=0.1"),
        ("lr=1e-3,", "lr must be > 0. Received: lr='1e-3,'. Type: lr=1e-3"),
        ("epochs=1e1", "epochs must be a whole number >= 1. Received: epochs=1e1. Type: epochs=10"),
        (
            "training.clip_norm=None",
            "training.clip_norm must be > 0. Received: training.clip_norm=None. Type: training.clip_norm=null",
        ),
        (
            "augment.vertical_flip=yes",
            "augment.vertical_flip must be true or false. Received: augment.vertical_flip=yes. "
            "Type: augment.vertical_flip=true",
        ),
        (
            "target_size=(32,48)",
            "target_size must be a whole number of pixels from 1 to 4096, or two: [height,width]. "
            "Received: target_size=(32,48). Type: target_size=[32,48]",
        ),
        (
            "target_size=32x48",
            "target_size must be a whole number of pixels from 1 to 4096, or two: [height,width]. "
            "Received: target_size='32x48'. Type: target_size=[32,48]",
        ),
        # numbers as typed, and finite
        ("batch_size=1e2", "batch_size must be a whole number >= 1 and <= 65536. Received: batch_size=1e2. Type: "),
        ("lr=1e400", "lr must be > 0. Received: lr=1e400"),
        ("lr=nan", "lr must be > 0. Received: lr=nan"),
        ("lr=fast", "lr must be > 0. Received: lr=fast"),
        (f"lr={'1' * 400}", f"lr must be > 0. Received: lr={'1' * 400}"),
        (f"epochs={'1' * 5000}", f"epochs has a number of more than 4000 digits. Received: epochs={'1' * 53}..."),
        (f"epochs=-{'1' * 400}", "epochs must be a whole number >= 1. Received: epochs=-111"),
        (f"augment.zoom_range=[0.5,{'1' * 400}]", "augment.zoom_range must be two numbers, [lowest,highest], each > 0"),
        # percent
        (
            "training.stop_at.value=95",
            "training.stop_at.value must be >= 0 and <= 1 for training.stop_at.metric=accuracy. Received: "
            "training.stop_at.value=95. Try training.stop_at.value=0.95",
        ),
        ("batch_size=2.5", "batch_size must be a whole number >= 1 and <= 65536. Received: batch_size=2.5"),
        (
            "target_size=[120,160,3]",
            "target_size must be a whole number of pixels from 1 to 4096, or two: [height,width]. "
            "Received: target_size=[120,160,3]",
        ),
        (
            "depth=6",
            "depth must be <= 5 for target_size=[150,150]: each block halves the image. "
            "Received: depth=6. Lower depth or raise target_size.",
        ),
        ("target_size=3", "target_size must be >= 4 for model.kernel_size=3. Received: target_size=[3,3]"),
        (
            "dataset=folder",
            "dataset.path must name the folder of images. Received: none. Set it: dataset=folder dataset.path=PATH",
        ),
        # several values
        (
            "lr=0,01",
            "Several values for one key make a sweep: add -m. Received: lr=0,01. For a decimal number: lr=0.01",
        ),
        (
            "target_size=32,48",
            "Several values for one key make a sweep: add -m. Received: target_size=32,48. For one run with both: "
            "target_size=[32,48]",
        ),
        ("loader.resize=crop,pad", "Several values for one key make a sweep: add -m. Received: loader.resize=crop,pad"),
        ("lr=0.1,0.01", "Several values for one key make a sweep: add -m. Received: lr=0.1,0.01"),
        ("model=cnn,foo", "Several values for one key make a sweep: add -m. Received: model=cnn,foo"),
        ("lr=range(1,3)", "Several values for one key make a sweep: add -m. Received: lr=range(1,3)"),
        ("experiment=glob(*)", "Several values for one key make a sweep: add -m. Received: experiment=glob(*)"),
        # not key=value
        ("lr", "Settings are written key=value. Received: lr. Type: lr=0.001"),
        ("lr: 0.1", "Settings are written key=value. Received: lr: 0.1. Type: lr=0.1"),
        ("lr = 0.1", "Settings are written key=value. Received: lr = 0.1. Type: lr=0.1"),
        ("lr=[1", "lr must be > 0. Received: lr=[1"),
        ("a b=3", f"Settings are written key=value. Received: a b=3.{LOOK}"),
        ("@/x", f"Settings are written key=value. Received: @/x.{LOOK}"),
        (
            "zip(lr=0.1,0.01,depth=2,3)",
            "zip(...) varies several keys together in a sweep: -m 'zip(lr=0.1,0.01,depth=2,3)'. "
            "Received: zip(lr=0.1,0.01,depth=2,3). Add -m",
        ),
        (
            "zip(lr=0.1,0.01,depth=2,3",
            "zip(...) varies several keys together in a sweep: -m 'zip(lr=0.1,0.01,depth=2,3)'. "
            "Received: zip(lr=0.1,0.01,depth=2,3. Close its bracket",
        ),
        # Hydra's + and ~
        ("+model.dropuot=0.5", "Unknown setting: model.dropuot. Did you mean model.dropout or model.depth or "),
        (
            "~qqqq",
            "A setting cannot be removed: a run needs all of them. Received: ~qqqq. Unknown setting: qqqq.",
        ),
        (
            "~lr",
            "A setting cannot be removed: a run needs all of them. Received: ~lr. For its default, leave out ~lr; "
            "for another value: lr=0.001",
        ),
        (
            "~split.folds",
            "A setting cannot be removed: a run needs all of them. Received: ~split.folds. "
            "For its default, leave out ~split.folds; to switch it off: split.folds=null",
        ),
        (
            "~model",
            "A setting cannot be removed: a run needs all of them. Received: ~model. "
            "For its default, leave out ~model; for another value: model=cnn",
        ),
        # a group's name, a path for a choice
        (
            "model.name=resnet",
            "model.name is set by the choice of its group. Received: model.name=resnet. Type: model=resnet",
        ),
        (
            "dataset=~/photos",
            f"dataset must be one of {', '.join(groups()['dataset'])}. Received a path: dataset=~/photos. "
            "Type: dataset.path=~/photos",
        ),
        (
            "model=./run",
            f"model must be one of {_MODELS}. Received a path: model=./run. "
            "To start from its network: model=transfer model.backbone=own model.weights=./run",
        ),
        # Hydra's own
        (
            "hydra.job.chdir=true",
            "hydra.job.chdir has no effect: relative paths always refer to the current folder. "
            "Received: hydra.job.chdir=true. Leave it out",
        ),
        # references
        ("lr=${rate}", "lr cannot be resolved: Interpolation key 'rate' not found"),
        ("lr=${oc.env:NOPE}", "lr cannot be resolved: Environment variable 'NOPE' not found"),
        ("lr=${lr}", "lr cannot be resolved: Recursive interpolation detected"),
        (
            "lr=???",
            "??? marks a missing value in configs, so no setting accepts it. Received: lr=???. "
            "Type: lr=0.001; for a file or folder with this name: lr=./???",
        ),
    ],
)
def test_a_mistake_is_answered_in_one_line(word: str, message: str) -> None:
    assert refusal(word).startswith(message) and "\n" not in refusal(word)


def test_a_setting_of_a_recipe_is_not_blamed_on_the_user() -> None:
    assert refusal("experiment=from_scratch_best", "model=cnn") == (
        "model=cnn does not have model.blocks, which experiment=from_scratch_best sets. Received: "
        "experiment=from_scratch_best model=cnn. Leave one of the two out"
    )
    assert refusal("experiment=from_scratch_best", "model=cnn", "model.blocks=2").startswith(
        "Unknown setting: model.blocks=2."
    )


def test_a_part_of_a_name_is_recognised() -> None:
    assert refusal("schedule=plateau").endswith("Received: schedule=plateau. Did you mean reduce_on_plateau?")
    assert refusal("dataset=cats").endswith(
        "Received: dataset=cats. Did you mean cats_vs_dogs or cats_vs_dogs_filtered?"
    )


def test_a_plus_before_a_setting_changes_nothing() -> None:
    assert config_of(["+lr=3", "++depth=2"]) == config_of(["lr=3", "depth=2"])


def test_the_settings_known_are_those_of_the_choice() -> None:
    assert refusal("optimizer=adam", "optimizer.rho=0.5") == (
        "optimizer.rho is a setting of optimizer=rmsprop. Received: optimizer=adam optimizer.rho=0.5. "
        "Leave optimizer.rho out, or choose optimizer=rmsprop"
    )
    assert refusal("optimizer=adam", "optimizer.rhoo=0.5") == (
        "Unknown setting: optimizer.rhoo. Did you mean optimizer.rho or optimizer.nesterov or optimizer.name? "
        f"Known here: optimizer.name, optimizer.learning_rate, optimizer.beta_1, optimizer.beta_2.{LOOK}"
    )


def test_an_unknown_recipe_is_answered_with_those_there_are() -> None:
    known = ", ".join(groups()["experiment"])
    assert "course_week1" in known
    assert refusal("experiment=course_wek1").startswith(
        f"experiment must be one of {known}. Received: experiment=course_wek1. Did you mean course_week1"
    )


def test_a_recipe_fills_in_what_was_not_said_and_is_remembered() -> None:
    config = config_of(["experiment=course_week1", "dataset.path=photos.zip", "epochs=2"])
    assert config.experiment == "course_week1"
    assert (config.dataset.name, config.epochs, config.depth) == ("archive", 2, 3)


def test_after_a_mistake_the_next_config_composes() -> None:
    refusal("model=qqqq")
    assert config_of(["lr=0.5"]).lr == 0.5


TEXT = st.text("lr=0.,[]{}'\"$():+~@ -\\\n%#é", max_size=10) | st.text(max_size=5)
KEYS = st.sampled_from(["lr", "target_size", "model", "dataset", "model.dropout", "+x", "~lr", "dataset.path", "@", ""])


@settings(max_examples=25)
@given(st.lists(TEXT | st.builds("{}={}".format, KEYS, TEXT), max_size=2))
@example(["lr=${"])
@example(["=1"])
def test_whatever_is_typed_the_answer_is_a_config_or_one_line(words: list[str]) -> None:
    try:
        made = config_of(words)
    except BadInput as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert isinstance(made, Config)


def test_a_folder_of_ones_own_adds_choices(tmp_path: Path) -> None:
    (tmp_path / "augment").mkdir()
    course = (CONF / "augment" / "course.yaml").read_text(encoding="utf-8")
    (tmp_path / "augment" / "mine.yaml").write_text(course.replace("40.0", "7.0"), encoding="utf-8")
    assert config_of(["augment=mine"], str(tmp_path)).augment.rotation_range == 7
    assert "augment must be one of course, course_crop, flip, none, randaugment, strong." in refusal("augment=mine")
