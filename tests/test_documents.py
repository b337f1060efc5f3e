"""What the pages say is true: links lead somewhere, commands run."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from catsdogs_exp.__main__ import COMMANDS, main

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
# the names that pages use for what the reader has
_ARCHIVE = "cats_and_dogs_filtered.zip"


FIRST_PAGES = ("README.md", "configuration.md")
LOOKS = {"--help", "--cfg", "--info", "--hydra-help"}


def commands() -> list[Any]:
    """Every command once. Those that train and stand on no page of the first half hour are left to the slow tests."""
    found: dict[str, bool] = {}
    for page in [*PAGES, *(ROOT / "experiments").rglob("*.yaml")]:
        for line in page.read_text(encoding="utf-8").splitlines():
            text = line.strip().removeprefix("#").strip().split("  #")[0].strip()
            if text.startswith(("python -m catsdogs_exp", "catsdogs-exp")):
                found[text] = found.get(text, False) or page.name in FIRST_PAGES or not trains(text)
    return [pytest.param(text, marks=() if quick else pytest.mark.slow) for text, quick in sorted(found.items())]


def trains(command: str) -> bool:
    words = shlex.split(command)
    words = words[3:] if words[0] == "python" else words[1:]
    return not LOOKS & set(words) and not (words and words[0] in COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))
    for target in targets:
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_the_readme_shows_its_two_commands_and_the_flat_keys() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "pip install -q -e . && .venv/bin/python -m catsdogs_exp lr=0.001" in text
    install_and_test = "python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]' && .venv/bin/pytest -n 2"
    assert install_and_test in text
    assert install_and_test in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for key in ("lr", "batch_size", "target_size", "depth", "epochs", "seed"):
        assert re.search(rf"\| `{key}` \|", text), key


@pytest.mark.parametrize("command", commands())
def test_every_command_of_the_pages_runs(
    command: str,
    trained: Path,
    tiny: tuple[str, ...],
    photo_folder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With the reader's own names filled in, and made small: fewer and smaller pictures, one epoch."""
    photos = photo_folder({"train/cats": 6, "train/dogs": 6, "validation/cats": 3, "validation/dogs": 3})
    import shutil

    for name in ("train", "test"):  # as those of Sign-Language MNIST
        first = 0 if name == "train" else 20
        rows = [
            f"{row % 3},{','.join(str((pixel * (row + 2)) % 240) for pixel in range(784))}"
            for row in range(first, first + 12)
        ]
        header = ",".join(["label", *(f"pixel{number}" for number in range(1, 785))])
        (tmp_path / f"sign_mnist_{name}.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    archive = shutil.make_archive(str(tmp_path / "photos"), "zip", photos.parent, photos.name)
    monkeypatch.chdir(tmp_path)
    words = shlex.split(command)
    words = words[3:] if words[0] == "python" else words[1:]
    replaced = {"RUN": str(trained), "IMAGE...": str(photos / "train" / "cats"), "PATH": str(photos)}
    if "RUN_B" in words:
        replaced |= {"RUN_A": str(trained), "RUN_B": shutil.copytree(trained, tmp_path / "second").as_posix()}
    words = [replaced.get(word, word).replace("~/photos", str(photos)) for word in words]
    words = [re.sub(rf"[\w./~-]*({_ARCHIVE}|rock_paper_scissors.zip)", archive, word) for word in words]
    words = [str(trained.parent) if re.match(r"outputs(/|$)", word) else word for word in words]
    if trains(command):
        small = [word for word in tiny if not word.startswith(("epochs", "dataset", "split"))]
        source = [] if any("dataset" in word or "experiment" in word for word in words) else ["dataset.images=48"]
        if any(word.startswith("experiment") for word in words) and not any("dataset" in word for word in words):
            source = ["dataset=drawn", "dataset.images=48"]  # what the recipe would download
        other = re.search("mbconv|resnet|from_scratch", command)  # `tiny` is for cnn
        small = [word for word in small if not (other and word.startswith(("model", "depth")))]
        made_small = ("epochs", "target_size", "seed", "" if other else "depth")
        kept = [word for word in words if word.split("=")[0] not in made_small]
        words = [*kept, *source, *small, "epochs=1"]
    elif words[0] == "show":
        words = [*words, "target_size=32", "depth=2"] + (["dataset.images=48"] if "dataset" not in command else [])
    elif words[0] == "find-lr":
        words = [*words, "target_size=32", "depth=2", "dataset.images=48", "batch_size=8", f"output_dir={tmp_path}"]
    elif words[0] in ("resume", "repeat"):  # they write into the run, or beside it
        run = shutil.copytree(trained, tmp_path / "outputs" / "run")
        settings = (run / "config.yaml").read_text(encoding="utf-8")
        settings = re.sub(r"output_dir: .*", f"output_dir: {tmp_path}", settings)
        (run / "config.yaml").write_text(settings, encoding="utf-8")
        words = [word if word != str(trained) else str(run) for word in words]
        words = [word if not word.startswith("epochs") else "epochs=4" for word in words]
    elif "--run" in words:  # it writes into the run, which other tests look at
        words = [shutil.copytree(trained, tmp_path / "run").as_posix() if w == str(trained) else w for w in words]
    elif words[0] == "inspect" and "dataset" not in command and not any(Path(word).exists() for word in words):
        words = [*words, "dataset.images=48"]
    text = " ".join(words)
    if re.search("course_f|course_week3|course_exercise7|model=transfer", text) and "efficientnet" not in text:
        size = ["target_size=75"] if words[0] not in COMMANDS else []  # the smallest that InceptionV3 takes
        kept = [word for word in words if not (size and word.startswith("target_size"))]
        words = [*kept, *size, "model.weights=none"]
    try:
        assert main(words) in ((0, 1) if words[0] == "grade" else (0,)), capsys.readouterr().err
    except SystemExit as left:  # --help of a command
        assert left.code == 0
