"""JSON on stdout is JSON, whatever numbers it contains."""

import json

import pytest

from catsdogs_exp.cli.json_output import put_json


def test_what_json_does_not_have_is_null(capsys: pytest.CaptureFixture[str]) -> None:
    put_json({"Käse": [float("nan"), float("-inf"), 1.5], "deep": {"a": (float("inf"), "NaN")}})
    assert json.loads(capsys.readouterr().out) == {"Käse": [None, None, 1.5], "deep": {"a": [None, "NaN"]}}
    put_json([1, {"a": None}], indent=None)
    assert capsys.readouterr().out == '[1, {"a": null}]\n'
