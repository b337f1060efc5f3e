"""The named data sets, from small archives like the real ones."""

import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from catsdogs_exp.config.compose import config_of
from catsdogs_exp.config.schema.datasets import DATASETS, Download, DownloadedDataset, TwoDownloadsDataset
from catsdogs_exp.data.open_data import gather
from catsdogs_exp.data.sources import known_sets
from catsdogs_exp.data.sources.download import file_name
from catsdogs_exp.data.sources.listing import TRAIN, UNDECIDED, VALIDATION
from catsdogs_exp.data.sources.registry import check_source, files_of
from catsdogs_exp.errors import BadInput

SETS = [name for name, kind in DATASETS.items() if kind in (DownloadedDataset, TwoDownloadsDataset)]


def downloads(name: str) -> list[Download]:
    dataset = config_of([f"dataset={name}"]).dataset
    return [value for value in vars(dataset).values() if isinstance(value, Download)]


def zipped(path: Path, *names: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w") as opened:
        for name in names:
            opened.writestr(name, name)
    return path


def splits(listing: object) -> dict[str, int]:
    return dict(zip(listing.paths.tolist(), listing.splits.tolist(), strict=True))  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", SETS)
def test_what_is_fetched_is_of_the_known_servers(name: str) -> None:
    for download in downloads(name):
        assert re.match(r"https://(storage\.googleapis\.com|download\.microsoft\.com)/.*\.zip$", download.url)
        assert download.bytes is not None


def test_the_sizes_of_the_course() -> None:
    assert {file_name(d): d.bytes for name in SETS for d in downloads(name)} == {
        "kagglecatsanddogs_5340.zip": 824_887_076,
        "cats_and_dogs_filtered.zip": 68_606_236,
        "horse-or-human.zip": 149_574_867,
        "validation-horse-or-human.zip": 11_480_187,
        "rps.zip": 200_682_221,
        "rps-test-set.zip": 29_516_758,
    }


def test_the_full_set_with_the_readme_beside_it(tmp_path: Path, cache: Path) -> None:
    path = zipped(
        tmp_path / "here.zip",
        "PetImages/Cat/0.jpg",
        "PetImages/Cat/Thumbs.db",
        "PetImages/Dog/0.jpg",
        "readme[1].txt",
        "CDLA-Permissive-2.0.pdf",
    )
    dataset = config_of(["dataset=cats_vs_dogs", f"dataset.archive={path}"]).dataset
    check_source(dataset)
    listing = files_of(dataset)
    assert listing.classes == ("Cat", "Dog")
    assert splits(listing) == {"Cat/0.jpg": UNDECIDED, "Dog/0.jpg": UNDECIDED}


def test_the_filtered_set(tmp_path: Path, cache: Path) -> None:
    names = [f"cats_and_dogs_filtered/{s}/{c}/1.jpg" for s in ("train", "validation") for c in ("cats", "dogs")]
    path = zipped(tmp_path / "here.zip", *names, "cats_and_dogs_filtered/vectorize.py")
    listing = files_of(config_of(["dataset=cats_vs_dogs_filtered", f"dataset.archive={path}"]).dataset)
    assert listing.classes == ("cats", "dogs")
    assert splits(listing) == {
        "train/cats/1.jpg": TRAIN,
        "train/dogs/1.jpg": TRAIN,
        "validation/cats/1.jpg": VALIDATION,
        "validation/dogs/1.jpg": VALIDATION,
    }


def hands(folder: Path, first: str = "rps.zip", second: str = "rps-test-set.zip") -> tuple[Path, Path]:
    return (
        zipped(folder / first, *(f"rps/{name}/{name}01.png" for name in ("rock", "paper", "scissors"))),
        zipped(
            folder / second,
            *(f"rps-test-set/{name}/{name}01.png" for name in ("rock", "paper", "scissors")),
            "__MACOSX/rps-test-set/._rock",
        ),
    )


@pytest.mark.parametrize("swapped", [False, True])
def test_two_archives_are_train_and_validation_in_either_order(tmp_path: Path, cache: Path, swapped: bool) -> None:
    paths = hands(tmp_path / "here")[:: -1 if swapped else 1]
    words = ["dataset=rock_paper_scissors", f"dataset.archive=[{paths[0]},{paths[1]}]"]
    listing = files_of(config_of(words).dataset)
    assert listing.classes == ("paper", "rock", "scissors")
    assert splits(listing)["train/rps/rock/rock01.png"] == TRAIN
    assert splits(listing)["validation/rps-test-set/rock/rock01.png"] == VALIDATION
    assert len(listing.paths) == 6


def test_archives_of_other_names_go_by_their_order(tmp_path: Path, cache: Path) -> None:
    paths = hands(tmp_path / "here", "a.zip", "b.zip")
    words = ["dataset=rock_paper_scissors", f"dataset.archive=[{paths[0]},{paths[1]}]"]
    assert splits(files_of(config_of(words).dataset))["train/rps/rock/rock01.png"] == TRAIN


def test_a_wrong_number_of_archives_and_a_missing_one(tmp_path: Path) -> None:
    one, _ = hands(tmp_path / "here")
    with pytest.raises(BadInput) as caught:
        check_source(config_of(["dataset=rock_paper_scissors", f"dataset.archive={one}"]).dataset)
    assert str(caught.value) == (f"dataset.archive must name 2 archives: [rps.zip,rps-test-set.zip]. Received 1: {one}")
    with pytest.raises(BadInput) as caught:
        check_source(config_of(["dataset=cats_vs_dogs", f"dataset.archive={tmp_path}/none.zip"]).dataset)
    assert str(caught.value) == f"dataset.archive must be an archive of images. There is none at: {tmp_path}/none.zip"


@pytest.mark.parametrize("name", SETS)
def test_without_an_archive_all_of_it_is_fetched(name: str, tmp_path: Path, cache: Path, monkeypatch) -> None:
    train, validation = hands(tmp_path / "server")
    asked: list[tuple[str, str]] = []

    def fetched(download: Download, key: str, progress: object) -> Path:
        asked.append((file_name(download), key))
        return train if len(asked) == 1 else validation

    monkeypatch.setattr(known_sets, "fetched", fetched)
    dataset = config_of([f"dataset={name}"]).dataset
    check_source(dataset)
    assert asked == []  # nothing is fetched before the run begins
    files_of(dataset)
    keys = ["download"] if isinstance(dataset, DownloadedDataset) else ["train", "validation"]
    assert asked == [(file_name(getattr(dataset, key)), f"dataset.{key}") for key in keys]


def test_a_run_on_archives_that_are_here(photo_folder: Callable[..., Path], tmp_path: Path, cache: Path) -> None:
    paths = []
    for name in ("horse-or-human", "validation-horse-or-human"):
        root = photo_folder({"horses": 3, "humans": 3}, name=name, size=(20 + len(name), 16))
        paths.append(shutil.make_archive(str(tmp_path / name), "zip", root))
    words = ["dataset=horses_or_humans", f"dataset.archive=[{paths[0]},{paths[1]}]"]
    assert gather(config_of(words)).counts() == {
        "train": {"horses": 3, "humans": 3},
        "validation": {"horses": 3, "humans": 3},
    }


@pytest.mark.parametrize(
    ("word", "message"),
    [
        (
            "dataset.download.url=ftp://pets.example/a.zip",
            "dataset.download.url must be an http or https URL of a file. "
            "Received: dataset.download.url='ftp://pets.example/a.zip'",
        ),
        (
            "dataset.download.sha256=abc",
            "dataset.download.sha256 must be 64 hexadecimal digits or null. Received: dataset.download.sha256='abc'",
        ),
        (
            "dataset.download.bytes=0",
            "dataset.download.bytes must be a whole number >= 1. Received: dataset.download.bytes=0. "
            "Type: dataset.download.bytes=null",
        ),
    ],
)
def test_addresses_sizes_and_checksums_are_settings_and_checked(word: str, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        config_of(["dataset=cats_vs_dogs", word])
    assert str(caught.value) == message
