"""The verdict store is optional: whatever is wrong with it, files are inspected, and an intact one is left alone."""

import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from catsdogs_exp.__main__ import main
from catsdogs_exp.data.inspection import verdict_store
from catsdogs_exp.data.inspection.inspect import inspect
from catsdogs_exp.data.inspection.verdict_store import open_store
from catsdogs_exp.data.sources.listing import list_images

PhotoFolder = Callable[..., Path]
ONE, TWO = ("/a/1.jpg", b"one"), ("/a/2.jpg", b"two")


def kept() -> dict[str, bytes]:
    with open_store() as store:
        return store.known("/a/")


def write(store: Any, monkeypatch: pytest.MonkeyPatch, error: Exception, times: int = 99) -> None:
    """Lets the next writes fail."""
    really, calls = store._write, []

    def fails(*arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) <= times:
            raise error
        really(*arguments)

    monkeypatch.setattr(store, "_write", fails)
    store.remember([TWO])


def raised(kind: type[sqlite3.Error], code: int, text: str) -> sqlite3.Error:
    error = kind(text)
    error.sqlite_errorcode = code  # type: ignore[attr-defined]
    return error


CORRUPT = raised(sqlite3.DatabaseError, sqlite3.SQLITE_CORRUPT, "database disk image is malformed")
HEALTHY = [
    raised(sqlite3.OperationalError, sqlite3.SQLITE_FULL, "database or disk is full"),
    raised(sqlite3.OperationalError, sqlite3.SQLITE_BUSY, "database is locked"),
    raised(sqlite3.OperationalError, sqlite3.SQLITE_READONLY, "attempt to write a readonly database"),
    raised(sqlite3.OperationalError, sqlite3.SQLITE_IOERR_FSYNC, "disk I/O error"),
    raised(sqlite3.OperationalError, sqlite3.SQLITE_CANTOPEN, "unable to open database file"),
]


def test_damage_that_shows_only_in_writing_sets_the_store_aside(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_store() as store:
        store.remember([ONE])
        write(store, monkeypatch, CORRUPT, times=1)
        assert store.trouble == ""
    assert kept() == dict([TWO])
    assert len(list(cache.glob("*.damaged"))) == 1


@pytest.mark.parametrize("error", HEALTHY, ids=str)
def test_what_is_no_damage_leaves_the_store_in_its_place(
    cache: Path, monkeypatch: pytest.MonkeyPatch, error: sqlite3.Error
) -> None:
    with open_store() as store:
        store.remember([ONE])
        write(store, monkeypatch, error)
        assert store.trouble.startswith("verdicts cannot be saved, so the next run inspects all files again: ")
        assert f"{error}: {cache}/verdicts-" in store.trouble and "CATSDOGS_CACHE" in store.trouble
        store.remember([TWO])  # no second try, which may take as long again
        assert store.known("/a/") == {}
    assert kept() == dict([ONE])
    assert list(cache.glob("*.damaged")) == []


def test_damage_that_cannot_be_set_aside_is_left(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_store() as store:
        store.remember([ONE])
        monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
        write(store, monkeypatch, CORRUPT)
        assert "malformed" in store.trouble


def test_a_store_that_another_process_holds_is_waited_for_and_then_left(
    photo_folder: PhotoFolder, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = list_images(photo_folder())
    assert inspect(listing).trouble == ""
    (path,) = cache.glob("verdicts-*.sqlite3")
    os.utime(listing.root / str(listing.paths[0]), ns=(5, 5))  # to be inspected anew
    holder = sqlite3.connect(path)
    holder.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr(verdict_store, "_PATIENCE", 0.1)
    found = inspect(listing)
    assert "database is locked" in found.trouble
    assert found.reason.tolist() == [""] * 8
    holder.rollback()
    holder.close()
    assert inspect(listing).trouble == ""
    assert list(cache.glob("*.damaged")) == []


def test_two_inspections_at_once_share_a_store(photo_folder: PhotoFolder, cache: Path) -> None:
    folders = [photo_folder({"cats": 70, "dogs": 70}, name=name) for name in ("one", "two")]
    found: list[Any] = []
    threads = [threading.Thread(target=lambda f=f: found.append(inspect(list_images(f)))) for f in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [verdicts.trouble for verdicts in found] == ["", ""]
    with open_store() as store:
        assert [len(store.known(f"{folder}{os.sep}")) for folder in folders] == [140, 140]


def folder_in_its_place(cache: Path) -> None:
    with open_store():
        pass
    (path,) = cache.glob("verdicts-*.sqlite3")
    path.unlink()
    path.mkdir()


def file_in_its_place(cache: Path) -> None:
    cache.rmdir()
    cache.write_text("a file")


@pytest.mark.parametrize("spoil", [folder_in_its_place, file_in_its_place])
def test_without_a_store_a_folder_is_inspected_all_the_same(
    photo_folder: PhotoFolder, cache: Path, spoil: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(cache)
    root = photo_folder()
    assert main(["inspect", str(root)]) == 0
    said = capsys.readouterr()
    assert "8 files, 8 usable" in said.out
    (line,) = [line for line in said.err.splitlines() if "verdicts cannot be saved" in line]
    assert str(cache) in line and "CATSDOGS_CACHE" in line
    assert "Traceback" not in said.err


def test_without_a_home_a_folder_is_inspected_all_the_same(
    photo_folder: PhotoFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CATSDOGS_CACHE")
    for name in ("HOME", "XDG_CACHE_HOME", "USERPROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # what it does for a user the system does not know
    found = inspect(list_images(photo_folder()))
    assert found.reason.tolist() == [""] * 8
    assert "there is no home folder" in found.trouble and "CATSDOGS_CACHE" in found.trouble
