"""`dataset.fraction` and `dataset.max_per_class`: fewer training images, and nothing else changes."""

import csv
import hashlib
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catsdogs_exp.config.compose import config_of
from catsdogs_exp.config.schema import Inspection, SplitSettings
from catsdogs_exp.data.images.decoding import MAX_PIXELS
from catsdogs_exp.data.inspection.report import report
from catsdogs_exp.data.inspection.verdicts import Verdict, columns, packed
from catsdogs_exp.data.manifest import Manifest, make_manifest
from catsdogs_exp.data.open_data import gather
from catsdogs_exp.data.sources.listing import TEST, TRAIN, UNDECIDED, VALIDATION, Listing
from catsdogs_exp.data.subset import _counts, subset
from catsdogs_exp.errors import BadInput

File = tuple[int, int, int, bool]
"""Class, content, split as the data gives it, whether it is broken."""


def manifest_of(
    files: list[File], folds: int | None = None, duplicates: str = "keep", root: str = "/photos", **others: Any
) -> Manifest:
    listing = Listing(
        root=Path(root),
        classes=("cat", "dog"),
        paths=np.array([f"{number}.jpg" for number in range(len(files))], dtype=np.dtypes.StringDType()),
        labels=np.array([label for label, *_ in files], dtype=np.int32),
        splits=np.array([split for _, _, split, _ in files], dtype=np.int8),
    )
    verdicts = [
        Verdict(
            reason="empty" if broken else "",
            note="",
            width=100,
            height=100,
            size=0 if broken else 1,
            sha256=hashlib.sha256(b"" if broken else str(content).encode()).hexdigest(),
        )
        for _, content, _, broken in files
    ]
    split = SplitSettings(
        **{"validation": 0.2, "test": 0.1, "seed": 0, "folds": folds, "fold": 0, "group_by": None} | others
    )
    inspection = Inspection("decode", 8, MAX_PIXELS, 0, "quarantine", duplicates, "drop")
    return make_manifest(listing, columns(packed(verdicts)), split, inspection, enforce=False)


def many(split: int = UNDECIDED, count: int = 50) -> list[File]:
    return [(label, 1000 * label + number, split, False) for label in (0, 1) for number in range(count)]


def paths(manifest: Manifest, split: int = TRAIN) -> set[str]:
    return {str(manifest.listing.paths[row]) for row in manifest.rows(split)}


def test_smaller_choices_are_part_of_larger_ones() -> None:
    whole = manifest_of(many(), validation=0.2, test=0.0)
    chosen = [subset(whole, share, None, 0) for share in (0.05, 0.1, 0.5, 0.77, 1)]
    assert [len(paths(manifest)) for manifest in chosen] == [4, 8, 40, 62, 80]
    assert all(paths(small) < paths(large) for small, large in pairwise(chosen))
    assert paths(chosen[2]) == paths(subset(whole, 1, 20, 0))
    assert paths(chosen[0]) != paths(subset(whole, 0.05, None, 1))


def test_each_class_keeps_its_share_and_at_least_one_image() -> None:
    whole = manifest_of(many(count=100), validation=0.2, test=0.0)
    for share, most, count in ((0.5, None, 40), (0.001, None, 1), (0.5, 7, 7), (1, 1000, 80)):
        assert subset(whole, share, most, 3).counts() == {
            "train": {"cat": count, "dog": count},
            "validation": {"cat": 20, "dog": 20},
        }
    assert subset(whole, 1, None, 3) is subset(whole, 1, 1000, 3) is whole


def test_the_choice_does_not_hang_on_the_place_or_the_names() -> None:
    first, second = (manifest_of(many(), root=root) for root in ("/a", "/elsewhere/b"))
    assert subset(first, 0.3, None, 5).data_hash() == subset(second, 0.3, None, 5).data_hash()
    backwards = manifest_of(many()[::-1])
    assert subset(backwards, 0.3, None, 5).data_hash() == subset(first, 0.3, None, 5).data_hash()


FILES = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.integers(0, 30),  # so that copies come up, also under two labels
        st.sampled_from([UNDECIDED, UNDECIDED, TRAIN, VALIDATION, TEST]),
        st.booleans(),
    ),
    min_size=1,
    max_size=60,
)
WITHOUT_SPLITS = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 60), st.just(UNDECIDED), st.sampled_from([False, False, False, True])),
    min_size=4,
    max_size=60,
)


@settings(max_examples=150)
@given(
    FILES | WITHOUT_SPLITS,
    st.floats(0.01, 1),
    st.floats(0.01, 1),
    st.none() | st.integers(1, 8),
    st.none() | st.integers(2, 4),
    st.sampled_from(["keep", "drop"]),
    st.integers(0, 3),
)
def test_validation_and_test_are_the_same_whatever_is_chosen(
    files: list[File], one: float, other: float, most: int | None, folds: int | None, duplicates: str, seed: int
) -> None:
    whole = manifest_of(files, folds, duplicates)
    small, large = (subset(whole, share, most, seed) for share in sorted((one, other)))
    for manifest in (small, large):
        for split in (VALIDATION, TEST):
            assert paths(manifest, split) == paths(whole, split)
        for label in (0, 1):
            before, after = (int((m.listing.labels[m.rows(TRAIN)] == label).sum()) for m in (whole, manifest))
            assert (after > 0) == (before > 0)
            assert after <= (before if most is None else most)
    assert paths(small) <= paths(large) <= paths(whole)
    assert set(small.listing.paths.tolist()) <= set(large.listing.paths.tolist())
    # of those that stay, each is what it was
    for manifest in (small, large):
        was = dict(zip(whole.listing.paths.tolist(), whole.verdicts.reason.tolist(), strict=True))
        assert all(
            was[path] == reason
            for path, reason in zip(manifest.listing.paths.tolist(), manifest.verdicts.reason.tolist(), strict=True)
        )
        # and no copy is left out for an image that is not there
        for row in np.flatnonzero(manifest.verdicts.reason == "copy of another image").tolist():
            twins = manifest.verdicts.sha256 == manifest.verdicts.sha256[row]
            assert (twins & (manifest.verdicts.reason == "")).any()


def test_broken_files_are_those_of_the_smaller_data() -> None:
    files = [(label, number, UNDECIDED, number % 4 == 0) for label in (0, 1) for number in range(label, 2000, 2)]
    whole = manifest_of(files, validation=0.2, test=0.0)
    assert whole.reasons() == {"empty": 500}
    few = subset(whole, 0.1, None, 0)
    assert 30 < few.reasons()["empty"] < 70
    assert len(few.split) == len(few.usable()) + few.reasons()["empty"]
    assert subset(whole, 0.01, None, 0).reasons()["empty"] < few.reasons()["empty"]


def test_findings_are_those_of_the_files_that_take_part() -> None:
    validation = [(label, 5000 + 10 * label + number, VALIDATION, False) for label in (0, 1) for number in range(6)]
    leaks = [(label, 5000 + 10 * label, TRAIN, False) for label in (0, 1)]
    copies = [(0, number, TRAIN, False) for number in range(50)]
    whole = manifest_of([*many(TRAIN), *validation, *leaks, *copies], duplicates="drop", test=0.0)
    assert len(whole.findings.duplicates) == 52
    assert whole.reasons() == {"copy of another image": 50, "copy of an image in validation or test": 2}
    few = subset(whole, 0.2, None, 0)
    found = report(few)
    dropped = few.reasons()["copy of another image"]
    assert dropped == 10  # one for each of the ten cats
    assert found["found"]["duplicate"] == dropped + found["found"]["leak"]
    assert found["files"] == found["usable"] + found["quarantined"] == len(few.split)
    assert found["passed_over"] == ["80 of 100 training images, not selected (dataset.fraction=0.2)"]
    assert found["counts_by_rule"]["none"] == found["files"]
    for name, row in (("left_out", found["left_out"]), ("leaks", found["leaks"])):
        assert {entry["path"] for entry in row} <= set(few.listing.paths.tolist()), name


# from the settings


def words(root: Path, *more: str) -> list[str]:
    return ["dataset=folder", f"dataset.path={root}", "inspection.near_distance=0", *more]


def test_a_validation_folder_stays_whole(photo_folder: Callable[..., Path], cache: Path) -> None:
    root = photo_folder({"train/cats": 8, "train/dogs": 8, "validation/cats": 3, "validation/dogs": 3})
    assert gather(config_of(words(root, "dataset.max_per_class=2"))).counts() == {
        "train": {"cats": 2, "dogs": 2},
        "validation": {"cats": 3, "dogs": 3},
    }


@pytest.mark.parametrize("more", [[], ["split.folds=4", "split.fold=1"]])
def test_so_does_a_validation_set_that_is_drawn_here(
    photo_folder: Callable[..., Path], cache: Path, tmp_path: Path, more: list[str]
) -> None:
    root = photo_folder({"cats": 20, "dogs": 20})
    (root / "cats" / "broken.jpg").touch()
    whole = gather(config_of(words(root, *more)))
    few = gather(config_of(words(root, *more, "dataset.fraction=0.25", "dataset.max_per_class=3")))
    assert paths(few, VALIDATION) == paths(whole, VALIDATION)
    assert few.counts()["train"] == {"cats": 3, "dogs": 3}
    total = len(whole.rows(TRAIN))
    assert few.listing.notes == (
        f"{total - 6} of {total} training images, not selected (dataset.fraction=0.25 dataset.max_per_class=3)",
    )
    assert few.data_hash() != whole.data_hash()
    few.write_csv(tmp_path / "manifest.csv")
    with (tmp_path / "manifest.csv").open(newline="", encoding="utf-8") as handle:
        assert len(list(csv.DictReader(handle))) == len(few.split) < len(whole.split)


def test_what_refuses_the_whole_refuses_a_part(photo_folder: Callable[..., Path], cache: Path) -> None:
    root = photo_folder({"train/cats": 8, "train/dogs": 8, "validation/cats": 3, "validation/dogs": 3})
    for path in (root / "validation").rglob("*.jpg"):
        shutil.copy(path, root / "train" / path.parent.name / f"again.{path.name}")
    with pytest.raises(BadInput, match="The training set contains 6 of the 6 validation images"):
        gather(config_of(words(root, "dataset.max_per_class=1")))
    assert gather(config_of(words(root, "dataset.max_per_class=1")), enforce=False).refusal


SIZES = st.lists(st.integers(0, 60), min_size=1, max_size=30)


@given(sizes=SIZES, fractions=st.tuples(st.floats(0.001, 1), st.floats(0.001, 1)), seed=st.integers(0, 5))
def test_roundings_cancel_over_the_classes(sizes: list[int], fractions: tuple[float, float], seed: int) -> None:
    ties = np.random.default_rng(seed).integers(0, 2**60, len(sizes)).astype(np.uint64)
    small, large = (_counts(np.array(sizes), fraction, ties) for fraction in sorted(fractions))
    assert (small <= large).all()  # nested
    share = min(fractions) * np.array(sizes)
    assert (np.abs(small - share) <= 1).all()
    if (small > 1).all():  # no class was given its one image
        assert abs(small.sum() - share.sum()) <= 0.5 + 1e-6


def test_many_small_classes_keep_their_fraction_together() -> None:
    counts = _counts(np.full(100, 12), 0.2, np.arange(100, dtype=np.uint64)[::-1])
    assert counts.sum() == 240 and counts.tolist() == [2] * 60 + [3] * 40


def test_a_large_class_is_not_kept_in_place_of_small_ones() -> None:
    """It kept 10 of its 60 images, a third more than its share."""
    sizes = np.array([2, 2, 1, 1, 1, 2, 1, 60, 1, 2, 2, 1])
    counts = _counts(sizes, 0.125, np.arange(12, dtype=np.uint64))
    assert 7 <= counts[7] <= 8
    assert _counts(sizes, 1.0, np.arange(12, dtype=np.uint64)).tolist() == sizes.tolist()
