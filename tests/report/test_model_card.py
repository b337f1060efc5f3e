"""The model card: figures with intervals, limits, licence; names are text."""

import shutil
from pathlib import Path

import pytest

from catsdogs_exp.inference.export.checking import Row
from catsdogs_exp.record.folder.run_files import RunFiles
from catsdogs_exp.report.model_card import _licence, literal, model_card
from catsdogs_exp.training.checkpoint.model_file import read_card

ROW = Row("litert", "ai-edge-litert 2", "network.tflite", 1.5, 10, 0, 1e-7, 1, 0.9, 2.0)


def test_what_it_says(trained: Path) -> None:
    run = RunFiles(trained)
    text = model_card(run, read_card(run.network), [ROW])
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert headings == [
        *("## Data", "## Results", "## Where it performs worse", "## Exported files", "## Limits"),
        "## Licence of the weights",
    ]
    for sentence in (
        "Classifies images as one of 2 classes: cats, dogs.",
        "| class | train | validation | test |",
        "| litert | `network.tflite` | 1.50 | 1.0e-07 | 1 | 0.9000 | 2.00 | ai-edge-litert 2 |",
        "The weights were trained from random initialization on the data above.",
        "validation images: accuracy ",
        "test images: accuracy ",
    ):
        assert sentence in text


def test_a_run_without_predictions_says_so(trained: Path, tmp_path: Path) -> None:
    run = RunFiles(Path(shutil.copytree(trained, tmp_path / "run")))
    (run.folder / "predictions.csv").unlink()
    text = model_card(run, read_card(run.network), [ROW])
    assert "Unknown: the run has no predictions." in text


def test_names_are_text() -> None:
    assert literal("<b>|[a](b)\n`") == r"\<b\>\|\[a\](b)\\n\`"


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"model.weights": "none"}, "trained from random initialization"),
        ({"model.weights": "imagenet", "model.backbone": "vgg16"}, "ImageNet weights of `keras.applications`"),
        ({"model.weights": "imagenet", "model.backbone": "efficientnet_lite0"}, "whose stated licence is: "),
        ({"model.weights": "/x/mine.h5", "model.backbone": "vgg16"}, "started from the file mine.h5"),
    ],
)
def test_where_the_weights_are_from(config: dict[str, str], said: str) -> None:
    (line,) = _licence(config)
    assert said in line
    assert line.endswith("this program adds no terms.")
