"""Real-world tables: equivalent forms are read the same, and guesses are reported."""

import csv
import io
import string
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catsdogs_exp.config.compose import config_of
from catsdogs_exp.config.schema.datasets import CsvDataset
from catsdogs_exp.data.sources.listing import TEST, TRAIN, UNDECIDED, VALIDATION, Listing
from catsdogs_exp.data.sources.registry import files_of
from catsdogs_exp.data.sources.table_files import parts_of
from catsdogs_exp.data.sources.tables import opened_table
from catsdogs_exp.errors import BadInput

FILES = [(f"img/{name}{number}.jpg", name) for name in ("cat", "dog") for number in range(3)]
HEADER = "path,label"
LINES = [f"{path},{name}" for path, name in FILES]
EXPECTED = dict(FILES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path, _ in FILES:
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    return tmp_path


def listed(folder: Path, text: str | bytes, *words: str) -> Listing:
    table = folder / "table.csv"
    table.write_bytes(text if isinstance(text, bytes) else text.encode())
    if not words:  # what conf/ says, without the time that composing takes
        return files_of(CsvDataset("csv", str(table), None, None, None, None, outside=False))
    return files_of(config_of(["dataset=csv", f"dataset.path={table}", *words]).dataset)


def test_the_defaults_are_those_of_the_command_line(folder: Path) -> None:
    dataset = config_of(["dataset=csv", f"dataset.path={folder}"]).dataset
    assert dataset == CsvDataset("csv", str(folder), None, None, None, None, outside=False)


def classes(listing: Listing) -> dict[str, str]:
    return dict(zip(listing.paths.tolist(), (listing.classes[label] for label in listing.labels.tolist()), strict=True))


def refusal(folder: Path, text: str | bytes, *words: str) -> str:
    with pytest.raises(BadInput) as caught:
        listed(folder, text, *words)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value).replace(str(folder), "ROOT")


def lines(*rows: str) -> str:
    return "\n".join(rows) + "\n"


SEMICOLON = "fields are separated by semicolon; dataset.delimiter overrides this"
UNNAMED = "the table has no header line, so its columns are 1, 2; dataset.header=first_line overrides this"


def changed(how: str, example: str) -> str:
    return f"6 paths in the table are taken {how}, such as {example}"


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        pytest.param(lines(HEADER, *LINES), [], id="plain"),
        pytest.param(lines(HEADER, *LINES).encode("utf-8-sig"), [], id="byte order mark"),
        pytest.param(lines(HEADER, *LINES).encode("utf-16"), [], id="UTF-16"),
        pytest.param(lines(HEADER, *LINES).encode("utf-32"), [], id="UTF-32"),
        pytest.param(lines(HEADER, *LINES).encode("utf-16-le"), [], id="UTF-16 without a mark"),
        pytest.param("\ufeff\ufeff" + lines(HEADER, *LINES), [], id="two byte order marks"),
        pytest.param(
            lines(HEADER, *LINES) + "\x1a\r\n", ["1 line without content ignored"], id="the end of a file of DOS"
        ),
        pytest.param(
            lines("'path','label'", *(f"'{path}', '{name}'" for path, name in FILES)),
            ["the single quotes around the fields are removed"],
            id="single quotes",
        ),
        pytest.param("\r\n".join([HEADER, *LINES]), [], id="lines of Windows"),
        pytest.param("\r".join([HEADER, *LINES]), [], id="lines of old Macs"),
        pytest.param(lines(HEADER, *LINES).replace(",", ";"), [SEMICOLON], id="semicolon"),
        pytest.param(
            lines(HEADER, *LINES).replace(",", "\t"),
            ["fields are separated by tab; dataset.delimiter overrides this"],
            id="tab",
        ),
        pytest.param(lines(HEADER, *LINES).replace(",", "|"), [SEMICOLON.replace("semicolon", "pipe")], id="pipe"),
        pytest.param(lines("sep=;", HEADER, *LINES).replace(",", ";"), [], id="sep="),
        pytest.param(lines('"sep=,"', HEADER, *LINES), [], id="sep= in quotes"),
        pytest.param(
            lines("Path, Label", *(line.replace(",", ", ") for line in LINES)), ["Path", "Label"], id="spaces"
        ),
        pytest.param(
            lines(HEADER, *(f'{path}, "{name}"' for path, name in FILES)), [], id="quotes behind a space"
        ),
        pytest.param(lines('"path","label"', *(f'"{path}","{name}"' for path, name in FILES)), [], id="quotes"),
        pytest.param(lines("filename,class", *LINES), ["filename", "class"], id="other names"),
        pytest.param(lines("IMAGE_ID;breed", *LINES).replace(",", ";"), [SEMICOLON, "IMAGE_ID", "breed"], id="breeds"),
        pytest.param(lines(f",{HEADER}", *(f"{n},{line}" for n, line in enumerate(LINES))), [], id="numbered rows"),
        pytest.param(lines(*LINES), [UNNAMED, "1", "2"], id="no names"),
        pytest.param(
            lines(*(f"{path} {name}" for path, name in FILES)),
            ["fields are separated by space; dataset.delimiter overrides this", UNNAMED, "1", "2"],
            id="a list of Caffe",
        ),
        pytest.param(
            lines("# made by X", "", HEADER, *LINES), ["1 line of comments before the table ignored"], id="comment"
        ),
        pytest.param(lines(HEADER, *LINES, ",", ",", "", "  "), ["3 lines without content ignored"], id="empty lines"),
        pytest.param(lines(HEADER, *(f"{line},," for line in LINES)), [], id="commas at the end"),
        pytest.param(lines(f"{HEADER},", *(f"{line}," for line in LINES)), [], id="commas at the end of all"),
        pytest.param(
            lines(HEADER, *LINES, LINES[0]), ["1 line repeating another: each file is used once"], id="a row twice"
        ),
        pytest.param(lines(HEADER, *(f"./{line}" for line in LINES)), [], id="./"),
        pytest.param(
            lines(HEADER, *LINES).replace("img/", "img\\"),
            [changed("with / in place of \\", r"img\cat0.jpg")],
            id="backslashes",
        ),
        pytest.param(
            lines(HEADER, *(f"C:\\Users\\me\\{line}" for line in LINES)).replace("img/", "img\\"),
            [changed("without the prefix C:/Users/me", r"C:\Users\me\img\cat0.jpg")],
            id="a drive of Windows",
        ),
        pytest.param(
            lines(HEADER, *(f"/home/me/set/{line}" for line in LINES)),
            [changed("without the prefix /home/me/set", "/home/me/set/img/cat0.jpg")],
            id="absolute paths of another computer",
        ),
        pytest.param(
            lines(HEADER, *(f"https://x.y/{line}" for line in LINES)),
            [changed("without the prefix x.y", "https://x.y/img/cat0.jpg")],
            id="addresses of files that are here",
        ),
        pytest.param(
            lines(HEADER, *LINES).replace(".jpg", ".JPG"),
            [changed("in a different case", "img/cat0.JPG")],
            id="another case",
        ),
        pytest.param(
            lines(HEADER, *LINES).replace("img/", "img%2F"),
            [changed("with their %-codes decoded", "img%2Fcat0.jpg")],
            id="codes of addresses",
        ),
        pytest.param(
            lines(HEADER, *LINES).replace(".jpg", ""),
            [changed("with .jpg appended (dataset.suffix)", "img/cat0")],
            id="no extension",
        ),
        pytest.param(
            lines("path,cat,dog", *(f"{path},{int(name == 'cat')},{int(name == 'dog')}.0" for path, name in FILES)),
            [
                "among the table's columns path contains the files, cat, dog are the classes, with 1 for the class of "
                "the image"
            ],
            id="a column per class",
        ),
        pytest.param(
            lines("path,cat,dog", *(f"{path},{name == 'cat'},{str(name == 'dog').upper()}" for path, name in FILES)),
            [
                "among the table's columns path contains the files, cat, dog are the classes, with 1 for the class of "
                "the image"
            ],
            id="a column of True and False per class",
        ),
    ],
)  # fmt: skip
def test_what_says_the_same_is_read_the_same(folder: Path, text: str | bytes, reading: list[str]) -> None:
    listing = listed(folder, text)
    assert classes(listing) == EXPECTED
    assert set(listing.splits.tolist()) == {UNDECIDED}
    if len(reading) > 1 and " " not in reading[-1]:
        *before, path, label = reading
        reading = [*before, f"among the table's columns {path} contains the files, {label} the classes"]
    assert list(listing.reading) == reading
    assert listing.notes == ()


@pytest.mark.parametrize(
    "name",
    [
        "Screenshot 9.41.00\u202fAM.png",
        "写真\u3000\uff11.jpg",
        "👩\u200d💻.png",
        "soft\u00adhyphen.jpg",
        "a'b;c|d.jpg",
        "-x.jpg",
    ],
)
def test_names_may_hold_anything_but_control_characters(folder: Path, name: str) -> None:
    (folder / "img" / name).touch()
    assert classes(listed(folder, lines(HEADER, *LINES, f"img/{name},hot\u00a0dog")))[f"img/{name}"] == "hot\u00a0dog"


@pytest.mark.parametrize("bad", ["a\0.jpg,cat", "a\x1b[2J.jpg,cat", "img/cat0.jpg,c\x85at"])
def test_control_characters_are_refused(folder: Path, bad: str) -> None:
    assert refusal(folder, lines(HEADER, *LINES, bad)) == (
        "Names in the table must not contain control characters: ROOT/table.csv, line 8"
    )


def test_a_table_behind_a_link_with_absolute_paths_through_it(folder: Path) -> None:
    real = folder / "real"
    (folder / "img").rename(folder / "was")
    real.mkdir()
    (folder / "was").rename(real / "img")
    (folder / "link").symlink_to(real)
    text = lines(HEADER, *(f"{folder}/link/{line}" for line in LINES))
    assert classes(listed(real, text)) == EXPECTED


def test_a_column_of_splits_with_another_name_is_told_with_its_setting(folder: Path) -> None:
    words = ["Train", "val", "Test", "training", "valid", ""]
    rows = [f"{line},{word}" for line, word in zip(LINES, words, strict=True)]
    listing = listed(folder, lines(f"{HEADER},data set", *rows))
    assert set(listing.splits.tolist()) == {UNDECIDED}
    assert listing.reading == (
        "columns that are not used: data set",
        "to split as the column data set says: 'dataset.split_column=data set'",
    )
    asked = listed(folder, lines(f"{HEADER},data set", *rows), "dataset.split_column=data set")
    assert asked.splits.tolist() == [TRAIN, VALIDATION, TEST, TRAIN, VALIDATION, UNDECIDED]


@pytest.mark.parametrize("words", [["train"] * 6, ["train", "test", "test", "x", "train", "test"], ["1", "0"] * 3])
def test_columns_that_are_not_used_are_told(folder: Path, words: list[str]) -> None:
    """One split alone, other words, numbers: nothing that decides where an image belongs."""
    rows = [f"{number},{line},{word}" for number, (line, word) in enumerate(zip(LINES, words, strict=True))]
    listing = listed(folder, lines(f",{HEADER},is_training_img", *rows))
    assert set(listing.splits.tolist()) == {UNDECIDED} and classes(listing) == EXPECTED
    assert listing.reading == ("columns that are not used: is_training_img",)


def test_a_column_named_like_splits_without_any_is_told_once(folder: Path) -> None:
    listing = listed(folder, lines(f"{HEADER},set", *(f"{line},x" for line in LINES)))
    assert listing.reading == ("the column set is not used: it contains no splits",)


def test_splits_are_taken_from_a_column_of_that_name(folder: Path) -> None:
    words = ["Train", "VAL", "PrivateTest", "training", "PublicTest", ""]
    text = lines(f"{HEADER},Usage", *(f"{line},{word}" for line, word in zip(LINES, words, strict=True)))
    listing = listed(folder, text)
    assert listing.splits.tolist() == [TRAIN, VALIDATION, TEST, TRAIN, VALIDATION, UNDECIDED]
    assert listing.reading == ("among the table's columns Usage contains the splits",)
    config = config_of(["dataset=csv", f"dataset.path={folder}/table.csv", "split.folders=merge"])
    assert set(files_of(config.dataset, folders=config.split.folders).splits.tolist()) == {UNDECIDED}
    for setting in ((), ("dataset.split_column=Usage",)):
        assert "must be train, validation, test or nothing. Received: 'valley'" in refusal(
            folder, text.replace("VAL", "valley"), *setting
        )


@pytest.mark.parametrize(
    ("rows", "reading"),
    [
        (
            ["img/cat0.jpg,Cat", *LINES[1:]],
            "Cat and cat differ only in case or spaces and are separate classes; to merge them: "
            "'dataset.classes={Cat: Cat, cat: Cat, ...}' with all other classes",
        ),
        (
            [line.replace(",cat", ",0").replace(",dog", ",1") for line in LINES[:5]] + ["img/dog2.jpg,1.0"],
            "1 and 1.0 are the same number, but separate labels",
        ),
        (
            [*LINES[:5], '"img/dog2.jpg","cat, dog"'],
            "the label cat, dog may stand for cat and dog at once, but an image can have only one class: it is treated "
            "as a separate class",
        ),
        (
            [*LINES[:4], "img/dog1.jpg,cat & dog", LINES[5]],
            "the label cat & dog may stand for cat and dog at once, but an image can have only one class: it is "
            "treated as a separate class",
        ),
        (
            [*LINES[:5], "img/dog2.jpg,NaN"],
            "the label NaN is treated as a class; if it means a missing label, name the others: "
            "dataset.classes=[cat,dog]",
        ),
        (
            [*LINES[:4], "img/dog1.jpg,hot dog", "img/dog2.jpg,hot\u00a0dog"],
            "hot dog and 'hot\\xa0dog' differ only in case or spaces and are separate classes; to merge them: "
            "'dataset.classes={hot dog: hot dog, hot\u00a0dog: hot dog, ...}' with all other classes",
        ),
    ],
)
def test_labels_that_may_be_a_slip_are_pointed_out(folder: Path, rows: list[str], reading: str) -> None:
    listing = listed(folder, lines(HEADER, *rows))
    assert listing.reading == (reading,)
    dataset = config_of(["dataset=csv", f"dataset.path={folder}/table.csv"]).dataset
    chosen = {name: "ab"[number > 0] for number, name in enumerate(listing.classes)}
    assert files_of(replace(dataset, classes=chosen)).reading == ()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [HEADER, *LINES, "img/nope.jpg,cat"],
            "1 of 7 files in ROOT/table.csv are missing below ROOT: 'img/nope.jpg'. Their paths are relative to "
            "dataset.root, or to the table's folder. dataset.missing=skip leaves out such rows.",
        ),
        (
            [HEADER, *LINES, "img,cat"],
            "1 of 7 files in ROOT/table.csv are missing below ROOT: 'img'. They are folders. List files, or leave the "
            "rows out with dataset.missing=skip.",
        ),
        (
            [HEADER, "https://x.y/1.jpg,cat", "https://x.y/2.jpg,dog"],
            "2 of 2 files in ROOT/table.csv are missing below ROOT: 'https://x.y/1.jpg', 'https://x.y/2.jpg'. They are "
            "URLs, which are not downloaded: download them yourself, and set dataset.root to their folder.",
        ),
        (
            ["id,breed", *(line.replace(".jpg", "").replace("img/", "") for line in LINES)],
            "6 of 6 files in ROOT/table.csv are missing below ROOT: 'cat0', 'cat1', 'cat2', .... They exist "
            "with dataset.root=ROOT/img dataset.suffix=.jpg.",
        ),
        (
            [HEADER, *LINES[:-1], "img/dog2.jpg,"],
            "Each line of the table must have a label: ROOT/table.csv, line 7. Fill it in or remove the line",
        ),
        (
            [HEADER, *LINES, LINES[0].replace(",cat", ",dog")],
            "The table gives one file two labels or splits: img/cat0.jpg in ROOT/table.csv, line 8 (cat and dog). "
            "Remove one of the lines",
        ),
        (
            ["path,cat,dog", "img/cat0.jpg,1,1", "img/dog0.jpg,0,1"],
            "Each line of the table must have one class. Received cat and dog: ROOT/table.csv, line 2",
        ),
        (
            ["path,cat,dog", "img/cat0.jpg,0,0", "img/dog0.jpg,0,1"],
            "Each line of the table must have one class. Received none: ROOT/table.csv, line 2",
        ),
        (
            ["emotion,pixels", *(f"{n},{' '.join(['7'] * 36)}" for n in range(3))],
            "dataset.path_column must name the column of ROOT/table.csv with the files. Received: none. The columns: "
            "emotion, pixels. It looks like a table of pixels: dataset=pixel_csv.",
        ),
        (
            ["path,height,width", "img/cat0.jpg,3,4", "img/dog0.jpg,5,6"],
            "dataset.label_column must name the column of ROOT/table.csv with the classes. Received: none. The "
            "columns: path, height, width.",
        ),
        (["  ", ""], "The table is empty: ROOT/table.csv"),
        ([HEADER], "The table has no lines except its column names: ROOT/table.csv"),
    ],
)
def test_what_is_asked_back(folder: Path, rows: list[str], message: str) -> None:
    assert refusal(folder, lines(*rows)) == message


def test_rows_without_a_file_can_be_left_out(folder: Path) -> None:
    listing = listed(folder, lines(HEADER, *LINES, "img/nope.jpg,cat", "img,dog"), "dataset.missing=skip")
    assert classes(listing) == EXPECTED
    assert listing.notes == ("2 rows whose file does not exist: 'img/nope.jpg', 'img'",)


def test_the_form_can_be_said(folder: Path) -> None:
    text = lines("img/a.jpg;x", "img/cat0.jpg;cat", "img/dog0.jpg;dog")
    (folder / "img" / "a.jpg").touch()
    words = ["dataset.delimiter=semicolon", "dataset.header=first_line"]
    columns = ["dataset.path_column=img/a.jpg", "dataset.label_column=x"]
    assert listed(folder, text, *words, *columns).classes == ("cat", "dog")
    unnamed = ["dataset.header=none", "dataset.path_column=1", "dataset.label_column=2"]
    listing = listed(folder, text, words[0], *unnamed)
    assert listing.classes == ("cat", "dog", "x")
    assert listing.reading == ("among the table's columns 1 contains the files, 2 the classes",)
    for suffix in (".jpg", "jpg"):
        short = [line.replace(".jpg", "") for line in LINES]
        assert classes(listed(folder, lines(HEADER, *short), f"dataset.suffix={suffix}")) == EXPECTED
    with pytest.raises(BadInput, match=r"dataset.delimiter must be one of auto, comma, semicolon, tab, pipe, space"):
        listed(folder, text, "dataset.delimiter=semi")


def test_one_change_must_not_make_two_paths_the_same_file(folder: Path) -> None:
    """`b/cat0.jpg` is missing, and `img/cat0.jpg` is another picture."""
    (folder / "cat0.jpg").touch()
    text = lines(HEADER, "a/cat0.jpg,cat", "b/cat0.jpg,dog")
    assert "2 of 2 files in ROOT/table.csv are missing" in refusal(folder, text)
    assert "1 of 7 files in ROOT/table.csv are missing" in refusal(folder, lines(HEADER, *LINES, "x/img/cat0.jpg,dog"))


@pytest.mark.parametrize("path", ["../secret.jpg", "/etc/../secret.jpg", "C:\\..\\secret.jpg", "x\\..\\..\\secret.jpg"])
def test_no_change_leads_out_of_the_folder(folder: Path, path: str) -> None:
    inner = folder / "data"
    inner.mkdir()
    (folder / "secret.jpg").touch()
    (inner / "1.jpg").touch()
    text = f"{HEADER}\n1.jpg,cat\n{path},dog\n"
    message = refusal(inner, text)
    assert "must stay in" in message or "are missing below" in message


def test_the_parts_of_a_path() -> None:
    assert parts_of("a/./b//c.jpg") == ["a", "b", "c.jpg"]
    assert parts_of("/a/b") == ["/", "a", "b"]
    assert parts_of("C:\\a\\b") == ["/", "C:", "a", "b"]
    assert parts_of("https://x.y/a%20b") == ["/", "x.y", "a%20b"]
    assert parts_of("") == []


# properties

names = st.text(string.ascii_letters + "äß猫 _-.'()&", min_size=1, max_size=8).map(lambda name: f"x{name.strip()}x")
tables = st.lists(st.tuples(names, names), min_size=2, max_size=8, unique_by=lambda row: row[0])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tables,
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    st.booleans(),
)
def test_any_form_of_a_table_gives_its_rows(
    tmp_path: Path, rows: list[tuple[str, str]], delimiter: str, quoting: int, end: str, encoding: str, header: bool
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=end)  # type: ignore[arg-type]
    written = [(f"{name}.jpg", label) for name, label in rows]
    writer.writerows([("path", "label"), *written] if header else written)
    path = tmp_path / "table.csv"
    path.write_bytes(text.getvalue().encode(encoding))
    with opened_table(path, CsvDataset("csv", str(path), None, None, None, None, outside=False)) as table:
        assert table.named == header
        assert table.columns == (["path", "label"] if header else ["1", "2"])
        found = list(table.rows)
    assert [tuple(row) for _, row in found] == written
    assert [line for line, _ in found] == list(range(1 + header, len(rows) + 1 + header))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=80))
def test_any_bytes_are_a_table_or_are_refused_in_one_line(tmp_path: Path, noise: bytes) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(noise)
    for header in ("auto", "none", "first_line"):
        try:
            files_of(CsvDataset("csv", str(path), None, None, None, None, outside=False, header=header))
        except BadInput as error:
            assert len(str(error).splitlines()) == 1


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            b"PK\x03\x04" + bytes(50),
            "A table must be text. TABLE is an Excel workbook or an archive. Save",
        ),
        (
            b"\xd0\xcf\x11\xe0" + bytes(50),
            "A table must be text. TABLE is an Excel workbook or an archive. Save",
        ),
        (b"PAR1" + bytes(50), "A table must be text with one line per image, such as CSV. TABLE is a Parquet file"),
        (
            b'{"path": "a.jpg"}\n',
            "A table must have its values in columns, such as CSV. TABLE is JSON. Convert ",
        ),
        (b'[{"path": "a.jpg"}]', "A table must be text with one line per image, such as CSV. TABLE is JSON"),
        (b"<!DOCTYPE html><title>Sign in</title>", "The table is not here: TABLE is a web page ('Sign in'). Open its "),
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            "The table is not here: TABLE is only a Git LFS pointer",
        ),
    ],
)
def test_what_is_plainly_no_table_is_called_by_its_name(folder: Path, data: bytes, message: str) -> None:
    (folder / "table.csv").write_bytes(data)
    with pytest.raises(BadInput) as caught:
        files_of(config_of(["dataset=csv", f"dataset.path={folder}/table.csv"]).dataset)
    assert str(caught.value).replace(str(folder / "table.csv"), "TABLE").startswith(message)


def test_codes_in_a_path_lead_nowhere_else(folder: Path) -> None:
    (folder.parent / "secret.jpg").touch()
    assert "are missing below ROOT" in refusal(folder, lines(HEADER, *LINES[:5], "img%2F..%2F..%2Fsecret.jpg,dog"))
