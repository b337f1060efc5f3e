"""Splits: fractions, stability when files are added, groups that stay together, folds."""

import hashlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from catsdogs_exp.config.schema import SplitSettings
from catsdogs_exp.data.sources.listing import TEST, TRAIN, UNDECIDED, VALIDATION
from catsdogs_exp.data.splits import TOLERANCE, Unassigned, assign
from catsdogs_exp.errors import BadInput

SHARES = st.sampled_from([0.0, 0.1, 0.15, 0.2, 0.25, 0.4])
SEEDS = st.integers(0, 5)


def split(validation: float = 0.2, test: float = 0.0, seed: int = 0, **others: Any) -> SplitSettings:
    return SplitSettings(
        **{"validation": validation, "test": test, "seed": seed, "folds": None, "fold": 0, "group_by": None} | others
    )


def digests(names: list[str]) -> np.ndarray:
    hashed = [hashlib.sha256(name.encode()).hexdigest() for name in names]
    return np.array(hashed, dtype=np.dtypes.StringDType())


def assigned(
    rules: SplitSettings,
    labels: list[int],
    names: list[str],
    splits: list[int] | None = None,
    groups: list[int] | None = None,
    named: list[str] | None = None,
) -> dict[str, int]:
    """Name of an image -> its split. The names are the contents and the paths."""
    decided = assign(
        rules,
        Unassigned(
            np.array(labels, dtype=np.int32),
            np.array(splits if splits is not None else [UNDECIDED] * len(labels), dtype=np.int8),
            digests(names),
            np.array(names, dtype=np.dtypes.StringDType()),
            None if groups is None else np.array(groups, dtype=np.int64),
            None if named is None else np.array(named, dtype=np.dtypes.StringDType()),
        ),
    )
    assert decided.dtype == np.int8
    assert set(decided.tolist()) <= {TRAIN, VALIDATION, TEST}
    return dict(zip(names, decided.tolist(), strict=True))


def images(*counts: int, salt: str = "") -> tuple[list[int], list[str]]:
    """`count` images per class: labels and names."""
    labels = [label for label, count in enumerate(counts) for _ in range(count)]
    return labels, [f"{label}-{salt}{number}" for number, label in enumerate(labels)]


def of_class(found: dict[str, int], label: int) -> list[int]:
    return [which for name, which in found.items() if name.startswith(f"{label}-")]


def keeps_its_share(count: int, share: float, of: int) -> bool:
    """Within the tolerance; below one image, the whole numbers on either side."""
    return abs(count - share * of) <= max(1, TOLERANCE * share * of) or (share > 0 and count == 1)


@given(counts=st.lists(st.integers(1, 400), min_size=1, max_size=4), validation=SHARES, test=SHARES, seed=SEEDS)
def test_every_class_is_divided_in_its_shares(counts: list[int], validation: float, test: float, seed: int) -> None:
    labels, names = images(*counts)
    found = assigned(split(validation, test, seed), labels, names)
    for label, count in enumerate(counts):
        mine = of_class(found, label)
        asked = (validation > 0) + (test > 0)
        if count > asked:
            assert keeps_its_share(mine.count(VALIDATION), validation, count)
            assert keeps_its_share(mine.count(TEST), test, count)
            assert (mine.count(VALIDATION) > 0) == (validation > 0)
            assert (mine.count(TEST) > 0) == (test > 0)
        assert mine.count(TRAIN) > 0


@pytest.mark.parametrize(
    ("count", "least", "most"), [(5, 1, 1), (20, 4, 4), (45, 9, 9), (200, 40, 40), (2000, 392, 408)]
)
def test_small_classes_are_divided_exactly_and_larger_ones_within_a_fiftieth(count: int, least: int, most: int) -> None:
    labels, names = images(count)
    validated = [list(assigned(split(seed=seed), labels, names).values()).count(VALIDATION) for seed in range(20)]
    assert least <= min(validated) <= max(validated) <= most
    assert (min(validated) == max(validated)) == (least == most)


@given(
    counts=st.lists(st.integers(10, 60), min_size=1, max_size=40),
    share=st.sampled_from([0.1, 0.15, 0.2, 0.25, 0.4]),
    seed=SEEDS,
    which=st.sampled_from([VALIDATION, TEST]),
)
def test_roundings_cancel_over_the_classes(counts: list[int], share: float, seed: int, which: int) -> None:
    rules = split(share, 0.0, seed) if which == VALIDATION else split(0.0, share, seed)
    found = assigned(rules, *images(*counts))
    assert abs(list(found.values()).count(which) - share * sum(counts)) <= 0.5 + 1e-6
    for label, count in enumerate(counts):
        assert abs(of_class(found, label).count(which) - share * count) < 1


def test_many_small_classes_have_their_share_together() -> None:
    found = assigned(split(0.2, 0.1), *images(*[12] * 100))
    assert [list(found.values()).count(which) for which in (TRAIN, VALIDATION, TEST)] == [840, 240, 120]
    each = [of_class(found, label).count(VALIDATION) for label in range(100)]
    assert (each.count(2), each.count(3)) == (60, 40)


@pytest.mark.parametrize(
    ("counts", "expected"), [([7] * 20, [28] * 5), ([3] * 10, [6] * 5), ([11, 3, 8, 1], [5, 5, 5, 4, 4])]
)
def test_folds_are_of_one_size_over_the_classes(counts: list[int], expected: list[int]) -> None:
    labels, names = images(*counts)
    found = [list(assigned(split(folds=5, fold=fold), labels, names).values()).count(VALIDATION) for fold in range(5)]
    assert sorted(found, reverse=True) == expected


@given(counts=st.lists(st.integers(1, 40), min_size=1, max_size=30), folds=st.integers(2, 7), seed=SEEDS)
def test_the_sizes_of_folds_differ_by_one_at_most(counts: list[int], folds: int, seed: int) -> None:
    labels, names = images(*counts)
    found = [assigned(split(folds=folds, fold=fold, seed=seed), labels, names) for fold in range(folds)]
    sizes = [list(one.values()).count(VALIDATION) for one in found]
    assert max(sizes) - min(sizes) <= 1
    for label in range(len(counts)):
        each = [of_class(one, label).count(VALIDATION) for one in found]
        assert max(each) - min(each) <= 1


def test_a_class_too_small_for_all_splits_is_trained_on_then_validated() -> None:
    assert of_class(assigned(split(0.4, 0.4), *images(1)), 0) == [TRAIN]
    assert sorted(of_class(assigned(split(0.4, 0.4), *images(2)), 0)) == [TRAIN, VALIDATION]
    assert sorted(of_class(assigned(split(0.1, 0.1), *images(3)), 0)) == [TRAIN, VALIDATION, TEST]


@given(st.data(), SHARES, SHARES, SEEDS, st.sampled_from([None, 2, 5]))
def test_the_order_of_the_files_does_not_matter(
    data: st.DataObject, validation: float, test: float, seed: int, folds: int | None
) -> None:
    labels, names = images(20, 13)
    groups = data.draw(st.lists(st.integers(0, 20), min_size=33, max_size=33))
    order = data.draw(st.permutations(range(len(names))))
    rules = split(validation, test, seed, folds=folds)
    mixed = assigned(
        rules, [labels[i] for i in order], [names[i] for i in order], groups=[groups[i] + 7 for i in order]
    )
    assert mixed == assigned(rules, labels, names, groups=groups)


@given(st.lists(st.integers(0, 8), min_size=1, max_size=50), SHARES, SHARES, SEEDS)
def test_copies_of_a_picture_stay_together(contents: list[int], validation: float, test: float, seed: int) -> None:
    sha256 = digests([str(content) for content in contents])
    labels = np.zeros(len(contents), dtype=np.int32)
    undecided = np.full(len(contents), UNDECIDED, dtype=np.int8)
    decided = assign(split(validation, test, seed), Unassigned(labels, undecided, sha256))
    assert UNDECIDED not in decided
    for content in set(contents):
        assert len({which for which, mine in zip(decided.tolist(), contents, strict=True) if mine == content}) == 1


@given(st.data(), SHARES, SHARES, SEEDS, st.sampled_from([None, 2, 5]))
def test_groups_stay_together_also_across_classes(
    data: st.DataObject, validation: float, test: float, seed: int, folds: int | None
) -> None:
    count = data.draw(st.integers(1, 60))
    groups = data.draw(st.lists(st.integers(0, 25), min_size=count, max_size=count))
    labels = data.draw(st.lists(st.integers(0, 2), min_size=count, max_size=count))
    names = [str(number) for number in range(count)]
    found = assigned(split(validation, test, seed, folds=folds), labels, names, groups=groups)
    for group in set(groups):
        assert len({found[name] for name, mine in zip(names, groups, strict=True) if mine == group}) == 1


@given(
    sizes=st.lists(st.integers(1, 12), min_size=3, max_size=60),
    validation=st.sampled_from([0.1, 0.2, 0.4]),
    test=st.sampled_from([0.0, 0.1, 0.3]),
    seed=SEEDS,
)
def test_large_groups_keep_the_shares_as_near_as_they_can(
    sizes: list[int], validation: float, test: float, seed: int
) -> None:
    groups = [group for group, size in enumerate(sizes) for _ in range(size)]
    found = list(assigned(split(validation, test, seed), *images(len(groups)), groups=groups).values())
    for which, share in ((VALIDATION, validation), (TEST, test)):
        wanted = share * len(groups)
        apart = max(TOLERANCE * wanted, 0.5) + 1e-6
        assert abs(found.count(which) - wanted) <= max(apart, *sizes)
        assert (which in found) == (share > 0)
    assert TRAIN in found


@given(
    count=st.integers(2, 300),
    added=st.integers(1, 12),
    validation=SHARES,
    test=SHARES,
    seed=SEEDS,
    folds=st.sampled_from([None, 2, 5]),
)
def test_a_new_file_moves_two_old_ones_at_each_boundary_at_most(
    count: int, added: int, validation: float, test: float, seed: int, folds: int | None
) -> None:
    labels, names = images(count)
    new = [f"new {number}" for number in range(added)]
    boundaries = (2 if folds else validation > 0) + (test > 0)  # two ends of one fold
    if folds and test:
        boundaries += 1  # the folds share what the test leaves
    rules = split(validation, test, seed, folds=folds)
    before = assigned(rules, labels, names)
    after = assigned(rules, [*labels, *[0] * added], [*names, *new])
    assert sum(after[name] != before[name] for name in names) <= 2 * boundaries * added


@settings(max_examples=12)
@given(st.integers(0, 10_000), st.integers(1, 16_000))
def test_in_a_large_class_new_files_move_hardly_any(seed: int, added: int) -> None:
    """The hash alone nearly keeps the tolerance: 64 of 16,000 images are more than a standard deviation, 51."""
    sha256 = digests(images(32_000)[1])

    def first(count: int) -> np.ndarray:
        undecided = np.full(count, UNDECIDED, dtype=np.int8)
        return assign(split(0.2, 0.2, seed), Unassigned(np.zeros(count, dtype=np.int32), undecided, sha256[:count]))

    assert (first(16_000) != first(16_000 + added)[:16_000]).sum() <= 160


@given(count=st.integers(10, 400), more=st.integers(1, 200), seed=SEEDS)
def test_files_of_another_class_move_none(count: int, more: int, seed: int) -> None:
    labels, names = images(count)
    others, new = images(0, more)
    before = assigned(split(0.2, 0.1, seed), labels, names)
    after = assigned(split(0.2, 0.1, seed), [*labels, *others], [*names, *new])
    assert {name: after[name] for name in names} == before


def test_a_class_that_grows_from_ten_to_thousands_moves_few() -> None:
    """There is no size at which the rule changes: nothing is ever reshuffled."""
    moved = 0
    _, names = images(5000)
    before: dict[str, int] = {}
    for count in (10, 30, 60, 100, 120, 300, 1000, 2500, 5000):
        after = assigned(split(), [0] * count, names[:count])
        moved += sum(after[name] != which for name, which in before.items())
        before = after
    assert moved < 50


@given(count=st.integers(6, 300), seed=SEEDS, one=SHARES, other=SHARES)
def test_validation_and_test_do_not_depend_on_each_other(count: int, seed: int, one: float, other: float) -> None:
    assume(one and other)
    labels, names = images(count)

    def members(which: int, rules: SplitSettings) -> set[str]:
        return {name for name, mine in assigned(rules, labels, names).items() if mine == which}

    assert members(TEST, split(one, 0.2, seed)) == members(TEST, split(other, 0.2, seed))
    assert members(TEST, split(one, 0.2, seed)) == members(TEST, split(other, 0.2, seed, folds=4))
    assert members(VALIDATION, split(0.2, one, seed)) == members(VALIDATION, split(0.2, other, seed))


@given(
    counts=st.lists(st.integers(1, 150), min_size=1, max_size=3),
    folds=st.integers(2, 7),
    test=st.sampled_from([0.0, 0.2]),
    seed=SEEDS,
)
def test_the_folds_cover_every_image_exactly_once(counts: list[int], folds: int, test: float, seed: int) -> None:
    labels, names = images(*counts)
    found = [assigned(split(0.9, test, seed, folds=folds, fold=fold), labels, names) for fold in range(folds)]
    for name in names:
        splits = sorted(one[name] for one in found)
        assert splits in ([TRAIN] * (folds - 1) + [VALIDATION], [TEST] * folds)
    for label, count in enumerate(counts):
        left = count - of_class(found[0], label).count(TEST)
        for one in found:
            mine = of_class(one, label).count(VALIDATION)
            assert abs(mine - left / folds) <= max(1, TOLERANCE * left / folds) + 1e-6
            assert mine or left < folds


@given(sizes=st.lists(st.integers(1, 30), min_size=2, max_size=30), folds=st.integers(2, 6), seed=SEEDS)
def test_no_fold_is_empty_or_takes_all_while_there_are_groups(sizes: list[int], folds: int, seed: int) -> None:
    groups = [group for group, size in enumerate(sizes) for _ in range(size)]
    for fold in range(folds):
        found = list(assigned(split(seed=seed, folds=folds, fold=fold), *images(len(groups)), groups=groups).values())
        assert TRAIN in found
        assert VALIDATION in found or len(sizes) < folds


def test_folds_take_the_folders_train_and_validation_together_and_leave_the_test_folder() -> None:
    labels, names = images(30)
    folders = [TRAIN] * 15 + [VALIDATION] * 10 + [TEST] * 5
    found = [assigned(split(0.2, 0.2, folds=5, fold=fold), labels, names, folders) for fold in range(5)]
    for name, folder in zip(names, folders, strict=True):
        splits = sorted(one[name] for one in found)
        assert splits == ([TEST] * 5 if folder == TEST else [TRAIN] * 4 + [VALIDATION])


def test_the_frames_of_a_clip_stay_together() -> None:
    names = [f"{kind}/clip_{clip}_{frame}.jpg" for kind in ("cats", "dogs") for clip in range(30) for frame in range(9)]
    labels = [int(name.startswith("dogs")) for name in names]
    found = assigned(split(0.2, 0.2, group_by=r"(\w+/clip_\d+)_"), labels, names)
    clips = {name: name.rpartition("_")[0] for name in names}
    for clip in set(clips.values()):
        assert len({which for name, which in found.items() if clips[name] == clip}) == 1
    for kind in ("cats", "dogs"):
        mine = [which for name, which in found.items() if name.startswith(kind)]
        assert [mine.count(which) for which in (TRAIN, VALIDATION, TEST)] == [18 * 9, 6 * 9, 6 * 9]
    whole = assigned(split(0.2, 0.2, group_by=r"clip_\d+(?=_)"), labels, names)  # without a group: the whole match
    for clip in range(30):
        assert len({which for name, which in whole.items() if f"clip_{clip}_" in name}) == 1


def test_frames_added_to_a_clip_join_it() -> None:
    names = [f"clip_{clip}_{frame}" for clip in range(40) for frame in range(3)]
    rules = split(group_by="clip_([0-9]+)")
    before = assigned(rules, [0] * len(names), names)
    names += [f"clip_{clip}_new" for clip in range(40)]
    after = assigned(rules, [0] * len(names), names)
    assert {name: after[name] for name in before} == before
    assert all(after[f"clip_{clip}_new"] == after[f"clip_{clip}_0"] for clip in range(40))


def test_clips_and_duplicates_are_merged() -> None:
    """Clip 0 and clip 1 share a near copy, so all four stay together, in every seed."""
    names = ["clip_0_a", "clip_0_b", "clip_1_a", "clip_1_b", *(f"other {i}" for i in range(8))]
    groups = [0, 1, 1, 2, *range(3, 11)]
    for seed in range(10):
        found = assigned(split(0.3, 0.3, seed, group_by=r"clip_\d"), [0] * 12, names, groups=groups)
        assert len({found[name] for name in names[:4]}) == 1


def test_a_pattern_that_matches_nothing_is_refused() -> None:
    with pytest.raises(
        BadInput, match=r"split.group_by must match paths, such as 0-0. It matches none of 4. Received:"
    ):
        assigned(split(group_by="clip_([0-9]+)"), *images(4))


@pytest.mark.parametrize("pattern", ["(", "", "a{2,1}", "*"])
def test_a_pattern_that_is_none_is_refused_at_once(config, pattern: str) -> None:
    with pytest.raises(
        BadInput, match=r"^split.group_by must be a regular expression, such as .*Received: split.group_by="
    ):
        config(f"split.group_by='{pattern}'")


def test_the_example_of_a_pattern_can_be_typed(config) -> None:
    assert config(r'split.group_by="clip_(\d+)"').split.group_by == r"clip_(\d+)"


def test_a_fold_needs_its_folds(config) -> None:
    with pytest.raises(BadInput, match=r"^split.fold must be < split.folds.* Received: split.fold=5 split.folds=5$"):
        config("split.folds=5", "split.fold=5")
    with pytest.raises(
        BadInput, match=r"^split.fold must be 0 without split.folds.*Set the number of folds: split.folds=5"
    ):
        config("split.fold=1")
    with pytest.raises(BadInput, match=r"^split.folds must be a whole number >= 2. Received: split.folds=1"):
        config("split.folds=1")
    assert config("split.folds=5", "split.fold=4", "split.validation=0.9", "split.test=0.5").split.fold == 4


def test_another_seed_draws_another_split() -> None:
    labels, names = images(50, 50)
    drawn = [assigned(split(0.2, 0.1, seed), labels, names) for seed in (0, 1, 0)]
    assert drawn[0] != drawn[1]
    assert drawn[0] == drawn[2]


def test_the_split_is_the_same_on_every_machine_for_ever() -> None:
    labels, names = images(8, 8)
    found = assigned(split(0.25, 0.25), labels, names)
    assert [name for name, which in found.items() if which == VALIDATION] == ["0-2", "0-3", "1-9", "1-10"]
    assert [name for name, which in found.items() if which == TEST] == ["0-1", "0-7", "1-14", "1-15"]


def test_explicit_folders_are_kept() -> None:
    labels, names = images(10, 10)
    folders = ([TRAIN] * 6 + [VALIDATION] * 3 + [TEST]) * 2
    assert list(assigned(split(0.5, 0.4), labels, names, folders).values()) == folders
    assert list(assigned(split(0.5, 0.4), labels, names, folders, groups=[0] * 20).values()) == folders


@pytest.mark.parametrize("missing", [TEST, VALIDATION])
def test_a_split_without_a_folder_is_taken_from_train(missing: int) -> None:
    labels, names = images(20)
    there = VALIDATION if missing == TEST else TEST
    folders = [TRAIN] * 15 + [there] * 5
    found = list(assigned(split(0.2, 0.2), labels, names, folders).values())
    assert found[15:] == [there] * 5
    assert found[:15].count(missing) == 3
    assert found[:15].count(TRAIN) == 12


def test_the_undecided_follow_their_group() -> None:
    """A column names the split of some images; their near copies go with them."""
    labels, names = images(12)
    column = [TRAIN] * 3 + [VALIDATION] * 3 + [TEST] * 3 + [UNDECIDED] * 3
    found = list(assigned(split(), labels, names, column, groups=[*range(9), 0, 3, 6]).values())
    assert found == [TRAIN] * 3 + [VALIDATION] * 3 + [TEST] * 3 + [TRAIN, VALIDATION, TEST]


def test_a_training_copy_of_a_validation_image_is_not_drawn_into_the_test() -> None:
    labels, names = images(20)
    folders = [TRAIN] * 15 + [VALIDATION] * 5
    groups = [*range(5), *[99] * 10, *[99] * 5]
    found = list(assigned(split(0.2, 0.4), labels, names, folders, groups=groups).values())
    assert found[5:15] == [TRAIN] * 10
    assert found[:5].count(TEST) == 2


def test_nothing_is_taken_where_nothing_is_asked() -> None:
    labels, names = images(5, 5)
    assert set(assigned(split(0.0, 0.0), labels, names).values()) == {TRAIN}


def test_no_images_at_all() -> None:
    assert assigned(split(0.2, 0.2), [], []) == {}
    assert assigned(split(0.2, 0.2, folds=3), [], []) == {}


def test_what_was_given_is_left_unchanged() -> None:
    splits = np.full(10, UNDECIDED, dtype=np.int8)
    assign(split(0.2, 0.0), Unassigned(np.zeros(10, dtype=np.int32), splits, digests([str(i) for i in range(10)])))
    assert splits.tolist() == [UNDECIDED] * 10


@pytest.mark.slow
def test_a_run_on_an_empty_fold_says_so(tmp_path: Path, photo_folder, capsys: pytest.CaptureFixture[str]) -> None:
    from catsdogs_exp.__main__ import main

    words = ["-m", "dataset=folder", f"dataset.path={photo_folder({'cats': 2, 'dogs': 2})}", "split.folds=5"]
    words += ["split.fold=range(5)", "target_size=8", "depth=1", "model.dense=4", "epochs=1", f"output_dir={tmp_path}"]
    assert main([*words, "logging=minimal"]) == 1
    assert re.search(
        r"split.folds must be at most the number of images, or groups of them, of a class, or folds would be empty. "
        r"Received: split.folds=5 split.fold=\d. Use fewer folds",
        capsys.readouterr().err,
    )


@given(
    sizes=st.lists(st.integers(1, 6), min_size=6, max_size=40),
    folds=st.sampled_from([None, 3]),
    alone=st.integers(0, 10),
    seed=SEEDS,
)
def test_images_that_the_data_names_alike_are_never_separated(
    sizes: list[int], folds: int | None, alone: int, seed: int
) -> None:
    """Also if they are of several classes, together with groups by path and near copies; others are on their own."""
    named = [f"patient {number}" for number, size in enumerate(sizes) for _ in range(size)] + [""] * alone
    labels = [number % 2 for number in range(len(named))]
    names = [f"{number % 4}/{number}" for number in range(len(named))]
    found = assigned(split(seed=seed, folds=folds), labels, names, named=named)
    patients = {(name, found[path]) for name, path in zip(named, names, strict=True) if name}
    assert len(patients) == len(sizes)
    joined = assigned(split(seed=seed, folds=folds, group_by="^[0-3]"), labels, names, named=named)
    assert len({joined[path] for name, path in zip(named, names, strict=True) if path[0] == "0"}) == 1
    assert len({(name, joined[path]) for name, path in zip(named, names, strict=True) if name}) == len(sizes)


def test_the_split_of_a_named_group_depends_only_on_its_name() -> None:
    labels, names = images(400)
    named = [f"clip {number // 4}" for number in range(400)]
    before = assigned(split(), labels, names, named=named)
    labels, names = images(400, salt="other")
    after = assigned(split(), labels, names, named=named)
    assert list(before.values()) == list(after.values())
    assert 0.15 < list(before.values()).count(VALIDATION) / 400 < 0.25
