"""A config becomes a run folder: the one place that assembles data, network, training and record."""

import itertools
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from catsdogs_exp.data.images.pixels import open_pixels, open_stored
from catsdogs_exp.data.images.slow_reads import watched
from catsdogs_exp.data.inspection.report import report, warnings_of
from catsdogs_exp.data.manifest import Manifest
from catsdogs_exp.data.open_data import gather
from catsdogs_exp.errors import BadInput, Interrupted, RunFailed, one_line
from catsdogs_exp.record.folder.manifest_changes import changes_of
from catsdogs_exp.record.folder.result import Result, config_hash, write_json
from catsdogs_exp.record.folder.run_folder import write_config, write_yaml
from catsdogs_exp.run.job import Job, Screen, describe
from catsdogs_exp.signals import interruption_wins

_log = logging.getLogger("catsdogs_exp")


def run(job: Job, screen: Screen) -> dict[str, Any]:
    """Runs a job; its folder holds everything. Returns the content of `result.json`.

    Raises:
        BadInput, RunFailed, Interrupted: after `result.json` and `run.log` say so too.
    """
    with _log_to(job.folder / "run.log"):
        write_config(job.folder, job.config)
        write_yaml(job.folder / "overrides.yaml", job.overrides)
        result = _begin(job)
        _log.info("%s", job.command)
        try:
            with interruption_wins(), watched(_both(screen)):
                _run(job, result, screen)
        except Interrupted:
            _log.warning("interrupted")
            _update(result, status="interrupted", error="interrupted")
            raise
        except BaseException as error:
            _log.exception("failed")
            _update(result, status="failed", error=one_line(error))
            if isinstance(error, BadInput | RunFailed) or not isinstance(error, Exception):
                raise
            raise RunFailed(
                f"The run failed: {one_line(error)}. The traceback is in {job.folder / 'run.log'}"
            ) from error
        result.update(status="ok")
    return result.content


def _begin(job: Job) -> Result:
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
        resumed=[*(job.found.get("resumed") or []), job.command],
    )


def _update(result: Result, **content: Any) -> None:
    """Says how a run ended, if there is still room to write it: why it ended must reach the user in any case."""
    try:
        result.update(**content)
    except OSError:
        _log.exception("result.json could not be written")


def _run(job: Job, result: Result, screen: Screen) -> None:
    config = job.config
    say = _both(screen)
    say(f"{describe(config)} -> {job.folder}")
    manifest = gather(config, screen.progress)
    if job.found is not None:
        _check_data(job, manifest, say)
    _record_data(job.folder, manifest, result, say)
    fetch = open_pixels(manifest, config.loader, screen.progress, say)
    stored = open_stored(manifest, config.loader, screen.progress, say)

    from catsdogs_exp.training.runtime import import_tensorflow, prepare  # noqa: PLC0415

    if job.cluster is not None and not job.verbose:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # a broken connection is told in a line of ours
    started = time.perf_counter()
    import_tensorflow(job.verbose)
    _log.info("TensorFlow imported in %.1f s", time.perf_counter() - started)
    from catsdogs_exp.training.distribution.distribution import open_strategy  # noqa: PLC0415
    from catsdogs_exp.training.precision import set_threads  # noqa: PLC0415

    set_threads(config.training)
    spread = open_strategy(config.training, job.cluster)
    prepare(config.seed, config.training.deterministic)

    from catsdogs_exp.run.assemble import train_and_record  # noqa: PLC0415

    if spread.strategy is not None:
        say(spread.describe())
    with spread.together():
        start = int(job.snapshot.path.stem) if job.snapshot else 0
        spread.agree({"config": config_hash(config), "data": manifest.data_hash(), "checkpoint": start})
        train_and_record(job, manifest, fetch, stored, result, screen, say, spread)


def _check_data(job: Job, manifest: Manifest, say: Callable[[str], None]) -> None:
    """A run goes on with the data it began with."""
    if not (job.found or {}).get("data_hash"):  # it was stopped before its data was known
        return
    changes = changes_of(job.folder, manifest)
    if not changes:
        return
    if not job.allow_changes:
        raise BadInput(
            f"The data has changed since the run began: {changes}. "
            "Bring it back, or go on all the same: --allow-changes"
        )
    say(f"the data has changed since the run began: {changes}")
    kept = next(path for n in itertools.count(1) if not (path := job.folder / f"manifest-before-{n}.csv").exists())
    (job.folder / "manifest.csv").rename(kept)


def _record_data(folder: Path, manifest: Manifest, result: Result, say: Callable[[str], None]) -> None:
    manifest.write_csv(folder / "manifest.csv")
    found = report(manifest)
    write_json(folder / "inspection.json", found)
    result.update(
        classes=list(manifest.classes),
        counts=manifest.counts(),
        quarantined=found["quarantined"],
        counts_by_rule=found["counts_by_rule"],
        data_hash=manifest.data_hash(),
    )
    for split, classes in manifest.counts().items():
        say(f"{split}: {sum(classes.values())} images ({', '.join(f'{n} {c}' for c, n in classes.items())})")
    if found["quarantined"]:
        reasons = ", ".join(f"{count} {reason}" for reason, count in found["reasons"].items())
        say(f"left out: {found['quarantined']} of {found['files']} files ({reasons}); see inspection.json")
    for line in (*(f"skipped: {note}" for note in manifest.listing.notes), *warnings_of(manifest)):
        say(line)


def _both(screen: Screen) -> Callable[[str], None]:
    def say(text: str) -> None:
        _log.info("%s", text)
        screen.say(text)

    return say


@contextmanager
def _log_to(path: Path) -> Iterator[None]:
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    _log.setLevel(logging.INFO)
    _log.propagate = False
    _log.addHandler(handler)
    try:
        yield
    finally:
        _log.removeHandler(handler)
        handler.close()
