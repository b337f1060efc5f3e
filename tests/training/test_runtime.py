"""TensorFlow as a run wants it."""

import subprocess
import sys

import pytest


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


def test_the_import_is_quiet_on_the_command_line() -> None:
    code = """
from catsdogs_exp import process
from catsdogs_exp.training.runtime import import_tensorflow
with process.command_line():
    import_tensorflow()
    import tensorflow as tf
    print(int(tf.reduce_sum(tf.ones((3, 3)))))
"""
    ran = run(code)
    assert ran.stdout == "9\n" and ran.stderr == ""


def test_the_same_seed_gives_the_same_weights(config) -> None:
    from catsdogs_exp.models import build_model
    from catsdogs_exp.training.runtime import prepare

    def first_weight(seed: int) -> float:
        prepare(seed, deterministic=True)
        return float(build_model(config("depth=1", "target_size=16").model, (16, 16), 2).get_weights()[0][0, 0, 0, 0])

    assert first_weight(3) == first_weight(3)
    assert first_weight(3) != pytest.approx(first_weight(4))
