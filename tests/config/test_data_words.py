"""`dataset.path=PATH` alone: its content selects the data set."""

import shutil
import tarfile
from pathlib import Path

import pytest

from catsdogs_exp.__main__ import main
from catsdogs_exp.config.compose import config_of
from catsdogs_exp.config.data_words import source_for
from catsdogs_exp.config.schema import Config
from catsdogs_exp.errors import BadInput
from catsdogs_exp.sweep.grid import expand


def configs_of(words: list[str], config_dir: str | None = None) -> list[Config]:
    """The configs of a sweep's jobs."""
    return [config_of(job, config_dir) for job in expand(words, config_dir).jobs()]


@pytest.fixture
def things(tmp_path: Path, photo_folder, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, archives of it and tables, in the current folder."""
    photo_folder({"cats": 2, "dogs": 2})
    monkeypatch.chdir(tmp_path)
    shutil.make_archive("photos", "zip", ".", "photos")
    shutil.copy("photos.zip", "download")
    with tarfile.open("photos.tar.gz", "w:gz") as tar:
        tar.add("photos")
    Path("table.csv").write_text("path,label\nphotos/cats/cat.0.jpg,cat\n")
    Path("sign_mnist.csv").write_text(",".join(["label", *(f"pixel{n}" for n in range(784))]) + "\n")
    Path("fer2013.csv").write_text(f"emotion,pixels,Usage\n0,{' '.join(['17'] * 2304)},Training\n")
    Path("notes.md").write_text("text")
    return tmp_path


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("photos", "folder"),
        ("photos.zip", "archive"),
        ("photos.tar.gz", "archive"),
        ("download", "archive"),
        ("table.csv", "csv"),
        ("sign_mnist.csv", "pixel_csv"),
        ("fer2013.csv", "pixel_csv"),
        ("nothing", "folder"),
        ("nothing.ZIP", "archive"),
        ("nothing.csv", "csv"),
    ],
)
def test_what_lies_there_decides(things: Path, path: str, source: str) -> None:
    assert source_for(path) == source
    said: list[str] = []
    config = config_of([f"dataset.path={path}"], say=said.append)
    assert (config.dataset.name, config.dataset.path) == (source, path)  # type: ignore[union-attr]
    assert len(said) == 1 and said[0].startswith(f"dataset={source}, because dataset.path is a")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("photos.zip.part", "The archive is incomplete: "),
        ("photos.zip.crdownload", "The archive is incomplete: "),
        ("photos.zip.001", "The archive is one part of several: "),
    ],
)
def test_part_of_an_archive_is_called_so(
    name: str, message: str, things: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(name).write_bytes(Path("photos.zip").read_bytes()[:500])
    assert main(["inspect", name]) == 2
    assert capsys.readouterr().err.startswith(f"error: {message}")


def test_a_home_is_understood(things: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(things))
    assert source_for("~/photos.zip") == "archive"
    assert config_of(["dataset.path=~/photos"]).dataset.path == "~/photos"  # type: ignore[union-attr]


def test_several_paths_of_one_kind(things: Path) -> None:
    shutil.copytree("photos", "more")
    assert config_of(["dataset.path=[photos,more]"]).dataset.name == "folder"
    with pytest.raises(BadInput, match=r"one kind. Received a folder and an archive: .* Choose the source: dataset="):
        config_of(["dataset.path=[photos,photos.zip]"])
    jobs = configs_of(["dataset.path=photos,more"])
    assert [(job.dataset.name, job.dataset.path) for job in jobs] == [("folder", "photos"), ("folder", "more")]  # type: ignore[union-attr]


def test_a_file_that_is_no_data_set_is_refused(things: Path) -> None:
    with pytest.raises(
        BadInput, match=r"an archive of them \(zip, tar\), or a table \(.csv\). Received a file: notes.md"
    ):
        config_of(["dataset.path=notes.md"])


@pytest.mark.parametrize("name", ["photos.7z", "photos.RAR"])
def test_an_archive_of_another_kind_is_to_be_unpacked(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"7z\xbc\xaf")
    with pytest.raises(BadInput, match=r"Received another kind of file: .* Unpack it, then name the folder"):
        source_for(str(tmp_path / name))


@pytest.mark.parametrize("words", [["dataset=archive"], ["dataset=csv"], ["dataset=folder"]])
def test_a_source_that_was_typed_stays(things: Path, words: list[str]) -> None:
    said: list[str] = []
    assert config_of([*words, "dataset.path=photos.zip"], say=said.append).dataset.name == words[0].split("=")[1]
    assert said == []


def test_a_recipes_source_stays_where_it_fits(things: Path) -> None:
    said: list[str] = []
    assert config_of(["experiment=course_week1", "dataset.path=photos.zip"], say=said.append).dataset.name == "archive"
    assert said == []
    config = config_of(["experiment=course_week1", "dataset.path=photos"], say=said.append)
    assert config.dataset.name == "folder" and said == ["dataset=folder, because dataset.path is a folder"]
    assert config_of(["experiment=course_sign_language", "dataset.path=table.csv"]).dataset.name == "pixel_csv"
    assert config_of(["experiment=course_horses", "dataset.path=photos.zip"]).dataset.name == "archive"


def test_a_known_set_has_no_path() -> None:
    with pytest.raises(
        BadInput, match=r"dataset\.path is a setting of .* Received: dataset=cats_vs_dogs dataset\.path=photos\.zip\."
    ):
        config_of(["dataset=cats_vs_dogs", "dataset.path=photos.zip"])


@pytest.mark.parametrize("words", [["dataset.path="], ["dataset=folder", "dataset.path="], ["-m", "dataset.path="]])
def test_an_empty_path_is_told_as_one(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert capsys.readouterr().err == (
        "error: dataset.path must be a folder of images, an archive of them (zip, tar), or a table (.csv). "
        "Received nothing: dataset.path=. Type: dataset.path=PATH\n"
    )
