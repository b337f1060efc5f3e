"""What tests of the commands share: asking `predict`."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from catsdogs_exp.__main__ import main


@pytest.fixture
def predicted(capsys: pytest.CaptureFixture[str]) -> Callable[..., list[dict[str, Any]]]:
    """Calls `predict` with some words; gives the rows that it prints as JSON."""

    def ask(*words: str) -> list[dict[str, Any]]:
        capsys.readouterr()
        assert main(["predict", *words, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return ask


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Calls `predict` with some words, which it refuses without an answer; gives the message."""

    def ask(*words: str) -> str:
        capsys.readouterr()
        assert main(["predict", *words]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        return said.err

    return ask
