"""Work is spread over processes, or done here where none can be started."""

import os
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from catsdogs_exp.data.in_processes import in_processes


def write_pid(path: Path) -> None:
    path.write_text(str(os.getpid()), encoding="utf-8")


def test_the_work_is_done_by_other_processes(tmp_path: Path) -> None:
    paths = [tmp_path / str(number) for number in range(6)]
    assert list(in_processes(write_pid, paths)) == [1, 2, 3, 4, 5, 6]
    if (os.cpu_count() or 1) > 1:
        assert str(os.getpid()) not in {path.read_text(encoding="utf-8") for path in paths}


def test_what_a_broken_pool_has_left_is_done_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def __init__(self, *_: object, **__: object) -> None:
            raise BrokenProcessPool

    monkeypatch.setattr("catsdogs_exp.data.in_processes.ProcessPoolExecutor", Broken)
    paths = [tmp_path / str(number) for number in range(3)]
    assert list(in_processes(write_pid, paths)) == [1, 2, 3]
    assert {path.read_text(encoding="utf-8") for path in paths} == {str(os.getpid())}
