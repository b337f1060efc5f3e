"""The screen never ends a training: closed pipes and streams, a closed terminal, a full disk, a killed process."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from catsdogs_exp.__main__ import main
from catsdogs_exp.record.folder import result as results
from catsdogs_exp.record.folder.run_lock import is_abandoned, owned, true_status

PYTHON = f'"{sys.executable}" -m catsdogs_exp'
QUICK = "dataset.images=24 target_size=16 depth=2 model.dense=4 logging=minimal"
needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")


def shell(script: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", "-c", script], cwd=cwd, capture_output=True, text=True, check=False)


def result_in(folder: Path) -> dict:
    (found,) = folder.rglob("result.json")
    return json.loads(found.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "redirection",
    [
        "2>&1 | head -1",
        pytest.param(">&- 2>&-", marks=pytest.mark.slow),
        pytest.param("<&- >&- 2>&-", marks=pytest.mark.slow),
        pytest.param(">/dev/full 2>/dev/full", marks=[needs_full, pytest.mark.slow]),
    ],
)
def test_a_training_goes_on_without_its_screen(redirection: str, tmp_path: Path) -> None:
    done = shell(f"set -o pipefail; {PYTHON} {QUICK} epochs=2 {redirection}", tmp_path)
    assert done.returncode == 0 and "Traceback" not in done.stdout + done.stderr
    assert result_in(tmp_path)["status"] == "ok"
    (metrics,) = tmp_path.rglob("metrics.csv")
    assert len(metrics.read_text().splitlines()) == 3 and not any(
        b"\0" in p.read_bytes() for p in tmp_path.rglob("*.csv")
    )


@pytest.mark.parametrize("redirection", [">&-", "2>&-", "| head -1"])
def test_a_command_without_a_reader_is_silent(redirection: str, tmp_path: Path) -> None:
    done = shell(f"set -o pipefail; {PYTHON} --help {redirection}", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@needs_full
def test_data_that_could_not_be_written_is_an_error(tmp_path: Path) -> None:
    done = shell(f"{PYTHON} --help >/dev/full", tmp_path)
    assert (done.returncode, done.stderr) == (
        1,
        "error: The output could not be written to stdout: No space left on device\n",
    )


def started(tmp_path: Path, *before: str) -> subprocess.Popen[bytes]:
    """A long run whose first epoch has ended."""
    command = [*before, sys.executable, "-m", "catsdogs_exp", *QUICK.split(), "epochs=100000"]
    ignored = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # where the tests themselves run under nohup
    process = subprocess.Popen(
        command, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    signal.signal(signal.SIGHUP, ignored)
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline:
        found = [path for path in tmp_path.rglob("metrics.csv") if len(path.read_text().splitlines()) > 1]
        if found:
            return process
        assert process.poll() is None
        time.sleep(0.1)
    process.kill()
    raise AssertionError("no epoch in 200 s")


@pytest.mark.slow
def test_a_closed_terminal_interrupts_the_run_once(tmp_path: Path) -> None:
    process = started(tmp_path)
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGHUP)
    assert process.wait(200) == 129
    assert result_in(tmp_path)["status"] == "interrupted"


@pytest.mark.slow
def test_nohup_is_respected(tmp_path: Path) -> None:
    process = started(tmp_path, "nohup")
    process.send_signal(signal.SIGHUP)
    time.sleep(1)
    assert process.poll() is None
    process.terminate()
    assert process.wait(200) == 143


@pytest.mark.slow
def test_a_killed_run_is_not_running(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    process = started(tmp_path)
    (folder,) = (path.parent for path in tmp_path.rglob("result.json"))
    assert main(["compare", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"][0]["status"] == "running"
    process.kill()
    process.wait()
    assert main(["compare", str(tmp_path), "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["runs"][0]["status"] == "killed"
    assert f"{folder.name} was killed. To continue it: python -m catsdogs_exp resume {folder}" in said.err
    assert main(["repeat", str(folder)]) == 2
    assert "Its status is killed: " in capsys.readouterr().err
    main(["resume", str(folder), "epochs=1"])  # finished, or refused where more epochs are done
    assert "the run was killed after " in capsys.readouterr().err


def test_only_a_run_that_nobody_trains_is_abandoned(tmp_path: Path) -> None:
    assert not is_abandoned(tmp_path)  # no lock at all: of another tool, or copied
    with owned(tmp_path):
        assert not is_abandoned(tmp_path) and true_status(tmp_path, "running") == "running"
    (tmp_path / ".lock").touch()  # kill -9 leaves it
    assert is_abandoned(tmp_path)
    assert [true_status(tmp_path, status) for status in ("running", "ok", None)] == ["killed", "ok", None]
    (tmp_path / ".owner.json").write_text("")  # a loss of power leaves it empty
    assert is_abandoned(tmp_path)
    (tmp_path / ".owner.json").write_text(json.dumps({"pid": 1, "host": "another", "since": "then"}))
    assert not is_abandoned(tmp_path)


def test_a_full_disk_ends_in_one_line_and_the_folder_says_so(
    tmp_path: Path, bare: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from catsdogs_exp.record.listeners import metrics_csv

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def no_room(self: object, result: object) -> None:
        monkeypatch.setattr(results, "write_json", full)
        full()

    monkeypatch.setattr(metrics_csv.MetricsCsv, "on_epoch", no_room)
    assert main([*bare, f"output_dir={tmp_path}"]) == 1
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert "error: The disk or its quota is full: " in said.splitlines()[-1]
    assert " Free some space there, then resume: python -m catsdogs_exp resume " in said.splitlines()[-1]
    found = result_in(tmp_path)
    assert found["status"] == "failed" and found["error"].startswith("The disk or its quota is full")


def test_a_second_ctrl_c_does_not_keep_a_run_from_recording_the_first(
    tmp_path: Path, bare: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It came while `result.json` was written, and the run stayed `running`."""
    from catsdogs_exp.record.listeners import metrics_csv
    from catsdogs_exp.run import begin

    update = begin._update

    def impatient(*arguments: object, **content: object) -> None:
        signal.raise_signal(signal.SIGINT)
        update(*arguments, **content)  # type: ignore[arg-type]

    monkeypatch.setattr(metrics_csv.MetricsCsv, "on_epoch", lambda *_: signal.raise_signal(signal.SIGTERM))
    monkeypatch.setattr(begin, "_update", impatient)
    assert main([*bare, f"output_dir={tmp_path}"]) == 143
    (result,) = tmp_path.rglob("result.json")
    assert json.loads(result.read_text())["status"] == "interrupted"
    assert "Traceback" not in capsys.readouterr().err
