"""The source `pixel_csv`: images written as numbers."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catsdogs_exp.config.compose import config_of
from catsdogs_exp.data.open_data import gather
from catsdogs_exp.data.sources.listing import TEST, TRAIN, UNDECIDED, VALIDATION, Listing
from catsdogs_exp.data.sources.registry import check_source, files_of
from catsdogs_exp.errors import BadInput


def write(path: Path, pictures: np.ndarray, labels: list[int], where: int = 0) -> Path:
    """A table as Sign-Language MNIST has it; the label in the column `where`."""
    flat = pictures.reshape(len(pictures), -1)
    names = [f"pixel{number + 1}" for number in range(flat.shape[1])]
    lines = [[*map(str, row)] for row in flat.tolist()]
    for cells, label in zip([names, *lines], ["label", *map(str, labels)], strict=True):
        cells.insert(where, label)
    path.write_text("\n".join(",".join(cells) for cells in [names, *lines]) + "\n", "utf-8")
    return path


LABEL = "A label must be a whole number >= 0, or a name of letters, digits, spaces, points and hyphens. "


def noise(count: int, height: int = 28, width: int = 28) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, height, width), dtype=np.uint8)


def refusal(table: Path, *words: str) -> str:
    with pytest.raises(BadInput) as caught:
        files_of(config_of(["dataset=pixel_csv", f"dataset.path={table}", *words]).dataset)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def test_the_pixels_come_through(tmp_path: Path, cache: Path) -> None:
    pictures, steps = noise(6), []
    table = write(tmp_path / "sign_mnist_train.csv", pictures, [3, 0, 24, 3, 0, 24], where=5)
    config = config_of(["dataset=pixel_csv", f"dataset.path={table}"])
    assert config.dataset.channels == 1
    listing = files_of(config.dataset, lambda *step: steps.append(step))
    assert listing.classes == ("0", "3", "24")
    assert listing.paths.tolist() == [
        "0/000001.png",
        "0/000004.png",
        "3/000000.png",
        "3/000003.png",
        "24/000002.png",
        "24/000005.png",
    ]
    assert listing.splits.tolist() == [UNDECIDED] * 6
    assert listing.root.is_relative_to(cache)
    for path in listing.paths.tolist():
        with Image.open(listing.root / path) as image:
            assert image.mode == "L"
            assert np.array_equal(np.asarray(image), pictures[int(Path(path).stem)])
    assert steps == [("converting", 6, 6)]
    assert not gather(config).reasons()


def test_a_table_is_converted_once_and_anew_when_it_changed(tmp_path: Path, cache: Path) -> None:
    table = write(tmp_path / "t.csv", noise(2), [0, 1])
    dataset = config_of(["dataset=pixel_csv", f"dataset.path={table}"]).dataset
    steps: list[object] = []
    first = files_of(dataset, lambda *step: steps.append(step)).root
    assert files_of(dataset, lambda *step: steps.append(step)).root == first
    assert len(steps) == 1
    write(table, noise(4), [0, 1, 0, 1])
    assert len(files_of(dataset).paths) == 4


def test_tables_for_validation_and_test(tmp_path: Path, cache: Path) -> None:
    tables = [write(tmp_path / f"{name}.csv", noise(2, 4, 4), [0, 1]) for name in ("train", "val", "test")]
    keys = ("path", "validation_path", "test_path")
    words = [f"dataset.{key}={table}" for key, table in zip(keys, tables, strict=True)]
    listing = files_of(config_of(["dataset=pixel_csv", *words]).dataset)
    assert dict(zip(listing.paths.tolist(), listing.splits.tolist(), strict=True)) == {
        "test/0/000000.png": TEST,
        "test/1/000001.png": TEST,
        "train/0/000000.png": TRAIN,
        "train/1/000001.png": TRAIN,
        "validation/0/000000.png": VALIDATION,
        "validation/1/000001.png": VALIDATION,
    }


def test_labels_get_names(tmp_path: Path, cache: Path) -> None:
    table = write(tmp_path / "t.csv", noise(3, 4, 4), [0, 1, 2])
    words = ["dataset=pixel_csv", f"dataset.path={table}", "dataset.classes={0: A, 1: B}"]
    assert files_of(config_of(words).dataset).classes == ("A", "B")


@pytest.mark.parametrize("word", ["dataset.width=6", "dataset.height=4"])
def test_pictures_need_not_be_square(tmp_path: Path, cache: Path, word: str) -> None:
    pictures = noise(2, 4, 6)
    table = write(tmp_path / "t.csv", pictures, [0, 1])
    listing = files_of(config_of(["dataset=pixel_csv", f"dataset.path={table}", word]).dataset)
    with Image.open(listing.root / "0" / "000000.png") as image:
        assert np.array_equal(np.asarray(image), pictures[0])


@pytest.mark.parametrize(("words", "shown"), [([], "null"), (["dataset.width=5"], "5"), (["dataset.width=25"], "25")])
def test_a_size_that_does_not_fit(tmp_path: Path, cache: Path, words: list[str], shown: str) -> None:
    table = write(tmp_path / "t.csv", noise(2, 4, 6), [0, 1])
    assert refusal(table, *words) == (
        f"The 24 pixel columns of {table} must be dataset.width x dataset.height, or a square. "
        f"Received: dataset.width={shown} dataset.height=null"
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1,0,0,0,256", "A pixel must be a whole number from 0 to 255. Received: '256' in {table}, line 3"),
        ("1,0,0,0,-1", "A pixel must be a whole number from 0 to 255. Received: '-1' in {table}, line 3"),
        ("1,0,0,x,0", "A pixel must be a whole number from 0 to 255. Received: 'x' in {table}, line 3"),
        ("1,0,0,1.5,0", "A pixel must be a whole number from 0 to 255. Received: '1.5' in {table}, line 3"),
        (
            "1,0,0,0," + "9" * 5000,
            "A pixel must be a whole number from 0 to 255. Received: '" + "9" * 40 + "' in {table}, line 3",
        ),
        ("1,0,0,,0", "A pixel must be a whole number from 0 to 255. Received: '' in {table}, line 3"),
        ("../1,0,0,0,0", LABEL + "Received: '../1' in {table}, line 3"),
        ("-1,0,0,0,0", LABEL + "Received: '-1' in {table}, line 3"),
        ("1,0,0,0", "The table must have 5 fields in each line. Received 4: {table}, line 3"),
    ],
)
def test_a_wrong_line_is_named_and_nothing_is_kept(tmp_path: Path, cache: Path, line: str, message: str) -> None:
    table = tmp_path / "t.csv"
    table.write_text(f"label,a,b,c,d\n0,1,2,3,4\n{line}\n", "utf-8")
    assert refusal(table) == message.format(table=table)
    assert [path.name for path in (cache / "pixel_csv").iterdir() if path.suffix != ".lock"] == []


def test_a_missing_label_column_and_an_empty_table(tmp_path: Path, cache: Path) -> None:
    table = write(tmp_path / "t.csv", noise(2, 5, 5), [0, 1])
    names = ", ".join(["label", *(f"pixel{number}" for number in range(1, 20))])
    assert refusal(table, "dataset.label_column=lable") == (
        f"dataset.label_column must name a column of {table}. Received: dataset.label_column=lable. "
        f"Did you mean label? The columns: {names}, ... (26 in all)."
    )
    table.write_text("label,a\n", "utf-8")
    assert refusal(table) == f"The table has no lines except its column names: {table}"


def test_missing_tables_are_told_early(tmp_path: Path) -> None:
    table = write(tmp_path / "t.csv", noise(2, 4, 4), [0, 1])
    with pytest.raises(BadInput) as caught:
        check_source(
            config_of(["dataset=pixel_csv", f"dataset.path={table}", f"dataset.test_path={tmp_path}/x.csv"]).dataset
        )
    assert str(caught.value) == f"dataset.test_path must be a CSV file. There is none at: {tmp_path}/x.csv"


def listed(table: Path, *words: str) -> Listing:
    return files_of(config_of(["dataset=pixel_csv", f"dataset.path={table}", *words]).dataset)


def pixels(listing: Listing, path: str) -> list[int]:
    with Image.open(listing.root / path) as image:
        return np.asarray(image).ravel().tolist()


def splits(listing: Listing) -> dict[str, int]:
    return dict(zip(listing.paths.tolist(), listing.splits.tolist(), strict=True))


def test_pictures_in_one_column_with_their_splits(tmp_path: Path, cache: Path) -> None:
    """As FER2013 has them."""
    usages = ["Training", "Training", "PublicTest", "PublicTest", "PrivateTest", "PrivateTest"]
    lines = [f"{n % 2},{' '.join(map(str, range(n, n + 16)))},{usage}" for n, usage in enumerate(usages)]
    (tmp_path / "fer2013.csv").write_text("\n".join(["emotion,pixels,Usage", *lines]), "utf-8")
    listing = listed(tmp_path / "fer2013.csv")
    assert splits(listing) == {
        "train/0/000000.png": TRAIN, "train/1/000001.png": TRAIN, "validation/0/000002.png": VALIDATION,
        "validation/1/000003.png": VALIDATION, "test/0/000004.png": TEST, "test/1/000005.png": TEST,
    }  # fmt: skip
    assert pixels(listing, "test/1/000005.png") == list(range(5, 21))
    told = ("among the table's columns emotion contains the labels, pixels the pixels, Usage the splits",)
    assert listing.reading == told
    assert listed(tmp_path / "fer2013.csv").reading == told  # also when it is converted already
    (tmp_path / "odd.csv").write_text(f"emotion,pixels\n0,{'7 ' * 16}\n1,{'7 ' * 15}\n", "utf-8")
    assert refusal(tmp_path / "odd.csv") == (
        f"The 15 pixels in {tmp_path}/odd.csv, line 3, must be dataset.width x dataset.height, or a square. "
        "Received: dataset.width=null dataset.height=null"
    )


def test_a_table_without_column_names(tmp_path: Path, cache: Path) -> None:
    """As MNIST is often handed on: the label first."""
    (tmp_path / "t.csv").write_text("5,0,50,100,150\n7,1,2,3,4\n", "utf-8")
    listing = listed(tmp_path / "t.csv")
    assert listing.classes == ("5", "7")
    assert pixels(listing, "5/000000.png") == [0, 50, 100, 150]
    assert listing.reading == (
        "the table has no header line, so its columns are 1, 2, 3, ...; dataset.header=first_line overrides this",
        "among the table's columns 1 contains the labels",
    )
    last = listed(tmp_path / "t.csv", "dataset.label_column=5")
    assert last.classes == ("4", "150")
    (tmp_path / "words.csv").write_text("0,50,100,150,A\n1,2,3,4,B\n", "utf-8")
    assert listed(tmp_path / "words.csv").classes == ("A", "B")
    (tmp_path / "named.csv").write_text("label,0,1,2,3\n5,0,50,100,150\n7,1,2,3,4\n", "utf-8")
    assert len(listed(tmp_path / "named.csv").paths) == 2  # the numbers are names


@pytest.mark.parametrize(
    "names",
    [
        "pixel3,pixel1,label,pixel0,pixel2",
        "pixel11,pixel9,label,pixel8,pixel10",  # by number: as text, 10 is before 8
        "2x2,1x2,label,1x1,2x1",
    ],
)
def test_pixels_are_in_the_order_of_their_numbers(tmp_path: Path, cache: Path, names: str) -> None:
    (tmp_path / "t.csv").write_text(f"{names}\n40,20,7,10,30\n4,2,8,1,3\n", "utf-8")
    listing = listed(tmp_path / "t.csv")
    assert pixels(listing, "7/000000.png") == [10, 20, 30, 40]
    assert listing.reading == ("among the table's columns the pixels are in the order of their numbers",)


@pytest.mark.parametrize("names", ["a3,b1,label,a0,b2", "p1,p1,label,p0,p2", "x,1,label,3,2"])
def test_pixels_without_such_names_are_in_the_order_of_the_columns(tmp_path: Path, cache: Path, names: str) -> None:
    (tmp_path / "t.csv").write_text(f"{names}\n40,20,7,10,30\n4,2,8,1,3\n", "utf-8")
    listing = listed(tmp_path / "t.csv")
    assert pixels(listing, "7/000000.png") == [40, 20, 10, 30] and listing.reading == ()


def test_a_column_that_numbers_the_rows_is_left_out(tmp_path: Path, cache: Path) -> None:
    for name, told in (("", "number 1"), ("Unnamed: 0", "Unnamed: 0"), ("number", "number")):
        table = tmp_path / f"{len(name)}.csv"
        table.write_text(f"{name},label,a,b,c,d\n0,5,1,2,3,4\n1,7,5,6,7,8\n", "utf-8")
        listing = listed(table)
        assert pixels(listing, "7/000001.png") == [5, 6, 7, 8]
        assert listing.reading == (f"among the table's columns {told} is left out",)


@pytest.mark.parametrize(
    ("rows", "word", "expected"),
    [
        (["5,0.0,1.0,2.0,255.0", "7,1,2,3,4"], "dataset.white=null", [0, 1, 2, 255]),
        (["5,0.0,0.5,1.0,0.25", "7,0,1,0,1"], "dataset.white=null", [0, 128, 255, 64]),
        (["5,0,1,1,0", "7,0,1,0,1"], "dataset.white=null", [0, 1, 1, 0]),
        (["5,0,1,1,0", "7,0,1,0,1"], "dataset.white=1", [0, 255, 255, 0]),
        (["5.0,1,2,3,4", "7.0,1,2,3,4"], "dataset.white=255", [1, 2, 3, 4]),
    ],
)
def test_numbers_with_a_point_and_fractions(
    tmp_path: Path, cache: Path, rows: list[str], word: str, expected: list[int]
) -> None:
    (tmp_path / "t.csv").write_text("\n".join(["label,a,b,c,d", *rows]), "utf-8")
    listing = listed(tmp_path / "t.csv", word)
    assert listing.classes == ("5", "7")
    assert pixels(listing, "5/000000.png") == expected
    fractions = ("pixels are fractions from 0 to 1, so 1 is white; dataset.white overrides this",)
    assert listing.reading == (fractions if "0.5" in rows[0] else ())


@pytest.mark.parametrize("odd", ["nan", "inf", "1_0", "0x1", "1.5", "", "²"])
def test_what_python_takes_for_a_number_need_not_be_a_pixel(tmp_path: Path, cache: Path, odd: str) -> None:
    (tmp_path / "t.csv").write_text(f"label,a,b,c,d\n5,1,2,3,4\n7,1,2,3,{odd}\n", "utf-8")
    for word in ("dataset.white=255", "dataset.white=null"):
        assert refusal(tmp_path / "t.csv", word) == (
            f"A pixel must be a whole number from 0 to 255. Received: {odd!r} in {tmp_path}/t.csv, line 3"
        )
    (tmp_path / "f.csv").write_text(f"label,a,b,c,d\n5,1,1,1,1\n7,1,0,0.5,{odd}\n", "utf-8")
    assert refusal(tmp_path / "f.csv", "dataset.white=1").startswith(
        f"A pixel must be a number from 0 to 1 (dataset.white=1). Received: {odd!r} in "
    )


@pytest.mark.parametrize(
    "label", ["..", "../x", "a/b", "a\\b", ".hidden", "CON ", "x" * 90, "a:b", "-", "1.5", "nan\t1"]
)
def test_a_label_is_the_name_of_a_folder_and_nothing_else(tmp_path: Path, cache: Path, label: str) -> None:
    (tmp_path / "t.csv").write_text(f'label,a,b,c,d\n5,1,2,3,4\n"{label}",1,2,3,4\n', "utf-8")
    if label.strip() != label:
        assert listed(tmp_path / "t.csv").classes == ("5", label.strip())
    else:
        assert refusal(tmp_path / "t.csv").startswith(f"{LABEL}Received: {label[:40]!r} in ")


def test_the_form_of_the_table_can_be_said(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "t.csv").write_text("class;a;b;c;d\ncat;1;2;3;4\ndog;1;2;3;4\n", "utf-8")
    listing = listed(tmp_path / "t.csv")
    assert listing.classes == ("cat", "dog")
    assert listing.reading == (
        "fields are separated by semicolon; dataset.delimiter overrides this",
        "among the table's columns class contains the labels",
    )
    assert refusal(tmp_path / "t.csv", "dataset.delimiter=comma") == (
        f"dataset.label_column must name the column of {tmp_path}/t.csv with the labels. Received: none. "
        "The columns: class;a;b;c;d."
    )
