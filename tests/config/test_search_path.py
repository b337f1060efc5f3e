import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin

import catsdogs_exp
from catsdogs_exp.config import search_path
from catsdogs_exp.config.compose import config_of
from catsdogs_exp.config.search_path import CONF, EXPERIMENTS, ExperimentsSource, groups, register


@pytest.fixture
def recipes(tmp_path: Path) -> ExperimentsSource:
    folder = tmp_path / "experiments"
    (folder / "course").mkdir(parents=True)
    for name in ("first.yaml", "second.yaml", "course/week1.yaml"):
        (folder / name).write_text("lr: 0.5\n", encoding="utf-8")
    (folder / "notes.txt").write_text("not a recipe", encoding="utf-8")
    return ExperimentsSource("catsdogs_exp", f"experiments://{folder}")


def test_configs_are_found_by_absolute_paths() -> None:
    assert CONF.is_absolute()
    assert (CONF / "config.yaml").is_file()
    assert EXPERIMENTS.is_absolute()
    assert EXPERIMENTS.is_dir()


def test_composing_works_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "config.yaml").write_text("lr: wrong\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert config_of(["experiment=course_week1", "dataset.path=x", "lr=0.25"]).lr == 0.25


def test_an_installed_package_brings_its_configs(tmp_path: Path) -> None:
    installed = tmp_path / "site" / "catsdogs_exp"
    ours = Path(catsdogs_exp.__file__).parent
    shutil.copytree(ours, installed, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(CONF, installed / "conf")
    shutil.copytree(EXPERIMENTS, installed / "experiments")
    program = (
        "from catsdogs_exp.config import compose, search_path; print(search_path.CONF); "
        "print(compose.config_of(['experiment=course_week1', 'dataset.path=x']).experiment)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(installed.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.splitlines(), done.stderr) == ([str(installed / "conf"), "course_week1"], "")


def test_registering_again_changes_nothing(config: Callable[..., object]) -> None:
    config()
    register()
    register()
    plugins = Plugins.instance().discover(SearchPathPlugin)
    assert plugins.count(search_path.ExperimentsSearchPath) == 1


def test_groups_are_the_folders_and_files() -> None:
    found = groups()
    assert found["optimizer"] == ["adam", "adamw", "lion", "muon", "rmsprop", "sgd"]
    assert found["split"] == ["stratified"]
    assert list(found)[-1] == "experiment" and found["debug"] == ["one_batch", "profiler", "tiny"]
    assert set(found["experiment"]) == {
        path.relative_to(EXPERIMENTS).with_suffix("").as_posix() for path in EXPERIMENTS.rglob("*.yaml")
    }


def test_the_source_shows_recipes_as_one_group(recipes: ExperimentsSource) -> None:
    assert recipes.available()
    assert recipes.is_group("experiment")
    assert recipes.is_group("experiment/course")
    assert recipes.list("", ObjectType.GROUP) == ["experiment"]
    assert recipes.list("", ObjectType.CONFIG) == []
    assert recipes.list("experiment", ObjectType.CONFIG) == ["first", "second"]
    assert recipes.list("experiment", ObjectType.GROUP) == ["course"]
    assert recipes.list("experiment/course", ObjectType.CONFIG) == ["week1"]


def test_the_source_reads_a_recipe(recipes: ExperimentsSource) -> None:
    assert recipes.is_config("experiment/course/week1")
    assert recipes.load_config("experiment/course/week1").config == {"lr": 0.5}


@pytest.mark.parametrize("path", ["model", "first", "experiments", "experiment/third", "experiment/notes", "course"])
def test_the_source_has_nothing_else(recipes: ExperimentsSource, path: str) -> None:
    assert not recipes.is_config(path)
    assert not recipes.is_group(path)


def test_the_source_lists_nothing_of_other_groups(recipes: ExperimentsSource) -> None:
    assert recipes.list("model", ObjectType.CONFIG) == []


def test_without_the_folder_there_is_no_source(tmp_path: Path) -> None:
    assert not ExperimentsSource("catsdogs_exp", f"experiments://{tmp_path / 'none'}").available()
