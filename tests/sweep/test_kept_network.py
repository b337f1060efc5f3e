"""A sweep's jobs whose networks differ only in their values share one network, and what was compiled for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from catsdogs_exp.__main__ import main
from catsdogs_exp.config.compose import config_of
from catsdogs_exp.run.kept_network import KeptNetwork

Compiled = Callable[[Sequence[str]], int]


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Compiled:
    """`compiled(words)` runs a sweep, and returns how often a training step was compiled."""
    from catsdogs_exp.training.steps import Steps

    traced = []
    train = Steps._train

    def counted(self: Any, images: Any, labels: Any) -> None:
        traced.append(self)
        train(self, images, labels)

    monkeypatch.setattr(Steps, "_train", counted)

    def sweep(words: Sequence[str]) -> int:
        traced.clear()
        assert main(["-m", *words, f"output_dir={tmp_path / 'sweep'}"]) == 0
        return len(traced)

    return sweep


KINDS = {
    "random layers and augmentation": ("model.dropout=0.3", "augment=course", "lr=0.001,0.01"),
    "a scheduled rate": ("schedule=cosine", "optimizer=sgd", "training.accumulate=2", "seed=3,4"),
    "averaged weights": ("optimizer=adam", "training.ema=0.9", "model.batch_norm=true", "lr=0.001,0.01"),
    "half precision": ("training.precision=mixed_float16", "optimizer=muon", "seed=3,4"),
    "a rate that falls on plateaus": ("schedule=reduce_on_plateau", "schedule.patience=1", "seed=3,4"),
    "weighted classes": ("training.class_weights=balanced", "training.fused_optimizer=false", "lr=0.001,0.01"),
}


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS if kind != "half precision"] + ["half precision"],
)
def test_such_a_job_equals_the_same_job_alone(
    kind: str, tmp_path: Path, bare: tuple[str, ...], compiled: Compiled, weights_of: Callable[[Path], list[bytes]]
) -> None:
    words = [*bare, "epochs=2", "training.deterministic=true", *KINDS[kind]]
    assert compiled(words) == 1
    (sweep,) = (tmp_path / "sweep" / "drawn").iterdir()
    (second,) = sweep.glob("1-*")
    alone = [word.split("=")[0] + "=" + word.split(",")[-1] if "," in word else word for word in words]
    assert main([*alone, f"output_dir={tmp_path / 'alone'}"]) == 0
    (other,) = (tmp_path / "alone" / "drawn").iterdir()
    assert weights_of(second) == weights_of(other)
    assert _numbers(second) == _numbers(other)


def _numbers(run: Path) -> list[str]:
    """The predictions: they follow from every epoch up to the best one."""
    return (run / "predictions.csv").read_text(encoding="utf-8").splitlines()


def test_what_is_recorded_is_that_of_the_job(tmp_path: Path, tiny: tuple[str, ...], compiled: Compiled) -> None:
    """Pictures, probes and the report are computed with the values of the job, not with those of the one before."""
    words = [*tiny, "training.deterministic=true"]
    assert compiled([*words, "seed=3,4"]) == 1
    assert main([*words, "seed=4", f"output_dir={tmp_path / 'alone'}"]) == 0
    ((second,), (other,)) = ((tmp_path / "sweep").rglob("1-*"), (tmp_path / "alone" / "drawn").iterdir())
    for name in (
        "staircase.csv",
        "staircase.png",
        "photo_map.csv",
        "photo_map.jpg",
        *(f"activations/{each.name}" for each in (other / "activations").iterdir()),
    ):
        assert (second / name).read_bytes() == (other / name).read_bytes(), name


def test_other_networks_are_compiled_anew(bare: tuple[str, ...], compiled: Compiled) -> None:
    assert compiled([*bare, "depth=1,2"]) == 2
    assert compiled([*bare, "optimizer=sgd,adam"]) == 2  # the network is shared, its steps are not
    assert compiled([*bare, "schedule=cosine", "lr=0.001,0.01"]) == 2  # a schedule is compiled with its rate
    assert compiled([*bare, "training.label_smoothing=0,0.1"]) == 2
    assert compiled([*bare, "training.deterministic=false,true"]) == 2  # TensorFlow then composes other operations


def test_a_finished_sweep_holds_no_network_in_memory(bare: tuple[str, ...], compiled: Compiled) -> None:
    assert compiled([*bare, "seed=3,4"]) == 1
    assert compiled([*bare, "seed=3,4"]) == 1  # anew


def test_what_fine_tuning_unfreezes_is_compiled(tiny: tuple[str, ...], compiled: Compiled) -> None:
    """The step of the first stage has no gradients for it. Augmentation: the first stage runs the whole network."""
    kept = [word for word in tiny if not word.startswith(("depth", "model.", "epochs"))]
    network = ("model=transfer", "model.backbone=MobileNetV2", "model.weights=none", "model.cut=block_1_expand")
    tuning = ("augment=flip", "epochs=1", "training.finetune.epochs=1", "logging=minimal")
    assert compiled([*kept, *network, *tuning, "optimizer=sgd,rmsprop"]) == 4


@dataclass
class Model:
    """What `KeptNetwork` asks of a network."""

    kind: str = "one"
    weights: int = 10
    trainable: bool = True
    variables: list[Any] = field(default_factory=list)

    @property
    def layers(self) -> list[Any]:
        return [SimpleNamespace(trainable=self.trainable)]

    def count_params(self) -> int:
        return self.weights

    def to_json(self) -> str:
        return self.kind


def network(strategy: Any = None, classes: Any = None, **more: Any) -> Any:
    own = {"policy": "float32", "deterministic": False, "is_adapted": False}
    model = Model(**{name: value for name, value in more.items() if name not in own})
    own |= {name: value for name, value in more.items() if name in own}
    return SimpleNamespace(model=model, class_weights=classes, distribution=SimpleNamespace(strategy=strategy), **own)


@pytest.mark.parametrize(
    ("other", "is_shared"),
    [
        ({}, True),
        ({"kind": "another"}, False),
        ({"policy": "mixed_float16"}, False),
        ({"deterministic": True}, False),
        ({"is_adapted": True}, False),
        ({"classes": np.ones(2, np.float32)}, False),
        ({"trainable": False}, False),
        ({"weights": 60_000_000}, False),
        ({"strategy": "several devices"}, False),
    ],
)
def test_a_network_is_shared_only_if_nothing_but_values_differs(other: dict[str, Any], is_shared: bool) -> None:
    kept, config = KeptNetwork(), config_of([])
    first, second = network(), network(**other)
    assert kept.network_for(config, first) is first
    assert kept.network_for(config, second) is (first if is_shared else second)


def test_a_layer_adapted_to_data_is_recognized_at_any_depth() -> None:
    """Its constants do not follow when its weights change, as from one file of pretrained weights to another."""
    import keras

    from catsdogs_exp.run.network import Network

    def adapted(layer: Any) -> bool:
        inner = keras.Sequential([keras.Input((4, 4, 3)), layer])
        return Network(keras.Sequential([keras.Input((4, 4, 3)), inner]), "float32", None).is_adapted

    assert adapted(keras.layers.Normalization())
    assert not adapted(keras.layers.Normalization(mean=1.0, variance=2.0))  # these are in its description
    assert not adapted(keras.layers.BatchNormalization())


def test_a_network_is_not_shared_with_plugins_or_fine_tuning_or_after_a_failure() -> None:
    config = config_of([])
    finetune = replace(config, training=replace(config.training, finetune=replace(config.training.finetune, epochs=2)))
    for changed in (replace(config, plugins=("mine",)), finetune):
        kept, last = KeptNetwork(), network()
        kept.network_for(config, network())
        assert kept.network_for(changed, last) is last
    kept = KeptNetwork()
    kept.network_for(config, network())
    kept.forget()
    assert kept.network_for(config, last) is last
