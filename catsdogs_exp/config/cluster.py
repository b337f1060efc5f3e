"""Reads the cluster from TF_CONFIG or Slurm's variables. Does not import TensorFlow, so mistakes fail fast."""

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from catsdogs_exp.config.schema.training import Training
from catsdogs_exp.errors import BadInput

_EXAMPLE = (
    """TF_CONFIG='{"cluster": {"worker": ["host1:12345", "host2:12345"]}, "task": {"type": "worker", "index": 0}}'"""
)
_SLURM = ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_STEP_NODELIST", "SLURM_STEP_TASKS_PER_NODE")
_FIRST_PORT, _PORTS = (
    12000,
    20000,
)  # the port is derived from the Slurm job ID, so two jobs on one machine do not clash


@dataclass(frozen=True)
class Cluster:
    """The processes that train together.

    Attributes:
        workers: `host:port` of each; the first is the chief.
        index: this process's position among them.
    """

    workers: tuple[str, ...]
    index: int

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run folder."""
        return self.index == 0


def cluster_for(training: Training) -> Cluster | None:
    """Returns the cluster for `training.strategy`; None if this process trains alone.

    Raises:
        BadInput: if the environment does not describe one.
    """
    return cluster_of(os.environ) if training.strategy == "multi_worker" else None


def cluster_of(environment: Mapping[str, str]) -> Cluster:
    """Returns the cluster described by environment variables: `TF_CONFIG`, or else those of a Slurm step.

    Raises:
        BadInput: naming the invalid variable, with an example.
    """
    if text := environment.get("TF_CONFIG", "").strip():
        return _of_tf_config(text)
    if all(environment.get(name) for name in _SLURM):
        return _of_slurm(environment)
    raise BadInput(
        "training.strategy=multi_worker needs TF_CONFIG, or a Slurm step (srun), to know the other workers. Received "
        f"neither. Example: {_EXAMPLE}"
    )


def _of_tf_config(text: str) -> Cluster:
    try:
        found = json.loads(text)
        jobs, task = found["cluster"], found["task"]
        chiefs, workers = (_addresses(jobs.get(name, [])) for name in ("chief", "worker"))
        kind, number = task["type"], task["index"]
        if set(jobs) - {"chief", "worker"}:
            raise ValueError(f"cluster has {', '.join(sorted(set(jobs) - {'chief', 'worker'}))}: only chief and worker")
        if len(chiefs) > 1:
            raise ValueError("more than one chief")
        if kind not in ("chief", "worker") or isinstance(number, bool) or not isinstance(number, int):
            raise ValueError("task must be a type, chief or worker, and an index, a whole number")
        if not 0 <= number < len(chiefs if kind == "chief" else workers):
            raise ValueError(f"task index {number} is not in the cluster's list of {kind}")
    except KeyError as error:
        raise _refused("TF_CONFIG", text, f"{error.args[0]} is missing") from error
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise _refused("TF_CONFIG", text, str(error)) from error
    members = (*chiefs, *workers)
    if len(set(members)) < len(members):
        raise _refused("TF_CONFIG", text, "two tasks have the same address")
    return Cluster(members, number if kind == "chief" else len(chiefs) + number)


def _addresses(found: Any) -> tuple[str, ...]:
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise ValueError("chief and worker must be lists of host:port")
    for each in found:
        host, _, port = each.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or not 0 < int(port[:6]) < 2**16:
            raise ValueError(f"not host:port: {each}")
    return tuple(found)


def _of_slurm(environment: Mapping[str, str]) -> Cluster:
    shown = " ".join(f"{name}={environment[name]}" for name in _SLURM)
    try:
        hosts = expand_hosts(environment["SLURM_STEP_NODELIST"])
        counts = expand_counts(environment["SLURM_STEP_TASKS_PER_NODE"])
        index, total = int(environment["SLURM_PROCID"]), int(environment["SLURM_STEP_NUM_TASKS"])
        port = _FIRST_PORT + int(environment.get("SLURM_JOB_ID") or 0) % _PORTS
        if len(hosts) != len(counts) or sum(counts) != total or not 0 <= index < total:
            raise ValueError("they are inconsistent")
    except ValueError as error:
        raise BadInput(f"Slurm's variables cannot be read: {error}. Received: {shown}. Set TF_CONFIG") from error
    addresses = [f"{host}:{port + n}" for host, count in zip(hosts, counts, strict=True) for n in range(count)]
    return Cluster(tuple(addresses), index)


def expand_hosts(text: str) -> list[str]:
    """Expands Slurm's host lists: `n[01-03,7],gpu` becomes n01, n02, n03, n7 and gpu.

    Raises:
        ValueError: for anything else, or more than 4096 hosts.
    """
    hosts: list[str] = []
    for part in re.split(r",(?![^\[]*\])", text):
        found = re.fullmatch(r"([\w.-]+)(?:\[([\d,-]+)\]([\w.-]*))?", part.strip(), re.ASCII)
        if not found:
            raise ValueError(f"not a list of hosts: {text[:200]}")
        head, ranges, tail = found[1], found[2], found[3] or ""
        hosts += [head] if ranges is None else [f"{head}{number}{tail}" for number in _numbers(ranges)]
        if len(hosts) > 4096:
            raise ValueError("too many hosts")
    return hosts


def _numbers(ranges: str) -> Iterable[str]:
    for each in ranges.split(","):
        first, _, last = each.partition("-")
        if not first.isdigit() or not (last or first).isdigit() or int(last or first) - int(first) > 4096:
            raise ValueError(f"not a range of hosts: {each[:200]}")
        yield from (str(number).zfill(len(first)) for number in range(int(first), int(last or first) + 1))


def expand_counts(text: str) -> list[int]:
    """Expands Slurm's tasks per node: `2(x3),1` becomes 2, 2, 2 and 1.

    Raises:
        ValueError: for anything else.
    """
    counts: list[int] = []
    for part in text.split(","):
        found = re.fullmatch(r"(\d{1,4})(?:\(x(\d{1,4})\))?", part.strip(), re.ASCII)
        if not found:
            raise ValueError(f"not a list of tasks per node: {text[:200]}")
        counts += [int(found[1])] * int(found[2] or 1)
    return counts


def _refused(name: str, text: str, reason: str) -> BadInput:
    shown = text if len(text) <= 200 else text[:200] + "..."
    reason = " ".join(reason.split())
    return BadInput(f"{name} cannot be read: {reason}. Received: {' '.join(shown.split())}. Example: {_EXAMPLE}")
