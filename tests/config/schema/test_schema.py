"""The dataclasses agree with the files under conf/ and experiments/."""

import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from catsdogs_exp.config.compose import config_of
from catsdogs_exp.config.schema import FLAT_KEYS, VARIANTS, Config
from catsdogs_exp.config.schema.datasets import DATASETS, ImageFiles
from catsdogs_exp.config.schema.transfer import KERAS_APPLICATIONS
from catsdogs_exp.config.search_path import CONF, EXPERIMENTS, groups
from catsdogs_exp.errors import BadInput
from catsdogs_exp.sweep.grid import expand

WHOLE = ("experiment", "debug")  # groups whose choices may set anything
CHOICES = [(group, choice) for group, choices in groups().items() if group not in WHOLE for choice in choices]
RECIPES = groups()["experiment"]
FILES = sorted(CONF.rglob("*.yaml"))
GROUPS = {f.name: f.type for f in fields(Config) if is_dataclass(f.type) or f.name in VARIANTS}


# presets of `cnn`
COURSE = {"course_a", "course_b", "course_c", "course_d", "course_e"}
# what a source cannot do without
REQUIRED = {
    **{name: ["dataset.path=photos"] for name in ("folder", "archive", "csv", "pixel_csv")},
    "kaggle": ["dataset.handle=owner/name"],
    "tfds": ["dataset.builder=beans"],
}


def configs_of(words: list[str], config_dir: str | None = None) -> list[Config]:
    """The configs of a sweep's jobs."""
    return [config_of(job, config_dir) for job in expand(words, config_dir).jobs()]


def content_of(path: Path) -> dict[str, Any]:
    """The keys of a choice's file, with those of the files that it builds on."""
    text = path.read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    group = path.parent.name
    if text.startswith("# @package _global_") and group in content:  # a preset that sets flat keys as well
        (base,) = [entry.removesuffix(f"@{group}") for entry in content["defaults"] if entry != "_self_"]
        return {**content_of(path.parent / f"{base}.yaml"), **content[group]}
    below = [entry.removesuffix("@_here_") for entry in content.pop("defaults", []) if entry != "_self_"]
    for name in below:
        content = _merged(content_of(path.parent / f"{name}.yaml"), content)
    return content


def _merged(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """As Hydra merges: nested keys are kept unless they are set."""
    nested = {k: _merged(base[k], v) for k, v in own.items() if isinstance(v, dict) and isinstance(base.get(k), dict)}
    return {**base, **own, **nested}


def dataclass_of(group: str, choice: str) -> Any:
    if group not in VARIANTS:
        return GROUPS[group]
    return VARIANTS[group][content_of(CONF / group / f"{choice}.yaml")["name"]]


def keys(content: dict[str, Any]) -> Any:
    return {key: keys(value) if isinstance(value, dict) else None for key, value in content.items()}


def settings(cls: Any) -> Any:
    return {f.name: settings(f.type) if is_dataclass(f.type) else None for f in fields(cls)}


@pytest.mark.parametrize(("group", "choice"), CHOICES)
def test_every_choice_composes(config: Callable[..., Config], group: str, choice: str) -> None:
    path = REQUIRED.get(choice, [])
    made = config(f"{group}={choice}", *path)
    assert isinstance(getattr(made, group), dataclass_of(group, choice))


@pytest.mark.parametrize(("group", "choice"), CHOICES)
def test_a_choices_file_has_the_keys_of_its_dataclass(group: str, choice: str) -> None:
    content = content_of(CONF / group / f"{choice}.yaml")
    assert keys(content) == settings(dataclass_of(group, choice))


def test_every_dataclass_has_a_file_and_every_group_a_folder() -> None:
    for group, known in VARIANTS.items():
        assert set(known) == {content_of(CONF / group / f"{name}.yaml")["name"] for name in groups()[group]}
    assert set(GROUPS) == set(groups()) - set(WHOLE)
    for group, known in VARIANTS.items():
        assert set(known.values()) == set(get_args(GROUPS[group]) or [GROUPS[group]])


@pytest.mark.parametrize("group", VARIANTS)
def test_the_name_in_a_file_is_the_files_own(group: str) -> None:
    for choice in groups()[group]:
        name = content_of(CONF / group / f"{choice}.yaml")["name"]
        assert name == choice or choice in COURSE


def test_the_main_config_has_the_flat_keys_and_a_default_for_every_group() -> None:
    main = yaml.safe_load((CONF / "config.yaml").read_text(encoding="utf-8"))
    assert tuple(main)[1:7] == FLAT_KEYS
    flat = {f.name for f in fields(Config)} - set(GROUPS) - {"experiment"}
    assert set(main) == flat | {"defaults", "hydra"}
    defaults = [entry for entry in main["defaults"] if isinstance(entry, dict)]
    chosen = {name: choice for entry in defaults for name, choice in entry.items() if "override" not in name}
    assert set(chosen) == set(GROUPS) | set(WHOLE)
    assert main["defaults"][0] == "_self_"
    assert tuple(chosen)[-2:] == WHOLE


def _all_settings(cls: Any) -> list[Any]:
    found = []
    for definition in fields(cls):
        inner = (VARIANTS.get(definition.name, {}) if cls is Config else {}).values() or [definition.type]
        for kind in inner:
            found += _all_settings(kind) if is_dataclass(kind) else []
        if not any(is_dataclass(kind) for kind in inner) and definition.name != "name":
            found.append(definition)
    return found


def test_every_setting_has_a_help_text() -> None:
    every = _all_settings(Config)
    assert len(every) > 50
    assert [definition.name for definition in every if not definition.metadata.get("help")] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(CONF).as_posix())
def test_every_key_has_a_comment(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# ")
    # A name speaks for itself, a reference to a flat key is explained there, and a title by the keys below it.
    bare = re.compile(r"(defaults:|name: \w+|\w+: \$\{\w+\}|\s*\w+:)")
    keys = [line for line in lines if re.match(r"\s*(- )?[\w /]+:", line) and not bare.fullmatch(line)]
    assert keys or "name: constant" in lines
    if "  - none" in lines:  # a preset: its knobs are explained in none.yaml
        return
    assert [line for line in keys if " # " not in line] == []


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_builds(name: str) -> None:
    try:
        made = config_of([f"experiment={name}"])
    except BadInput as error:
        assert str(error).startswith("dataset.path must name")
        made = config_of([f"experiment={name}", "dataset.path=photos"])
    assert made.experiment == name


@pytest.mark.parametrize("debug", groups()["debug"])
@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_can_be_debugged(name: str, debug: str) -> None:
    words = [f"experiment={name}", f"debug={debug}"]
    try:
        made = config_of(words)
    except BadInput as error:
        assert str(error).startswith("dataset.path must name")
        made = config_of([*words, "dataset.path=photos"])
    assert made.experiment == name
    if debug == "tiny":
        assert (made.loader.target_size, made.epochs, made.training.steps_per_epoch) == ((96, 96), 2, 3)


@pytest.mark.parametrize("model", groups()["model"])
def test_every_network_can_be_tiny(model: str) -> None:
    assert config_of([f"model={model}", "debug=tiny"]).loader.target_size == (96, 96)


@pytest.mark.parametrize("backbone", KERAS_APPLICATIONS)
def test_every_backbone_can_be_tiny(backbone: str) -> None:
    made = config_of(["model=transfer", f"model.backbone={backbone}", "debug=tiny"])
    assert made.loader.target_size == (96, 96)


def test_all_lessons_of_the_course_can_be_tiny_at_once() -> None:
    words = ["experiment=glob(course_week*)", "debug=tiny", "dataset=archive", "dataset.path=photos"]
    names = [each.experiment for each in configs_of(words)]
    assert names == [name for name in RECIPES if name.startswith("course_week")] and len(names) == 4


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_opens_with_what_it_shows_and_its_command(name: str) -> None:
    text = (EXPERIMENTS / f"{name}.yaml").read_text(encoding="utf-8")
    head = text.split("\ndefaults:")[0].splitlines()
    assert head[0] == "# @package _global_"
    assert len(head[1]) > 20
    assert head[1].startswith("# ")
    assert re.search(rf"python -m catsdogs_exp (-m )?experiment={name}\b", text)


def test_what_sources_share_has_the_same_defaults_in_the_schema_and_in_conf() -> None:
    shared = content_of(CONF / "dataset" / "shared" / "files.yaml")
    assert {f.name: f.default for f in fields(ImageFiles) if f.name != "name"} == shared


def test_what_sources_share_is_no_choice() -> None:
    assert set(groups()["dataset"]) == set(DATASETS)
