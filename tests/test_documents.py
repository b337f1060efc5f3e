"""The documentation is correct: links resolve, and every command runs and prints or writes what it should.

A comment before each block of commands, invisible to readers, has one entry per command:

    <!-- commands
    - runs: 4                           # number of new runs, all ok (defaults to a training's jobs)
      settings: {optimizer.name: adam}  # in the config of each run
    - prints: 18 usable                 # one or several texts in its output; white space is collapsed
      writes: findings.html             # a new file; may be a glob pattern
      exit: 1                           # exit code; defaults to 0
    - exports: onnx                     # formats that the run is exported to first, for words such as RUN/exports/...
    - small: epochs=2                   # settings that replace or extend the command's
    - first: model=slim                 # a training to run first; `my-run` is its folder
    - skip: needs two machines          # not run, and why
    -->

A block of output follows `<!-- printed by: SETTINGS -->`: a training with these settings prints its lines, except for
numbers. Commands run literally in a folder that contains what they name, on a small scale. `shrunk` reduces a training;
the command's own settings are kept, unless its entry says otherwise. A training that has nothing to print or write by
its entry makes no pictures and no report.
"""

import csv
import json
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from catsdogs_exp.__main__ import COMMANDS, main
from catsdogs_exp.config.compose import config_of
from catsdogs_exp.natural_sort import flatten
from catsdogs_exp.sweep.grid import expand

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
RECIPES = sorted((ROOT / "experiments").rglob("*.yaml"))
FIRST_PAGES = ("README.md", "configuration.md")  # of the first half hour: all of them in the quick tests
LONG = ("atlas", "export", "find-lr", "repeat", "resume")  # commands that take as long as a training
PROGRAMS = (
    *("python -m catsdogs_exp", ".venv/bin/python -m catsdogs_exp", "catsdogs-exp"),
    *("python -m benchmarks", ".venv/bin/python -m benchmarks"),
)
PLACEHOLDERS = {"IMAGE...": "photos/train/cats", "PATH": "photos/validation"}
BLOCK = re.compile(
    r"(?:<!-- commands\n(?P<checks>(?:(?!-->).)*)-->\n\s*)?^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.M
)
DOWNLOADED = ("cats_vs_dogs", "cats_vs_dogs_filtered", "horses_or_humans", "rock_paper_scissors")
KEYS = ("prints", "writes", "runs", "settings", "exit", "small", "first", "exports", "skip")
PRINTED = re.compile(r"<!-- printed by: (.*?) -->\n\s*```\n(.*?)^```$", re.DOTALL | re.M)


@dataclass
class Command:
    """A command of the pages, with the expectations of its entries."""

    text: str
    quick: bool = False
    checks: list[dict[str, Any]] = field(default_factory=list)

    @property
    def program(self) -> str:
        return next(name for name in PROGRAMS if self.text.startswith(name))

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text.removeprefix(self.program))

    @property
    def trains(self) -> bool:
        flags = {"--help", "--cfg", "--info", "--dry-run", "cache"}
        return (
            "benchmarks" not in self.program and not flags & set(self.words) and not set(self.words[:1]) & set(COMMANDS)
        )

    @property
    def long(self) -> bool:
        return self.trains or "benchmarks" in self.program or bool(set(self.words[:1]) & set(LONG))

    def extra(self, key: str) -> list[str]:
        """The words of `small` or `first`, equal in all entries that have them."""
        (found,) = {check[key] for check in self.checks if key in check} or {""}
        return shlex.split(found)

    def asked(self, key: str) -> list[Any]:
        """The expectations of all entries for a key."""
        found: list[Any] = []
        for check in self.checks:
            value = check.get(key, [])
            found += value if isinstance(value, list) else [value]
        return found


def lines_of(block: str) -> list[str]:
    """The commands of a block, without comments; of those joined by && the last."""
    return [line.split("  #")[0].rpartition("&&")[2].strip() for line in block.splitlines() if line.strip()]


def blocks(page: Path) -> Iterator[tuple[list[str], list[dict[str, Any]] | None]]:
    """Each block of a page that contains commands, with its entries; None if the comment is missing."""
    for found in BLOCK.finditer(page.read_text(encoding="utf-8")):
        lines = lines_of(found["text"])
        if found["checks"] is not None:
            yield lines, yaml.safe_load(found["checks"])
        elif any(line.startswith(PROGRAMS) for line in lines):
            yield lines, None


def commands() -> list[Any]:
    """Every command once. Long ones that are not on a page of the first half hour are left to the slow tests."""
    found: dict[str, Command] = {}
    for page in PAGES:
        for lines, checks in blocks(page):
            for line, check in zip(lines, checks or [], strict=False):
                if "skip" not in check:
                    command = found.setdefault(line, Command(line))
                    command.checks.append(check)
                    command.quick |= page.name in FIRST_PAGES or not command.long
    for recipe in RECIPES:
        header = [line[1:] for line in recipe.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
        for line in lines_of("\n".join(header)):
            if line.startswith(PROGRAMS):
                command = found.setdefault(line, Command(line))
                command.checks.append({"settings": {"experiment": recipe.stem}})
                command.quick |= not command.trains
    return [
        pytest.param(each, marks=() if each.quick else pytest.mark.slow, id=text)
        for text, each in sorted(found.items())
    ]


def shrunk(words: list[str]) -> list[str]:
    """A training, or a sweep, reduced to a second: fewer and smaller images, one epoch, a small network."""
    flags = [word for word in words if word.startswith("-")]
    settings = [word for word in words if not word.startswith("-")]
    first = next(expand(of_grid(settings)).jobs())
    typed = {word.lstrip("+~").partition("=")[0] for word in [*settings, *first]}  # those within a zip, too
    config = config_of(first)
    small: dict[str, Any] = {"epochs": 1, "batch_size": 8}
    if config.dataset.name in DOWNLOADED and getattr(config.dataset, "archive", None) is None:
        small |= {"dataset": "drawn", "dataset.images": 48}
    if config.dataset.name == "drawn":
        small |= {"dataset.images": 48}
    if config.model.name == "cnn":
        small |= {"target_size": 64 if "depth" in typed else 32, "depth": 2, "model.dense": 16}
    elif config.model.name in ("resnet", "mbconv"):
        small |= {"target_size": 32, "depth": 2, "model.blocks": 1, "model.filters": 8}
    elif config.model.name.startswith("efficientnet"):
        small |= {"target_size": 64}  # with its weights, which come as a package
    elif hasattr(config.model, "backbone"):
        small |= {"target_size": 75, "model.weights": "none"}  # the smallest that InceptionV3 takes
    if config.loader.evaluation_size is not None:
        small |= {"loader.evaluation_size": 48}
    if config.training.steps_per_epoch is not None:
        small |= {"training.steps_per_epoch": 2, "training.validation_steps": 1}
    if "-m" in flags:  # what pictures of layers look like is nothing that every job has to show
        small |= {"logging.activations.every": -1}
    if config.training.finetune.epochs:
        small |= {"training.finetune.epochs": 1}
    return [*flags, *settings, *(f"{key}={value}" for key, value in small.items() if key not in typed)]


def of_grid(settings: list[str]) -> list[str]:
    """The settings without those that only a search takes."""
    return [word for word in settings if "interval(" not in word and not word.startswith("hydra/sweeper=")]


def replaced(words: list[str], other: list[str]) -> list[str]:
    """The words, with others replacing those for the same key, or appended."""
    keys = {word.partition("=")[0] for word in other}
    return [*(word for word in words if word.partition("=")[0] not in keys), *other]


@pytest.fixture(scope="module")
def belongings(tmp_path_factory: pytest.TempPathFactory, save_photo: Any) -> Path:
    """A folder with everything that commands name: photos, archives, tables, a plugin, and a finished run in
    `outputs/`.
    """
    folder = tmp_path_factory.mktemp("reader")
    for name, classes in (("photos", ("cats", "dogs")), ("hands", ("rock", "paper", "scissors"))):
        seed = 0
        for split, count in (("train", 6), ("validation", 3)):
            for label in classes:
                for number in range(count):
                    save_photo(folder / name / split / label / f"{label}.{number}.jpg", seed=(seed := seed + 1))
    for archive, name in (("cats_and_dogs_filtered", "photos"), ("rock_paper_scissors", "hands")):
        shutil.make_archive(str(folder / archive), "zip", folder / name)
    for name, first in (("train", 0), ("test", 20)):  # as those of Sign Language MNIST
        with (folder / f"sign_mnist_{name}.csv").open("w", newline="", encoding="utf-8") as handle:
            writer = csv.writer(handle)
            writer.writerow(["label", *(f"pixel{number}" for number in range(1, 785))])
            for row in range(first, first + 12):
                writer.writerow([row % 3, *((pixel * (row + 2)) % 240 for pixel in range(784))])
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    plugin = next(found["text"] for found in BLOCK.finditer(page) if found["kind"] == "py")
    (folder / "my_networks.py").write_text(plugin, encoding="utf-8")
    page = (ROOT / "docs" / "tensorboard.md").read_text(encoding="utf-8")
    plugin = next(found["text"] for found in BLOCK.finditer(page) if found["kind"] == "py")
    (folder / "my_listeners.py").write_text(plugin, encoding="utf-8")
    images = sorted((folder / "photos" / "train").rglob("*.jpg"))
    rows = ["id,label", *(f"{path.parent.name}.{path.stem},{path.parent.name}" for path in images)]
    (folder / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "train").mkdir()
    for path in images:
        shutil.copy(path, folder / "train" / f"{path.parent.name}.{path.name}")
    shutil.copytree(ROOT / "experiments", folder / "recipes")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("CATSDOGS_CACHE", str(folder / "cache"))
        words = replaced(shrunk(["augment=course", "split.test=0.2"]), ["epochs=3"])
        assert main([*words, "logging.activations.every=2"]) == 0
    return folder


def run_folders(folder: Path) -> set[Path]:
    return {path.parent for path in folder.rglob("result.json")}


@pytest.fixture
def reader(belongings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The reader's home and current folder: a copy of the belongings."""
    home = Path(shutil.copytree(belongings, tmp_path / "home"))
    monkeypatch.chdir(home)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("CATSDOGS_CACHE", str(home / "cache"))
    return home


@pytest.mark.parametrize("command", commands())
def test_every_command_does_what_its_page_says(
    command: Command, reader: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run,) = run_folders(reader)
    names = {**PLACEHOLDERS, "RUN": str(run.relative_to(reader)), "RUN_A": str(run.relative_to(reader))}
    if "RUN_B" in command.words:
        names["RUN_B"] = str(shutil.copytree(run, reader / "second"))
    if command.extra("first"):
        assert main(shrunk(command.extra("first"))) == 0
        names["my-run"] = str(*(run_folders(reader) - {run}))
    for formats in command.asked("exports"):
        assert main(["export", str(run), "--format", formats]) == 0
    words = [names.get(word, re.sub(r"^RUN/", f"{names['RUN']}/", word)) for word in command.words]
    words = replaced(shrunk(words) if command.trains else words, command.extra("small"))
    if command.trains and not (command.asked("prints") or command.asked("writes")) and "logging" not in str(words):
        words.append("logging=minimal")
    files, runs = {path for path in reader.rglob("*") if path.is_file()}, run_folders(reader)
    capsys.readouterr()
    code = code_of(command.program, words)
    said = capsys.readouterr()
    printed = " ".join(f"{said.out} {said.err}".split())
    assert code in (command.asked("exit") or [0]), printed
    for text in command.asked("prints"):
        assert " ".join(str(text).split()) in printed, printed
    new = {path for path in reader.rglob("*") if path.is_file()} - files
    for pattern in command.asked("writes"):
        assert new & set(reader.glob(pattern)), f"nothing new at {pattern}: {sorted(new)}"
    made = run_folders(reader) - runs
    jobs = len(list(expand(of_grid([word for word in words if word[0] != "-"])).jobs())) if command.trains else 0
    assert [len(made)] == (command.asked("runs")[:1] or [jobs])
    for folder in made:
        assert json.loads((folder / "result.json").read_text(encoding="utf-8"))["status"] == "ok"
        config = flatten(yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8")))
        for wanted in command.asked("settings"):
            assert {key: config[key] for key in wanted} == wanted


def code_of(program: str, words: list[str]) -> int:
    """The exit code of one of the project's programs."""
    from benchmarks.__main__ import main as benchmarks

    try:
        return benchmarks(words) if "benchmarks" in program else main(words)
    except SystemExit as left:  # --help of a command
        return int(left.code or 0)


@pytest.mark.parametrize(
    ("settings", "output"),
    [found for page in PAGES for found in PRINTED.findall(page.read_text(encoding="utf-8"))],
)
def test_output_is_shown_as_it_is_printed(
    settings: str, output: str, reader: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code_of("", shlex.split(settings))
    printed = without_numbers(" ".join(capsys.readouterr().err.split()))
    for line in output.splitlines():
        assert without_numbers(line) in printed


def without_numbers(text: str) -> str:
    return re.sub(r"\d+(?:[.,]\d+)*", "N", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_of_commands_says_how_it_is_checked(page: Path) -> None:
    for lines, checks in blocks(page):
        assert checks is not None, f"{page.name}: a comment `<!-- commands` is missing before: {lines[0]}"
        assert len(lines) == len(checks), f"{page.name}: {len(checks)} entries for {lines}"
        for line, check in zip(lines, checks, strict=True):
            assert check and set(check) <= set(KEYS), f"{page.name}: {line}: {check}"
            assert "skip" in check or line.startswith(PROGRAMS), f"{page.name}: not run: {line}"


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub generates them."""
    headings = re.findall(r"(?m)^#+ (.*)$", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            path, _, anchor = target.partition("#")
            there = page.parent / path if path else page
            assert there.exists(), target
            assert not anchor or anchor in anchors(there), target


def test_every_page_is_linked_from_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in PAGES if page.name != "README.md" and f"(docs/{page.name})" not in text] == []


def test_the_readme_shows_its_two_commands_and_the_flat_keys() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "pip install -q -e . && .venv/bin/python -m catsdogs_exp lr=0.001" in text
    install_and_test = "python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]' && .venv/bin/pytest -n 2"
    assert install_and_test in text
    assert install_and_test in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for key in ("lr", "batch_size", "target_size", "depth", "epochs", "seed"):
        assert re.search(rf"\| `{key}` \|", text), key
