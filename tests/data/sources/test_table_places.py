"""Tables whose files are not where they say: in a folder below, in several, or in another split with the same names."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from catsdogs_exp.config.schema.datasets import CsvDataset
from catsdogs_exp.data.sources.csv_table import csv_table
from catsdogs_exp.data.sources.listing import Listing
from catsdogs_exp.errors import BadInput

NAMES = [f"{number}" for number in range(1, 7)]
ROWS = [f"{name},{'cat' if number % 2 else 'dog'}" for number, name in enumerate(NAMES)]


def files(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"")


def read(place: Path, table: str, rows: Sequence[str], **settings: str) -> Listing:
    files(place, table)
    (place / table).write_text("\n".join(rows) + "\n")
    dataset = CsvDataset("csv", str(place / table), None, None, None, None, outside=False)
    return csv_table(replace(dataset, **settings))  # type: ignore[arg-type]


def advice(root: Path, table: str, rows: Sequence[str], **settings: str) -> str:
    with pytest.raises(BadInput) as caught:
        read(root, table, rows, **settings)
    return str(caught.value).replace(str(root), "ROOT").rpartition(".... ")[2]


def test_the_folder_with_the_most_files_of_the_table_is_advised(tmp_path: Path) -> None:
    files(tmp_path, *(f"train/{name}.png" for name in NAMES), *(f"test/{name}.png" for name in NAMES[:4]))
    assert advice(tmp_path, "labels.csv", ["id,label", *ROWS]) == (
        "They exist with dataset.root=ROOT/train dataset.suffix=.png."
    )


@pytest.mark.parametrize("table", ["trainLabels.csv", "train_labels.csv", "labels-train.csv"])
def test_among_equal_folders_the_one_of_the_tables_split_is_advised(tmp_path: Path, table: str) -> None:
    files(tmp_path, *(f"{split}_images/{name}.png" for name in NAMES for split in ("test", "train")))
    assert advice(tmp_path, table, ["id,label", *ROWS]) == (
        "They exist with dataset.root=ROOT/train_images dataset.suffix=.png."
    )


def test_otherwise_all_equal_folders_are_told(tmp_path: Path) -> None:
    files(tmp_path, *(f"{split}/{name}.png" for name in NAMES for split in ("test", "train")))
    assert advice(tmp_path, "labels.csv", ["id,label", *ROWS]) == (
        "They exist with dataset.root=ROOT/test dataset.suffix=.png, or with dataset.root=ROOT/train "
        "dataset.suffix=.png. Choose the folder that belongs to the table."
    )


def test_masks_are_not_the_images_and_advice_can_be_typed(tmp_path: Path) -> None:
    files(tmp_path, *(f"annotations/trimaps/{name}.png" for name in NAMES))
    files(tmp_path, *(f"my images/{name}.jpg" for name in NAMES))
    assert advice(tmp_path, "annotations/list.csv", ["id,label", *ROWS]) == (
        "They exist with 'dataset.root=ROOT/my images' dataset.suffix=.jpg."
    )


def test_a_prefix_that_does_not_exist_here(tmp_path: Path) -> None:
    files(tmp_path, *(f"media/{name}.jpg" for name in NAMES))
    rows = [f"/data/upload/1/{row.replace(',', '.jpg,')}" for row in ROWS]
    assert advice(tmp_path, "export.csv", ["image,choice", *rows]) == "They exist with dataset.root=ROOT/media."
    listing = read(tmp_path, "export.csv", ["image,choice", *rows], root=str(tmp_path / "media"))
    assert listing.classes == ("cat", "dog")


def test_files_in_several_folders_are_found_by_their_unique_names(tmp_path: Path) -> None:
    files(tmp_path, *(f"part_{1 + (name > '3')}/{name}.jpg" for name in NAMES), "segmentations/1.png")
    listing = read(tmp_path, "meta.csv", ["image_id,dx", *ROWS])
    assert sorted(listing.paths) == [f"part_{1 + (name > '3')}/{name}.jpg" for name in NAMES]
    assert listing.reading[-1] == (
        "6 paths in the table are found in several folders: part_1, part_2; dataset.root=FOLDER takes those of one"
    )


def test_names_that_occur_twice_are_not_found_by_name(tmp_path: Path) -> None:
    files(tmp_path, *(f"part_{1 + (name > '3')}/{name}.jpg" for name in NAMES))
    files(tmp_path, *(f"other_{1 + (name > '3')}/{name}.jpg" for name in NAMES))
    assert advice(tmp_path, "meta.csv", ["image_id,dx", *ROWS]).startswith("3 of them exist with dataset.root=")


def test_numbers_of_images_are_not_classes(tmp_path: Path) -> None:
    files(tmp_path, *(f"{name}.jpg" for name in NAMES))
    with pytest.raises(
        BadInput, match=r"dataset\.label_column must name the column .* The columns: 1 \(\S+\), 2 \(\S+\.jpg\)\."
    ):
        read(tmp_path, "images.txt", [f"{name} {name}.jpg" for name in NAMES])


def test_several_lines_of_comments_with_as_many_words_as_columns(tmp_path: Path) -> None:
    files(tmp_path, *(f"{name}.jpg" for name in NAMES))
    rows = ["#Image CLASS-ID SPECIES", "#ID: 1:37 Class ids", "#SPECIES: 1:Cat 2:Dog", "#small letters are dogs"]
    rows += [f"{name} {number % 2} 1" for number, name in enumerate(NAMES)]
    listing = read(tmp_path, "list.txt", rows, path_column="1", label_column="2")
    assert listing.classes == ("0", "1")
    assert "4 lines of comments before the table ignored" in listing.reading
