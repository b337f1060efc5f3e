"""Precision and threads: what is chosen, what a network then computes in, and that it trains."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from catsdogs_exp.models import build_model
from catsdogs_exp.training import precision
from catsdogs_exp.training.optim.optimizers import make_optimizer
from catsdogs_exp.training.precision import building_in, choose_precision, scaled, use_jit
from catsdogs_exp.training.steps import Steps, StepSettings


@pytest.mark.parametrize(
    ("cpuinfo", "policy", "says"),
    [
        ("flags\t\t: fpu avx2 avx512_bf16 amx_bf16\n", "mixed_bfloat16", "the processor has avx512_bf16"),
        ("Features\t: fp asimd bf16\n", "mixed_bfloat16", "the processor has bf16"),
        ("flags\t\t: fpu avx2\n", "float32", "the processor reports no instructions for bfloat16"),
        (None, "float32", "the processor reports no instructions for bfloat16"),
    ],
)
def test_auto_takes_bfloat16_where_there_are_instructions_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cpuinfo: str | None, policy: str, says: str
) -> None:
    path = tmp_path / "cpuinfo"
    if cpuinfo is not None:
        path.write_text(f"processor\t: 0\n{cpuinfo}")
    monkeypatch.setattr(precision, "_CPUINFO", path)
    monkeypatch.setattr(precision, "gpus", lambda: [])
    assert choose_precision("auto") == (policy, f"precision: {policy} ({says}; training.precision=auto)")
    assert choose_precision("float32") == ("float32", "")


def test_jit_is_for_gpus_unless_asked_for(config, monkeypatch: pytest.MonkeyPatch) -> None:
    free, exact = (f"training.deterministic={value}" for value in ("false", "true"))
    asked = [
        config(free, "training.jit=auto").training,
        config(exact, "training.jit=auto").training,
        config(free, "training.jit=always").training,
        config(free, "training.jit=never").training,
    ]
    monkeypatch.setattr(precision, "gpus", lambda: [])
    assert [use_jit(each) for each in asked] == [False, False, True, False]
    monkeypatch.setattr(precision, "gpus", lambda: ["GPU:0"])
    assert [use_jit(each) for each in asked] == [True, False, True, False]


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_a_network_in_mixed_precision_learns(config, policy: str) -> None:
    made = config("depth=1", "target_size=16", "lr=0.01", "model.dense=16")
    keras.utils.set_random_seed(0)
    with building_in(policy):
        model = build_model(made.model, (16, 16), 2)
    assert model.get_layer("block1_conv").compute_dtype == policy.removeprefix("mixed_")
    assert model.get_layer("probability").compute_dtype == "float32"
    assert {weight.dtype for weight in model.weights} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"
    optimizer = scaled(make_optimizer(made.optimizer, made.schedule, 10, 1), policy)
    assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer) == (policy == "mixed_float16")
    steps = Steps(model, optimizer)
    labels = np.arange(16, dtype=np.int32) % 2
    images = np.full((16, 16, 16, 3), 40, np.uint8) + 160 * labels[:, None, None, None].astype(np.uint8)
    for _ in range(60):  # float16 first has to find its loss scale
        steps.reset()
        steps.train(images, labels)
    assert steps.averages()["accuracy"] == 1


@pytest.mark.slow
def test_xla_gives_the_same_step() -> None:
    """In a process of its own: determinism, once on, stays on, and XLA cannot have it."""
    code = """
from catsdogs_exp.training.runtime import import_tensorflow
import_tensorflow()
import keras, numpy as np
from catsdogs_exp.config.compose import config_of
from catsdogs_exp.models import build_model
from catsdogs_exp.training.optim.optimizers import make_optimizer
from catsdogs_exp.training.steps import Steps, StepSettings
made = config_of(("depth=1", "target_size=16", "model.dense=8"))
images = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)
weights = []
for jit in (False, True):
    keras.utils.set_random_seed(5)
    model = build_model(made.model, (16, 16), 2)
    before = model.get_weights()
    steps = Steps(model, make_optimizer(made.optimizer, made.schedule, 10, 1), settings=StepSettings(jit=jit))
    steps.train(images, np.array([0, 1, 1, 0], dtype=np.int32))
    weights.append(model.get_weights())
print(max(np.abs(a - b).max() for a, b in zip(*weights)) < 2e-4, np.abs(before[0] - weights[1][0]).max() > 1e-4)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "True True\n"


def test_threads_are_set_and_cannot_change_afterwards() -> None:
    code = """
from catsdogs_exp.training.runtime import import_tensorflow
import_tensorflow()
import tensorflow as tf
from catsdogs_exp.config.compose import config_of
from catsdogs_exp.training.precision import set_threads
set_threads(config_of(("training.intra_op_threads=1", "training.inter_op_threads=3")).training)
print(tf.config.threading.get_intra_op_parallelism_threads(), tf.config.threading.get_inter_op_parallelism_threads())
tf.constant(1) + 1
set_threads(config_of(("training.intra_op_threads=1", "training.inter_op_threads=3")).training)
try:
    set_threads(config_of(("training.intra_op_threads=2", "training.inter_op_threads=3")).training)
except Exception as error:
    print(type(error).__name__, error)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == [
        "1 3",
        "BadInput training.intra_op_threads must be the same for all jobs of a sweep in one process. Received: "
        "training.intra_op_threads=2 after 1. Start one process per value",
    ]


def test_gradients_that_overflow_float16_do_not_count_in_their_norm() -> None:
    """They update nothing: the loss scale is halved until they fit."""
    inputs = keras.Input((2, 2, 3))
    half = keras.layers.Dense(1, dtype="mixed_float16", kernel_initializer="zeros")
    outputs = keras.layers.Activation("sigmoid", dtype="float32")(half(keras.layers.Flatten()(inputs)))
    model = keras.Model(inputs, outputs)
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.0))
    steps = Steps(model, optimizer, settings=StepSettings(norms=True))
    images, labels = np.full((4, 2, 2, 3), 200, np.uint8), np.zeros(4, np.int32)
    steps.train(images, labels)
    assert steps.take_gradient_norm() is None
    for _ in range(20):
        steps.train(images, labels)
    norm = float(np.hypot(100 * np.sqrt(12), 0.5))  # of the kernel and the bias, at p = 0.5
    assert steps.take_gradient_norm() == pytest.approx(norm, rel=1e-5)
