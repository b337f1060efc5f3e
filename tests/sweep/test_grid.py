"""Expanding the words of a sweep into its jobs."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catsdogs_exp.config.compose import config_of
from catsdogs_exp.config.composer import Composer
from catsdogs_exp.config.conditions import Condition
from catsdogs_exp.config.schema import Config
from catsdogs_exp.config.search_path import CONF, groups
from catsdogs_exp.errors import BadInput
from catsdogs_exp.sweep.checks import check_values
from catsdogs_exp.sweep.grid import Grid, expand


def jobs_of(*words: str) -> list[str]:
    return [" ".join(job) for job in expand(words).jobs()]


def configs_of(words: list[str], config_dir: str | None = None) -> list[Config]:
    return [config_of(job, config_dir) for job in expand(words, config_dir).jobs()]


def refusal(*words: str) -> str:
    """Why a sweep is rejected before its first job."""
    with pytest.raises(BadInput) as caught:
        grid = expand(words)
        invalid = check_values(grid, Composer()).invalid
        raise BadInput(next(iter(invalid.values()), "it is not"))
    return str(caught.value)


def test_a_sweep_is_every_combination_in_hydras_order() -> None:
    words = ["lr=0.1,0.01", "depth=range(2,4)", "epochs=1"]
    configs = configs_of(words)
    assert [(job.lr, job.depth) for job in configs] == [(0.1, 2), (0.1, 3), (0.01, 2), (0.01, 3)]
    assert {job.epochs for job in configs} == {1}
    assert expand(words).varying == {"lr", "depth"}


def test_what_has_one_value_does_not_vary() -> None:
    assert jobs_of("lr=0.1", "seed=1,1") == ["lr=0.1 seed=1"] * 2
    assert expand(["lr=0.1", "seed=1,1"]).varying == set()


@pytest.mark.parametrize(
    ("word", "values"),
    [
        ("seed=range(3)", [0, 1, 2]),
        ("seed=range(1,6,2)", [1, 3, 5]),
        ("seed=choice(4,2)", [4, 2]),
        ("seed=sort(3,1,2)", [1, 2, 3]),
    ],
)
def test_hydras_ways_to_write_several_values(word: str, values: list[int]) -> None:
    assert [job.seed for job in configs_of([word])] == values
    assert expand([word]).varying == {"seed"}


def test_sizes_in_brackets_are_one_value_each() -> None:
    assert [job.loader.target_size for job in configs_of(["target_size=32,[40,48]"])] == [(32, 32), (40, 48)]


def test_glob_stands_for_the_choices_of_a_group() -> None:
    assert [job.optimizer.name for job in configs_of(["optimizer=glob(ad*)"])] == ["adam", "adamw"]
    assert expand(["optimizer=glob(ad*)"]).varying == {"optimizer"}


def test_glob_sees_the_recipes() -> None:
    recipes = groups()["experiment"]
    words = ["experiment=glob(*)", "dataset=archive", "dataset.path=photos.zip"]
    found = [job.experiment for job in configs_of(words)]
    assert found == [name for name in recipes if "/" not in name]
    assert "course_week1" in found


def test_glob_sees_choices_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "augment").mkdir()
    course = (CONF / "augment" / "course.yaml").read_text(encoding="utf-8")
    (tmp_path / "augment" / "mine.yaml").write_text(course.replace("40.0", "7.0"), encoding="utf-8")
    assert [job.augment.rotation_range for job in configs_of(["augment=none,mine"], str(tmp_path))] == [0, 7]
    every = configs_of(["augment=glob(*)"], str(tmp_path))
    assert sorted(job.augment.rotation_range for job in every) == [0, 0, 0, 7, 15, 40, 40]


# zip


@pytest.mark.parametrize(
    "word",
    [
        "zip(lr=0.1,0.01,depth=2,3)",
        "zip(lr=0.1,0.01, depth=2,3)",
        "zip(lr=[0.1,0.01],depth=[2,3])",
        "zip(lr=choice(0.1,0.01),depth=range(2,4))",
        "pairs=zip(lr=[0.1,0.01],depth=range(2,4))",
    ],
)
def test_keys_of_a_zip_move_together(word: str) -> None:
    assert jobs_of(word) == ["lr=0.1 depth=2", "lr=0.01 depth=3"]
    assert jobs_of("epochs=1", word, "seed=0,1") == [
        "epochs=1 lr=0.1 depth=2 seed=0",
        "epochs=1 lr=0.1 depth=2 seed=1",
        "epochs=1 lr=0.01 depth=3 seed=0",
        "epochs=1 lr=0.01 depth=3 seed=1",
    ]
    assert expand([word]).varying == {"lr", "depth"}


def test_two_zips_are_two_dimensions() -> None:
    found = jobs_of("zip(lr=1,2,depth=2,3)", "zip(seed=0,1,model=cnn,resnet)")
    assert len(found) == 4 and found[1] == "lr=1 depth=2 seed=1 model=resnet"


def test_texts_of_a_zip_are_taken_to_the_letter() -> None:
    found = configs_of(["dataset=folder", """zip(dataset.path=my photos,"a,b",lr=0.1,0.2)"""])
    assert [(job.dataset.path, job.lr) for job in found] == [("my photos", 0.1), ("a,b", 0.2)]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["zip(lr=1,2,depth=2)"], "The keys of zip(...) must have the same number of values. Received: lr 2, depth 1"),
        (["zip(lr=1,2)"], "zip(...) needs two keys or more: zip(lr=0.1,0.01,depth=2,3). Received: zip(lr=1,2)"),
        (["zip(1,2)"], "zip(...) takes keys with their values: zip(lr=0.1,0.01,depth=2,3). Received: zip(1,2)"),
        (
            ["zip(lr=1,2,depth=2,3)", "lr=3"],
            "A key can be varied in one place only. Received twice: lr. Leave it out of one of them",
        ),
        (
            ["zip(lr=shuffle(1,2),depth=2,3)"],
            "zip(...) takes values, choice(...), range(...) and glob(...) for each key. Received: lr=shuffle(1,2)",
        ),
        (
            ["lr=interval(0.1,1)"],
            "An interval has infinitely many values: only a search can use it. Received: lr=interval(0.1,1). "
            "Add hydra/sweeper=optuna, or give values: lr=0.1,0.01",
        ),
        (["lr=range(0,1,0)"], "The step of a range must not be 0. Received: lr=range(0,1,0)"),
        (
            ["lr=0.1,0.2", "seed=range(3,0)"],
            "A sweep needs at least one value for each key. Received none: seed=range(3,0)",
        ),
        (
            ["experiment=glob(zz*)"],
            "A sweep needs at least one value for each key. Received none: experiment=glob(zz*)",
        ),
    ],
)
def test_words_that_make_no_sweep_are_refused(words: list[str], message: str) -> None:
    assert refusal(*words) == message


# A table of jobs, recipes, conditions


def test_each_row_of_a_table_is_a_job(tmp_path: Path) -> None:
    table = tmp_path / "jobs.csv"
    table.write_text('lr, depth,target_size\n0.1,2,"[40,48]"\n\n0.01,,32\n', encoding="utf-8")
    found = [" ".join(job) for job in expand(["seed=0,1"], jobs_file=str(table)).jobs()]
    assert found == [
        "seed=0 lr=0.1 depth=2 target_size=[40,48]",
        "seed=0 lr=0.01 target_size=32",
        "seed=1 lr=0.1 depth=2 target_size=[40,48]",
        "seed=1 lr=0.01 target_size=32",
    ]


@pytest.mark.parametrize("mark", [";", "\t"])
def test_a_table_may_have_the_marks_of_a_spreadsheet(tmp_path: Path, mark: str) -> None:
    table = tmp_path / "jobs.csv"
    table.write_text(f"lr{mark}depth\n0.1{mark}2\n0.01{mark}3\n", encoding="utf-8")
    assert [" ".join(job) for job in expand([], jobs_file=str(table)).jobs()] == ["lr=0.1 depth=2", "lr=0.01 depth=3"]
    table.write_text(f"lr{mark}target_size\n0.1{mark}[32,48]\n", encoding="utf-8")
    assert [" ".join(job) for job in expand([], jobs_file=str(table)).jobs()] == ["lr=0.1 target_size=[32,48]"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "sweep.jobs must be a CSV file with one key per column, such as lr,depth, and one job per row"),
        ("lr,depth\n", "and one job per row"),
        ("lr,\n0.1,2\n", "with one key per column"),
        ("lr\n0.1,2\n", "Row 2 of .* has 2 cells for 1 keys"),
        ("lr,depth,lr\n0.1,2,0.2\n", "Received twice: lr, in "),
        ("lr;depth\n0,1;2\n", "takes one value per cell. Received: lr=0,1. Give each value a row"),
        ('lr,depth\n0.1,"range(1,3)"\n', r"takes one value per cell. Received: depth=range\(1,3\)"),
        (None, "sweep.jobs must be a readable CSV file: No such file or directory"),
    ],
)
def test_a_table_that_makes_no_jobs_is_refused(tmp_path: Path, text: str | None, message: str) -> None:
    table = tmp_path / "jobs.csv"
    if text is not None:
        table.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=message):
        expand([], jobs_file=str(table))


def test_a_recipe_may_hold_a_sweep(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    recipe = "# @package _global_\nhydra:\n  sweeper:\n    params:\n      lr: 0.1,0.01\n      depth: [2, 3]\n"
    (tmp_path / "experiment" / "mine.yaml").write_text(recipe, encoding="utf-8")
    found = [" ".join(job) for job in expand(["experiment=mine", "depth=4"], str(tmp_path)).jobs()]
    assert found == ["lr=0.1 experiment=mine depth=4", "lr=0.01 experiment=mine depth=4"]


def test_what_is_typed_wins_over_a_recipes_sweep(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    recipe = "# @package _global_\nhydra:\n  sweeper:\n    params:\n      lr: 0.1,0.01\n      split.folds: [null, 3]\n"
    (tmp_path / "experiment" / "mine.yaml").write_text(recipe, encoding="utf-8")
    found = [" ".join(job) for job in expand(["experiment=mine", "zip(lr=1,2,depth=2,3)"], str(tmp_path)).jobs()]
    assert found == [
        "split.folds=null experiment=mine lr=1 depth=2",
        "split.folds=null experiment=mine lr=2 depth=3",
        "split.folds=3 experiment=mine lr=1 depth=2",
        "split.folds=3 experiment=mine lr=2 depth=3",
    ]


def test_a_condition_leaves_jobs_out() -> None:
    grid = expand(["depth=2,4", "lr=0.1,1e-3", "model=cnn,resnet"])
    skipping = Grid(grid.dimensions, Condition("depth==4 and lr>0.01 or model==resnet", "sweep.skip"))
    assert [" ".join(job) for job in skipping.jobs()] == [
        "depth=2 lr=0.1 model=cnn",
        "depth=2 lr=0.001 model=cnn",
        "depth=4 lr=0.001 model=cnn",
    ]


# Checks before the first job


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["lr=0.1,-1"], "lr must be > 0. Received: lr=-1"),
        (["lrr=1,2"], "Unknown setting: lrr. Did you mean lr? `--help` lists the flat keys and groups, `--cfg job`"),
        (["zip(lr=0.1,-1,depth=2,3)"], "lr must be > 0. Received: lr=-1"),
        (
            ["optimizer=adam,adma"],
            "optimizer must be one of adam, adamw, lion, muon, rmsprop, sgd. Received: optimizer=adma. "
            "Did you mean adam or adamw?",
        ),
        (
            ["depth=3,6", "lr=0.1,0.2"],
            "depth must be <= 5 for target_size=[150,150]: each block halves the image. "
            "Received: depth=6. Lower depth or raise target_size.",
        ),
        (["lr=0.1,"], "lr must be > 0. Received: lr='0.1,'. Type: lr=0.1"),
    ],
)
def test_a_value_that_no_job_can_have_is_refused(words: list[str], message: str) -> None:
    assert refusal(*words).startswith(message)


def test_a_value_that_some_jobs_can_have_is_let_through() -> None:
    assert refusal("target_size=20,150", "depth=2,4") == "it is not"
    assert refusal("target_size=20,150", "depth=2,4", "seed=0,1", "lr=0.1,0.01", "batch_size=2,4") == "it is not"


def test_thousands_of_jobs_are_checked_at_their_ends() -> None:
    assert refusal("seed=range(0,100)", "lr=range(1,101)") == "it is not"
    assert refusal("seed=range(0,2000)", "lr=range(50,-50)") == "A sweep needs at least one value for each key. " + (
        "Received none: lr=range(50,-50)"
    )
    assert refusal("lr=1,2,3,4,5,6,7,8,9,10,-3,11,12,13,14,15,16,17,18,19") == "lr must be > 0. Received: lr=-3"


@settings(max_examples=20, deadline=None)
@given(
    st.floats(1e-6, 1.0),
    st.integers(1, 5),
    st.sampled_from(["cnn", "resnet", "transfer"]),
    st.sampled_from(["none", "course", "strong"]),
    st.sampled_from([48, 150, [96, 120]]),
)
def test_the_composer_gives_what_composing_gives(lr: float, depth: int, model: str, augment: str, size: object) -> None:
    words = [f"lr={lr!r}", f"depth={depth}", f"model={model}", f"augment={augment}", f"target_size={size}"]
    words = [*words, "training.early_stopping.patience=3", "loader.evaluation_size=null", "output_dir=1.10,a (b)"]
    try:
        expected: object = config_of(words)
    except BadInput as error:
        expected = str(error)
    composer = Composer()
    for _ in range(2):
        try:
            found: object = composer(words)
        except BadInput as error:
            found = str(error)
        assert found == expected
