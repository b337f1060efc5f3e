"""The oldest versions that pyproject.toml allows: they install together, and a run works with them."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = sorted(set(PROJECT["optional-dependencies"]) - {"bench", "dev", "test"})  # those serve people who work on it
LARGE = {"ray"}  # 350 MB, of which the package imports nothing itself
IMPORT_ALL = """
import importlib, pkgutil, catsdogs_exp
names = [found.name for found in pkgutil.walk_packages(catsdogs_exp.__path__, "catsdogs_exp.")]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
print(len(names))
"""


def requirements() -> list[Requirement]:
    texts = [*PROJECT["dependencies"], *(text for extra in EXTRAS for text in PROJECT["optional-dependencies"][extra])]
    return [each for each in map(Requirement, texts) if each.name != PROJECT["name"]]


def floor(requirement: Requirement) -> str:
    """`numpy==2.0`"""
    (version,) = [each.version for each in requirement.specifier if each.operator == ">="]
    return f"{requirement.name}=={version}"


@pytest.mark.parametrize("requirement", requirements(), ids=str)
def test_every_requirement_has_a_floor(requirement: Requirement) -> None:
    assert [each.operator for each in requirement.specifier].count(">=") == 1


@pytest.fixture(scope="module")
def oldest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The Python of a fresh environment in which every requirement has its lowest version."""
    folder = tmp_path_factory.mktemp("oldest")
    python = folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
    # a package of the build that no constraint concerns: what fails here is the connection
    asked = subprocess.run(
        [*pip, "download", "-q", "--no-cache-dir", "--no-deps", "-d", str(folder), "hatchling"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if asked.returncode:
        pytest.skip(f"pip cannot reach a package registry: {asked.stderr.strip().splitlines()[-1]}")
    constraints = folder / "floors.txt"
    constraints.write_text("\n".join(map(floor, requirements())), encoding="utf-8")
    installed = subprocess.run(
        [*pip, "install", "-q", "--no-cache-dir", "-c", str(constraints), f"{ROOT}[{','.join(set(EXTRAS) - LARGE)}]"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert installed.returncode == 0, installed.stderr[-3000:]
    yield python
    shutil.rmtree(folder)  # 3 GB


def run(command: list[str], folder: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"[-3000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_module_can_be_imported_with_the_oldest_versions(oldest: Path, tmp_path: Path) -> None:
    assert int(run([str(oldest), "-c", IMPORT_ALL], tmp_path)) > 200


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_works_with_the_oldest_versions(oldest: Path, tmp_path: Path, tiny: tuple[str, ...]) -> None:
    run([str(oldest), "-m", "catsdogs_exp", *tiny, "epochs=1"], tmp_path)
    (result,) = (tmp_path / "outputs" / "drawn").glob("*/result.json")
    assert json.loads(result.read_text(encoding="utf-8"))["status"] == "ok"
