"""A full disk ends in one line wherever it is met: in TensorFlow's files, in the first files of a run, in a sweep."""

import errno
import os
from pathlib import Path
from typing import Any, NoReturn

import pytest
import tensorflow as tf
from filelock import FileLock

from catsdogs_exp.__main__ import main
from catsdogs_exp.config.compose import config_of
from catsdogs_exp.errors import BadInput, RunFailed, is_full, why_full
from catsdogs_exp.record.folder.run_files import RunFiles
from catsdogs_exp.record.folder.run_lock import owned
from catsdogs_exp.run import begin, report
from catsdogs_exp.run.job import Job
from catsdogs_exp.sweep import job as jobs
from catsdogs_exp.sweep import run_sweep as sweeps
from catsdogs_exp.sweep import sweep_file
from catsdogs_exp.sweep.job import SweepJob, run_job
from catsdogs_exp.sweep.sweep_file import FAILED, JobState, SweepFacts, SweepFile, read_sweep
from catsdogs_exp.sweep.worker import SilentScreen
from catsdogs_exp.training import fit

Capture = pytest.CaptureFixture[str]
OF_TENSORFLOW = "{{function_node __wrapped__FlushSummaryWriter}} out/events.tfevents; No space left on device [Op:...]"


def full(*_: Any, **__: Any) -> NoReturn:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def facts() -> SweepFacts:
    return SweepFacts("command", (), None, ((("depth=1",), ("depth=2",)),), {}, "val_accuracy")


def test_tensorflows_full_disk_is_not_called_out_of_memory() -> None:
    error = tf.errors.ResourceExhaustedError(None, None, OF_TENSORFLOW)
    with pytest.raises(tf.errors.ResourceExhaustedError), fit._out_of_memory(20):
        raise error
    assert is_full(error) and why_full(error) == "No space left on device"
    with pytest.raises(RunFailed, match="Out of memory with batch_size=20"), fit._out_of_memory(20):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor with shape[20,1000000]")


def test_the_message_names_the_file_if_the_system_did() -> None:
    try:
        try:
            raise OSError(errno.EDQUOT, "Disk quota exceeded", "out/run.log")
        except OSError as error:
            raise RuntimeError("in a library") from error
    except RuntimeError as error:
        assert why_full(error) == "Disk quota exceeded: out/run.log"


def test_a_run_whose_first_file_does_not_fit_is_one_line(
    tmp_path: Path, bare: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """Hydra's `Error executing job with overrides: [...]` came first."""
    monkeypatch.setattr(begin, "write_config", full)
    assert main([*bare, f"output_dir={tmp_path}"]) == 1
    said = capsys.readouterr().err
    assert said == "error: The disk or its quota is full: No space left on device. Free some space there\n"


def test_a_job_of_a_sweep_fails_instead_of_its_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_train", full)
    outcome = run_job(SweepJob(0, tmp_path / "0", (), "command"), SilentScreen(), object())  # type: ignore[arg-type]
    assert outcome.status == FAILED
    assert outcome.error == "The disk or its quota is full: No space left on device. Free some space there"


def test_a_sweep_records_its_jobs_in_the_space_that_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = SweepFile(tmp_path, facts(), [JobState(0, ("depth=1",)), JobState(1, ("depth=2",))])
    monkeypatch.setattr(sweep_file, "write_whole", full)
    file.change(0, status=FAILED, error="full")
    assert [job.status for job in read_sweep(tmp_path)[1]] == ["failed", "pending"]
    with pytest.raises(OSError, match="No space left"):
        file.change(1, status=FAILED, error="long " * 10_000)
    assert [job.status for job in read_sweep(tmp_path)[1]] == ["failed", "pending"]


def test_a_sweep_that_cannot_go_on_says_how_to_continue(
    tmp_path: Path, bare: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(sweeps, "run_one_by_one", full)
    assert main([*bare, "-m", "depth=1,2", f"output_dir={tmp_path}"]) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    (folder,) = (path.parent for path in tmp_path.rglob("sweep.json"))
    assert last == (
        "error: The disk or its quota is full: No space left on device. Free some space there; "
        f"to continue: python -m catsdogs_exp resume {folder}"
    )


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_run_folder_that_cannot_be_written_is_named(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`resume` of another user's run was a traceback."""

    def refused(*_: Any, **__: Any) -> NoReturn:
        raise OSError(number, os.strerror(number), str(tmp_path / ".lock"))

    monkeypatch.setattr(FileLock, "acquire", refused)
    message = f"The run folder cannot be written: {tmp_path}: {os.strerror(number)}"
    with pytest.raises(BadInput, match=message), owned(tmp_path):
        pass


def test_a_report_that_cannot_be_written_says_why(
    tmp_path: Path, bare: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It pointed at a traceback in run.log, which was full, too."""
    from catsdogs_exp.report import run_page

    def refused(run: RunFiles, **_: Any) -> NoReturn:
        raise BadInput(f"The page cannot be written: {run.folder}: No space left on device")

    class Screen(SilentScreen):
        said: list[str] = []  # noqa: RUF012

        def say(self, text: str) -> None:
            self.said.append(text)

    monkeypatch.setattr(run_page, "write_report", refused)
    report.report_run(
        Job(config_of([*bare, "logging.report=true"]), tmp_path, "run", "command", []), Screen(), finished=False
    )
    assert Screen.said == [
        f"the report could not be written: The page cannot be written: {tmp_path}: No space left on device"
    ]


def test_a_run_folder_that_was_removed_is_said_to_be(tmp_path: Path) -> None:
    failure = begin._failure(FileNotFoundError(errno.ENOENT, "No such file", "x"), tmp_path / "gone")
    assert str(failure) == (
        f"The run folder was removed or renamed while the run was writing to it: {tmp_path / 'gone'}"
    )
