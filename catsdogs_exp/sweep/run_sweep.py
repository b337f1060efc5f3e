"""A sweep from top to bottom: run the remaining jobs, one by one or in parallel, and summarize."""

import shlex
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from catsdogs_exp.errors import Interrupted, RunFailed, disk_is_full, is_full
from catsdogs_exp.metrics.names import lower_is_better
from catsdogs_exp.record.best_against import best_against_others
from catsdogs_exp.record.comparison import Comparison, compare
from catsdogs_exp.sweep.engines import launcher_words, run_with_launcher
from catsdogs_exp.sweep.job import free_network, run_job
from catsdogs_exp.sweep.recipe import chosen
from catsdogs_exp.sweep.running import LookAhead, Running, RunOptions
from catsdogs_exp.sweep.search.shared import DatabaseAway, is_away
from catsdogs_exp.sweep.search.table import table
from catsdogs_exp.sweep.side_by_side import gpu_numbers, run_side_by_side, worker_count
from catsdogs_exp.sweep.start import Sweep
from catsdogs_exp.sweep.sweep_file import FAILED, INTERRUPTED, OK, PENDING, PRUNED, RUNNING, SKIPPED, JobState

_MANY = 1000  # more jobs than fit into the time limit of a search
_THREADS = ("training.intra_op_threads", "training.inter_op_threads", "loader.workers")


def run_sweep(sweep: Sweep, options: RunOptions) -> int:
    """Runs the remaining jobs.

    Returns:
        The exit code: 1 if a job has failed.

    Raises:
        Interrupted: after the running jobs have saved their state, and the screen shows how to continue.
    """
    screen = options.make_screen("", False)
    running = Running(sweep, options, screen)
    waiting = sweep.file.having(PENDING)
    threads = {key: _set_by_user(sweep, key) for key in _THREADS}
    missing = sweep.total - len(sweep.file.jobs) + len(waiting)
    if sweep.search is not None and sweep.search.settings.trials is None:
        missing = _MANY
    workers = worker_count(sweep.settings.workers, missing, threads[_THREADS[0]] or 1)
    facts = sweep.file.facts
    launcher = launcher_words(facts.settings, facts.config_dir)
    one_thread = tuple(f"{key}=1" for key, value in threads.items() if value is None)
    try:
        with nullcontext() if sweep.search is None else sweep.search.signs_of_life():
            if launcher:
                # on Slurm each job has cores of its own
                if "slurm" not in chosen("launcher", facts.settings, facts.config_dir):
                    running.more = one_thread
                run_with_launcher(running, launcher)
            elif workers == 1 and not sweep.settings.isolate:
                run_one_by_one(running)
            else:
                if workers > 1 and not gpu_numbers():  # cores are divided; a GPU belongs to one job
                    running.more = one_thread
                screen.say(f"{workers} workers side by side{f', {running.more[0]}' if running.more else ''}")
                run_side_by_side(running, workers)
    except Interrupted:
        left = len(sweep.file.having(PENDING, INTERRUPTED, RUNNING))
        left += sweep.total - len(sweep.file.jobs)
        screen.say(f"the sweep was interrupted with {left} of {sweep.total} runs to go; {how_to_go_on(sweep)}")
        raise
    except DatabaseAway as error:
        raise RunFailed(f"{error}; {how_to_go_on(sweep)}") from error
    except OSError as error:
        if not is_full(error):
            raise
        raise disk_is_full(error, f"; {how_to_go_on(sweep)}") from error
    finally:
        _settle(sweep)
    return RunFailed.exit_code if sweep.file.having(FAILED) else 0


def run_one_by_one(running: Running) -> None:
    """Runs the jobs of a sweep in this process, one after another.

    Raises:
        Interrupted: after the running job's state has been saved.
    """
    ahead = LookAhead(running)
    ahead.start()
    try:
        while not running.stopped and (job := running.next_job()):
            config = ahead.take(job)
            if config is None:
                continue
            screen = running.options.make_screen(running.prefix(job.number), False)
            try:
                outcome = run_job(running.begin(job), screen, config)
            except Interrupted:  # before it began, or a second time, while it saved its state
                running.sweep.file.change(job.number, status=INTERRUPTED, error="interrupted")
                raise
            running.end(job.number, outcome)
            if outcome.status == INTERRUPTED:
                raise Interrupted(outcome.signal_number)
    finally:
        ahead.stop()
        free_network()


def closing_lines(sweep: Sweep) -> list[str]:
    """Returns the table of all jobs, best first, and what to type next."""
    facts, jobs, folder = sweep.file.facts, sweep.file.jobs, sweep.file.folder
    own = [job for job in jobs if job.same_as is None]
    rank = _rank(facts.objective)
    ended = sorted((job for job in own if job.objective is not None), key=rank)
    lines = [] if sweep.search is None else table(sweep.file, sweep.search.aims, sweep.search.ended)
    judged: dict[str, str] = {}
    if not lines and len(sweep.file.having(OK)) > 1:
        found = compare([str(folder)], facts.objective, [])
        places = {run.folder.name: place for place, run in enumerate(found.runs)}  # ties are broken by the loss
        ended.sort(key=lambda job: (rank(job), places.get(Path(job.folder or "").name, len(places))))
        judged = _against_the_best(sweep, found)
    width = max((len(sweep.folder_of(job).name) for job in ended), default=0)
    lines = lines or [
        f"{facts.objective} {job.objective:.4f}  {_status(job)}{name:{width if name in judged else 0}}"
        f"{judged.get(name, '')}"
        for job in ended
        if job.objective is not None and (name := sweep.folder_of(job).name)
    ]
    lines += [
        f"{job.status}: {sweep.folder_of(job).name}: {job.error}" for job in own if job.status in (FAILED, SKIPPED)
    ]
    left = sum(job.status in (PENDING, INTERRUPTED) for job in own)
    if left and sweep.settings.on_error == "stop" and sweep.file.having(FAILED):
        lines.append(f"ended after a failure, as sweep.on_error=stop asks for: {left} of {len(own)} have not been run")
    done = len([job for job in own if job.status in (OK, PRUNED)])
    lines.append(f"{done} of {len(own)} runs in {_shown(folder)}")
    if left or sweep.file.having(FAILED):
        lines.append(f"  {how_to_go_on(sweep).removeprefix('to continue: ')}")
    return [
        *lines,
        f"  python -m catsdogs_exp compare {shlex.quote(_shown(folder))}",
        f"  python -m catsdogs_exp board {shlex.quote(_shown(folder))}",
    ]


def _against_the_best(sweep: Sweep, found: Comparison) -> dict[str, str]:
    """Returns, for each job that the best one was tested against on the same images, the result in words."""
    verdict = best_against_others(found)
    named = {Path(job.folder).name: sweep.folder_of(job).name for job in sweep.file.jobs if job.folder is not None}
    return {
        named[Path(test.other).name]: f"  {test.words()}" for test in verdict.tests if Path(test.other).name in named
    }


def how_to_go_on(sweep: Sweep) -> str:
    """Returns what to type to continue a stopped sweep."""
    return f"to continue: python -m catsdogs_exp resume {shlex.quote(_shown(sweep.file.folder))}"


def _shown(folder: Path) -> str:
    """Formats a folder as a user would type it: relative, if it is inside the current one."""
    here = Path.cwd()
    return str(folder.relative_to(here) if folder.is_relative_to(here) else folder)


def _settle_copies(sweep: Sweep) -> None:
    """Copies the outcome of jobs to those with an identical config."""
    for job in sweep.file.jobs:
        if job.same_as is not None:
            first = sweep.file[job.same_as]
            sweep.file.change(
                job.number, status=first.status, objective=first.objective, folder=first.folder, error=first.error
            )


def _settle(sweep: Sweep) -> None:
    """Settles what follows from the jobs that have ended."""
    try:
        _settle_copies(sweep)
        if sweep.search is not None:
            sweep.search.settle(sweep.file)
    except Exception as error:
        if not is_full(error) and not is_away(error):  # the error that ended the sweep says so; resuming settles them
            raise


def _set_by_user(sweep: Sweep, key: str) -> int | None:
    """Returns the value of a thread setting if it was set; 0 means TensorFlow's own choice."""
    value = sweep.file.facts.config.get(key)
    return int(value) if value else None


def _rank(objective: str) -> Callable[[JobState], float]:
    sign = 1 if lower_is_better(objective) else -1
    return lambda job: sign * (job.objective if job.objective is not None else 0.0)


def _status(job: JobState) -> str:
    return "" if job.status == OK else f"({job.status}) "
