import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catsdogs_exp.config.schema import Split
from catsdogs_exp.data.listing import TEST, TRAIN, UNDECIDED, VALIDATION
from catsdogs_exp.data.splits import assign

SHARES = st.sampled_from([0.0, 0.1, 0.15, 0.2, 0.25, 0.4])
SEEDS = st.integers(0, 5)


def digests(names: list[str]) -> np.ndarray:
    hashed = [hashlib.sha256(name.encode()).hexdigest() for name in names]
    return np.array(hashed, dtype=np.dtypes.StringDType())


def assigned(split: Split, labels: list[int], names: list[str], splits: list[int] | None = None) -> dict[str, int]:
    """Name of an image -> its split."""
    given = np.array(splits if splits is not None else [UNDECIDED] * len(labels), dtype=np.int8)
    decided = assign(split, np.array(labels, dtype=np.int32), given, digests(names))
    assert decided.dtype == np.int8
    return dict(zip(names, decided.tolist(), strict=True))


def images(*counts: int) -> tuple[list[int], list[str]]:
    """So many of class 0, so many of class 1, ...: labels and names."""
    labels = [label for label, count in enumerate(counts) for _ in range(count)]
    return labels, [f"{label}-{number}" for number, label in enumerate(labels)]


@given(counts=st.lists(st.integers(1, 60), min_size=1, max_size=4), validation=SHARES, test=SHARES, seed=SEEDS)
def test_every_class_is_divided_in_the_exact_shares(
    counts: list[int], validation: float, test: float, seed: int
) -> None:
    labels, names = images(*counts)
    found = assigned(Split(validation, test, seed), labels, names)
    for label, count in enumerate(counts):
        mine = [split for name, split in found.items() if name.startswith(f"{label}-")]
        assert mine.count(TEST) == round(test * count)
        assert mine.count(VALIDATION) == min(round(validation * count), count - mine.count(TEST))
        assert mine.count(TRAIN) + mine.count(VALIDATION) + mine.count(TEST) == count


@given(st.data(), SHARES, SHARES, SEEDS)
def test_the_order_of_the_files_does_not_matter(data: st.DataObject, validation: float, test: float, seed: int) -> None:
    labels, names = images(20, 13)
    order = data.draw(st.permutations(range(len(names))))
    split = Split(validation, test, seed)
    mixed = assigned(split, [labels[i] for i in order], [names[i] for i in order])
    assert mixed == assigned(split, labels, names)


@given(st.lists(st.integers(0, 8), min_size=1, max_size=50), SHARES, SHARES, SEEDS)
def test_copies_of_a_picture_stay_together(contents: list[int], validation: float, test: float, seed: int) -> None:
    sha256 = digests([str(content) for content in contents])
    labels = np.zeros(len(contents), dtype=np.int32)
    undecided = np.full(len(contents), UNDECIDED, dtype=np.int8)
    decided = assign(Split(validation, test, seed), labels, undecided, sha256)
    assert UNDECIDED not in decided
    for content in set(contents):
        assert len({split for split, mine in zip(decided.tolist(), contents, strict=True) if mine == content}) == 1


@given(count=st.integers(2, 80), validation=SHARES, test=SHARES, seed=SEEDS)
def test_a_new_file_moves_only_those_next_to_a_boundary(count: int, validation: float, test: float, seed: int) -> None:
    split = Split(validation, test, seed)
    labels, names = images(count)
    before = assigned(split, labels, names)
    after = assigned(split, [*labels, 0], [*names, "new"])
    assert sum(after[name] != before[name] for name in names) <= 3


def test_another_seed_draws_another_split() -> None:
    labels, names = images(50, 50)
    drawn = [assigned(Split(0.2, 0.1, seed), labels, names) for seed in (0, 1, 0)]
    assert drawn[0] != drawn[1]
    assert drawn[0] == drawn[2]


def test_the_split_is_the_same_on_every_machine_for_ever() -> None:
    labels, names = images(8, 8)
    found = assigned(Split(0.25, 0.25, 0), labels, names)
    assert [name for name, split in found.items() if split == VALIDATION] == ["0-4", "0-6", "1-8", "1-13"]
    assert [name for name, split in found.items() if split == TEST] == ["0-2", "0-3", "1-9", "1-10"]


def test_explicit_folders_are_kept() -> None:
    labels, names = images(10, 10)
    folders = ([TRAIN] * 6 + [VALIDATION] * 3 + [TEST]) * 2
    assert list(assigned(Split(0.5, 0.4, 0), labels, names, folders).values()) == folders


@pytest.mark.parametrize("missing", [TEST, VALIDATION])
def test_a_split_without_a_folder_is_taken_from_train(missing: int) -> None:
    labels, names = images(20)
    there = VALIDATION if missing == TEST else TEST
    folders = [TRAIN] * 15 + [there] * 5
    found = list(assigned(Split(0.2, 0.2, 0), labels, names, folders).values())
    assert found[15:] == [there] * 5
    assert found[:15].count(missing) == 3
    assert found[:15].count(TRAIN) == 12


def test_nothing_is_taken_where_nothing_is_asked() -> None:
    labels, names = images(5, 5)
    assert set(assigned(Split(0.0, 0.0, 0), labels, names).values()) == {TRAIN}


def test_what_was_given_is_left_unchanged() -> None:
    splits = np.full(10, UNDECIDED, dtype=np.int8)
    assign(Split(0.2, 0.0, 0), np.zeros(10, dtype=np.int32), splits, digests([str(i) for i in range(10)]))
    assert splits.tolist() == [UNDECIDED] * 10
