"""Files that arrive in a folder: once each, when they are complete."""

import os
from pathlib import Path

import pytest

from catsdogs_exp.errors import BadInput
from catsdogs_exp.inference.watching import PATIENCE, SETTLE, FolderWatch


def test_files_are_given_once_they_have_settled(tmp_path: Path) -> None:
    (tmp_path / "before.jpg").write_bytes(b"old")
    watch = FolderWatch(tmp_path)
    assert watch.settled(0) == []
    new, other = tmp_path / "sub" / "a.jpg", tmp_path / "b10.jpg"
    new.parent.mkdir()
    new.write_bytes(b"12")
    assert watch.settled(1) == []
    other.write_bytes(b"1")
    (tmp_path / "b9.jpg").write_bytes(b"1")
    (tmp_path / ".b.jpg.part").write_bytes(b"1")
    assert watch.settled(1 + SETTLE) == [new]
    assert watch.settled(1 + 2 * SETTLE) == [tmp_path / "b9.jpg", other, new]
    watch.finish(new)
    assert watch.settled(1 + 3 * SETTLE) == [tmp_path / "b9.jpg", other]


def test_a_file_that_grows_is_waited_for(tmp_path: Path) -> None:
    watch = FolderWatch(tmp_path)
    growing = tmp_path / "a.jpg"
    for second in range(5):
        growing.write_bytes(b"x" * (second + 1))
        assert watch.settled(second) == []
    assert watch.settled(4 + SETTLE) == [growing]
    assert watch.may_be_half_written(growing, 4 + PATIENCE / 2)
    assert not watch.may_be_half_written(growing, 4 + PATIENCE)


def test_a_file_that_changes_arrives_again(tmp_path: Path) -> None:
    (tmp_path / "before.jpg").write_bytes(b"old")
    watch = FolderWatch(tmp_path)
    (tmp_path / "before.jpg").write_bytes(b"new one")
    watch.settled(0)
    assert watch.settled(1) == [tmp_path / "before.jpg"]
    watch.finish(tmp_path / "before.jpg")
    assert watch.settled(2) == []
    os.utime(tmp_path / "before.jpg", (1, 1))
    watch.settled(3)
    assert watch.settled(4) == [tmp_path / "before.jpg"]


def test_files_that_leave_again(tmp_path: Path) -> None:
    watch = FolderWatch(tmp_path)
    file = tmp_path / "a.jpg"
    file.write_bytes(b"x")
    watch.settled(0)
    file.unlink()
    assert watch.settled(9) == []
    file.write_bytes(b"x")
    assert watch.settled(10) == []


def test_only_folders_are_watched(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"--watch must be a folder. Received: --watch .*nowhere"):
        FolderWatch(tmp_path / "nowhere")


def test_a_folder_that_is_removed_ends_the_watch_in_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    watch = FolderWatch(folder)
    folder.rmdir()
    with pytest.raises(BadInput, match=r"A folder of images cannot be read: No such file or directory: .*photos"):
        watch.settled(0)
