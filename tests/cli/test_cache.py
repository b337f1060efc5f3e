"""`cache`: listing and clearing entries."""

import errno
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from catsdogs_exp.__main__ import main
from catsdogs_exp.data.images.pixel_cache import entries, open_entry

ABOUT = {
    "data": "/photos/cats [red]",
    "images": 3,
    "height": 10,
    "width": 20,
    "channels": 3,
    "resize": "crop",
    "interpolation": "lanczos",
}


def made(number: int) -> np.ndarray:
    return open_entry(f"{number:024x}", (3, 512, 512, 4), ABOUT, lambda array: array.fill(1), 2**30)


def test_the_table_says_what_each_entry_is_of(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made(0xABCD << 80)
    kept = made(2)
    for words in (["cache"], ["cache", "--list"]):
        assert main(words) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].split() == ["entry", "images", "size", "MiB", "made", "last", "used", "data"]
        other = next(line for line in lines if line.startswith("abcd"))
        assert "10 x 20 x 3 crop, lanczos" in other and " 3.0 " in other and "/photos/cats [red]" in other
        assert "in use" not in other
        assert "in use" in next(line for line in lines if line.startswith("00000000"))
        assert lines[-1] == f"2 entries, 6.0 MiB in {cache / 'decoded'}"
    del kept


def test_clear_says_what_was_freed_and_what_stayed(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made(1)
    kept = made(2)
    assert main(["cache", "--clear", "--unused-for", "1"]) == 0
    assert capsys.readouterr().out == "0 entries removed, 0.0 MiB freed\n"
    assert main(["cache", "--clear"]) == 0
    assert capsys.readouterr().out == "1 entry removed, 3.0 MiB freed\n1 entry kept: in use, or made by another user\n"
    del kept
    assert main(["cache", "--clear", "--unused-for=0"]) == 0
    assert capsys.readouterr().out == "1 entry removed, 3.0 MiB freed\n"
    assert entries() == []
    assert main(["cache"]) == 0
    assert capsys.readouterr().out == f"0 entries, 0.0 MiB in {cache / 'decoded'}\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--clear", "--unused-for", "soon"], "--unused-for must be a number of days >= 0. Received: soon"),
        (["--clear", "--unused-for=-1"], "--unused-for must be a number of days >= 0. Received: -1"),
        (["--clear", "--unused-for=nan"], "--unused-for must be a number of days >= 0. Received: nan"),
        (["--unused-for", "3"], "--unused-for needs --clear. Received: --unused-for 3 alone"),
    ],
)
def test_bad_input(cache: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", *words]) == 2
    assert capsys.readouterr().err == f"error: {message}\n"


@pytest.mark.slow
def test_a_run_fills_it_with_the_name_of_its_data(cache: Path, tiny, tmp_path: Path) -> None:
    assert main([*tiny, "epochs=1", "loader.cache=disk", f"output_dir={tmp_path}"]) == 0
    (entry,) = entries()
    assert entry.about["images"] > 0
    assert (entry.about["height"], entry.about["resize"]) == (32, "stretch")
    assert Path(entry.about["data"]).is_dir()


def test_entries_of_another_user_are_listed_and_kept(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--clear` ended in a traceback."""
    made(1)
    (cache / "decoded" / f"{2:024x}.part").mkdir()

    def refused(lock: FileLock, **_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", lock.lock_file)

    monkeypatch.setattr(FileLock, "acquire", refused)
    assert main(["cache", "--clear"]) == 0
    assert capsys.readouterr().out == (
        "0 entries removed, 0.0 MiB freed\n2 entries kept: in use, or made by another user\n"
    )
    assert main(["cache"]) == 0
    assert "2 entries, 3.0 MiB" in capsys.readouterr().out
