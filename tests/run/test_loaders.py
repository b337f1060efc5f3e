"""The loaders of a run, and warnings about sets that are too small."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from catsdogs_exp.config.schema import Config
from catsdogs_exp.data.open_data import manifest_of, open_images
from catsdogs_exp.errors import BadInput
from catsdogs_exp.run.loaders import open_loaders


@pytest.mark.parametrize(
    ("counts", "words", "expected"),
    [
        (
            {"cats": 64, "dogs": 1},
            [],
            ["no validation images of dogs: how well the network recognizes them is unknown"],
        ),
        (
            {"cats": 64, **{f"dogs{number}": 1 for number in range(7)}},
            [],
            ["no validation images of dogs0, dogs1, dogs2, dogs3, dogs4 and 2 more classes: how well the network "],
        ),
        ({"cats": 64, "dogs": 64}, [], []),
        ({"cats": 64, "dogs": 1}, ["training.overfit_batches=1"], ["training.overfit_batches: 8 training images, "]),
    ],
)
def test_classes_that_validation_lacks(
    photo_folder: Callable[..., Path],
    config: Callable[..., Config],
    counts: dict[str, int],
    words: list[str],
    expected: list[str],
) -> None:
    made = config("target_size=16", "depth=2", "batch_size=8", "split.validation=0.5", *words)
    said: list[str] = []
    open_loaders(made, open_images(manifest_of(photo_folder(counts), made), made), said.append)
    assert len(said) == len(expected)
    assert all(line.startswith(start) for line, start in zip(said, expected, strict=True))


def test_an_overfitting_run_names_the_size_it_trains_at(
    photo_folder: Callable[..., Path], config: Callable[..., Config]
) -> None:
    made = config("target_size=16", "model=resnet", "batch_size=8", "loader.evaluation_size=24")
    made = replace(made, training=replace(made.training, overfit_batches=1))
    said: list[str] = []
    loaders = open_loaders(
        made, open_images(manifest_of(photo_folder({"cats": 40, "dogs": 40}), made), made), said.append
    )
    assert loaders.train.batch(0, 0)[0].shape == (8, 24, 24, 3)
    assert said[0] == (
        "training.overfit_batches: 8 training images, not augmented, also used for validation, "
        "at loader.evaluation_size=[24,24]"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["batch_size=8"],
            r"^split.validation must be > 0, and yield at least one image, to monitor validation values",
        ),
        (
            ["split.validation=0.2"],  # the share that is suggested is a larger one
            r"2 images of 2 classes\. Set training\.monitor=loss or split\.validation=0\.5$",
        ),
        (
            ["training.monitor=loss", "training.stop_at.value=0.9", "training.stop_at.metric=val_accuracy"],
            r"training\.stop_at\.metric=val_accuracy, with 2 images .* Set training\.stop_at\.metric=accuracy or ",
        ),
    ],
)
def test_without_a_validation_image_there_is_nothing_to_watch(
    photo_folder: Callable[..., Path], config: Callable[..., Config], words: list[str], message: str
) -> None:
    made = config("target_size=16", "depth=2", *words)
    data = open_images(manifest_of(photo_folder({"cats": 1, "dogs": 1}), made), made)
    with pytest.raises(BadInput, match=message):
        open_loaders(made, data, lambda text: None)


def test_a_target_that_is_off_needs_no_validation_image(
    photo_folder: Callable[..., Path], config: Callable[..., Config]
) -> None:
    made = config("target_size=16", "depth=2", "training.monitor=loss", "training.stop_at.metric=val_accuracy")
    data = open_images(manifest_of(photo_folder({"cats": 1, "dogs": 1}), made), made)
    assert not len(open_loaders(made, data, lambda text: None).validation.rows)
