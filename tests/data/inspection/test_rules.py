"""The cleaning rules, the policy for findings between files, and the report."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catsdogs_exp.config.schema import Config
from catsdogs_exp.data.inspection.quality import brightness_outliers, colour_statistics, spread
from catsdogs_exp.data.inspection.report import KINDS, report, warnings_of
from catsdogs_exp.data.inspection.verdicts import Verdict, Verdicts, columns, packed
from catsdogs_exp.data.manifest import Manifest
from catsdogs_exp.data.open_data import gather
from catsdogs_exp.data.sources.listing import TRAIN, VALIDATION
from catsdogs_exp.errors import BadInput

PhotoFolder = Callable[..., Path]
Make = Callable[..., Manifest]


def made(verdicts: list[Verdict]) -> Verdicts:
    return columns(packed(verdicts))


EXIF_FIRST = b"\xff\xd8\xff\xe1\x00\x10Exif\0\0" + bytes(8)


@pytest.fixture
def manifest_of(config: Callable[..., Config], cache: Path) -> Make:
    """`manifest_of(folder, "inspection.rule=jfif")`; near duplicates off, since the tests' pictures are simple."""

    def make(root: Path, *overrides: str, enforce: bool = True) -> Manifest:
        words = ("dataset=folder", f"dataset.path={root}", "inspection.near_distance=0", *overrides)
        return gather(config(*words), enforce=enforce)

    return make


@pytest.fixture
def mixed(photo_folder: PhotoFolder, photo: Callable[..., Image.Image]) -> Path:
    """Ten cats, nine of them odd in different ways, and ten plain dogs."""
    root = photo_folder({"cats": 10, "dogs": 10}, size=(32, 24))
    cats = root / "cats"
    (cats / "cat.0.jpg").write_bytes(b"")
    (cats / "cat.1.jpg").write_bytes(b"JFIF, says a text")
    photo((32, 24), 101).save(cats / "cat.2.jpg", "PNG")
    photo((32, 24), 102).convert("L").save(cats / "cat.3.jpg")
    jpeg = (cats / "cat.4.jpg").read_bytes()
    (cats / "cat.4.jpg").write_bytes(EXIF_FIRST + jpeg[2:])  # JFIF there, but not in the first ten bytes
    (cats / "cat.5.jpg").write_bytes(jpeg[:2] + jpeg[20:])  # no JFIF at all
    exif = Image.Exif()
    exif[0x0112] = 6
    photo((32, 24), 106).save(cats / "cat.6.jpg", exif=exif)
    (cats / "cat.7.jpg").write_bytes((cats / "cat.7.jpg").read_bytes()[:400])
    (cats / "cat.8.jpg").rename(cats / "cat.8.png")
    return root


def test_what_each_rule_keeps(mixed: Path, manifest_of: Make) -> None:
    counts = {"none": 20, "zero_length": 19, "decode": 17, "jfif": 17, "strict": 11}
    for rule, takes_part in {"none": 17, "zero_length": 17, "decode": 17, "jfif": 15, "strict": 11}.items():
        manifest = manifest_of(mixed, f"inspection.rule={rule}")
        found = report(manifest)
        assert found["counts_by_rule"] == counts
        assert (found["rule"], found["usable"]) == (rule, takes_part)
        assert found["found"]["bad"] == 3  # a rule's choice is no fault of the file
    strict = manifest_of(mixed, "inspection.rule=strict")
    kept = {str(strict.listing.paths[row]) for row in strict.usable() if strict.listing.labels[row] == 0}
    assert kept == {"cats/cat.9.jpg"}
    jfif = manifest_of(mixed, "inspection.rule=jfif").reasons()
    assert jfif["rule jfif: no JFIF in its header"] == 2


def test_too_small_and_too_large_are_settings(
    photo_folder: PhotoFolder, save_photo: Callable[..., Path], manifest_of: Make
) -> None:
    root = photo_folder()
    save_photo(root / "cats" / "flat.jpg", (60, 7))
    save_photo(root / "cats" / "large.jpg", (60, 50))
    assert manifest_of(root).reasons() == {"too small": 1}
    assert manifest_of(root, "inspection.min_size=7").reasons() == {}
    assert manifest_of(root, "inspection.min_size=7", "inspection.max_pixels=2999").reasons() == {"too large": 1}
    assert manifest_of(root, "inspection.min_size=7", "inspection.max_pixels=3000").reasons() == {}


def test_bad_files_may_end_the_run(mixed: Path, manifest_of: Make) -> None:
    with pytest.raises(BadInput) as caught:
        manifest_of(mixed, "inspection.on_bad=error")
    assert str(caught.value) == (
        f"3 of 20 files in {mixed} are unusable (1 empty, 1 not an image, 1 truncated), the first of them "
        "cats/cat.0.jpg. Received: inspection.on_bad=error. Repair or remove them, or leave them out with "
        "inspection.on_bad=quarantine"
    )
    assert manifest_of(mixed, "inspection.on_bad=error", enforce=False).refusal == str(caught.value)


def copy(root: Path, source: str, target: str) -> None:
    shutil.copy(root / source, root / target)


@pytest.fixture
def split_folder(photo_folder: PhotoFolder) -> Path:
    return photo_folder({"train/cats": 8, "train/dogs": 8, "validation/cats": 4, "validation/dogs": 4})


def test_a_copy_of_a_validation_image_is_dropped_from_train(split_folder: Path, manifest_of: Make) -> None:
    copy(split_folder, "validation/cats/cat.2.jpg", "train/cats/again.jpg")
    manifest = manifest_of(split_folder)
    assert manifest.reasons() == {"copy of an image in validation or test": 1}
    assert len(manifest.rows(TRAIN)) == 16
    assert len(manifest.rows(VALIDATION)) == 8
    assert warnings_of(manifest) == [
        "leak: 1 images are copies of validation or test images: left out of training (inspection.leaks=drop)"
    ]
    assert report(manifest)["leaks"] == [
        {"path": "train/cats/again.jpg", "copy_of": "validation/cats/cat.2.jpg", "splits": "train, validation"}
    ]
    warned = manifest_of(split_folder, "inspection.leaks=warn")
    assert len(warned.rows(TRAIN)) == 17
    assert warnings_of(warned)[0].endswith("used anyway (inspection.leaks=warn)")
    with pytest.raises(BadInput, match=r"1 images in .* are in two splits, the first train/cats/again.jpg and valid"):
        manifest_of(split_folder, "inspection.leaks=error")
    assert (split_folder / "train" / "cats" / "again.jpg").is_file()


@pytest.mark.parametrize("policy", ["drop", "error"])
def test_a_train_set_that_contains_the_validation_set_is_refused(
    split_folder: Path, manifest_of: Make, policy: str
) -> None:
    for number in range(4):
        copy(split_folder, f"validation/cats/cat.{number}.jpg", f"train/cats/v{number}.jpg")
    with pytest.raises(BadInput) as caught:
        manifest_of(split_folder, f"inspection.leaks={policy}")
    assert str(caught.value) == (
        f"The training set contains 4 of the 8 validation images in {split_folder}, so a validation accuracy would "
        f"only measure memorization. Received: inspection.leaks={policy}. Keep the two apart, or set "
        "inspection.leaks=warn "
        "to train on it anyway"
    )
    assert len(manifest_of(split_folder, "inspection.leaks=warn").rows(TRAIN)) == 20
    (split_folder / "train" / "cats" / "v0.jpg").unlink()
    assert manifest_of(split_folder).reasons() == {"copy of an image in validation or test": 3}


def test_with_folds_train_and_validation_may_share(split_folder: Path, manifest_of: Make) -> None:
    copy(split_folder, "validation/cats/cat.2.jpg", "train/cats/again.jpg")
    manifest = manifest_of(split_folder, "split.folds=4", "split.fold=0")
    assert report(manifest)["found"]["leak"] == 0
    row_of = {path: row for row, path in enumerate(manifest.listing.paths.tolist())}
    again, first = row_of["train/cats/again.jpg"], row_of["validation/cats/cat.2.jpg"]
    assert manifest.split[again] == manifest.split[first]


def test_copies_may_be_dropped_and_contradictions_then_are(photo_folder: PhotoFolder, manifest_of: Make) -> None:
    root = photo_folder({"cats": 6, "dogs": 6})
    copy(root, "cats/cat.1.jpg", "cats/cat.90.jpg")
    copy(root, "cats/cat.1.jpg", "cats/cat.91.jpg")
    copy(root, "cats/cat.2.jpg", "dogs/dog.92.jpg")
    kept = manifest_of(root)
    assert kept.reasons() == {}
    assert report(kept)["found"] | {"outlier": 0} == dict.fromkeys(KINDS, 0) | {"duplicate": 3, "label_conflict": 2}
    rows = [kept.listing.paths.tolist().index(f"cats/cat.{n}.jpg") for n in (1, 90, 91)]
    assert len(set(kept.split[rows].tolist())) == 1
    assert warnings_of(kept) == ["labels: 2 images are copies of each other under two labels"]
    dropped = manifest_of(root, "inspection.duplicates=drop")
    assert dropped.reasons() == {"copy of another image": 2, "same image under two labels": 2}
    assert dropped.verdicts.reason[rows].tolist() == ["", "copy of another image", "copy of another image"]


def test_near_copies_are_found_kept_together_and_only_reported(photo_folder: PhotoFolder, manifest_of: Make) -> None:
    root = photo_folder({"train/cats": 2, "train/dogs": 2, "validation/cats": 2, "validation/dogs": 2})
    rng = np.random.default_rng(0)
    for number, path in enumerate(sorted(root.rglob("*.jpg"))):  # pictures with structure
        small = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
        small.resize((160 + number, 120), Image.Resampling.BICUBIC).save(path, quality=95)
    with Image.open(root / "validation" / "cats" / "cat.0.jpg") as image:
        image.resize((90, 66)).save(root / "train" / "cats" / "small.jpg", quality=80)
    with Image.open(root / "train" / "dogs" / "dog.1.jpg") as image:
        image.save(root / "train" / "dogs" / "dog.9.jpg", quality=40)
    manifest = manifest_of(root, "inspection.near_distance=4")
    found = report(manifest)
    assert manifest.reasons() == {}
    assert found["near_duplicates"] == [
        ["train/cats/small.jpg", "validation/cats/cat.0.jpg"],
        ["train/dogs/dog.1.jpg", "train/dogs/dog.9.jpg"],
    ]
    assert [pair["path"] for pair in found["near_leaks"]] == ["train/cats/small.jpg"]
    assert (found["found"]["near_duplicate"], found["found"]["near_leak"], found["found"]["leak"]) == (2, 1, 0)
    assert warnings_of(manifest)[0].startswith("leak: 1 images are near copies of validation or test images: used")
    assert report(manifest_of(root))["found"]["near_duplicate"] == 0


def test_the_report_says_what_was_found(mixed: Path, manifest_of: Make) -> None:
    found = report(manifest_of(mixed))
    json.dumps(found)
    assert found["root"] == str(mixed)
    assert (found["files"], found["usable"], found["quarantined"], found["refusal"]) == (20, 17, 3, "")
    assert found["reasons"] == {"empty": 1, "not an image": 1, "truncated": 1}
    assert found["notes"] == {
        "named .jpg, is PNG": 1,
        "grey": 1,
        "EXIF orientation 6": 1,
        "named .png, is JPEG": 1,
    }
    assert found["formats"] == {"JPEG": 16, "PNG": 1}
    assert found["width"] == {"min": 24, "p5": 30, "median": 32, "p95": 32, "max": 32}
    assert found["aspect_ratio"]["median"] == 1.333
    assert set(found["colour_by_class"]) == {"cats", "dogs"}
    assert found["left_out"][0] == {"path": "cats/cat.0.jpg", "reason": "empty"}
    assert set(found["found"]) == set(KINDS)


def test_a_folder_without_one_picture_is_still_reported(photo_folder: PhotoFolder, manifest_of: Make) -> None:
    root = photo_folder({"cats": 2, "dogs": 2})
    for path in root.rglob("*.jpg"):
        path.write_bytes(b"")
    manifest = manifest_of(root, enforce=False)
    found = report(manifest)
    assert found["refusal"] == f"None of the 4 files in {root} is a usable image: 4 empty."
    assert (found["usable"], found["width"], found["colour"], found["brightness_outliers"]) == (0, {}, {}, [])


def test_colour_statistics_are_of_all_pixels() -> None:
    pixels = np.random.default_rng(0).uniform(0, 255, (6, 50, 3))
    verdicts = made([
        Verdict("", "", 9, 9, 1, "", mean=tuple(p.mean(axis=0)), std=tuple(p.std(axis=0))) for p in pixels
    ])  # fmt: skip
    found = colour_statistics(verdicts, np.arange(6))
    np.testing.assert_allclose(found["mean"], pixels.mean(axis=(0, 1)), atol=0.01)
    np.testing.assert_allclose(found["std"], pixels.std(axis=(0, 1)), atol=0.01)


def test_brightness_outliers_are_far_from_the_rest() -> None:
    levels = [100, 104, 96, 102, 98, 101, 99, 103, 97, 250, 3]
    verdicts = made([Verdict("", "", 9, 9, 1, "", mean=(level,) * 3) for level in levels])
    assert brightness_outliers(verdicts, np.arange(11)) == [9, 10]
    assert brightness_outliers(verdicts, np.arange(9)) == []
    assert brightness_outliers(made([Verdict("", "", 9, 9, 1, "")] * 3), np.arange(3)) == []


def test_a_spread_is_of_percentiles() -> None:
    assert spread(np.arange(101)) == {"min": 0, "p5": 5, "median": 50, "p95": 95, "max": 100}
    assert spread(np.array([])) == {}
