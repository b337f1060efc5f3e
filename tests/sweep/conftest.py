"""Shared by the tests of sweeps: a network whose process dies."""

from collections.abc import Callable
from pathlib import Path

import pytest

_CRASHING = """
import os, signal
from dataclasses import dataclass
from catsdogs_exp.models import register

@dataclass(frozen=True)
class Crashing:
    name: str = "crashing"
    head: str = "auto"

@register("crashing", settings=Crashing)
def build(model, input_shape, head):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="session")
def crashing_network() -> Callable[[Path], list[str]]:
    """`crashing_network(folder)` writes a plugin there, and returns the words that load it; its network: `crashing`."""

    def write(folder: Path) -> list[str]:
        (folder / "crashing_network.py").write_text(_CRASHING, encoding="utf-8")
        return ["plugins=[crashing_network]"]

    return write
