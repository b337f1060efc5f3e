"""Listing the files below a folder: one rule for training, inspection and prediction."""

from pathlib import Path

import pytest

from catsdogs_exp.data.sources.clutter import is_clutter
from catsdogs_exp.data.sources.walking import Walker, image_files
from catsdogs_exp.data.sources.wording import counted, listed, shown, some


def touch(root: Path, *files: str) -> Path:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    return root


@pytest.mark.parametrize(
    "name",
    [
        ".DS_Store", "._cat.jpg", ".git", ".ipynb_checkpoints", ".Trash-1000", ".thumbnails",
        "__MACOSX", "Icon\r", "Thumbs.db", "thumbs.DB", "desktop.ini", "Desktop.ini", "$RECYCLE.BIN", "$Recycle.Bin",
        "System Volume Information", "lost+found", "@eaDir", "#recycle", "__pycache__", "node_modules", "Picasa.ini",
        "LOST.DIR", "found.000", "@__thumb", "venv", "_vti_cnf",
    ],
)  # fmt: skip
def test_what_systems_and_programs_leave_behind(name: str) -> None:
    assert is_clutter(name)


@pytest.mark.parametrize(
    "name", ["cat.jpg", "Icon", "thumbs", "recycle", "CVS", "_", "~cat.jpg", "eaDir", "0.jpg.part"]
)
def test_what_may_be_data(name: str) -> None:
    assert not is_clutter(name)


def test_clutter_is_counted_once_however_often_a_folder_is_looked_at(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "a/.DS_Store",
        "a/._1.jpg",
        "a/._2.jpg",
        "a/1.jpg",
        "@eaDir/a/1.jpg",
        "b/@eaDir/2.jpg/x.jpg",
        "b/2.jpg",
    )
    walker = Walker()
    for _ in range(3):
        assert walker.folders(tmp_path) == ["a", "b"]
        assert walker.loose_files(tmp_path / "a") == ["1.jpg"]
        assert sorted(walker.files(tmp_path)) == ["a/1.jpg", "b/2.jpg"]
    assert walker.notes() == ("5 hidden or left behind by a system or program: @eaDir/ (2), ._* (2), .DS_Store",)


def test_without_clutter_nothing_is_said(tmp_path: Path) -> None:
    walker = Walker()
    assert walker.files(touch(tmp_path, "1.jpg")) == ["1.jpg"]
    assert walker.notes() == ()


def test_files_stay_as_given_and_folders_are_listed_in_natural_order(tmp_path: Path) -> None:
    touch(tmp_path, "x/10.jpg", "x/9.jpg", "x/2.JPG", "x/y/1.jpg", "x/.hidden.jpg", "z.jpg")
    given = [tmp_path / "z.jpg", tmp_path / "x", tmp_path / "x" / ".hidden.jpg", tmp_path / "none.jpg"]
    walker = Walker()
    assert [path.relative_to(tmp_path).as_posix() for path in image_files(given, walker)] == [
        "z.jpg", "x/2.JPG", "x/9.jpg", "x/10.jpg", "x/y/1.jpg", "x/.hidden.jpg", "none.jpg",
    ]  # fmt: skip
    assert walker.notes() == ("1 hidden or left behind by a system or program: .hidden.jpg",)


def test_names_in_a_line() -> None:
    assert [shown(name) for name in ("a b", " a", "a\nb", "猫")] == ["a b", "' a'", "'a\\nb'", "猫"]
    assert some("abcdef") == "a, b, c, d, e, ..."
    assert some(["a", "b"], 2) == "a, b"
    assert [listed("a"), listed("ab"), listed("abc"), listed("abcde")] == [
        "a",
        "a and b",
        "a, b and c",
        "a, b, c, d, ...",
    ]
    assert [counted(1, "file"), counted(0, "file")] == ["1 file", "0 files"]
