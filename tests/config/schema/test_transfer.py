"""`model=transfer`: mistakes that are found without TensorFlow."""

import subprocess
import sys
from pathlib import Path

import pytest

from catsdogs_exp.errors import BadInput


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model.backbone=MobilNetV2"], r"model.backbone must be one of .* Did you mean MobileNetV2"),
        (["model.backbone=InceptionV3", "target_size=[80,74]"], r"target_size must be >= 75 for model.backbone=Inc"),
        (["model.backbone=Xception", "target_size=70"], r"target_size must be >= 71 .* target_size=\[70,70\]"),
        (["model.weights=imagnet"], r"imagenet, none, or an existing .*model.weights=imagnet. Did you mean imagenet"),
        (["model.backbone=own"], r"model.weights must name a run, .* Received: model.weights=imagenet"),
        (["model.dense=[512,0]"], r"model.dense must be a list.* Received: model.dense=\[512,0\]"),
        (["model.dense=[1.5]"], r"model.dense must be a list.* Received: model.dense=\[1.5\]"),
        (["model.pooling=mean"], r"model.pooling must be one of average, max, flatten. Received: model.pooling=mean"),
        (
            ["model.backbone=efficientnet_lite0", "model.preprocessing=unit"],
            r"model.preprocessing must be auto for model.backbone=efficientnet_lite0",
        ),
    ],
)
def test_a_mistake_is_named(config, words: list[str], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        config("model=transfer", *words)


def test_a_file_of_weights_must_fit_the_backbone(config, tmp_path: Path) -> None:
    weights, text, run = tmp_path / "w.h5", tmp_path / "w.txt", tmp_path / "run"
    weights.touch()
    text.touch()
    run.mkdir()
    with pytest.raises(BadInput, match=r"an .h5 file contains no network.*model.backbone=InceptionV3"):
        config("model=transfer", "model.backbone=own", f"model.weights={weights}")
    with pytest.raises(BadInput, match=r"a .keras file or a run for model.backbone=efficientnet_lite0"):
        config("model=efficientnet_lite0", f"model.weights={weights}")
    with pytest.raises(BadInput, match=r"or a .keras or .h5 file, or a run"):
        config("model=transfer", f"model.weights={text}")
    with pytest.raises(BadInput, match=r"must name a run with a checkpoints/best.keras"):
        config("model=transfer", "model.backbone=own", f"model.weights={run}")


def test_the_presets_are_what_the_course_did(config) -> None:
    model = config("model=course_f").model
    assert (model.backbone, model.cut, model.pooling, model.dense) == ("InceptionV3", "mixed7", "flatten", (1024,))
    assert (model.preprocessing, model.dropout, model.freeze) == ("unit", 0.2, "all")
    assert config("model=transfer", "model.freeze=12").model.freeze == "12"
    assert config("model=transfer", "model.dense=512").model.dense == (512,)


def test_fine_tuning_is_off_unless_asked_for(config) -> None:
    training = config().training
    assert (training.finetune.epochs, training.layer_decay) == (0, 1.0)
    with pytest.raises(BadInput, match=r"training.layer_decay must be > 0 and <= 1. Received: training.layer_decay=0"):
        config("training.layer_decay=0")
    with pytest.raises(BadInput, match=r"training.finetune.lr must be > 0. Received: training.finetune.lr=-1"):
        config("training.finetune.lr=-1")


def test_the_checks_do_without_tensorflow() -> None:
    program = (
        "import sys, catsdogs_exp.config.schema.transfer; print(sorted({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")
