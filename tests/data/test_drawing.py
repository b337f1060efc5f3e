"""Drawn animals: the same everywhere, varied, and distinguished only by shape."""

import subprocess
import sys
import time
import zlib

import numpy as np
import pytest

from catsdogs_exp.data.drawing import MAX_CLASSES, class_names, draw


@pytest.fixture(scope="module")
def pets():
    """120 cats and 120 dogs as float arrays [120, 32, 32, 3]."""
    return [
        np.stack([np.asarray(draw(label, i, 3).resize((32, 32)), np.float32) for i in range(120)]) for label in (0, 1)
    ]


def test_same_arguments_same_pixels():
    for label in (0, 1, 7, MAX_CLASSES - 1):
        assert draw(label, 4, 2).tobytes() == draw(label, 4, 2).tobytes()


def test_global_random_state_neither_used_nor_changed():
    np.random.seed(1)
    before = draw(0, 0, 0).tobytes()
    state = np.random.get_state()[1].copy()
    np.random.seed(2)
    assert draw(0, 0, 0).tobytes() == before
    np.random.seed(1)
    assert np.array_equal(np.random.get_state()[1], state)


def test_another_process_draws_the_same():
    code = (
        "import zlib; from catsdogs_exp.data.drawing import draw; "
        "print([zlib.crc32(draw(label, 9, 1).tobytes()) for label in (0, 1, 5)])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == str([zlib.crc32(draw(label, 9, 1).tobytes()) for label in (0, 1, 5)])


def test_every_argument_matters():
    pictures = [draw(*arguments).tobytes() for arguments in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))]
    assert len(set(pictures)) == 4


def test_no_picture_comes_twice():
    assert len({zlib.crc32(draw(0, i, 0).tobytes()) for i in range(60)}) == 60


def test_modes_and_sizes():
    pictures = [draw(i % 2, i, 0) for i in range(60)]
    assert {picture.mode for picture in pictures} == {"RGB"}
    assert all(160 <= side <= 320 for picture in pictures for side in picture.size)
    assert len({picture.size for picture in pictures}) > 50
    ratios = [picture.width / picture.height for picture in pictures]
    assert min(ratios) < 0.85 and max(ratios) > 1.2


def test_every_class_can_be_drawn():
    for label in range(0, MAX_CLASSES, 9):
        assert np.asarray(draw(label, 0, 0)).std() > 10, class_names(MAX_CLASSES)[label]


def test_names():
    names = class_names(MAX_CLASSES)
    assert names[:4] == ["cats", "dogs", "rabbits", "bears"]
    assert len(set(names)) == len(names) == MAX_CLASSES
    assert all(name.isidentifier() for name in names)
    assert class_names(2) == ["cats", "dogs"]
    assert class_names(20) == names[:20]
    assert sum(not name.startswith("creature_") for name in names) >= 10
    assert names[100] == "creature_100"


@pytest.mark.parametrize("count", [-1, 0, 1, MAX_CLASSES + 1])
def test_number_of_classes_out_of_range(count):
    with pytest.raises(ValueError) as error:
        class_names(count)
    assert str(error.value) == f"dataset.classes must be between 2 and 360. Received: dataset.classes={count}"


@pytest.mark.parametrize(
    ("arguments", "received"),
    [
        ((-1, 0, 0), "class_index must be between 0 and 359. Received: class_index=-1"),
        ((360, 0, 0), "class_index must be between 0 and 359. Received: class_index=360"),
        ((0, -1, 0), "index and seed must be 0 or more. Received: index=-1, seed=0"),
        ((0, 0, -2), "index and seed must be 0 or more. Received: index=0, seed=-2"),
    ],
)
def test_arguments_out_of_range(arguments, received):
    with pytest.raises(ValueError) as error:
        draw(*arguments)
    assert str(error.value) == received


def test_colour_is_no_cue(pets):
    cats, dogs = (pictures.mean((1, 2)) for pictures in pets)
    gap = np.abs(cats.mean(0) - dogs.mean(0))
    spread = (cats.std(0) + dogs.std(0)) / 2
    assert (gap < spread / 2).all(), (gap, spread)
    assert (spread > 15).all()


def test_pixels_alone_do_not_tell_the_classes_apart(pets):
    """Ridge regression on pixels, fitted on two thirds, stays far from perfect on the rest."""
    pixels = np.concatenate(pets).reshape(240, -1) / 255
    target = np.repeat([-1.0, 1.0], 120)
    held_out = np.arange(240) % 3 == 0
    centred = pixels - pixels[~held_out].mean(0)
    gram = centred[~held_out] @ centred[~held_out].T
    weights = np.linalg.solve(gram + 100 * np.eye(len(gram)), target[~held_out])
    guess = centred[held_out] @ centred[~held_out].T @ weights
    assert np.mean(np.sign(guess) == target[held_out]) < 0.85


def test_pictures_vary_everywhere(pets):
    for pictures in pets:
        assert pictures.std(0).min() > 25


def test_fast_enough():
    draw(0, 0, 0)
    start = time.process_time()
    for i in range(30):
        draw(i % 2, i, 0)
    assert (time.process_time() - start) / 30 < 0.04  # 7 ms on an idle core; slack for busy ones
