"""Provenance: versions of packages, the machine, the state of the checkout."""

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_PACKAGES = (
    *("catsdogs-exp", "tensorflow", "keras", "hydra-core", "numpy"),
    *("pillow", "simplejpeg", "cykooz.resizer", "opencv-python-headless"),
)
_CPUINFO = Path("/proc/cpuinfo")
_GIT_SECONDS = 5.0


def versions() -> dict[str, str]:
    """Returns the versions of Python and the packages that affect the numbers."""
    return {"python": platform.python_version(), **{name: _version(name) for name in _PACKAGES}}


def changed_versions(found: Mapping[str, Any]) -> list[str]:
    """Returns a line for each version that differs from the one in a run's `result.json`."""
    before = found.get("versions") or {}
    return [
        f"{name} was {before.get(name)}, is {version}"
        for name, version in versions().items()
        if before.get(name) != version
    ]


def machine() -> dict[str, Any]:
    """Returns processor, number of cores, operating system."""
    return {"processor": _processor(), "cores": os.cpu_count(), "system": platform.platform()}


def git() -> dict[str, Any] | None:
    """Returns the commit of the checkout that the package runs from, and whether it has changes; None outside a
    checkout.
    """
    root = Path(__file__).resolve().parents[3]
    if not (root / ".git").exists():
        return None
    commit = _git(root, "rev-parse", "HEAD")
    status = _git(root, "status", "--porcelain")
    return None if commit is None or status is None else {"commit": commit, "dirty": bool(status)}


def _git(root: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603
            ["git", "-C", str(root), "--no-optional-locks", *words],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    try:
        for line in _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
