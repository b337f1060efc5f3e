"""The source `drawn`; test_drawing covers what the images look like."""

import importlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from catsdogs_exp.config.schema.datasets import DrawnDataset
from catsdogs_exp.data.inspection.inspect import inspect_file
from catsdogs_exp.data.sources import damaged_files
from catsdogs_exp.data.sources.drawn import drawn
from catsdogs_exp.data.sources.listing import list_images

source = importlib.import_module("catsdogs_exp.data.sources.drawn")
SOME = DrawnDataset("drawn", images=18, classes=2, seed=0, broken=0.5)


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def folder() -> Path:
    return drawn(SOME)


@pytest.fixture
def quick(cache: Path, monkeypatch: pytest.MonkeyPatch) -> list[DrawnDataset]:
    """Writes files without images instead of drawing; returns the datasets that were drawn."""
    made: list[DrawnDataset] = []

    def touch(dataset: DrawnDataset, folder: Path, progress: object) -> None:
        made.append(dataset)
        (folder / f"{dataset.seed}").touch()

    monkeypatch.setattr(source, "_draw_all", touch)
    return made


def test_pictures_are_shared_out_to_the_classes(folder: Path) -> None:
    listing = list_images(folder)
    assert listing.classes == ("cats", "dogs")
    assert listing.labels.tolist() == [0] * 9 + [1] * 9
    stems = [Path(path).with_suffix("").as_posix() for path in listing.paths.tolist()]
    assert stems == [f"{c}s/{c}.{number}" for c in ("cat", "dog") for number in range(9)]


def test_the_share_of_broken_files_is_exact_and_shows_every_kind(folder: Path) -> None:
    assert len(damaged_files.KINDS) == 9  # as many as half of the pictures
    verdicts = [inspect_file(path) for path in sorted(folder.rglob("*.*"))]
    assert sorted(v.reason for v in verdicts if v.reason) == ["empty", "not an image", "truncated"]
    assert len([v for v in verdicts if not v.reason and v.note]) == 6
    assert len([v for v in verdicts if not v.reason and not v.note]) == 9


def test_nothing_is_broken_where_nothing_shall_be_and_progress_is_told(cache: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    folder = drawn(replace(SOME, images=4, broken=0.0), lambda *step: steps.append(step))
    verdicts = [inspect_file(path) for path in folder.rglob("*.jpg")]
    assert [(v.reason, v.note) for v in verdicts] == [("", "")] * 4
    assert len({v.sha256 for v in verdicts}) == 4
    assert steps[-1] == ("drawing", 4, 4)


def test_the_same_settings_draw_the_same_files(folder: Path, cache: Path) -> None:
    again = drawn(SOME)
    assert again != folder
    assert content(again) == content(folder)


def test_what_is_drawn_is_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_draw_all", lambda *_: pytest.fail("drawn again"))
    assert drawn(SOME) == folder


@pytest.mark.parametrize("other", [{"seed": 1}, {"images": 20}, {"classes": 3}, {"broken": 0.25}])
def test_other_settings_get_their_own_folder(quick: list[DrawnDataset], other: dict[str, int]) -> None:
    first = drawn(SOME)
    second = drawn(replace(SOME, **other))
    assert first != second
    assert drawn(SOME) == first
    assert quick == [SOME, replace(SOME, **other)]


def test_shares_that_print_alike_are_kept_apart(quick: list[DrawnDataset]) -> None:
    shares = (0.1234567, 0.1234568)
    assert len({drawn(replace(SOME, images=10**7, broken=share)) for share in shares}) == 2


def test_another_seed_draws_other_pictures(folder: Path, cache: Path) -> None:
    other = drawn(replace(SOME, images=4, seed=1, broken=0.0))
    assert not set(content(other).values()) & set(content(folder).values())


def test_a_drawing_that_failed_leaves_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really: Callable[..., None] = source._draw_all

    def fail(dataset: DrawnDataset, folder: Path, progress: object) -> None:
        (folder / "half").mkdir()
        (folder / "half" / "1.jpg").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(source, "_draw_all", fail)
    with pytest.raises(KeyboardInterrupt):
        drawn(replace(SOME, images=4))
    assert [p.name for p in (cache / "drawn").iterdir() if p.suffix != ".lock"] == []
    monkeypatch.setattr(source, "_draw_all", really)
    assert len(content(drawn(replace(SOME, images=4)))) == 4
