"""Runs the jobs of a sweep in several processes, each started once and reused for one job after another."""

import multiprocessing
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

import psutil

from catsdogs_exp.config.plugins import named
from catsdogs_exp.config.schema.optimizers import AUTO
from catsdogs_exp.errors import Interrupted, RunFailed
from catsdogs_exp.sweep.job import Outcome, SweepJob, objective_of
from catsdogs_exp.sweep.running import LookAhead, Running
from catsdogs_exp.sweep.sweep_file import FAILED, INTERRUPTED
from catsdogs_exp.sweep.worker import serve

_MEMORY = 2 * 2**30  # expected memory of a worker in bytes: TensorFlow, a network, its batches
_POLL = 0.5  # seconds between checks for workers that have died
_PATIENCE = 60.0  # seconds for an interrupted worker to save its state


@dataclass
class Worker:
    """A process that trains, and its current job.

    Attributes:
        process: the system process.
        jobs: sends jobs, receives their messages.
        lifeline: kept open as long as this process lives.
        place: index of the worker, from 0: the number of its GPU.
        job: the current job, or None.
        started: when it started.
    """

    process: BaseProcess
    jobs: Connection
    lifeline: Connection
    place: int
    job: SweepJob | None = None
    started: float = 0.0


def worker_count(setting: int | str, jobs: int, threads: int) -> int:
    """Returns the number of workers of a sweep.

    Args:
        setting: `sweep.workers`; auto: one worker per GPU, or as many as cores and memory allow.
        jobs: number of jobs to run.
        threads: number of threads per job.
    """
    if setting != AUTO:
        return max(1, min(int(setting), jobs))
    gpus = len(gpu_numbers())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    fitting = psutil.virtual_memory().available // _MEMORY
    return int(max(1, min(gpus or cores // max(threads, 1), fitting, jobs)))


def gpu_numbers() -> list[str]:
    """Lists the GPUs that this process may use, without importing TensorFlow."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [number.strip() for number in visible.split(",") if number.strip() not in ("", "-1")]
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    try:
        found = subprocess.run([tool, "-L"], capture_output=True, text=True, timeout=20, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [str(number) for number, line in enumerate(found.stdout.splitlines()) if line.startswith("GPU ")]


def run_side_by_side(running: Running, count: int) -> None:
    """Runs the jobs of a sweep in `count` processes.

    If a worker dies, killed for its memory use or crashed, only its current job fails; another worker takes its place.

    Raises:
        Interrupted: after all workers have saved the state of their jobs.
    """
    pool = _Pool(running, count)
    ahead = LookAhead(running)
    ahead.start()
    try:
        pool.run(ahead)
    except (Interrupted, RunFailed):
        pool.interrupt()
        raise
    finally:
        ahead.stop()
        pool.close()


class _Pool:
    def __init__(self, running: Running, count: int) -> None:
        self._running = running
        self._workers: list[Worker] = []
        self._leaving: list[Worker] = []  # they end by themselves: their lifelines must stay open until then
        self._count = count
        self._context = multiprocessing.get_context("spawn")

    def run(self, ahead: LookAhead) -> None:
        """Runs until all jobs have ended."""
        while True:
            job = None
            while not self._running.stopped and self._has_room() and (job := self._running.next_job()):
                if ahead.take(job) is not None:
                    self._send(self._free(), self._running.begin(job))
            if job is None and not any(worker.job for worker in self._workers):
                return
            self._listen(_POLL)

    def interrupt(self) -> None:
        """Stops the running jobs, and waits until their folders record it. A second Ctrl-C does not wait."""
        for worker in self._workers:
            if worker.job is not None:
                worker.process.terminate()
        until = time.monotonic() + _PATIENCE
        try:
            while any(worker.job for worker in self._workers) and time.monotonic() < until:
                self._listen(_POLL, interrupted=True)
        finally:
            for worker in self._workers:
                if worker.job is not None:
                    worker.process.kill()
                    self._ended(worker, INTERRUPTED, "interrupted")

    def close(self) -> None:
        """Stops all workers."""
        for worker in self._workers:
            self._let_go(worker)
        for worker in [*self._workers, *self._leaving]:
            worker.process.join(timeout=10)
            if worker.process.is_alive():
                worker.process.kill()
        self._workers.clear()
        self._leaving.clear()

    def _has_room(self) -> bool:
        """Returns whether a worker is idle, or another one may be started."""
        return len(self._workers) < self._count or any(worker.job is None for worker in self._workers)

    def _free(self) -> Worker:
        """Returns an idle worker, or a new one if all are busy."""
        free = next((worker for worker in self._workers if worker.job is None), None)
        if free is None:
            free = self._start()
            self._workers.append(free)
        return free

    def _start(self) -> Worker:
        taken = {worker.place for worker in self._workers}
        place = next(number for number in range(self._count) if number not in taken)
        gpus = gpu_numbers()
        environment = {"CUDA_VISIBLE_DEVICES": gpus[place % len(gpus)]} if gpus else {}
        ours, theirs = self._context.Pipe()
        held, watched = self._context.Pipe()
        names = tuple(named(self._running.sweep.file.facts.settings))
        process = self._context.Process(
            target=serve, args=(theirs, watched, environment, names), name=f"sweep-worker-{place}"
        )
        with _signals_held():
            process.start()
        theirs.close()
        watched.close()
        return Worker(process, ours, held, place)

    def _send(self, worker: Worker, job: SweepJob) -> None:
        worker.job, worker.started = job, time.perf_counter()
        with suppress(OSError):  # it has died in the meantime, which is detected next
            worker.jobs.send(job)

    def _listen(self, seconds: float, interrupted: bool = False) -> None:
        """Receives the workers' messages, and detects workers that have died."""
        for ready in wait([worker.jobs for worker in self._workers], timeout=seconds):
            worker = next(worker for worker in self._workers if worker.jobs is ready)
            try:
                number, kind, content = worker.jobs.recv()
            except (EOFError, OSError):
                self._lost(worker, interrupted)
                continue
            if kind == "line":
                self._running.screen.say(f"{self._running.prefix(number)}{content}")
            else:
                worker.job = None
                self._running.end(number, content)
                if self._running.sweep.settings.isolate:
                    self._let_go(worker)
                    self._workers.remove(worker)
                    self._leaving = [each for each in [*self._leaving, worker] if each.process.is_alive()]

    def _lost(self, worker: Worker, interrupted: bool) -> None:
        """Handles a dead worker; its current job has failed."""
        worker.process.join(timeout=5)
        code = worker.process.exitcode or 0
        self._workers.remove(worker)
        if worker.job is not None:
            ended = f"was killed by {_signal_name(-code)}" if code < 0 else f"ended with exit code {code}"
            hint = ", perhaps because memory ran out" if code == -signal.SIGKILL else ""
            status, error = (INTERRUPTED, "interrupted") if interrupted else (FAILED, f"its process {ended}{hint}")
            self._ended(worker, status, error)
        worker.lifeline.close()

    def _ended(self, worker: Worker, status: str, error: str) -> None:
        assert worker.job is not None
        outcome = Outcome(status, objective_of(worker.job.folder), error, time.perf_counter() - worker.started)
        number, worker.job = worker.job.number, None
        self._running.end(number, outcome)

    def _let_go(self, worker: Worker) -> None:
        with suppress(OSError):
            worker.jobs.send(None)


@contextmanager
def _signals_held() -> Iterator[None]:
    """A context manager whose new processes are not told about Ctrl-C; this one is told at the end.

    They ignore it once they run: until then, each of them would end with a traceback on the screen.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # a part of multiprocessing, whose start would end the hold
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
