"""A different image size for validation, test and prediction than for training."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from catsdogs_exp.config.schema import Config
from catsdogs_exp.data.images.pixels import open_pixels, open_stored
from catsdogs_exp.data.open_data import gather, open_images
from catsdogs_exp.data.prefetch import batches
from catsdogs_exp.data.sources.listing import TRAIN, VALIDATION
from catsdogs_exp.errors import BadInput

ANOTHER = ("target_size=[12,10]", "loader.evaluation_size=20", "model=resnet", "depth=1")


@pytest.fixture
def photos(photo_folder: Callable[..., Path], cache: Path) -> Path:
    return photo_folder({"cats": 10, "dogs": 10}, size=(50, 31))


def of(config: Callable[..., Config], photos: Path, *words: str) -> Config:
    return config("dataset=folder", f"dataset.path={photos}", "batch_size=4", *ANOTHER, *words)


@pytest.mark.parametrize("kept", ["none", "memory", "disk"])
@pytest.mark.parametrize("resize", ["stretch", "crop", "pad", "random_resized_crop"])
def test_training_and_evaluation_each_see_their_own_size(
    config: Callable[..., Config], photos: Path, resize: str, kept: str
) -> None:
    from catsdogs_exp.data.loaders import make_loader

    made = of(config, photos, f"loader.resize={resize}", f"loader.cache={kept}")
    manifest = gather(made)
    data = open_images(manifest, made)
    train, validation = (make_loader(made, data, split) for split in (TRAIN, VALIDATION))
    plain = make_loader(made, data, TRAIN, evaluate=True)
    shapes = [next(batches(loader))[0].shape for loader in (train, validation, plain)]
    assert shapes == [(4, 12, 10, 3), (4, 20, 20, 3), (4, 20, 20, 3)]

    large = replace(made.loader, target_size=(20, 20), evaluation_size=None, cache="none")
    expected = open_pixels(manifest, large)(validation.rows)
    np.testing.assert_array_equal(np.concatenate([images for images, _ in batches(validation)]), expected)
    if resize != "random_resized_crop":
        small = open_pixels(manifest, replace(made.loader, evaluation_size=None, cache="none"))
        np.testing.assert_array_equal(train.batch(0, 0)[0], small(train.rows[train.order(0)[:4]]))


def test_the_same_size_is_as_none(config: Callable[..., Config], photos: Path) -> None:
    made = of(config, photos, "loader.evaluation_size=[12,10]")
    assert open_stored(gather(made), made.loader) is None


def test_a_run_is_judged_kept_and_used_at_the_evaluation_size(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from catsdogs_exp.__main__ import main
    from catsdogs_exp.training.checkpoint.model_file import load_model

    words = ("dataset=folder", f"dataset.path={photos}", *ANOTHER, "loader.resize=random_resized_crop", "epochs=2")
    more = ("model.blocks=1", "model.filters=8", "batch_size=8", "split.test=0.2", f"output_dir={tmp_path}")
    assert main([*words, *more]) == 0
    (run,) = (tmp_path / "folder").iterdir()
    model, card = load_model(run / "checkpoints" / "best.keras")
    assert card.target_size == (20, 20) and model.input_shape == (None, None, None, 3)
    result = json.loads((run / "result.json").read_text())
    capsys.readouterr()
    for split, name in (("validation", "val"), ("test", "test")):
        assert main(["evaluate", str(run), "--split", split, "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["loss"] == pytest.approx(result["metrics"][name]["loss"], abs=1e-5)
        assert found["accuracy"] == result["metrics"][name]["accuracy"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("model=cnn",), "loader.evaluation_size needs a network that ends in global pooling. Received: "
         "loader.evaluation_size=[20,20] model.flatten=flatten. Set model.flatten=average"),
        (("model=cnn", "model.flatten=average", "depth=2", "target_size=50", "loader.evaluation_size=[60,9]"),
         "loader.evaluation_size must leave at least one pixel after depth=2 blocks. Received: loader.evaluation_size="
         "[60,9], which allows 1. Raise it"),
        (("model=transfer", "target_size=32"), "loader.evaluation_size must be null for model.name=transfer: its "
         "cached features have a fixed size. Received: loader.evaluation_size=[20,20]"),
        (("loader.evaluation_size=0",), "loader.evaluation_size must be a whole number of pixels from 1 to 4096, or "
         "two: [height,width]. Received: loader.evaluation_size=0. Type: loader.evaluation_size=null"),
    ],
)  # fmt: skip
def test_networks_and_sizes_that_do_not_go_together(
    config: Callable[..., Config], words: tuple[str, ...], message: str
) -> None:
    with pytest.raises(BadInput) as caught:
        config(*ANOTHER, *words)
    assert str(caught.value) == message


@pytest.mark.parametrize("flatten", ["average", "max"])
def test_a_cnn_with_global_pooling_takes_any_size(config: Callable[..., Config], flatten: str) -> None:
    from catsdogs_exp.models import build_model

    made = config("model=cnn", f"model.flatten={flatten}", "target_size=24", "loader.evaluation_size=32", "depth=2")
    model = build_model(made.model, (None, None), 2)
    for side in (24, 32):
        assert model.predict_on_batch(np.zeros((1, side, side, 3), np.uint8)).shape == (1, 1)
