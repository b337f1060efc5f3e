"""The decoded cache on disk: created once, bounded, and never touching foreign files."""

import errno
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from catsdogs_exp.data.cache_folder import CacheUnusable
from catsdogs_exp.data.images import pixel_cache
from catsdogs_exp.data.images.pixel_cache import NoRoom, clear, entries, has_entry, open_entry, room

MIB = 2**20
SHAPE = (16, 256, 256, 1)  # one MiB


def key(number: int) -> str:
    return f"{number:024x}"


def filled(value: int) -> Callable[[np.ndarray], None]:
    return lambda array: array.fill(value)


def make(number: int, limit: int = 100 * MIB, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return open_entry(key(number), shape, {"images": shape[0], "data": "photos"}, filled(number), limit)


def age(cache: Path, number: int, days: float) -> None:
    then = time.time() - days * 86400
    os.utime(cache / "decoded" / key(number) / "pixels.npy", (then, then))


def names(cache: Path) -> list[str]:
    return sorted(path.name for path in (cache / "decoded").iterdir() if path.suffix != ".lock")


def not_again(_: np.ndarray) -> None:
    pytest.fail("made again")


def test_an_entry_is_made_once_and_says_what_it_is(cache: Path) -> None:
    assert not has_entry(key(1))
    assert make(1).max() == 1
    assert has_entry(key(1))
    again = open_entry(key(1), SHAPE, {}, not_again, 0)  # what is there needs no room
    assert again.min() == 1
    assert not again.flags.writeable
    (entry,) = entries()
    assert (entry.key, entry.whole, entry.about["images"], entry.about["data"]) == (key(1), True, 16, "photos")
    assert MIB <= entry.size < MIB + 1000
    assert abs(entry.used - time.time()) < 60


def test_it_is_in_use_as_long_as_somebody_refers_to_it(cache: Path) -> None:
    first, second = make(1), make(1)
    assert entries()[0].busy
    view = first[3:].view(np.ndarray)
    del first
    del second
    assert entries()[0].busy
    assert view.max() == 1
    del view
    assert not entries()[0].busy
    assert [path.name for path in sorted((cache / "decoded" / key(1)).iterdir())] == ["entry.json", "pixels.npy"]


def test_what_was_not_used_for_longest_makes_room(cache: Path) -> None:
    for number, days in ((1, 2), (2, 9), (3, 1)):
        make(number)
        age(cache, number, days)
    limit = 3 * MIB + MIB // 2
    make(4, limit)
    assert names(cache) == [key(1), key(3), key(4)]
    make(1, limit)  # used now
    make(5, limit)
    assert names(cache) == [key(1), key(4), key(5)]


def test_what_is_in_use_stays(cache: Path) -> None:
    kept = make(1)
    age(cache, 1, 99)
    make(2)
    make(3, 2 * MIB + MIB // 2)
    assert names(cache) == [key(1), key(3)]
    with pytest.raises(NoRoom, match=r"0\.000977 GiB are in use by other runs"):
        make(4, MIB + MIB // 2)
    assert names(cache) == [key(1), key(3)]
    assert kept.max() == 1


def test_an_entry_larger_than_the_limit_is_not_made_and_costs_no_other(cache: Path) -> None:
    make(1)
    with pytest.raises(NoRoom, match=r"they are 0\.000977 GiB"):
        make(2, MIB // 2)
    assert names(cache) == [key(1)]


def test_a_full_disk_makes_room_too(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(1)
    make(2)
    free = iter([0, 2 * MIB])
    monkeypatch.setattr(pixel_cache.shutil, "disk_usage", lambda _: SimpleNamespace(free=next(free, 2 * MIB)))
    make(3)
    assert names(cache) == [key(2), key(3)]


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="not on this system")
def test_a_disk_that_is_full_is_an_error_and_no_signal(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(number: int) -> Callable[..., None]:
        def allocate(*_: object) -> None:
            raise OSError(number, os.strerror(number))

        return allocate

    monkeypatch.setattr(os, "posix_fallocate", refuse(errno.ENOSPC))
    with pytest.raises(CacheUnusable, match="No space left"):
        make(1)
    assert names(cache) == []
    monkeypatch.setattr(os, "posix_fallocate", refuse(errno.EOPNOTSUPP))
    assert make(1).max() == 1


def test_how_much_room_there_is(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixel_cache.shutil, "disk_usage", lambda _: SimpleNamespace(free=10 * MIB))
    kept = make(1)
    make(2)
    allowed, free = room(5 * MIB)
    assert abs(allowed - 4 * MIB) < 1000
    assert abs(free - 11 * MIB) < 1000
    assert room(MIB // 2)[0] == 0
    del kept


def test_a_failure_half_way_leaves_nothing(cache: Path) -> None:
    def fail(array: np.ndarray) -> None:
        array[0] = 1
        raise ValueError("a picture")

    with pytest.raises(ValueError, match="a picture"):
        open_entry(key(1), SHAPE, {}, fail, 100 * MIB)
    assert names(cache) == ["room.lock"] or names(cache) == []
    assert make(1).max() == 1


def _count_and_make(folder: str, place: str) -> None:
    os.environ["CATSDOGS_CACHE"] = folder

    def fill(array: np.ndarray) -> None:
        with Path(place).open("a", encoding="utf-8") as handle:
            handle.write("made\n")
        time.sleep(0.3)
        array.fill(7)

    assert open_entry(key(7), SHAPE, {}, fill, 100 * MIB).max() == 7


def test_two_processes_make_it_once(cache: Path, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    log = tmp_path / "log.txt"
    workers = [context.Process(target=_count_and_make, args=(str(cache), str(log))) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert log.read_text(encoding="utf-8") == "made\n"
    (entry,) = entries()
    assert not entry.busy


PROGRAM = """
import sys, time
from catsdogs_exp.data.images.pixel_cache import open_entry
def fill(array):
    if sys.argv[2] == "half":
        print("now", flush=True)
        time.sleep(60)
kept = open_entry(sys.argv[1], (16, 256, 256, 1), {}, fill, 2**30)
print("now", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("moment", ["half", "whole"])
def test_a_process_that_was_killed_holds_nothing(cache: Path, moment: str) -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM, key(1), moment], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "now\n"
        (entry,) = entries()
        assert (entry.busy, entry.whole) == (True, moment == "whole")
        assert clear() == ([], [entry])
        with pytest.raises(NoRoom):
            make(2, MIB + MIB // 2)
        other.send_signal(signal.SIGKILL)
    (entry,) = entries()
    assert not entry.busy
    make(2, MIB + MIB // 2)
    assert names(cache) == [key(2)]


def test_the_number_of_a_dead_process_may_be_anothers(cache: Path) -> None:
    make(1)
    folder = cache / "decoded" / key(1)
    started = int(psutil.Process().create_time())
    host = pixel_cache.socket.gethostname()
    for lease, busy in (
        (f"in-use.{os.getpid()}.{started - 5000}.0a.{host}", False),
        (f"in-use.{os.getpid()}.{started}.0a.{host}", True),
        (f"in-use.1.1.0a.other.{host}", True),  # who knows
        ("in-use.what", False),
    ):
        (folder / lease).touch()
        assert entries()[0].busy is busy
        (folder / lease).unlink()
    elsewhere = folder / f"in-use.1.1.0a.other.{host}"
    elsewhere.touch()
    os.utime(elsewhere, (0, 0))
    assert not entries()[0].busy


def test_clear_takes_what_is_old_and_idle(cache: Path) -> None:
    kept = make(1)
    for number, days in ((1, 50), (2, 40), (3, 20)):
        make(number)
        age(cache, number, days)
    removed, stayed = clear(30)
    assert [entry.key for entry in removed] == [key(2)]
    assert [entry.key for entry in stayed] == [key(1)]
    del kept
    assert len(clear()[0]) == 2
    assert names(cache) == []


def test_nothing_but_its_own_is_touched(cache: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "pixels.npy").write_bytes(b"precious")
    decoded = cache / "decoded"
    make(1)
    (decoded / key(1) / "notes.txt").write_text("mine")
    (decoded / key(2)).symlink_to(outside)
    (decoded / key(3)).mkdir()
    (decoded / key(3) / "photo.jpg").write_bytes(b"photo")
    (decoded / key(4)).mkdir()
    (decoded / key(4) / "pixels.npy").symlink_to(outside / "pixels.npy")
    (decoded / "holiday").mkdir()
    (decoded / "holiday" / "pixels.npy").write_bytes(b"array")
    (decoded / "file").write_text("file")
    assert [entry.key for entry in entries()] == [key(1)]
    removed, _ = clear()
    assert [entry.key for entry in removed] == [key(1)]
    assert (outside / "pixels.npy").read_bytes() == b"precious"
    assert (decoded / key(3) / "photo.jpg").is_file()
    assert (decoded / "holiday" / "pixels.npy").is_file()
    assert (decoded / "file").is_file()
    assert (decoded / f"{key(1)}.part" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "damage", [lambda path: os.truncate(path, 5000), lambda path: path.write_text("x"), Path.unlink]
)
def test_a_damaged_entry_is_made_again(cache: Path, damage: Callable[[Path], object]) -> None:
    make(1)
    damage(cache / "decoded" / key(1) / "pixels.npy")
    assert make(1).max() == 1
    assert names(cache) == [key(1)]


def test_a_link_in_the_place_of_scratch_is_not_followed(cache: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "photo.jpg").write_bytes(b"photo")
    (cache / "decoded").mkdir()
    (cache / "decoded" / f"{key(1)}.part").symlink_to(outside)
    assert make(1).max() == 1
    assert (outside / "photo.jpg").read_bytes() == b"photo"


def test_entries_of_earlier_versions_count_and_go(cache: Path) -> None:
    folder = cache / "decoded" / key(1)
    folder.mkdir(parents=True)
    np.save(folder / "pixels.npy", np.zeros(SHAPE, dtype=np.uint8))
    (entry,) = entries()
    assert (entry.about, entry.busy) == ({}, False)
    (folder / "entry.json").write_text(json.dumps(["odd"]))
    assert entries()[0].about == {}
    make(2, MIB + MIB // 2)
    assert names(cache) == [key(2)]


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_an_entry_that_may_only_be_read_is_used(cache: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Images that another user had decoded were decoded again, by each run."""
    make(1)

    def refused(path: Path, *_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(os, "utime", refused)
    monkeypatch.setattr(Path, "touch", refused)
    again = open_entry(key(1), SHAPE, {}, not_again, 0)
    assert again.min() == 1
    del again
    assert sorted(path.name for path in (cache / "decoded" / key(1)).iterdir()) == ["entry.json", "pixels.npy"]
