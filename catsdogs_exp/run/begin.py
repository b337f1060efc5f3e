"""Begins and ends a run: its folder has config, log and status from the first second on."""

import itertools
import logging
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catsdogs_exp import platforms
from catsdogs_exp.config.schema import Config
from catsdogs_exp.data.images.slow_reads import watched
from catsdogs_exp.data.inspection.report import report, warnings_of
from catsdogs_exp.data.manifest import Manifest
from catsdogs_exp.data.sources.listing import VALIDATION
from catsdogs_exp.errors import BadInput, Interrupted, Pruned, RunFailed, disk_is_full, is_full, one_line
from catsdogs_exp.printable import printable
from catsdogs_exp.process import random_state_kept
from catsdogs_exp.record.folder.manifest_changes import changes_of
from catsdogs_exp.record.folder.result import Result, config_hash, write_json
from catsdogs_exp.record.folder.run_folder import write_config, write_yaml
from catsdogs_exp.run.job import Job, Screen
from catsdogs_exp.run.report import has_report, report_run
from catsdogs_exp.signals import held, interruption_wins

if TYPE_CHECKING:  # they come with TensorFlow, and with the pages
    from catsdogs_exp.report.run_page import Explain
    from catsdogs_exp.training.fit import Listener

_log = logging.getLogger("catsdogs_exp")
_REWRITTEN = ("config.yaml", "overrides.yaml", "result.json", "manifest.csv", "inspection.json")


@dataclass
class BegunRun:
    """A run in progress.

    Attributes:
        job: what is run.
        result: its `result.json`.
        screen: for its messages; each line goes to `run.log` as well.
        explain: gives the report of a finished run its Grad-CAM maps; None: the report loads the saved network.
        until_it_ends: closed when the run ends.
        before: files of a resumed run as they were, and None for new ones; empty once it continues.
    """

    job: Job
    result: Result
    screen: Screen
    explain: "Explain | None" = None
    until_it_ends: ExitStack = field(default_factory=ExitStack)
    before: dict[Path, bytes | None] = field(default_factory=dict)

    def say(self, text: str) -> None:
        """Prints a line on the screen and in the log."""
        self.screen.say(text)

    def record_data(self, manifest: Manifest) -> None:
        """Records which data is used, and what was left out and why.

        Raises:
            BadInput: if a continued run's data has changed.
        """
        if self.job.found is not None:
            self._check_data(manifest)
        manifest.write_csv(self.job.folder / "manifest.csv")
        found = report(manifest)
        write_json(self.job.folder / "inspection.json", found)
        self.result.update(
            classes=list(manifest.classes),
            counts=manifest.counts(),
            quarantined=found["quarantined"],
            counts_by_rule=found["counts_by_rule"],
            data_hash=manifest.data_hash(),
        )
        for split, classes in manifest.counts().items():
            self.say(f"{split}: {sum(classes.values())} images ({', '.join(f'{n} {c}' for c, n in classes.items())})")
        if found["quarantined"]:
            reasons = ", ".join(f"{count} {reason}" for reason, count in found["reasons"].items())
            self.say(f"left out: {found['quarantined']} of {found['files']} files ({reasons}); see inspection.json")
        for line in found["reading"]:
            self.say(f"note: {line}")
        for line in found["passed_over"]:
            self.say(f"skipped: {line}")
        for line in warnings_of(manifest):
            self.say(line)

    def settle(self, config: Config) -> None:
        """Records a config in which a number has taken the place of `auto`: a resumed or repeated run has it, too."""
        write_config(self.job.folder, config)
        self.result.update(config_hash=config_hash(config))

    def take_up(self) -> None:
        """The run continues: until then, what refuses to resume it leaves its files as they were."""
        self.before.clear()

    def prepare_report(self, manifest: Manifest) -> None:
        """Starts a thread that prepares what the report needs of the images.

        Training leaves a core idle now and then; at the end of the run, the user would have to wait.
        """
        if not has_report(self.job):
            return
        from catsdogs_exp.report.run_page import prepared_meanwhile  # noqa: PLC0415  (a minimal run needs no pages)

        files = [str(manifest.path(row)) for row in manifest.rows(VALIDATION).tolist()]
        self.until_it_ends.enter_context(prepared_meanwhile(files))

    def _check_data(self, manifest: Manifest) -> None:
        """A continued run must use the data it started with."""
        if not (self.job.found or {}).get("data_hash"):  # it was stopped before its data was known
            return
        folder = self.job.folder
        changes = changes_of(folder, manifest)
        if not changes:
            return
        if not self.job.allow_changes:
            raise BadInput(
                f"The data has changed since the run began: {changes}. Restore it, or continue anyway: --allow-changes"
            )
        self.say(f"the data has changed since the run began: {changes}")
        kept = next(path for n in itertools.count(1) if not (path := folder / f"manifest-before-{n}.csv").exists())
        self.before[kept] = None
        platforms.replace(folder / "manifest.csv", kept)


@contextmanager
def begin_run(job: Job, screen: Screen) -> Iterator[BegunRun]:
    """A context in which a run is in progress; however it ends, `result.json` and `run.log` record it.

    A run that cannot be resumed stays as it was, except for its log: it may be a finished one.

    Raises:
        BadInput, RunFailed, Interrupted, Pruned: what ended it. Any other error becomes RunFailed.
    """
    before = {} if job.found is None else _contents(job.folder)
    with _log_to(job.folder / "run.log"):
        write_config(job.folder, job.config)
        write_yaml(job.folder / "overrides.yaml", job.overrides)
        run = BegunRun(job, _begin_result(job), _LoggedScreen(screen), before=before)
        _log.info("%s", job.command)
        try:
            with interruption_wins(), watched(run.say), random_state_kept(), run.until_it_ends:
                yield run
            run.result.update(status="ok")
        except Interrupted:
            with held():
                _log.warning("interrupted")
                _update(run.result, status="interrupted", error="interrupted")
            report_run(job, run.screen, finished=False)
            raise
        except Pruned as reason:
            _log.info("pruned: %s", reason)
            _update(run.result, status="pruned", stopped=str(reason))
            raise
        except BaseException as error:
            with held():
                _log.exception("failed")
                failure = _failure(error, job.folder)
                if run.before and isinstance(error, BadInput):
                    _put_back(run.before)
                    raise
                _update(run.result, status="failed", error=one_line(failure))
            report_run(job, run.screen, finished=False)
            if failure is error:
                raise
            raise failure from error
        else:
            report_run(job, run.screen, finished=True, explain=run.explain)


def _failure(error: BaseException, folder: Path) -> BaseException:
    """The message for the user: our own errors unchanged, any other in one line with the next step."""
    if isinstance(error, BadInput | RunFailed) or not isinstance(error, Exception):
        return error
    if is_full(error):
        return disk_is_full(error, f", then resume: python -m catsdogs_exp resume {shlex.quote(str(folder))}")
    if not folder.is_dir():
        return RunFailed(f"The run folder was removed or renamed while the run was writing to it: {folder}")
    return RunFailed(f"The run failed: {one_line(error)}. The traceback is in {folder / 'run.log'}")


def _contents(folder: Path) -> dict[Path, bytes | None]:
    """Returns the files of a run that a resume rewrites before it continues."""
    paths = (folder / name for name in _REWRITTEN)
    return {path: path.read_bytes() if path.is_file() else None for path in paths}


def _put_back(files: Mapping[Path, bytes | None]) -> None:
    """Restores files to their former contents, and deletes those that are new."""
    try:
        for path, content in files.items():
            if content is None:
                path.unlink(missing_ok=True)
            elif not path.is_file() or path.read_bytes() != content:
                scratch = path.with_name(f".{path.name}.part")
                scratch.write_bytes(content)
                platforms.replace(scratch, path)
    except OSError:
        _log.exception("a file could not be restored")


def _begin_result(job: Job) -> Result:
    path, digest = job.folder / "result.json", config_hash(job.config)
    if job.found is None:
        return Result(path, command=job.command, config_hash=digest)
    return Result(
        path,
        job.found,
        config_hash=digest,
        status="running",
        error=None,
        stopped=None,
        crop_sensitivity=None,  # of an earlier best network
        resumed=[*(job.found.get("resumed") or []), job.command],
    )


def _update(result: Result, **content: Any) -> None:
    """Records how a run ended, if there is still space: the reason must reach the user in any case."""
    try:
        result.end(**content)
    except OSError:
        _log.exception("result.json could not be written")


class _LoggedScreen:
    """A screen that also writes its lines to the run's log."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self.progress, self.close = screen.progress, screen.close

    def say(self, text: str) -> None:
        """Prints a line."""
        _log.info("%s", printable(text))
        self._screen.say(text)

    def training(self, epochs: Callable[[], int], batch_size: int) -> "Listener":
        """The display of the epochs, whose lines are in `metrics.csv`."""
        return self._screen.training(epochs, batch_size)


@contextmanager
def _log_to(path: Path) -> Iterator[None]:
    handler = _LogFile(path, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    level, propagate = _log.level, _log.propagate
    _log.setLevel(logging.INFO)
    _log.propagate = False
    _log.addHandler(handler)
    try:
        yield
    finally:
        _log.removeHandler(handler)
        _log.setLevel(level)
        _log.propagate = propagate
        with suppress(OSError):  # the rest does not fit on the disk
            handler.close()


class _LogFile(logging.FileHandler):
    """A log that drops lines when the disk is full: the run's error reports this, instead of a traceback per line."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  (the name is logging's)
        """Called within `except`; logging would print a traceback."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)
