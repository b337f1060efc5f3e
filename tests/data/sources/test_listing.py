import os
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from catsdogs_exp.data.sources.listing import SPLITS, TEST, TRAIN, UNDECIDED, VALIDATION, list_images
from catsdogs_exp.errors import BadInput
from catsdogs_exp.natural_sort import natural_key


def touch(root: Path, *files: str) -> Path:
    """Creates empty files, which suffice because listing only looks at names."""
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    return root


def refusal(root: Path) -> str:
    with pytest.raises(BadInput) as caught:
        list_images(root)
    return str(caught.value)


def test_one_folder_a_class(photo_folder: Callable[..., Path]) -> None:
    root = photo_folder({"cats": 2, "dogs": 1})
    listing = list_images(root)
    assert listing.root == root
    assert listing.classes == ("cats", "dogs")
    assert listing.paths.tolist() == ["cats/cat.0.jpg", "cats/cat.1.jpg", "dogs/dog.0.jpg"]
    assert listing.labels.tolist() == [0, 0, 1]
    assert listing.splits.tolist() == [UNDECIDED] * 3
    assert (listing.labels.dtype, listing.splits.dtype) == (np.int32, np.int8)


def test_order_is_natural_for_files_and_classes(tmp_path: Path) -> None:
    root = touch(tmp_path, "class10/b.jpg", "class2/cat.10.jpg", "class2/cat.9.jpg", "class2/cat.1.jpg")
    listing = list_images(root)
    assert listing.classes == ("class2", "class10")
    assert listing.paths.tolist() == [
        "class2/cat.1.jpg",
        "class2/cat.9.jpg",
        "class2/cat.10.jpg",
        "class10/b.jpg",
    ]


def test_files_in_folders_within_a_class_belong_to_it(tmp_path: Path) -> None:
    listing = list_images(touch(tmp_path, "cats/home/1.jpg", "cats/2.jpg", "dogs/park/wet/3.jpg"))
    assert listing.paths.tolist() == ["cats/2.jpg", "cats/home/1.jpg", "dogs/park/wet/3.jpg"]
    assert listing.labels.tolist() == [0, 0, 1]


def test_hidden_files_and_clutter_are_left_out_but_nothing_else(tmp_path: Path) -> None:
    touch(tmp_path, ".git/x", "__MACOSX/cats/1.jpg", "cats/.DS_Store", "cats/Thumbs.db", "cats/.thumbs/1.jpg")
    touch(tmp_path, "cats/1.jpg", "cats/notes.txt", "dogs/2")
    listing = list_images(tmp_path)
    assert listing.paths.tolist() == ["cats/1.jpg", "cats/notes.txt", "dogs/2"]
    assert listing.notes == (
        "5 hidden or left behind by a system or program: .git/, .thumbs/, __MACOSX/, .DS_Store, Thumbs.db",
    )


def test_single_folders_around_the_data_are_passed_through(tmp_path: Path) -> None:
    touch(tmp_path, "archive/cats_and_dogs/cats/1.jpg", "archive/cats_and_dogs/dogs/2.jpg", ".hidden", "__MACOSX/x")
    listing = list_images(tmp_path)
    assert listing.root == tmp_path / "archive" / "cats_and_dogs"
    assert listing.paths.tolist() == ["cats/1.jpg", "dogs/2.jpg"]


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        ("train", "validation", "test"),
        ("training_set", "val", "test_set"),
        ("Training", "VALID", "Testing"),
        ("train_set", "validation_set", "test"),
    ],
)
def test_split_folders_are_honoured(tmp_path: Path, train: str, validation: str, test: str) -> None:
    for folder in (train, validation, test):
        touch(tmp_path, f"{folder}/cats/1.jpg", f"{folder}/dogs/2.jpg")
    listing = list_images(tmp_path)
    assert listing.classes == ("cats", "dogs")
    of_folder = dict(zip(listing.paths.tolist(), listing.splits.tolist(), strict=True))
    assert of_folder == {
        f"{folder}/{name}": split
        for folder, split in ((train, TRAIN), (validation, VALIDATION), (test, TEST))
        for name in ("cats/1.jpg", "dogs/2.jpg")
    }
    assert (SPLITS[TRAIN], SPLITS[VALIDATION], SPLITS[TEST]) == ("train", "validation", "test")


def test_a_wrapped_train_folder_alone_is_a_split(tmp_path: Path) -> None:
    listing = list_images(touch(tmp_path, "data/train/cats/1.jpg", "data/train/dogs/1.jpg"))
    assert listing.classes == ("cats", "dogs")
    assert listing.splits.tolist() == [TRAIN, TRAIN]


def test_names_in_any_script(tmp_path: Path) -> None:
    listing = list_images(touch(tmp_path, "猫/写真 1.jpg", "chiens/été.jpg", "chiens/²³.jpg"))
    assert listing.classes == ("chiens", "猫")
    assert set(listing.paths.tolist()) == {"猫/写真 1.jpg", "chiens/été.jpg", "chiens/²³.jpg"}


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path) == (
        f"The folder of images contains nothing: {tmp_path}. Expected one folder per class: {tmp_path}/cats/1.jpg, "
        f"{tmp_path}/dogs/2.jpg; or train/ and validation/ with those inside."
    )


def test_pictures_without_class_folders_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "cat1.jpg", "cat2.jpg", "dog1.jpg")
    assert refusal(tmp_path) == (
        f"The folder of images contains 3 files but no class folders: {tmp_path}. Expected one folder per class: "
        f"{tmp_path}/cats/1.jpg, {tmp_path}/dogs/2.jpg; or train/ and validation/ with those inside. "
        "With the class in the file names, set dataset.pattern."
    )


def test_an_empty_class_folder_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "cats/1.jpg", "dogs/.hidden")
    assert refusal(tmp_path) == (
        f"The class folder 'dogs' contains no images: {tmp_path}/dogs. Put images into it or remove the folder."
    )


def test_one_class_alone_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "cats/1.jpg")
    assert refusal(tmp_path) == (
        f"Classification needs images of at least two classes, one folder each. Received one: 'cats' in {tmp_path}. "
        "With the class in the file names, set dataset.pattern."
    )


def test_a_train_folder_without_classes_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "train/1.jpg", "validation/2.jpg")
    assert refusal(tmp_path) == (
        f"The folder of images contains 2 files in train and validation but no class folders: {tmp_path}. Expected one "
        f"folder per class: {tmp_path}/cats/1.jpg, {tmp_path}/dogs/2.jpg; or train/ and validation/ with those inside. "
        "With the class in the file names, set dataset.pattern. If train and validation are classes, set "
        "split.folders=classes."
    )


def test_a_name_that_is_not_utf8_is_listed_so_that_it_can_be_shown(tmp_path: Path) -> None:
    touch(tmp_path, "cats/1.jpg", "dogs/2.jpg")
    try:
        (tmp_path / "cats" / os.fsdecode(b"caf\xe9.jpg")).touch()
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    assert list_images(tmp_path).paths.tolist() == ["cats/1.jpg", "cats/caf\\xe9.jpg", "dogs/2.jpg"]


@given(st.lists(st.text(max_size=8), unique=True, max_size=8), st.randoms(use_true_random=False))
@example(["1", "01", "001"], random.Random(1))
@example(["²", "x²2", "٣"], random.Random(1))
def test_the_natural_order_is_the_same_from_any_order(names: list[str], shuffler: random.Random) -> None:
    ordered = sorted(names, key=natural_key)
    mixed = list(names)
    shuffler.shuffle(mixed)
    assert sorted(mixed, key=natural_key) == ordered


@given(st.text("abc.", max_size=3), st.integers(0, 10**6), st.integers(0, 10**6))
def test_numbers_in_names_sort_by_value(stem: str, first: int, second: int) -> None:
    if first < second:
        assert natural_key(f"{stem}{first}.jpg") < natural_key(f"{stem}{second}.jpg")
