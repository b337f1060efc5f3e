"""The wheel: configs and recipes inside, and the main job from an empty directory."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


def test_it_contains_configs_recipes_and_the_type_mark(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("conf", "experiments"):
        for file in (ROOT / folder).rglob("*.yaml"):
            assert f"catsdogs_exp/{file.relative_to(ROOT).as_posix()}" in names
    assert "catsdogs_exp/experiments/results.json" in names
    for file in (ROOT / "catsdogs_exp" / "report").iterdir():
        assert not file.is_file() or f"catsdogs_exp/report/{file.name}" in names
    assert "catsdogs_exp/py.typed" in names
    assert not [name for name in names if name.startswith(("tests/", "outputs/", "benchmarks/"))]


def test_the_installed_package_works_from_an_empty_directory(wheel: Path, tmp_path: Path, tiny) -> None:
    installed, empty = tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(installed), str(wheel)]
    subprocess.run(command, check=True, capture_output=True)
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    where = subprocess.run(
        [sys.executable, "-c", "import catsdogs_exp; print(catsdogs_exp.__file__)"],
        cwd=empty, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert str(installed) in where.stdout
    script = installed / "bin" / "catsdogs-exp"
    helped = subprocess.run(
        [sys.executable, str(script), "--help"],
        cwd=empty, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "course_week1" in helped.stdout
    ran = subprocess.run(
        [sys.executable, "-m", "catsdogs_exp", *tiny, "epochs=1"],
        cwd=empty, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    (result,) = (empty / "outputs" / "drawn").glob("*/result.json")
    assert json.loads(result.read_text())["status"] == "ok"
    assert [path.name for path in empty.iterdir()] == ["outputs"]
