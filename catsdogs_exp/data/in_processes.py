"""Distributes work over processes, or does it in this one if none can be started."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

_Job = TypeVar("_Job")


def in_processes(work: Callable[[_Job], None], jobs: Sequence[_Job]) -> Iterator[int]:
    """Does all jobs and yields how many are done.

    Processes are spawned, because forking a process with threads is unsafe. A spawned process imports the main module
    again, which fails in workers of other pools, such as joblib's; the remaining jobs are then done here.

    Args:
        work: a module-level function. Doing a job twice must be harmless.
        jobs: its arguments.
    """
    done = 0
    workers = min(os.cpu_count() or 1, len(jobs))
    if workers > 1 and not multiprocessing.current_process().daemon:  # daemons may not have children
        try:
            with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
                for _ in pool.map(work, jobs):
                    done += 1
                    yield done
        except (BrokenProcessPool, RuntimeError, OSError):
            pass
    for job in jobs[done:]:
        work(job)
        done += 1
        yield done
