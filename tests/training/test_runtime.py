"""TensorFlow as a run wants it."""

import platform
import subprocess
import sys

import pytest


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


def test_the_import_is_quiet() -> None:
    code = "from catsdogs_exp.training.runtime import import_tensorflow as i; i({}); import tensorflow as tf; "
    code += "print(int(tf.reduce_sum(tf.ones((3, 3)))))"
    ran = run(code.format(""))
    assert ran.stdout == "9\n" and ran.stderr == ""


def test_stderr_is_back_afterwards() -> None:
    ran = run(
        "import sys; from catsdogs_exp.training.runtime import import_tensorflow as i; i(); sys.stderr.write('hello')"
    )
    assert ran.stderr == "hello"


def test_the_same_seed_gives_the_same_weights(config) -> None:
    from catsdogs_exp.models import build_model
    from catsdogs_exp.training.runtime import prepare

    def first_weight(seed: int) -> float:
        prepare(seed, deterministic=True)
        return float(build_model(config("depth=1", "target_size=16").model, (16, 16), 2).get_weights()[0][0, 0, 0, 0])

    assert first_weight(3) == first_weight(3)
    assert first_weight(3) != pytest.approx(first_weight(4))


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_freed_memory_stays_for_the_next_use() -> None:
    code = "import numpy as np, psutil; process = psutil.Process(); block = np.ones(2**26, np.uint8); "
    code += "held = process.memory_info().rss; del block; print(held - process.memory_info().rss)"
    ready = "from catsdogs_exp.training.runtime import prepare; prepare(0, deterministic=False); "
    assert int(run(code).stdout) > 2**25 > int(run(ready + code).stdout)
