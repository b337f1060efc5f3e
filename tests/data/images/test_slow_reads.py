"""A file that takes long to read is named while waiting; others are not."""

import os
import threading
import time
from pathlib import Path

import pytest

from catsdogs_exp.data.images import slow_reads
from catsdogs_exp.data.images.file_identity import read_file
from catsdogs_exp.data.images.slow_reads import watched


class Clock:
    """Seconds that pass as the test says, not as the machine is loaded."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a file that never answers is a FIFO here")


def test_a_file_that_stalls_is_named_once_and_then_read(tmp_path: Path) -> None:
    stalled, ready = tmp_path / "cat.7.jpg", tmp_path / "cat.8.jpg"
    os.mkfifo(stalled)
    ready.write_bytes(b"there")
    said: list[str] = []
    content: list[bytes] = []
    with watched(said.append, 0.2):
        reader = threading.Thread(target=lambda: content.append(read_file(stalled)[0]))
        reader.start()
        assert read_file(ready)[0] == b"there"
        deadline = time.monotonic() + 60
        while not said and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.5)
        stalled.write_bytes(b"at last")
        reader.join(60)
    assert content == [b"at last"]
    assert len(said) == 1 and said[0].startswith(
        f"still reading {stalled} after 0.2 s: does the disk or network folder"
    )


def test_nothing_is_said_of_what_is_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each read is quick; together, and with the pauses between them, they take long."""
    path = tmp_path / "a.jpg"
    path.write_bytes(b"x")
    clock = Clock()
    monkeypatch.setattr(slow_reads, "time", clock)
    said: list[str] = []
    with watched(said.append, 0.1):
        for _ in range(30):
            read_file(path)
            clock.now += 0.2
            time.sleep(0.01)
    assert said == []


def test_a_missing_file_stays_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "none")
