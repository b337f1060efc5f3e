"""Effects on the whole process: only on the command line, and undone; never when the package is used as a library."""

import json
import logging
import os
import platform
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from catsdogs_exp import process

# What a host program would notice, in a form that can be compared.
_STATE = """
import gc, json, locale, logging, os, random, signal, sys, threading, warnings
import numpy as np

def state():
    import cv2
    numpy_state = np.random.get_state()
    loggers = [logging.getLogger(), *(logging.getLogger(name) for name in sorted(logging.root.manager.loggerDict))]
    return {
        "environment": dict(os.environ),
        "argv": list(sys.argv),
        "path": list(sys.path),
        "folder": os.getcwd(),
        "streams": [(s.encoding, s.errors, id(s)) for s in (sys.stdin, sys.stdout, sys.stderr)],
        "descriptors": [os.readlink(f"/proc/self/fd/{number}") for number in range(3)],
        "files": sorted(
            os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")
            if os.path.exists(f"/proc/self/fd/{name}") and os.path.isfile(os.path.realpath(f"/proc/self/fd/{name}"))
        ),
        "loggers": {
            each.name: [each.level, each.propagate, each.disabled, len(each.handlers)]
            for each in loggers if not each.name.startswith(("absl", "tensorflow", "h5py"))
        },
        "frozen": gc.get_freeze_count(),
        "thresholds": gc.get_threshold(),
        "signals": {int(s): repr(signal.getsignal(s)) for s in signal.valid_signals()},
        "hooks": [repr(sys.excepthook), repr(sys.unraisablehook), repr(threading.excepthook)],
        "warnings": sorted(map(repr, warnings.filters)),
        "random": hash(random.getstate()),
        "numpy": [hash(numpy_state[1].tobytes()), numpy_state[2]],
        "opencv": cv2.getNumThreads(),
        "locale": locale.setlocale(locale.LC_ALL),
        "threads": sorted(t.name for t in threading.enumerate()),
    }

def changed(before, after):
    def flat(found):
        kept = {f"{key} {name}": v for key in ("environment", "loggers") for name, v in found[key].items()}
        kept |= {key: value for key, value in found.items() if key not in ("environment", "loggers")}
        return {key: value for key, value in kept.items() if value != [0, True, False, 0]}  # a logger with nothing set
    a, b = flat(before), flat(after)
    return json.dumps({key: [a.get(key), b.get(key)] for key in a | b if a.get(key) != b.get(key)})
"""


def in_a_new_process(code: str, *arguments: object, **variables: str) -> str:
    """What the code prints as its last line."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **variables})
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.mark.slow
def test_importing_the_package_changes_nothing() -> None:
    code = f"""{_STATE}
import cv2, hydra, keras, logging.config, matplotlib, rich.console, tensorflow
logging.getLogger("somebody").setLevel(7)
before = state()
import importlib, pkgutil, catsdogs_exp
for module in pkgutil.walk_packages(catsdogs_exp.__path__, "catsdogs_exp."):
    if module.name != "catsdogs_exp.__main__":
        importlib.import_module(module.name)
print(changed(before, state()))
"""
    assert json.loads(in_a_new_process(code)) == {}


@pytest.mark.slow
def test_a_training_from_python_changes_nothing(tiny: tuple[str, ...], tmp_path: Path) -> None:
    """Except TensorFlow's own state: its threads, determinism and precision."""
    code = f"""{_STATE}
import hydra, keras, matplotlib, tensorflow as tf
from pathlib import Path
logging.basicConfig(level=logging.ERROR)
random.seed(5), np.random.seed(6), sys.argv.append("mine")
folder = Path(sys.argv[1])
(folder / "my_plugin.py").write_text("HERE = True")
os.chdir(folder)
sys.path = [place for place in sys.path if place]

from catsdogs_exp.config.compose import config_of
from catsdogs_exp.run.job import Job
from catsdogs_exp.run.train import train

class Silent:
    def say(self, text): pass
    def progress(self, what, done, total): pass
    def close(self): pass
    def training(self, epochs, batch_size):
        class Listener:
            def on_step(self, *args): pass
            def on_epoch(self, result): pass
        return Listener()

tf.constant(1.0) + 1  # TensorFlow starts threads of its own
before = state()
words = [*sys.argv[2].split(), "augment=course", "plugins=[my_plugin]"]
result = train(Job(config_of(words), folder, "run", "python", words), Silent())
assert result["status"] == "ok" and (folder / "checkpoints" / "best.keras").is_file()
print(changed(before, state()))
"""
    assert json.loads(in_a_new_process(code, tmp_path, " ".join(tiny))) == {}


@pytest.mark.slow
def test_a_command_puts_back_what_it_changes(tiny: tuple[str, ...], tmp_path: Path) -> None:
    code = f"""{_STATE}
import contextlib, io
import hydra, keras, matplotlib
from catsdogs_exp.__main__ import main
from catsdogs_exp import process
from catsdogs_exp.training import runtime
state()
before, frozen = state(), []
whole = runtime.prepare
def watching(*args):
    frozen.append([gc.get_freeze_count() > 1000, os.environ["HYDRA_FULL_ERROR"], process.is_command_line()])
    whole(*args)
runtime.prepare = watching
# as if it was not imported yet: the command then imports it by its own way
tensorflow = {{name: sys.modules.pop(name) for name in ["tensorflow"]}}
import builtins
real = builtins.__import__
def importing(name, *args, **kwargs):
    if name == "tensorflow":
        sys.modules.update(tensorflow)
    return real(name, *args, **kwargs)
builtins.__import__ = importing
assert main([*sys.argv[2].split(), f"output_dir={{sys.argv[1]}}"]) == 0
builtins.__import__ = real
assert frozen == [[True, "1", True]], frozen
print(changed(before, state()))
"""
    assert json.loads(in_a_new_process(code, tmp_path, " ".join(tiny))) == {}


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
@pytest.mark.slow
def test_freed_memory_is_kept_on_the_command_line_unless_told_otherwise() -> None:
    code = """
import numpy as np, psutil
from catsdogs_exp import process
from catsdogs_exp.config.compose import config_of
from catsdogs_exp.training.runtime import start

def freed():
    block = np.ones(2**26, np.uint8)
    held = psutil.Process().memory_info().rss
    del block
    return held - psutil.Process().memory_info().rss > 2**25

start(config_of([]))
found = [freed()]
with process.command_line():
    for word in ("false", "true"):
        start(config_of([f"training.keep_memory={word}"]))
        found.append(freed())
print(found)
"""
    assert in_a_new_process(code) == "[True, True, False]"


def test_outside_of_a_command_nothing_has_an_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    level = logging.getLogger("tensorflow").level
    assert not process.is_command_line()
    process.hydra_raises()
    process.silence_tensorflow()
    assert process.lost_output() is None
    with process.quiet_tensorflow():
        assert "TF_CPP_MIN_LOG_LEVEL" not in os.environ
    assert "HYDRA_FULL_ERROR" not in os.environ and logging.getLogger("tensorflow").level == level


def test_a_process_that_ends_does_not_search_tensorflow_for_garbage() -> None:
    """It took a second after each command. What the command itself leaves behind is still finalized."""
    code = """
import gc
from catsdogs_exp import process
from catsdogs_exp.training.runtime import import_tensorflow

class Left:
    def __del__(self):
        print("finalized")

with process.about_to_end():
    import_tensorflow()
    left = Left()
    left.itself = left
    del left
print(gc.get_freeze_count() > 100_000)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.stdout == "finalized\nTrue\n"


@pytest.mark.parametrize("users", [None, "2"])
def test_a_command_multiplies_small_matrices_in_one_thread(users: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside TensorFlow's threads, those of NumPy's BLAS made the linear probes of a run take 0.7 s instead of 0.01."""
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    if users is not None:
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", users)
    with process.command_line():
        assert os.environ["OPENBLAS_NUM_THREADS"] == (users or "1")
    assert os.environ.get("OPENBLAS_NUM_THREADS") == users
    # In time: NumPy is not imported before the command begins.
    code = "import sys, catsdogs_exp.__main__; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_variable_of_the_user_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    with process.command_line():
        process.hydra_raises()
        with process.importing_plugin(Path.cwd()):
            assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0"
        assert os.environ["HYDRA_FULL_ERROR"] == "1"
        with process.command_line():  # of a command that calls another
            pass
        assert process.is_command_line() and os.environ["HYDRA_FULL_ERROR"] == "1"
    assert os.environ["HYDRA_FULL_ERROR"] == "0"


def test_a_plugins_folder_stays_importable_for_a_command_alone(tmp_path: Path) -> None:
    here = str(tmp_path)
    with process.importing_plugin(tmp_path):
        assert sys.path[0] == here
    assert here not in sys.path
    with process.command_line():
        with process.importing_plugin(tmp_path), process.importing_plugin(tmp_path):
            pass
        assert sys.path.count(here) == 1
    assert here not in sys.path


def test_random_generators_go_on_as_if_nothing_was() -> None:
    random.seed(1)
    np.random.seed(2)
    first = [random.random(), np.random.random()]
    random.seed(1)
    np.random.seed(2)
    with process.random_state_kept():
        random.seed(77)
        np.random.seed(77)
    assert [random.random(), np.random.random()] == first


def test_what_a_plugin_says_reaches_the_screen_and_what_tensorflow_says_does_not(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with process.command_line(), process.importing_plugin(tmp_path):
        os.write(2, b"I0000 00:00:1 cpu_feature_guard.cc:210] This binary is optimized\nmine\n")
    assert capfd.readouterr().err == "mine\n"
