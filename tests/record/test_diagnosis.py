"""Diagnoses: each kind from numbers that show it, with its figure, and one setting to try next."""

import math
from dataclasses import replace

import numpy as np
import pytest

from catsdogs_exp.record.diagnosis import diagnose, next_setting
from catsdogs_exp.record.folder.predictions import Predictions

CONFIG = {"lr": 0.001, "epochs": 6, "split.validation": 0.2, "loader.cache": "none"}


def rows(loss: list[float], val_loss: list[float], accuracy: float = 0.8, val_accuracy: float = 0.8) -> list[dict]:
    return [
        {"epoch": float(n), "loss": a, "val_loss": b, "accuracy": accuracy, "val_accuracy": val_accuracy}
        for n, (a, b) in enumerate(zip(loss, val_loss, strict=True), start=1)
    ]


def predictions(right: int, count: int = 400, all_cats: bool = False) -> Predictions:
    labels = (np.arange(count) % 2).astype(np.int32)
    said = np.zeros(count, np.int32) if all_cats else np.where(np.arange(count) < right, labels, 1 - labels)
    chances = np.full((count, 2), 0.2, np.float32)
    chances[np.arange(count), said] = 0.8
    paths = tuple(f"{n}.jpg" for n in range(count))
    return Predictions(("cats", "dogs"), paths, ("validation",) * count, labels, chances)


FLAT = rows([0.5, 0.5, 0.5, 0.5], [0.5, 0.5, 0.5, 0.5])
CASES = {
    "learning": (FLAT, {}, predictions(320), "accuracy 0.800 (0.758 to 0.836) on 400 validation images", ""),
    "diverged": (rows([0.6, 0.6, 9.0], [0.6, 0.6, 9.0]), {}, predictions(320), "from 0.6 (epoch 1) to 9", "lr=0.0001"),
    "collapsed": (
        FLAT,
        {},
        predictions(0, all_cats=True),
        "1.00 of 400 validation images are predicted as cats",
        "lr=auto",
    ),
    "collapsed, though the rate was searched for": (
        FLAT,
        {"lr_search_seconds": 2.0},
        predictions(0, all_cats=True),
        "1.00 of 400 validation images are predicted as cats",
        "epochs=12",
    ),
    # as of batch normalization after a few steps: the rate that learned the training images is none too high
    "collapsed, though it learned": (
        rows([0.6, 0.1], [0.7, 2.3], 0.97, 0.5),
        {},
        predictions(0, all_cats=True),
        "predicted as cats; 0.50 belong to it, while 0.97 of the training images are classified correctly.",
        "epochs=12",
    ),
    "diverged, from the first epoch": (
        rows([5.82], [1.4]),
        {},
        predictions(320),
        "the loss is still 5.82; guessing gives 0.693",
        "lr=0.0001",
    ),
    "chance": (FLAT, {}, predictions(205), "No better than chance: accuracy 0.512", "lr=auto"),
    "chance, though the rate was searched for": (
        FLAT,
        {"lr_search_seconds": 2.0},
        predictions(205),
        "No better than chance: accuracy 0.512",
        "epochs=12",
    ),
    "few": (
        FLAT,
        {},
        predictions(15, 20),
        "with 20, the accuracy could be anywhere from 0.53 to 0.89",
        "split.validation=0.4",
    ),
    "overfits": (
        rows([0.6, 0.5, 0.3, 0.2, 0.1], [0.6, 0.55, 0.6, 0.7, 0.8]),
        {},
        predictions(320),
        "since epoch 2: val_loss is lowest there, 0.550, and ends at 0.800",
        "augment=course",
    ),
    "rising": (rows([0.7, 0.6, 0.5], [0.7, 0.6, 0.5]), {}, predictions(320), "fell from 0.600 to 0.500", "epochs=12"),
    "input": (FLAT, {"waiting": 0.6}, predictions(320), "spent 0.60 of its time waiting", "loader.cache=auto"),
    "gap": (
        rows([0.1, 0.1], [0.5, 0.5], 0.99, 0.8),
        {},
        predictions(320),
        "0.990 on training images, 0.800",
        "augment=course",
    ),
}


@pytest.mark.parametrize("kind", CASES)
def test_each_kind_is_found_with_its_figure_and_setting(kind: str) -> None:
    history, result, judged, text, setting = CASES[kind]
    found = diagnose(history, result, CONFIG, judged)
    (mine,) = [each for each in found if each.kind == kind.partition(",")[0]]
    assert text in mine.text
    assert next_setting(found) == setting


def test_no_number_is_a_rate_too_high_and_hides_the_rest() -> None:
    found = diagnose(rows([0.6, math.nan], [0.6, math.nan]), {"classes": ["a", "b"]}, CONFIG, predictions(320))
    assert [each.kind for each in found] == ["diverged"]
    assert (
        found[0].text == "Learning rate too high: the loss is NaN or infinite in epoch 2."
        and found[0].setting == "lr=0.0001"
    )


def test_certain_mistakes_are_suspects() -> None:
    judged = predictions(390)
    judged.probabilities[395] = judged.probabilities[395].round() * 0.97 + 0.015
    (mine,) = [each for each in diagnose(FLAT, {}, CONFIG, judged) if each.kind == "suspects"]
    assert mine.text.startswith("Label suspects: 1 of 400 validation images")


def test_without_predictions_or_epochs_it_still_answers() -> None:
    assert [each.kind for each in diagnose(rows([0.7, 0.6], [0.7, 0.6]), {}, {}, None)] == ["learning", "rising"]
    assert [each.kind for each in diagnose([], {}, {}, None)] == ["nothing"]
    assert next_setting(diagnose([], {}, {}, None)) == ""


AUGMENTED = {"augment.rotation_range": 40.0, "augment.policy": "none"}


@pytest.mark.parametrize("kind", ["overfits", "gap"])
@pytest.mark.parametrize(
    ("config", "setting"),
    [
        ({"augment.rotation_range": 0.0, "augment.policy": "none"}, "augment=course"),
        (AUGMENTED | {"model.dropout": 0.0}, "model.dropout=0.5"),
        ({"augment.policy": "randaugment", "model.dropout": 0.2}, "model.dropout=0.5"),
        (AUGMENTED | {"model.dropout": 0.5}, ""),
        (AUGMENTED, ""),  # a network that cannot have dropout
    ],
)
def test_what_the_run_already_has_is_not_to_be_tried_next(kind: str, config: dict, setting: str) -> None:
    history, result, judged, _, _ = CASES[kind]
    (mine,) = [each for each in diagnose(history, result, CONFIG | config, judged) if each.kind == kind]
    assert mine.setting == setting


def test_folds_determine_the_validation_images() -> None:
    (few,) = [
        each for each in diagnose(FLAT, {}, CONFIG | {"split.folds": 5}, predictions(15, 20)) if each.kind == "few"
    ]
    assert few.setting == ""


def test_validation_images_of_one_class_tell_nothing() -> None:
    judged = predictions(400)
    judged.labels[:] = 1
    judged.probabilities[:] = (0.2, 0.8)
    found = diagnose(FLAT, {}, CONFIG, judged)
    assert [each.kind for each in found] == ["one_class"]
    assert found[0].text.startswith("Validation cannot tell: all 400 validation images are dogs")
    assert next_setting(found) == ""


@pytest.mark.parametrize(
    ("folder", "folders", "setting"),
    [
        ("cats", "auto", "split.validation=0.4"),
        ("photos/validation/cats", "auto", ""),  # a share of the others changes nothing
        ("val/cats", "splits", ""),
        ("val/cats", "merge", "split.validation=0.4"),
        ("cats/val", "classes", "split.validation=0.4"),
    ],
)
def test_a_folder_of_validation_images_is_no_share(folder: str, folders: str, setting: str) -> None:
    judged = replace(predictions(15, 20), paths=tuple(f"{folder}/{n}.jpg" for n in range(20)))
    (few,) = [each for each in diagnose(FLAT, {}, CONFIG | {"split.folders": folders}, judged) if each.kind == "few"]
    assert few.setting == setting


def test_small_losses_differ_in_the_text() -> None:
    (rising,) = [
        each for each in diagnose(rows([0.002, 0.001], [0.0014, 0.00092]), {}, {}, None) if each.kind == "rising"
    ]
    assert "fell from 0.0014 to 0.00092 in the last epoch" in rising.text


def test_a_recovery_from_a_bad_epoch_is_measured_from_the_best_one_before() -> None:
    def rising(*losses: float) -> list[str]:
        found = diagnose(rows([0.9, 0.5, 0.2, 0.1], list(losses)), {}, {}, None)
        return [each.text for each in found if each.kind == "rising"]

    assert rising(0.4, 0.07, 0.86, 0.063) == [
        "Still improving: the loss on validation images fell from 0.070 to 0.063 since epoch 2."
    ]
    assert not rising(0.4, 0.07, 0.86, 0.0699)


def test_a_network_without_predictions_is_neither_collapsed_nor_at_chance() -> None:
    said = predictions(200)
    said.probabilities[:30] = np.nan
    (found,) = diagnose(FLAT, {}, CONFIG, said)
    assert (found.kind, found.setting) == ("diverged", "lr=0.0001")
    assert found.text == "No predictions: the network returns NaN for 30 of 400 validation images."
    assert said.right.sum() == 170  # NaN is never right, although its argmax is the first class


def test_small_losses_of_an_overfitting_run_differ_in_the_text() -> None:
    found = diagnose(rows([0.1, 4e-5, 3e-5, 8e-6], [0.2, 0.0041, 0.0042, 0.0044]), {}, {}, None)
    assert [each.text for each in found if each.kind == "overfits"] == [
        "Overfitting since epoch 2: val_loss is lowest there, 0.0041, and ends at 0.0044, while the training loss "
        "falls from 4e-05 to 8e-06."
    ]
