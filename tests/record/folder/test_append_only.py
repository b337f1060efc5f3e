"""Append-only files are truncated to their earlier lengths; a run folder has one owner."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from catsdogs_exp.errors import BadInput
from catsdogs_exp.record.folder.append_only import cut_back, lengths
from catsdogs_exp.record.folder.run_lock import owned


def test_files_go_back_to_their_lengths_and_later_ones_go(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "events").write_bytes(b"one")
    (tmp_path / "short").write_bytes(b"four")
    before = lengths(tmp_path)
    assert before == {"short": 4, "train/events": 3}
    (tmp_path / "train" / "events").write_bytes(b"one and more")
    (tmp_path / "short").write_bytes(b"fo")
    (tmp_path / "train" / "later").write_bytes(b"new")
    cut_back(tmp_path, before)
    assert {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == {
        "events": b"one",
        "short": b"fo",
    }


def test_a_second_process_is_refused_naming_the_first(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from catsdogs_exp.record.folder.run_lock import owned\n"
        "with owned(Path(sys.argv[1])): print('mine', flush=True); time.sleep(60)"
    )
    other = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None and other.stdout.readline() == "mine\n"
        with pytest.raises(BadInput, match=f"is being trained by process {other.pid} on .* since .*Wait for it"):
            owned(tmp_path).__enter__()
    finally:
        other.kill()
        other.communicate()
    assert json.loads((tmp_path / ".owner.json").read_text())["pid"] == other.pid  # killed: its traces remain
    with owned(tmp_path):  # and do not count
        assert json.loads((tmp_path / ".owner.json").read_text())["pid"] != other.pid
    assert not (tmp_path / ".owner.json").exists()
