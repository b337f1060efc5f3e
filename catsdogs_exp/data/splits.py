"""Splits images into train, validation and test if the data has no splits of its own.

Every group of images that must stay together (copies, near copies, the frames of a clip) gets a number u in [0, 1) from
a hash of (seed, content or name). If u is below the fraction, the group belongs to validation. Such a split needs no
list of files, and new files cannot move old ones. On its own, it would be imprecise for small classes (for a fraction
of 0.2: 1 to 7 of 20 images, 29 to 51 of 200, 3,890 to 4,110 of 20,000), so the threshold is shifted, past as few groups
as possible, until the split is within 2 % of its fraction (`TOLERANCE`), or exact where 2 % is less than one image. So
20 images per class are split 16 to 4 and 200 are split 160 to 40. Of 2,000 images, validation gets 392 to 408, and
adding a tenth more files moves one or two old ones; of 20,000, hardly any ever moves. The rule is the same at every
size.

If a fraction is not a whole number of images, it is rounded up in some classes and down in others, so that it holds
overall: with 100 classes of 12 images, 0.2 selects 3 from 40 of them and 2 from 60. Likewise, the images left over by a
division into folds go to the smallest folds.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.config.patterns import Pattern
from catsdogs_exp.config.schema import SplitSettings
from catsdogs_exp.data.inspection.duplicates import joined
from catsdogs_exp.data.sources.listing import TEST, TRAIN, UNDECIDED, VALIDATION
from catsdogs_exp.errors import BadInput

TOLERANCE = 0.02  # relative to a split's share of a class


@dataclass(frozen=True)
class Unassigned:
    """Usable images before they are assigned to splits, as columns.

    Attributes:
        labels: int32 [n].
        splits: int8 [n], `UNDECIDED` or given by the data. If the data has a validation or test set, nothing is added
            to it. With folds, its train and validation sets are split again, and its test set stays.
        sha256: strings [n], the content.
        paths: strings [n], relative; only needed for `split.group_by`.
        groups: int64 [n], equal numbers for images that must stay together, copies among them. None: only copies must.
        names: strings [n], equal for images that the data itself keeps together, empty for those on their own; or None.
    """

    labels: NDArray[np.int32]
    splits: NDArray[np.int8]
    sha256: NDArray[np.str_]
    paths: NDArray[np.str_] | None = None
    groups: NDArray[np.int64] | None = None
    names: NDArray[np.str_] | None = None


def assign(split: SplitSettings, images: Unassigned) -> NDArray[np.int8]:
    """Assigns a split to every image that has none.

    Guarantees, for each class separately (a group of several classes counts for its most frequent one):

    - The result is the same on any machine and in any file order. Images of a group are in one split, unless the data
      itself separates them.
    - Validation, test and every fold are within `TOLERANCE` of their fraction of the images; where that is less than
      one image, they get the whole number above or below, as far as groups can be divided. No requested split is empty
      as long as train has a group to spare. Over all classes the rounding errors cancel to less than one image.
    - Adding files moves no old one if the hash alone is within tolerance before and after (nearly always in classes of
      several thousand). Otherwise, if groups are single images, at most two old ones move at each threshold for every
      file added to the class. A file that joins a group of copies may move only that group. In classes that come
      earlier in label order nothing moves; in later ones at most one image per threshold, because rounding changed.
    - While train is the largest part, changing `split.validation` or the number of folds does not affect the test set,
      and changing `split.test` does not affect the validation set.

    Args:
        split: fractions or folds, seed, and the pattern that groups paths.
        images: the usable images.

    Returns:
        int8 [n] without `UNDECIDED`.

    Raises:
        BadInput: if `split.group_by` matches no path.
    """
    decided, sha256 = images.splits.copy(), images.sha256
    if split.folds is not None:
        decided[decided == VALIDATION] = UNDECIDED
    given = {which for which in (VALIDATION, TEST) if (decided == which).any()}
    by_path = _names(split.group_by, images.paths) if split.group_by else None
    by_data = None if images.names is None else [name or None for name in images.names.tolist()]
    named = [names for names in (by_path, by_data) if names is not None]
    group = _merged(sha256, named, images.groups)
    decided = _follow(decided, group)
    free = np.isin(decided, (UNDECIDED, TRAIN)) & ~np.isin(group, group[np.isin(decided, (VALIDATION, TEST))])
    decided[decided == UNDECIDED] = TRAIN

    keys = [next(filter(None, each)) for each in zip(*named, sha256.tolist(), strict=True)]
    rows = np.flatnonzero(free)
    members = _Groups(split.seed, images.labels[rows], group[rows], [keys[row] for row in rows.tolist()])
    validation = 0.0 if VALIDATION in given else split.validation
    test = 0.0 if TEST in given else split.test
    division = _Division(split, validation, test)
    for chosen in members.of_each_class():
        members.write(decided, rows, chosen, division.of_class(members.size[chosen], members.u[chosen]))
    return decided


class _Division:
    """Splits class by class; rounding errors carry over to the next class."""

    def __init__(self, split: SplitSettings, validation: float, test: float) -> None:
        self._fold = split.fold if split.folds is not None else None
        self._validation, self._test = validation, test
        self._validated, self._tested, self._folds = _Rounding(), _Rounding(), _Folds(split.folds or 1)

    def of_class(self, size: NDArray[np.int64], u: NDArray[np.float64]) -> NDArray[np.int8]:
        """The splits of a class's groups, ascending in u.

        Validation is at the lower end and test at the upper: neither moves when the other's fraction changes.
        """
        which = np.full(len(size), TRAIN, dtype=np.int8)
        images, end = int(size.sum()), len(size)
        validation, test = self._validation, self._test
        if self._fold is not None:
            validation = (1 - test) / self._folds.count
        train = 1 - validation - test  # if it is the smallest part, the tolerance is relative to it
        if test:
            first = min(2 if validation else 1, end)
            part = min(test, train) * images
            before = images - self._tested.rounded(test * images, part)
            end = _Cut(1 - test, before, part, first, max(first, end - 1)).place(size, u)
            which[end:] = TEST
        if self._fold is not None:
            cuts = self._folds.cuts(size[:end], u[:end], 1 - test)
            which[cuts[self._fold] : cuts[self._fold + 1]] = VALIDATION
        elif validation:
            part = min(validation, train) * images
            before = self._validated.rounded(validation * images, part)
            cut = _Cut(validation, before, part, min(1, end - 1), max(end - 1, 0))
            which[: cut.place(size, u)] = VALIDATION
        return which


class _Rounding:
    """Rounds numbers so that their sum is right to half a unit: each remainder carries over to the next."""

    def __init__(self) -> None:
        self._left = 0.0

    def rounded(self, exact: float, part: float) -> float:
        """The whole number below or above, unless the tolerance for a part of that size is wider."""
        if TOLERANCE * part > 0.5:
            return exact
        exact += self._left
        whole = math.floor(exact + 0.5 + 1e-9)  # 0.1 * 30 is a little more than 3
        self._left = exact - whole
        return whole


class _Folds:
    """Splits class by class into folds of equal size; leftovers go to the smallest folds."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._extra = [0] * count

    def cuts(self, size: NDArray[np.int64], u: NDArray[np.float64], top: float) -> list[int]:
        """The boundaries of the folds among a class's groups, [folds + 1]; `top` is the upper limit of u."""
        folds, groups = self.count, len(size)
        each, left = divmod(int(size.sum()), folds)
        images = [each] * folds
        for fold in sorted(range(folds), key=lambda fold: self._extra[fold])[:left]:
            images[fold] += 1
            self._extra[fold] += 1
        cuts, before = [0], 0
        for number in range(1, folds):
            before += images[number - 1]
            # Half the tolerance at either end, and at least one group per fold while there are enough.
            first, last = (cuts[-1] + 1, groups - folds + number) if groups >= folds else (cuts[-1], groups)
            cuts.append(_Cut(top * number / folds, before, each / 2, first, last).place(size, u))
        return [*cuts, groups]


class _Groups:
    """The groups of images that are free to be split, in ascending order of u.

    Attributes:
        size: int64 [g], images.
        u: float64 [g], in [0, 1).
    """

    def __init__(self, seed: int, labels: NDArray[np.int32], group: NDArray[np.int64], keys: Sequence[str]) -> None:
        numbers, self._of = np.unique(group, return_inverse=True)
        # The smallest key represents a group. Keys do not depend on the seed, so u is uniform whatever the group's
        # size.
        name = [""] * len(numbers)
        for index, key in zip(self._of.tolist(), keys, strict=True):
            if not name[index] or key < name[index]:
                name[index] = key
        self.size = np.bincount(self._of, minlength=len(numbers))
        self.u = _uniform(seed, name)
        self._order = np.argsort(self.u, kind="stable")
        if (np.diff(self.u[self._order]) == 0).any():
            self._order = np.array(sorted(range(len(name)), key=lambda i: (self.u[i], name[i])), dtype=np.intp)
        self._home = _most_frequent(self._of, labels, len(numbers))

    def of_each_class(self) -> list[NDArray[np.intp]]:
        """The groups of each class, ascending in u: indices into `size` and `u`."""
        return [self._order[self._home[self._order] == label] for label in np.unique(self._home).tolist()]

    def write(
        self, decided: NDArray[np.int8], rows: NDArray[np.intp], chosen: NDArray[np.intp], which: NDArray[np.int8]
    ) -> None:
        """Sets the splits of some groups for all their images."""
        of_group = np.full(len(self.size), UNDECIDED, dtype=np.int8)
        of_group[chosen] = which
        mine = of_group[self._of]
        decided[rows[mine != UNDECIDED]] = mine[mine != UNDECIDED]


@dataclass(frozen=True)
class _Cut:
    """A boundary between two splits of a class.

    Attributes:
        u: the boundary according to the hash alone.
        before: desired number of images before the boundary.
        part: number of images that the tolerance is relative to.
        first, last: minimum and maximum number of groups before it.
    """

    u: float
    before: float
    part: float
    first: int
    last: int

    def place(self, size: NDArray[np.int64], u: NDArray[np.float64]) -> int:
        """The number of groups, given by size and ascending u, before the boundary."""
        images = np.concatenate([[0], np.cumsum(size)])
        place = int(np.searchsorted(u, self.u))
        tolerance = max(0.5, TOLERANCE * self.part)
        error = np.abs(images - self.before)
        if error[place] > tolerance:
            near = np.flatnonzero(error <= tolerance)
            # Large groups may exceed the tolerance; then the boundary is as close as they allow.
            place = int((near[np.abs(near - place).argmin()]) if len(near) else error.argmin())
        return min(max(place, self.first), self.last)


def _names(pattern: str, paths: NDArray[np.str_] | None) -> list[str | None]:
    """The pattern's match in each path: its first group or the whole match; None if it does not match."""
    assert paths is not None, "split.group_by needs the paths"
    search = Pattern("split.group_by", pattern).search
    found = [search(path) for path in paths.tolist()]
    if found and not any(found):
        raise BadInput(
            f"split.group_by must match paths, such as {paths[0]}. It matches none of {len(found)}. "
            f"Received: split.group_by={pattern}"
        )
    return [match and (match[1] if match.groups() and match[1] is not None else match[0]) for match in found]


def _merged(
    sha256: NDArray[np.str_], named: Sequence[Sequence[str | None]], groups: NDArray[np.int64] | None
) -> NDArray[np.int64]:
    """Returns group numbers, int64 [n]: equal for images of the same group (without groups: content) or with the same
    name of a kind, and everything these connect.
    """
    if groups is None:
        group = _first_alike(sha256.tolist())
    else:
        _, first, which = np.unique(groups, return_index=True, return_inverse=True)
        group = first[which]
    for names in named:
        group = joined(group, np.arange(len(group)), _first_alike(names))
    return group


def _first_alike(values: Sequence[str | None]) -> NDArray[np.int64]:
    """Returns the first row with the same value for each row, int64 [n]; the row itself if it has no value."""
    first: dict[str, int] = {}
    heads = (row if value is None else first.setdefault(value, row) for row, value in enumerate(values))
    return np.fromiter(heads, np.int64, len(values))


def _follow(decided: NDArray[np.int8], group: NDArray[np.int64]) -> NDArray[np.int8]:
    """Images without a split follow the rest of their group into the data's own split; test before validation."""
    decided = decided.copy()
    undecided = decided == UNDECIDED
    for which in (VALIDATION, TEST):
        decided[undecided & np.isin(group, group[~undecided & (decided == which)])] = which
    return decided


def _most_frequent(group: NDArray[np.intp], labels: NDArray[np.int32], count: int) -> NDArray[np.int64]:
    """The most frequent label of each group, int64 [count]; ties go to the lowest."""
    pairs, images = np.unique(np.stack([group, labels]), axis=1, return_counts=True)
    home = np.zeros(count, dtype=np.int64)
    ascending = np.lexsort((-pairs[1], images))  # the last write wins
    home[pairs[0][ascending]] = pairs[1][ascending]
    return home


def _uniform(seed: int, keys: Sequence[str]) -> NDArray[np.float64]:
    """Numbers in [0, 1), float64 [n], each a function of the seed and its key only."""
    blake, beginning = hashlib.blake2b, f"{seed}:"
    digests = [blake((beginning + key).encode(errors="surrogatepass"), digest_size=8).digest() for key in keys]
    # as many bits as a float's mantissa
    return (np.frombuffer(b"".join(digests), dtype=">u8").astype(np.uint64) >> np.uint64(11)) / 2.0**53
