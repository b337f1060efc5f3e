"""The source `csv`: files and classes from a table."""

import bz2
import gzip
import lzma
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catsdogs_exp.config.compose import config_of
from catsdogs_exp.config.schema import Config
from catsdogs_exp.config.schema.datasets import CsvDataset
from catsdogs_exp.data.open_data import gather
from catsdogs_exp.data.sources.listing import TEST, TRAIN, UNDECIDED, VALIDATION, Listing
from catsdogs_exp.data.sources.registry import check_source, files_of
from catsdogs_exp.errors import BadInput


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table of four existing files."""
    for name in ("a/1.jpg", "a/2.jpg", "b/1.jpg", "b/ü 2.jpg"):
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).touch()
    path = tmp_path / "data" / "table.csv"
    path.write_text("path,label,part\na/1.jpg,cat,train\na/2.jpg,cat,\nb/1.jpg,dog,val\nb/ü 2.jpg,dog,TEST\n", "utf-8")
    return path


def configured(table: Path, *words: str) -> Config:
    return config_of(["dataset=csv", f"dataset.path={table}", *words])


def rows(listing: Listing) -> list[tuple[str, str, int]]:
    names = [listing.classes[label] for label in listing.labels.tolist()]
    return list(zip(listing.paths.tolist(), names, listing.splits.tolist(), strict=True))


def refusal(table: Path, *words: str) -> str:
    with pytest.raises(BadInput) as caught:
        files_of(configured(table, *words).dataset)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def test_a_table_says_files_classes_and_splits(table: Path) -> None:
    listing = files_of(configured(table, "dataset.split_column=part").dataset)
    assert listing.root == table.parent
    assert rows(listing) == [
        ("a/1.jpg", "cat", TRAIN),
        ("a/2.jpg", "cat", UNDECIDED),
        ("b/1.jpg", "dog", VALIDATION),
        ("b/ü 2.jpg", "dog", TEST),
    ]
    assert {split for _, _, split in rows(files_of(configured(table).dataset))} == {UNDECIDED}


def test_a_table_elsewhere_with_other_names_and_a_byte_order_mark(table: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text('﻿file , what\n"a/1.jpg","cat"\n\nb/1.jpg,dog\na/1.jpg,cat\n', "utf-8")
    words = ["dataset.path_column=file", "dataset.label_column=what", f"dataset.root={table.parent}"]
    assert [path for path, _, _ in rows(files_of(configured(other, *words).dataset))] == ["a/1.jpg", "b/1.jpg"]


def test_classes_are_picked_renamed_and_checked(table: Path) -> None:
    merged = files_of(configured(table, "dataset.classes={cat: tom, dog: rex}").dataset)
    assert merged.classes == ("rex", "tom")
    assert refusal(table, "dataset.classes=[cat,dgo]") == (
        f"dataset.classes names a class that does not exist: dgo. Did you mean dog? The classes in {table}: cat, dog."
    )


@pytest.mark.parametrize(
    ("word", "message"),
    [
        (
            "dataset.path_column=file",
            "dataset.path_column must name a column of {table}. Received: dataset.path_column=file. "
            "The columns: path, label, part.",
        ),
        (
            "dataset.label_column=lable",
            "dataset.label_column must name a column of {table}. Received: dataset.label_column=lable. "
            "Did you mean label? The columns: path, label, part.",
        ),
        (
            "dataset.split_column=split",
            "dataset.split_column must name a column of {table}. Received: dataset.split_column=split. "
            "The columns: path, label, part.",
        ),
        ("dataset.root=nowhere", "dataset.root must be a folder of images. There is none at: nowhere"),
    ],
)
def test_a_missing_column_or_root(table: Path, word: str, message: str) -> None:
    assert refusal(table, word) == message.format(table=table)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The table is empty: {table}"),
        ("path,label\n", "The table has no lines except its column names: {table}"),
        ("path,label\na/1.jpg\n", "The table must have 2 fields in each line. Received 1: {table}, line 2"),
        ("path,label,label\n", "dataset.label_column must name one column. There are 2 called 'label' in {table}"),
        (
            "path,label\n,cat\n",
            "Each line of the table must have a path: {table}, line 2. Fill it in or remove the line",
        ),
        (
            "path,label\na/1.jpg, \n",
            "Each line of the table must have a label: {table}, line 2. Fill it in or remove the line",
        ),
        (
            "path,label\na/1.jpg,c\x07\n",
            "Names in the table must not contain control characters: {table}, line 2",
        ),
        (
            "path,label\na/1.jpg,cat\na/1.jpg,dog\n",
            "The table gives one file two labels or splits: a/1.jpg in {table}, line 3 (cat and dog). "
            "Remove one of the lines",
        ),
        (
            "path,label\na/1.jpg,cat\na/./1.jpg,dog\n",
            "The table gives one file two labels or splits: a/1.jpg in {table}. Remove one of its lines",
        ),
        (
            "path,label\na/1.jpg,cat\n",
            "Classification needs images of at least two classes. Received one: 'cat' in {table}.",
        ),
        ('path,label\n"a/1.jpg,cat\n', "The table cannot be read: {table}: unexpected end of data"),
        (
            "path,label\na/1.jpg,cat\n1,a\n2,b\n3,b\n4,b\n",
            "4 of 5 files in {table} are missing below {root}: '1', '2', '3', .... Their paths are relative to "
            "dataset.root, or to the table's folder. dataset.missing=skip leaves out such rows.",
        ),
    ],
)
def test_what_is_no_such_table(table: Path, text: str, message: str) -> None:
    table.write_text(text, "utf-8")
    assert refusal(table) == message.format(table=table, root=table.parent)


def test_a_table_in_another_encoding(table: Path) -> None:
    table.write_bytes(b"path,label\na/1.jpg,k\xe4tzchen\nb/1.jpg,h\xfcndchen\n")
    listing = files_of(configured(table).dataset)
    assert listing.classes == ("hündchen", "kätzchen")
    assert listing.reading == (
        "the names in table.csv are not UTF-8 and are read as cp1252, such as kätzchen; dataset.encoding=NAME "
        "overrides this",
    )
    assert files_of(configured(table, "dataset.encoding=cp850").dataset).classes == ("h³ndchen", "kõtzchen")
    assert refusal(table, "dataset.encoding=ascii") == (
        f"The table is not in the encoding ascii: {table}: ordinal not in range(128). Leave out dataset.encoding to "
        "guess it"
    )
    table.write_text("path,label\na/1.jpg,kätzchen\nb/1.jpg,hündchen\n", "utf-16")
    assert files_of(configured(table).dataset).classes == ("hündchen", "kätzchen")


def test_an_unknown_split(table: Path) -> None:
    table.write_text("path,label,part\na/1.jpg,cat,trian\n", "utf-8")
    assert refusal(table, "dataset.split_column=part") == (
        f"The split must be train, validation, test or nothing. Received: 'trian' in {table}, line 2. Did you mean "
        "train or training? Change it, or remove the line"
    )


@pytest.mark.parametrize("word", ["holdout", "extra", "unlabelled"])
def test_a_column_of_splits_with_another_word_is_refused(table: Path, word: str) -> None:
    table.write_text(f"path,label,split\na/1.jpg,cat,train\nb/1.jpg,dog,test\na/2.jpg,cat,{word}\n", "utf-8")
    assert refusal(table).startswith(
        f"The split must be train, validation, test or nothing. Received: '{word}' in {table}, line 4."
    )
    table.write_text(f"path,label,split\na/1.jpg,cat,{word}\nb/1.jpg,dog,a\na/2.jpg,cat,b\n", "utf-8")
    assert "the column split is not used: it contains no splits" in files_of(configured(table).dataset).reading


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_table_is_to_be_unpacked(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    table = tmp_path / "table.csv.gz"
    table.write_bytes(pack(b"path,label\na/1.jpg,cat\n"))
    assert "Unpack it, and name what comes out: table.csv" in refusal(table)
    with pytest.raises(BadInput, match=r"A table must be text\..*Unpack it, and name what comes out: table\.csv"):
        files_of(config_of([f"dataset.path={table}"]).dataset)


def test_paths_stay_in_the_root_unless_allowed(table: Path, tmp_path: Path) -> None:
    for name in ("up.jpg", "far/away.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    table.write_text(f"path,label\na/1.jpg,cat\n../up.jpg,cat\n{tmp_path}/far/away.jpg,dog\n", "utf-8")
    assert refusal(table) == (
        f"The paths in {table} must stay in {table.parent}. Received 2: '../up.jpg', '{tmp_path}/far/away.jpg'. "
        "Set dataset.root=FOLDER, or dataset.outside=true to allow it."
    )
    listing = files_of(configured(table, "dataset.outside=true").dataset)
    assert listing.root == tmp_path
    assert listing.paths.tolist() == ["data/a/1.jpg", "far/away.jpg", "up.jpg"]


def test_a_folder_is_no_picture(table: Path) -> None:
    table.write_text("path,label\na,cat\nb/1.jpg,dog\n", "utf-8")
    assert refusal(table).startswith(f"1 of 2 files in {table} are missing below {table.parent}: 'a'. ")


def test_a_missing_table_is_told_early(tmp_path: Path) -> None:
    for path, message in (
        (tmp_path / "no.csv", "There is none at: {path}"),
        (tmp_path, "Received a folder: {path}"),
    ):
        with pytest.raises(BadInput) as caught:
            check_source(configured(path).dataset)
        assert str(caught.value) == "dataset.path must be a CSV file. " + message.format(path=path)


@pytest.mark.parametrize(
    "word",
    [
        "dataset=csv",
        "dataset=pixel_csv",
        "dataset=kaggle",
        "dataset=tfds",
        "dataset=folder",
        "dataset=archive",
    ],
)
def test_a_source_without_what_it_needs_is_told_at_once(word: str) -> None:
    with pytest.raises(BadInput, match=r"^dataset\.(path|handle|builder) must name the .*\. Received: none\. Set it: "):
        config_of([word])


def test_a_run_uses_the_table(photo_folder: Callable[..., Path], cache: Path) -> None:
    root = photo_folder({"x": 6, "y": 6})
    lines = [f"{path.relative_to(root)},{'dog' if path.parent.name == 'y' else 'cat'}" for path in root.rglob("*.jpg")]
    table = root / "table.csv"
    table.write_text("path,label\n" + "\n".join(lines), "utf-8")
    manifest = gather(configured(table, "split.validation=0.5"))
    assert manifest.counts() == {"train": {"cat": 3, "dog": 3}, "validation": {"cat": 3, "dog": 3}}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60))
def test_any_table_is_refused_in_one_line(tmp_path: Path, noise: bytes) -> None:
    table = tmp_path / "table.csv"
    table.write_bytes(b"path,label\n" + noise)
    with pytest.raises(BadInput) as caught:
        files_of(CsvDataset("csv", str(table), "path", "label", None, None, outside=False))
    assert len(str(caught.value).splitlines()) == 1


def lesions(folder: Path, *columns: str, photos: int = 24, each: int = 3) -> Path:
    """A table of photos, several of each lesion, with further columns: `site=arm` has the same value everywhere."""
    names = ["image_id", "lesion_id", "dx", *(name.partition("=")[0] for name in columns)]
    lines = [",".join(names)]
    for number in range(photos):
        (folder / f"IMG_{number}.jpg").write_bytes(b"x%d" % number)
        lesion = number // each
        fixed = [name.partition("=")[2] for name in columns]
        lines.append(",".join([f"IMG_{number}", f"HAM_{lesion}", "nv" if lesion % 2 else "mel", *fixed]))
    path = folder / "metadata.csv"
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return path


def test_a_column_of_patients_is_pointed_out_and_used_when_asked(tmp_path: Path) -> None:
    path = lesions(tmp_path)
    listing = files_of(configured(path).dataset)
    assert listing.groups is None
    hint = "to keep images with the same lesion_id in one split: dataset.group_column=lesion_id"
    assert hint in listing.reading and "columns that are not used: lesion_id" in listing.reading
    listing = files_of(configured(path, "dataset.group_column=lesion_id").dataset)
    assert listing.groups is not None
    assert dict(zip(listing.paths.tolist(), listing.groups.tolist(), strict=True))["IMG_7.jpg"] == "HAM_2"
    assert "the column lesion_id forms 8 groups of 3 to 3 files, each kept in one split" in listing.reading
    assert not any("not used" in line or "to keep" in line for line in listing.reading)


@pytest.mark.parametrize("each", [1, 12])  # no two photos of a lesion; too few lesions to split
def test_a_column_that_forms_no_groups_is_not_pointed_out(each: int, tmp_path: Path) -> None:
    assert not any("to keep" in line for line in files_of(configured(lesions(tmp_path, each=each)).dataset).reading)


def test_photos_without_a_patient_are_on_their_own(tmp_path: Path) -> None:
    path = lesions(tmp_path)
    path.write_text(path.read_text().replace(",HAM_0,", ",,"), encoding="utf-8")
    listing = files_of(configured(path, "dataset.group_column=lesion_id").dataset)
    assert listing.groups is not None and listing.groups.tolist().count("") == 3
    assert (
        "the column lesion_id forms 7 groups of 3 to 3 files, each kept in one split; 3 without one are on their own"
        in listing.reading
    )


def test_groups_that_the_table_itself_separates_are_reported(tmp_path: Path) -> None:
    path = lesions(tmp_path, "split=train")
    path.write_text(path.read_text().replace("IMG_4,HAM_1,nv,train", "IMG_4,HAM_1,nv,val"), encoding="utf-8")
    listing = files_of(configured(path, "dataset.group_column=lesion_id").dataset)
    assert "the table itself puts 1 group into several splits, which leaks: HAM_1" in listing.reading


def test_a_file_has_one_group(tmp_path: Path) -> None:
    path = lesions(tmp_path)
    path.write_text(path.read_text() + "IMG_4,HAM_7,nv\n", encoding="utf-8")
    said = refusal(path, "dataset.group_column=lesion_id")
    assert said == (
        f"The table gives one file two groups: IMG_4 in {path}, line 26 (HAM_1 and HAM_7). Remove one of the lines"
    )
    assert "dataset.group_column must" in refusal(path, "dataset.group_column=lesion")


def test_a_run_never_separates_the_photos_of_a_patient(
    photo_folder: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = sorted(photo_folder({"cats": 20, "dogs": 20}).glob("*/*.jpg"))
    lines = [
        f"{file},{file.parent.name},{file.parent.name} {number // 4}" for number, file in enumerate(map(Path, photos))
    ]
    path = tmp_path / "table.csv"
    path.write_text("\n".join(["path,label,patient", *lines, ""]), encoding="utf-8")
    config = configured(path, "dataset.outside=true", "dataset.group_column=patient")
    manifest = gather(config)
    assert manifest.listing.groups is not None
    pairs = set(zip(manifest.listing.groups.tolist(), manifest.split.tolist(), strict=True))
    assert len(pairs) == 10 and {split for _, split in pairs} == {TRAIN, VALIDATION}
    said = []
    for fold in range(12):  # there are ten patients
        try:
            gather(replace(config, split=replace(config.split, folds=12, fold=fold)))
        except BadInput as error:
            said.append(str(error))
    assert any(
        line.endswith("Use fewer folds, or choose a column with smaller groups, or leave it out") for line in said
    )


def test_columns_without_names_are_told_with_the_first_line(tmp_path: Path) -> None:
    path = tmp_path / "annotations.txt"
    path.write_text("".join(f"val_{i}.JPEG\tn0{i % 2}\t{i}\t{'x' * 99}\n" for i in range(8)), encoding="utf-8")
    assert refusal(path).endswith(f"Received: none. The columns: 1 (val_0.JPEG), 2 (n00), 3 (0), 4 ({'x' * 60}).")
    for number in range(8):
        (tmp_path / f"val_{number}.JPEG").touch()
    assert files_of(configured(path, "dataset.label_column=2").dataset).classes == ("n00", "n01")
