"""The cache folder is optional: if it is unusable, one line names it and the setting for another one."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from catsdogs_exp.__main__ import main
from catsdogs_exp.data.cache_folder import CacheUnusable, cache_folder, made_once
from catsdogs_exp.data.images import pixel_cache
from catsdogs_exp.errors import BadInput

PhotoFolder = Callable[..., Path]
SMALL = ("target_size=8", "depth=1", "model.dense=4", "epochs=1", "logging=minimal")


def fails(number: int, path: Path | None = None) -> Callable[..., NoReturn]:
    def fail(*_: Any, **__: Any) -> NoReturn:
        raise OSError(number, os.strerror(number), None if path is None else str(path))

    return fail


def test_a_folder_that_is_a_file(cache: Path) -> None:
    cache.rmdir()
    cache.write_text("a file")
    with pytest.raises(BadInput) as caught:
        cache_folder("drawn")
    assert str(caught.value) == (
        f"The cache folder cannot be used: Not a directory: {cache / 'drawn'}. "
        "Set the environment variable CATSDOGS_CACHE to a writable folder with enough space."
    )


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATSDOGS_CACHE", "~nobody-of-that-name/cache")
    with pytest.raises(CacheUnusable, match=r"there is no home folder: ~nobody-of-that-name/cache\. Set"):
        cache_folder()


def test_what_cannot_be_made_in_it_names_it(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def make() -> None:
        with made_once(cache_folder("drawn") / "x") as scratch:
            assert scratch is not None
            (scratch / "1.jpg").write_bytes(b"picture")

    for number in (errno.ENOSPC, errno.EACCES, errno.EROFS):
        with monkeypatch.context() as patch:
            patch.setattr(Path, "write_bytes", fails(number, cache / "drawn" / "x.part" / "1.jpg"))
            with pytest.raises(CacheUnusable) as caught:
                make()
        assert f"cannot be used: {os.strerror(number)}: {cache / 'drawn'}. Set" in str(caught.value)
        assert not (cache / "drawn" / "x").exists()
    with monkeypatch.context() as patch:
        patch.setattr("catsdogs_exp.data.cache_folder.FileLock", fails(errno.EACCES, cache / "drawn" / "x.lock"))
        with pytest.raises(CacheUnusable, match="Permission denied"):
            make()
    make()
    assert (cache / "drawn" / "x" / "1.jpg").read_bytes() == b"picture"


def test_errors_of_other_files_are_not_the_caches(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), made_once(cache_folder("archives") / "x"):
        (tmp_path / "gone.zip").read_bytes()


def test_what_another_user_made_is_used(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = cache_folder("drawn") / "x"
    target.mkdir()
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr("catsdogs_exp.data.cache_folder.FileLock", fails(errno.EACCES))
    with made_once(target) as scratch:
        assert scratch is None


@pytest.mark.parametrize("exists", [True, False])
def test_a_lock_of_another_user_in_a_shared_folder(cache: Path, exists: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several users share a cache that all may write: the lock of each entry belongs to whoever made it."""
    target = cache_folder("drawn") / "x"
    if exists:
        target.mkdir()
    monkeypatch.setattr("filelock.FileLock.acquire", fails(errno.EACCES, Path(f"{target}.lock")))
    if exists:
        with made_once(target) as scratch:
            assert scratch is None
    else:
        with pytest.raises(CacheUnusable, match="Permission denied: "), made_once(target):
            pass


def test_a_relative_folder_is_found_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run records where its images are: `evaluate` in another folder did not find them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CATSDOGS_CACHE", "my cache")
    assert cache_folder("drawn") == tmp_path / "my cache" / "drawn"


def test_what_needs_the_folder_ends_in_one_line(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache.rmdir()
    cache.write_text("a file")
    assert main(["inspect", "dataset=drawn", "dataset.images=4"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert str(cache / "drawn") in line and "CATSDOGS_CACHE" in line


@pytest.mark.parametrize("kind", ["auto", "disk"])
def test_a_run_on_a_folder_goes_on_without_it(
    photo_folder: PhotoFolder, cache: Path, tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cache.rmdir()
    cache.write_text("a file")
    words = ["dataset=folder", f"dataset.path={photo_folder()}", f"loader.cache={kind}", *SMALL]
    code = main([*words, f"output_dir={tmp_path / 'outputs'}"])
    said = capsys.readouterr()
    everything = said.out + said.err
    assert "Traceback" not in everything
    assert "verdicts cannot be saved" in everything
    if kind == "auto":
        assert code == 0
        (line,) = [line for line in everything.splitlines() if "decoded images: " in line]
        assert "cached in memory: Not a directory: " in line and "CATSDOGS_CACHE" in line
    else:
        assert code == 1
        (line,) = [line for line in said.err.splitlines() if "Decoded images cannot be kept" in line]
        assert str(cache) in line and "CATSDOGS_CACHE" in line and "loader.cache=memory" in line


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EDQUOT])
def test_a_disk_that_fills_up_ends_no_run(
    photo_folder: PhotoFolder, cache: Path, tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setattr(pixel_cache, "_allocate", fails(number, cache / "decoded" / "x.part" / "pixels.npy"))
    words = ["dataset=folder", f"dataset.path={photo_folder()}", *SMALL, f"output_dir={tmp_path / 'outputs'}"]
    assert main(words) == 0
    said = capsys.readouterr()
    (line,) = [line for line in (said.out + said.err).splitlines() if "decoded images: " in line]
    assert f"in memory: {os.strerror(number)}: {cache / 'decoded'}" in line
    assert [path.name for path in (cache / "decoded").iterdir() if path.suffix != ".lock"] == []
