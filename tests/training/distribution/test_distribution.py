"""Two devices train like one: the same weights up to rounding, even for batches that do not divide evenly."""

import os
import re
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catsdogs_exp.config.cluster import Cluster, cluster_of, expand_counts, expand_hosts
from catsdogs_exp.data.loaders import Loader, part_of
from catsdogs_exp.data.prefetch import batches
from catsdogs_exp.errors import BadInput, RunFailed
from catsdogs_exp.record.folder.predictions import predictions_of
from catsdogs_exp.training.checkpoint.model_file import load_model
from catsdogs_exp.training.checkpoint.snapshot_file import newest_snapshot

# What devices there are can be set only before TensorFlow looks at them: a process of its own.
TWO_DEVICES = """
import sys
import tensorflow as tf
from catsdogs_exp.__main__ import main

def run(name, *settings):
    if code := main([*sys.argv[2:], *settings, f"output_dir={sys.argv[1]}/{name}"]):
        sys.exit(code)

if __name__ == "__main__":
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
"""
ONE_AND_TWO = """
    for strategy in ("none", "mirrored"):
        run(strategy, f"training.strategy={strategy}")
"""
FOUND_AND_GIVEN = """
    import yaml
    from pathlib import Path
    run("found", "training.strategy=mirrored", "lr=auto")
    (config,) = Path(sys.argv[1]).glob("found/drawn/*/config.yaml")
    run("given", "training.strategy=mirrored", f"lr={yaml.safe_load(config.read_text())['lr']}")
"""
SETTINGS = (
    "dataset.images=40",
    "target_size=32",
    "epochs=2",
    "logging.activations.every=-1",
)
SMALL = ("depth=2", "model.dense=16")
EVEN = (*SMALL, "batch_size=8", "optimizer=rmsprop")
# 31 training images: batches of 5 and one of 1, which leaves a device with none
UNEVEN = (
    *SMALL,
    *(
        "batch_size=5",
        "dataset.classes=3",
        "optimizer=adamw",
        "schedule=reduce_on_plateau",
        "model.l2=0.001",
        "augment.mixup=0.3",
    ),
    *("training.accumulate=2", "training.ema=0.9", "training.clip_norm=1", "training.label_smoothing=0.1"),
    "training.class_weights=balanced",
)


# Directions that gradients hardly have are as large in its steps as all others, and so is their rounding.
MUON = (*SMALL, "batch_size=8", "optimizer=muon", "optimizer.weight_decay=0.1")

# In half of the bits every sum is rounded otherwise. Plain SGD does not make more of it, and takes long steps here.
BFLOAT16 = (*SMALL, "batch_size=8", "optimizer=sgd", "lr=0.05", "training.precision=mixed_bfloat16")

# A frozen backbone, its features computed once: of 31 images a batch is left with one.
FROZEN = (
    *("model=transfer", "model.backbone=MobileNetV2", "model.weights=none", "model.cut=block_3_expand_relu"),
    "model.dropout=0",
    *("model.dense=[16]", "batch_size=5", "optimizer=adamw", "loader.cache=memory"),
)


def on_two_devices(body: str, folder: Path, *settings: str) -> str:
    """Runs the code in a process with two devices. Returns what it said."""
    words = [sys.executable, "-c", TWO_DEVICES + body, str(folder), *SETTINGS, *settings]
    done = subprocess.run(words, env=dict(os.environ), capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    assert "spread over 2 devices: CPU:0, CPU:1" in done.stderr
    return done.stderr


def only_run(output: Path) -> Path:
    (run,) = (output / "drawn").iterdir()
    return run


def last_state(output: Path) -> dict[str, np.ndarray]:
    snapshot = newest_snapshot(only_run(output) / "checkpoints" / "last", print)
    assert snapshot is not None
    with np.load(snapshot.path, allow_pickle=False) as arrays:
        return {name: arrays[f"{place:05d}"] for place, name in enumerate(snapshot.names)}


@pytest.mark.parametrize(
    ("settings", "tolerance"),
    [
        pytest.param(EVEN, 1e-5, id="even", marks=pytest.mark.slow),
        pytest.param(UNEVEN, 1e-5, id="uneven", marks=pytest.mark.slow),
        pytest.param(MUON, 1e-4, id="muon", marks=pytest.mark.slow),
        pytest.param(BFLOAT16, 5e-3, id="bfloat16", marks=pytest.mark.slow),
        pytest.param(FROZEN, 1e-5, id="features", marks=pytest.mark.slow),
    ],
)
def test_two_devices_end_with_the_weights_of_one(settings: tuple[str, ...], tolerance: float, tmp_path: Path) -> None:
    said = on_two_devices(ONE_AND_TWO, tmp_path, *settings)
    assert said.count("computed once (cut at block_3_expand_relu") == (2 if settings is FROZEN else 0)
    one, two = (last_state(tmp_path / strategy) for strategy in ("none", "mirrored"))
    assert one.keys() == two.keys()  # the one can go on where the other stopped
    compared = 0
    for name, value in one.items():
        if name.startswith(("model/", "average/")):
            np.testing.assert_allclose(two[name], value, atol=tolerance, err_msg=name)
            compared += value.size
    assert compared > 1000
    first, second = (predictions_of(only_run(tmp_path / strategy)) for strategy in ("none", "mirrored"))
    assert (second.paths, second.splits) == (first.paths, first.splits)
    np.testing.assert_allclose(second.probabilities, first.probabilities, atol=20 * tolerance)
    # biases begin at 0
    assert max(abs(value).max() for name, value in one.items() if name.endswith("/bias")) > 5 * tolerance
    network, _ = load_model(only_run(tmp_path / "mirrored") / "checkpoints" / "best.keras")
    assert network.layers[1].dtype_policy.name == ("mixed_bfloat16" if settings is BFLOAT16 else "float32")


@pytest.mark.slow
def test_the_means_of_batch_normalisation_are_those_of_one_device(tmp_path: Path) -> None:
    """Each device has its own statistics: the mean over both is that of the batch, the variance is not."""
    on_two_devices(ONE_AND_TWO, tmp_path, "depth=1", "model.batch_norm=true", "batch_size=5", "lr=1e-9")
    one, two = (last_state(tmp_path / strategy) for strategy in ("none", "mirrored"))
    (name,) = (name for name in one if name.endswith("/moving_mean"))
    np.testing.assert_allclose(two[name], one[name], rtol=1e-4, atol=1e-5)
    assert abs(one[name]).max() > 0.01


@pytest.mark.slow
def test_a_device_without_an_image_leaves_batch_normalisation_alone(tmp_path: Path) -> None:
    """Batches of one image: one of two devices has none."""
    words = ("depth=1", "model.batch_norm=true", "batch_size=1", "lr=1e-9", "epochs=1", "training.precise_batch_norm=0")
    on_two_devices(ONE_AND_TWO, tmp_path, *words)
    one, two = (last_state(tmp_path / strategy) for strategy in ("none", "mirrored"))
    names = [name for name in one if name.endswith(("/moving_mean", "/moving_variance"))]
    assert len(names) == 2
    for name in names:
        np.testing.assert_allclose(two[name], one[name], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_a_rate_found_on_two_devices_leaves_nothing_behind(tmp_path: Path) -> None:
    """The search moves weights, averages, gathered gradients and random states, and puts all of them back.

    Both runs are in one process, as the jobs of a sweep are: what the first one summed must not meet the second.
    """
    stateful = ("model.dropout=0.3", "model.batch_norm=true", "training.ema=0.9", "training.accumulate=2")
    settings = (*SMALL, "batch_size=8", "optimizer=adamw", "augment=course", *stateful)
    said = on_two_devices(FOUND_AND_GIVEN, tmp_path, *settings)
    assert re.search(r"lr=auto: lr=\S+ is the best of \d rates", said)
    found, given = last_state(tmp_path / "found"), last_state(tmp_path / "given")
    assert found.keys() == given.keys()
    for name, value in given.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


@given(st.integers(0, 300), st.integers(1, 9))
def test_parts_of_a_batch_are_all_of_it_without_overlap(images: int, workers: int) -> None:
    batch = np.random.default_rng(images).permutation(images)
    parts = [part_of(batch, index, workers) for index in range(workers)]
    assert np.concatenate(parts).tolist() == batch.tolist()
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("mixed", [False, True])
def test_shards_of_a_loader_hold_what_the_whole_one_holds(mixed: bool, config) -> None:
    made = config("augment=course", *(["augment.mixup=0.4"] if mixed else []))
    pictures = np.random.default_rng(1).integers(0, 256, (11, 12, 12, 3), dtype=np.uint8)
    loader = Loader(
        fetch=lambda rows: pictures[rows],
        rows=np.arange(11),
        labels=(np.arange(11) % 3).astype(np.int32),
        classes=3,
        image_shape=(12, 12, 3),
        batch_size=5,
        seed=4,
        shuffle=True,
        augment=made.augment,
        cut=None,
        workers=1,
    )
    two_epochs = range(2 * loader.steps)
    shards = [list(batches(replace(loader, shard=(index, 2)), two_epochs)) for index in range(2)]
    for whole, *parts in zip(batches(loader, two_epochs), *shards, strict=True):
        for place, expected in enumerate(whole):
            np.testing.assert_array_equal(np.concatenate([part[place] for part in parts]), expected)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            ("training.strategy=mirrored", "training.precision=mixed_float16"),
            "training.strategy=mirrored cannot be combined with training.precision=mixed_float16 yet. Received both. "
            "Try training.precision=mixed_bfloat16, or training.strategy=none",
        ),
        (
            ("training.strategy=mirrored", "training.jit=always", "training.deterministic=false"),
            "training.jit=always yet",
        ),
        (("training.strategy=multi_worker", "training.max_minutes=3"), "training.max_minutes=3.0 yet"),
        (("training.strategy=miror",), "Did you mean mirrored?"),
    ],
)
def test_what_cannot_be_spread_is_refused(settings: tuple[str, ...], message: str, config) -> None:
    with pytest.raises(BadInput) as refused:
        config(*settings)
    assert message in str(refused.value)


def test_tf_config_names_the_workers_the_chief_first() -> None:
    jobs = '"cluster": {"worker": ["b:2", "[::1]:3"], "chief": ["a:1"]}'
    found = cluster_of({"TF_CONFIG": f'{{{jobs}, "task": {{"type": "worker", "index": 1}}}}'})
    assert found == Cluster(("a:1", "b:2", "[::1]:3"), 2)
    assert not found.is_chief


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "Expecting property name"),
        ("[]", "TF_CONFIG cannot be read"),
        ('{"cluster": {"worker": ["a:1"]}}', "task is missing"),
        ('{"cluster": {"worker": "a:1"}, "task": {"type": "worker", "index": 0}}', "must be lists of host:port"),
        ('{"cluster": {"worker": ["a"]}, "task": {"type": "worker", "index": 0}}', "not host:port: a"),
        ('{"cluster": {"worker": ["a:99999"]}, "task": {"type": "worker", "index": 0}}', "not host:port: a:99999"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}', "task index 1 is not in the"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": "0"}}', "an index, a whole number"),
        ('{"cluster": {"worker": ["a:1", "a:1"]}, "task": {"type": "worker", "index": 0}}', "have the same address"),
        ('{"cluster": {"worker": ["a:1"], "ps": ["b:1"]}, "task": {"type": "worker", "index": 0}}', "cluster has ps"),
    ],
)
def test_a_wrong_tf_config_is_answered_with_what_is_wrong_and_an_example(text: str, reason: str) -> None:
    with pytest.raises(BadInput) as refused:
        cluster_of({"TF_CONFIG": text})
    assert reason in str(refused.value)
    assert '"worker": ["host1:12345", "host2:12345"]' in str(refused.value)
    assert "\n" not in str(refused.value)


@given(
    st.text()
    | st.recursive(
        st.none() | st.integers() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.sampled_from(["cluster", "task", "worker", "type", "index"]), x),
    ).map(str)
)
def test_whatever_tf_config_holds_the_answer_is_a_line(text: str) -> None:
    try:
        found = cluster_of({"TF_CONFIG": text})
    except BadInput as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert found.workers


SLURM = {
    "SLURM_PROCID": "3",
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_STEP_NODELIST": "n[01-02],gpu",
    "SLURM_STEP_TASKS_PER_NODE": "1(x2),2",
    "SLURM_JOB_ID": "20005",
}


def test_slurms_variables_name_the_workers() -> None:
    assert cluster_of(SLURM) == Cluster(("n01:12005", "n02:12005", "gpu:12005", "gpu:12006"), 3)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SLURM_PROCID", "4"),
        ("SLURM_STEP_NODELIST", "n[1-"),
        ("SLURM_STEP_TASKS_PER_NODE", "2x"),
        ("SLURM_PROCID", "x"),
    ],
)
def test_slurm_variables_that_make_no_sense_are_shown(name: str, value: str) -> None:
    with pytest.raises(BadInput, match=f"Slurm's variables cannot be read: .*{name}=") as refused:
        cluster_of(SLURM | {name: value})
    assert "Set TF_CONFIG" in str(refused.value)


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("a", ["a"]),
        ("n[08-10]", ["n08", "n09", "n10"]),
        ("n[1,3-4]x,b.c-d", ["n1x", "n3x", "n4x", "b.c-d"]),
    ],
)
def test_host_lists(text: str, hosts: list[str]) -> None:
    assert expand_hosts(text) == hosts


def test_task_counts() -> None:
    assert expand_counts("2(x3),1") == [2, 2, 2, 1]


class Watched:
    """A strategy, as far as it matters to those who wait for the others."""

    def __init__(self) -> None:
        self.extended = self
        self._check_health_thread = object()


@pytest.mark.parametrize(
    ("message", "who"),
    [
        (
            "cluster check alive failed, /job:worker/replica:0/task:2 is down",
            "Worker 1 at 127.0.0.1:1 and worker 2 at ",
        ),
        ("Connection reset by peer", "Worker 1 at 127.0.0.1:1 is gone. Start all workers again"),
    ],
)
def test_who_is_gone_is_said_by_name(message: str, who: str) -> None:
    import tensorflow as tf

    from catsdogs_exp.training.distribution.distribution import Distribution

    with socket.create_server(("127.0.0.1", 0)) as listening:
        there = f"127.0.0.1:{listening.getsockname()[1]}"
        spread = Distribution(Watched(), Cluster(("127.0.0.1:2", "127.0.0.1:1", there), 0))
        with pytest.raises(RunFailed) as failed, spread.together():
            raise tf.errors.UnavailableError(None, None, message)
    assert str(failed.value).startswith(who)
    assert str(failed.value).endswith("each with `python -m catsdogs_exp resume RUN`")
