import csv
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from catsdogs_exp.config.schema import Inspection, SplitSettings
from catsdogs_exp.data.images.decoding import MAX_PIXELS
from catsdogs_exp.data.inspection.inspect import inspect
from catsdogs_exp.data.manifest import COLUMNS, Manifest, make_manifest
from catsdogs_exp.data.sources.listing import TEST, TRAIN, UNDECIDED, VALIDATION, list_images
from catsdogs_exp.errors import BadInput

PhotoFolder = Callable[..., Path]


def manifest_of(root: Path, validation: float = 0.2, test: float = 0.0, seed: int = 0, **split: Any) -> Manifest:
    listing = list_images(root)
    inspection = Inspection("decode", 8, MAX_PIXELS, 4, "quarantine", "keep", "drop")
    rules = replace(SplitSettings(validation, test, seed, None, 0, None), **split)
    return make_manifest(listing, inspect(listing), rules, inspection)


@pytest.fixture
def root(photo_folder: PhotoFolder) -> Path:
    """Ten cats of which two are empty and one is text; five dogs."""
    folder = photo_folder({"cats": 10, "dogs": 5})
    for number in (2, 7):
        (folder / "cats" / f"cat.{number}.jpg").write_bytes(b"")
    (folder / "cats" / "cat.9.jpg").write_text("no picture", encoding="utf-8")
    return folder


def test_broken_files_are_in_no_split(root: Path) -> None:
    manifest = manifest_of(root)
    assert manifest.classes == ("cats", "dogs")
    assert manifest.counts() == {"train": {"cats": 6, "dogs": 4}, "validation": {"cats": 1, "dogs": 1}}
    assert [str(manifest.path(row).relative_to(root)) for row in (2, 7, 9)] == [
        "cats/cat.2.jpg",
        "cats/cat.7.jpg",
        "cats/cat.9.jpg",
    ]
    assert manifest.split[[2, 7, 9]].tolist() == [UNDECIDED] * 3
    assert manifest.usable().tolist() == [0, 1, 3, 4, 5, 6, 8, 10, 11, 12, 13, 14]


def test_every_usable_row_is_in_one_split(root: Path) -> None:
    manifest = manifest_of(root, validation=0.2, test=0.25)
    rows = [manifest.rows(split).tolist() for split in (TRAIN, VALIDATION, TEST)]
    assert sorted(row for part in rows for row in part) == manifest.usable().tolist()
    assert all(part == sorted(part) for part in rows)
    assert set(manifest.counts()) == {"train", "validation", "test"}


def test_reasons_are_counted_most_frequent_first(root: Path) -> None:
    assert list(manifest_of(root).reasons().items()) == [("empty", 2), ("not an image", 1)]


def test_the_csv_has_every_file(root: Path, tmp_path: Path) -> None:
    manifest = manifest_of(root)
    manifest.write_csv(tmp_path / "manifest.csv")
    with (tmp_path / "manifest.csv").open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 15
    good, empty = rows[0], rows[2]
    first = root / "cats" / "cat.0.jpg"
    assert good == {
        "path": "cats/cat.0.jpg",
        "class": "cats",
        "split": good["split"],
        "size": str(first.stat().st_size),
        "width": "24",
        "height": "16",
        "sha256": str(manifest.verdicts.sha256[0]),
        "verdict": "usable",
        "note": "",
    }
    assert good["split"] in ("train", "validation")
    assert (empty["split"], empty["verdict"], empty["size"]) == ("", "empty", "0")


def test_a_name_with_commas_and_quotes_survives_the_csv(photo_folder: PhotoFolder, tmp_path: Path) -> None:
    root = photo_folder()
    odd = 'a "good", cat\n.jpg'
    (root / "cats" / "cat.0.jpg").rename(root / "cats" / odd)
    manifest_of(root).write_csv(tmp_path / "manifest.csv")
    with (tmp_path / "manifest.csv").open(newline="", encoding="utf-8") as handle:
        assert f"cats/{odd}" in [row["path"] for row in csv.DictReader(handle)]


def test_the_data_hash_is_of_content_class_and_split(photo_folder: PhotoFolder) -> None:
    here = photo_folder(name="here")
    ours = manifest_of(here).data_hash()
    assert len(ours) == 16
    there = photo_folder(name="there")
    (there / "cats" / "cat.0.jpg").rename(there / "cats" / "tom.jpg")
    (there / "cats" / "broken.jpg").touch()
    assert manifest_of(there).data_hash() == ours
    assert manifest_of(here, validation=0.5).data_hash() != ours
    (here / "cats").rename(here / "lions")
    assert manifest_of(here).data_hash() != ours
    (there / "cats" / "tom.jpg").unlink()
    assert manifest_of(there).data_hash() != ours


def test_explicit_folders_are_kept(photo_folder: PhotoFolder) -> None:
    root = photo_folder({"train/cats": 4, "train/dogs": 3, "validation/cats": 2, "validation/dogs": 1})
    assert manifest_of(root, validation=0.5).counts() == {
        "train": {"cats": 4, "dogs": 3},
        "validation": {"cats": 2, "dogs": 1},
    }


def refusal(root: Path, validation: float = 0.2, test: float = 0.0, **split: Any) -> str:
    with pytest.raises(BadInput) as caught:
        manifest_of(root, validation, test, **split)
    return str(caught.value)


def test_a_folder_without_one_good_picture_is_refused(photo_folder: PhotoFolder) -> None:
    root = photo_folder({"cats": 2, "dogs": 1})
    for path in root.rglob("*.jpg"):
        path.write_bytes(b"" if path.name.startswith("cat") else b"?")
    assert refusal(root) == f"None of the 3 files in {root} is a usable image: 2 empty, 1 not an image."


def test_a_class_without_a_good_picture_is_refused(photo_folder: PhotoFolder) -> None:
    root = photo_folder({"cats": 3, "dogs": 1})
    (root / "dogs" / "dog.0.jpg").write_bytes(b"")
    assert refusal(root) == (
        f"The class 'dogs' has no usable image in {root}. Left out: 1 empty. "
        "Add usable images to it, or remove the class"
    )


def test_a_refused_class_is_named_as_it_is(photo_folder: PhotoFolder) -> None:
    """It was printed as Python writes texts, with a second backslash."""
    root = photo_folder({"cats": 3, "o'brien\\x": 3})
    for path in (root / "o'brien\\x").iterdir():
        path.write_bytes(b"")
    with pytest.raises(BadInput, match=re.escape("The class 'o'brien\\x' has no usable image in ")):
        manifest_of(root)


def test_a_class_in_the_validation_folder_only_is_refused(photo_folder: PhotoFolder) -> None:
    root = photo_folder({"train/cats": 2, "train/dogs": 2, "validation/cats": 1, "validation/horses": 1})
    assert refusal(root) == (
        f"The class 'horses' has no usable training image in {root}: its usable images, 1 in all, are in validation. "
        "The data puts them there: move some of them to train"
    )


def test_a_class_whose_training_images_are_left_out_says_why(photo_folder: PhotoFolder) -> None:
    root = photo_folder({"train/cats": 2, "train/dogs": 1, "validation/cats": 5, "validation/dogs": 2})
    shutil.copy(root / "validation/dogs/dog.0.jpg", root / "train/dogs/dog.0.jpg")
    assert "are in validation. Left out: 1 copy of an image in validation or test. The data puts" in refusal(root)


def test_a_class_that_a_fold_takes_whole_is_refused(photo_folder: PhotoFolder) -> None:
    root = photo_folder({"cats": 6, "dogs": 1})
    messages = set()
    for fold in range(2):
        try:
            manifest_of(root, folds=2, fold=fold)
        except BadInput as error:
            messages.add(str(error).replace(f"split.fold={fold}", "split.fold=F"))
    assert messages == {
        f"The class 'dogs' has no usable training image in {root}: its usable images, 1 in all, are in validation. "
        "Received: split.folds=2 split.fold=F split.test=0. Folds need two different images of each class: add some, "
        "or remove the class"
    }


def test_a_class_that_a_group_takes_along_is_refused(photo_folder: PhotoFolder) -> None:
    root = photo_folder({"cats": 6, "dogs": 1})
    (root / "dogs" / "dog.0.jpg").rename(root / "dogs" / "cat.0.jpg")
    found = {}
    for fold in range(2):
        try:
            manifest_of(root, folds=2, fold=fold, group_by=r"cat\.\d")
        except BadInput as error:
            found[fold] = str(error)
    assert list(found.values()) == [
        f"The class 'dogs' has no usable training image in {root}: its usable images, 1 in all, are in validation. "
        f"Received: split.folds=2 split.fold={fold} split.test=0 split.group_by=cat\\.\\d. "
        "Choose a pattern that gives smaller groups, or ask for fewer folds"
        for fold in found
    ]
    assert len(found) == 1


def test_a_fold_without_images_is_refused(photo_folder: PhotoFolder) -> None:
    root = photo_folder({"cats": 3, "dogs": 2})
    assert refusal(root, folds=7, fold=6) == (
        "split.folds must be at most the number of images, or groups of them, of a class, or folds would be empty. "
        "Received: split.folds=7 split.fold=6. Use fewer folds"
    )
    messages = [refusal(root, folds=5, fold=fold, group_by="^[cd]") for fold in range(5)]  # a group a class
    assert sum(message.startswith("The class ") for message in messages) <= 2
    assert any(
        message.endswith(
            f"Received: split.folds=5 split.fold={fold} split.group_by=^[cd]. Use fewer folds, or choose a pattern "
            "that gives smaller groups"
        )
        for fold, message in enumerate(messages)
    )


@pytest.mark.parametrize("test", [0.0, 0.2])
def test_groups_that_leave_nothing_to_validate_on_are_refused(photo_folder: PhotoFolder, test: float) -> None:
    root = photo_folder()
    assert refusal(root, test=test, group_by="(cat|dog)s") == (
        "split.group_by must give enough groups for train, validation and test: those of the 8 usable images in "
        f"{root} leave none for validation. Received: split.validation=0.2 split.test={test:g} "
        "split.group_by=(cat|dog)s. Choose a pattern that gives smaller groups, or set split.validation=0"
    )
    assert manifest_of(root, validation=0.0, group_by="(cat|dog)s").counts() == {"train": {"cats": 4, "dogs": 4}}


@pytest.mark.parametrize("suffix", [".JPG", ".JPEG", ".jfif", ".JPE", ".Jpg", ".jpg_large", ""])
def test_a_file_is_an_image_by_its_bytes_whatever_its_extension(photo_folder: PhotoFolder, suffix: str) -> None:
    root = photo_folder({"cats": 4, "dogs": 4})
    (root / "cats" / "cat.1.jpg").rename(root / "cats" / f"one{suffix}")
    manifest = manifest_of(root)
    assert sum(manifest.counts()[split]["cats"] for split in ("train", "validation")) == 4
    row = manifest.listing.paths.tolist().index(f"cats/one{suffix}")
    odd = {".jpg_large": "named .jpg_large, is JPEG", "": "named without extension, is JPEG"}
    assert manifest.verdicts.note[row] == odd.get(suffix, "")


def test_one_image_per_class_is_trained_on_and_not_validated(photo_folder: PhotoFolder) -> None:
    assert manifest_of(photo_folder({"cats": 1, "dogs": 1})).counts() == {"train": {"cats": 1, "dogs": 1}}
