"""Archives may be malicious: nothing ever lands outside, and a rejected one leaves nothing behind."""

import gzip
import importlib
import io
import os
import shutil
import stat
import struct
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catsdogs_exp.config.compose import config_of
from catsdogs_exp.config.schema.datasets import ArchiveDataset
from catsdogs_exp.data.open_data import gather
from catsdogs_exp.data.sources.archive import archives
from catsdogs_exp.data.sources.registry import files_of
from catsdogs_exp.errors import BadInput

# the module: its package has the function under the same name
source = importlib.import_module("catsdogs_exp.data.sources.archive")
unpacking = importlib.import_module("catsdogs_exp.data.sources.unpacking")
Files = list[tuple[str, bytes]]
KINDS = ("zip", "tar", "tar.gz", "tar.bz2", "tar.xz")
YOURSELF = "Nothing was unpacked. Unpack it yourself and use dataset=folder."
GOOD: Files = [("cats/1.jpg", b"tom"), ("dogs/2.jpg", b"rex"), ("dogs/park/3.jpg", b"")]


def pack(path: Path, files: Files) -> Path:
    """A zip or tar, by the name, with these files."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
            for name, content in files:
                opened.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    else:
        mode = {".gz": "w:gz", ".bz2": "w:bz2", ".xz": "w:xz"}.get(path.suffix, "w:")
        with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
            for name, content in files:
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return path


def unpacked(path: Path) -> Path:
    (found,) = archives(ArchiveDataset("archive", str(path)))
    return source.unpacked(found).folder


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def refusal(tmp_path: Path, cache: Path) -> Callable[[Path], str]:
    """The one line with which an archive is refused, once it is sure that nothing was written anywhere."""

    def refuse(path: Path) -> str:
        before = {p for p in tmp_path.rglob("*") if cache not in p.parents}
        with pytest.raises(BadInput) as caught:
            unpacked(path)
        message = str(caught.value)
        assert len(message.splitlines()) == 1
        assert {p for p in tmp_path.rglob("*") if cache not in p.parents} == before
        assert [p.name for p in (cache / "archives").iterdir() if p.suffix != ".lock"] == []
        return message

    return refuse


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_becomes_its_folder(tmp_path: Path, cache: Path, kind: str) -> None:
    folder = unpacked(pack(tmp_path / f"pets.{kind}", GOOD))
    assert content(folder) == dict(GOOD)
    assert folder.is_relative_to(cache)
    assert folder.name.startswith("pets-")


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_is_unpacked_once(tmp_path: Path, cache: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = pack(tmp_path / f"pets.{kind}", GOOD)
    first = unpacked(path)
    monkeypatch.setattr(source, "unpack", lambda *_: pytest.fail("unpacked again"))
    assert unpacked(path) == first


def test_the_same_archive_is_found_by_another_way_of_writing_its_path(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pack(tmp_path / "pets.zip", GOOD)
    monkeypatch.chdir(tmp_path)
    assert unpacked(Path("pets.zip")) == unpacked(path)


def test_a_changed_archive_is_unpacked_anew(tmp_path: Path, cache: Path) -> None:
    path = pack(tmp_path / "pets.zip", GOOD)
    first = unpacked(path)
    pack(path, [*GOOD, ("cats/4.jpg", b"new")])
    assert content(unpacked(path))["cats/4.jpg"] == b"new"
    assert "cats/4.jpg" not in content(first)


def test_the_kind_is_told_by_content_not_by_name(tmp_path: Path, cache: Path) -> None:
    path = pack(tmp_path / "pets.zip", GOOD).rename(tmp_path / "download")
    assert content(unpacked(path)) == dict(GOOD)


def test_folders_and_backslashes_are_understood(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "windows.zip"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("cats/", b"")
        opened.writestr("dogs\\", b"")
        opened.writestr("cats\\tom.jpg", b"tom")
        opened.writestr("./dogs/./rex.jpg", b"rex")
    assert content(unpacked(path)) == {"cats/tom.jpg": b"tom", "dogs/rex.jpg": b"rex"}


def test_files_are_ours_to_read_whatever_the_archive_says(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "modes.tar"
    with tarfile.open(path, "w") as tar:
        for name, kind in (("cats", tarfile.DIRTYPE), ("cats/1.jpg", tarfile.REGTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.mode, member.uid = kind, 0, 12345
            tar.addfile(member)
    (file,) = unpacked(path).rglob("*.jpg")
    assert file.stat().st_mode & stat.S_IRUSR
    assert not file.stat().st_mode & (stat.S_ISUID | stat.S_IXUSR)
    assert file.stat().st_uid == os.getuid()


def test_progress_ends_at_the_number_of_files(tmp_path: Path, cache: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    path = pack(tmp_path / "pets.zip", GOOD)
    source.unpacked(path, lambda *step: steps.append(step))
    assert steps[-1] == ("unpacking", 3, 3)


# What is no archive


def test_a_missing_archive(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        unpacked(tmp_path / "none.zip")
    assert str(caught.value) == f"dataset.path must be an archive of images. There is none at: {tmp_path}/none.zip"


def test_a_folder_in_place_of_an_archive(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        unpacked(tmp_path)
    assert str(caught.value) == (
        f"dataset.path must be a zip or tar file. Received a folder: {tmp_path}. "
        f"Use dataset=folder dataset.path={tmp_path}"
    )


NO_ARCHIVE = "An archive of images must be a zip or tar file. "
NOT_HERE = "The archive is not here: "
IN_BROWSER = "Open its address in a browser and download the file itself."


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "The archive is empty (0 bytes): PATH. Download it again."),
        (
            b"no archive",
            NO_ARCHIVE + "Received something else: PATH, 10 bytes beginning with b'no archive'. Download it again.",
        ),
        (b"\xff\xd8\xff" + bytes(20), NO_ARCHIVE + "PATH is an image. Put images into folders, one per class."),
        (
            b"\x1f\x8b garbage",
            NO_ARCHIVE + "PATH is compressed with gzip but contains no tar, or only part of one. If it should, "
            "download it again.",
        ),
        (b"Rar!\x1a\x07\x01\0x", NO_ARCHIVE + "PATH is a RAR archive. Unpack it yourself and use dataset=folder."),
        (b"7z\xbc\xaf\x27\x1cx", NO_ARCHIVE + "PATH is a 7-Zip archive. Unpack it yourself and use dataset=folder."),
        (
            b"<!DOCTYPE html><html><head><title>Google Drive -\nVirus scan warning</title>",
            NOT_HERE + "PATH is a web page ('Google Drive - Virus scan warning'). " + IN_BROWSER,
        ),
        (b"\xef\xbb\xbf\n<HTML><body>404", NOT_HERE + "PATH is a web page. " + IN_BROWSER),
        (b"<?xml version='1.0'?><Error><Code>Access", NOT_HERE + "PATH is a server's response in XML. " + IN_BROWSER),
        (b'{"message": "Not Found"}', NOT_HERE + "PATH is a server's response in JSON. " + IN_BROWSER),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
            NOT_HERE + "PATH is only a Git LFS pointer. Fetch the file in its repository: git lfs pull",
        ),
        (
            b"PK\x03\x04" + bytes(1996),
            "The archive is incomplete: PATH begins like a zip, but its end is missing; 2,000 bytes are here. A "
            "download or copy did not finish: download it again.",
        ),
        (b"PK\x07\x08x", "The archive is the first part of a split zip: PATH. Join its parts: 7z x pets.zip"),
    ],
)
def test_another_file_in_place_of_an_archive(
    tmp_path: Path, refusal: Callable[[Path], str], data: bytes, message: str
) -> None:
    path = tmp_path / "pets.zip"
    path.write_bytes(data)
    assert refusal(path) == message.replace("PATH", str(path))


# Hostile ones


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize(
    "name",
    [
        "../x.jpg",
        "cats/../../x.jpg",
        "cats/..",
        "..",
        "/etc/x.jpg",
        "//server/x.jpg",
        "..\\x.jpg",
        "cats\\..\\..\\x.jpg",
        "\\x.jpg",
        "C:\\x.jpg",
        "C:x.jpg",
        "c:/x.jpg",
        ".",
    ],
)
def test_a_name_that_leads_outside_is_refused(
    tmp_path: Path, refusal: Callable[[Path], str], kind: str, name: str
) -> None:
    path = pack(tmp_path / f"pets.{kind}", [*GOOD, (name, b"evil")])
    stored = "." if name == "." else name
    assert refusal(path) == (
        f"The archive is rejected: {path}: the entry {stored[:120]!r} would be extracted outside its folder. {YOURSELF}"
    )


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.SYMTYPE, "../.."),
        (tarfile.SYMTYPE, "1.jpg"),
        (tarfile.LNKTYPE, "/etc/passwd"),
        (tarfile.LNKTYPE, "cats/1.jpg"),
        (tarfile.CHRTYPE, ""),
        (tarfile.BLKTYPE, ""),
        (tarfile.FIFOTYPE, ""),
    ],
)
def test_links_and_devices_in_a_tar_are_refused(
    tmp_path: Path, refusal: Callable[[Path], str], kind: bytes, target: str
) -> None:
    path = tmp_path / "pets.tar"
    with tarfile.open(path, "w") as tar:
        good = tarfile.TarInfo("cats/1.jpg")
        good.size = 3
        tar.addfile(good, io.BytesIO(b"tom"))
        member = tarfile.TarInfo("cats/2.jpg")
        member.type, member.linkname = kind, target
        tar.addfile(member)
    assert refusal(path) == (f"The archive is rejected: {path}: the entry 'cats/2.jpg' is a link or device. {YOURSELF}")


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK])
def test_links_and_devices_in_a_zip_are_refused(tmp_path: Path, refusal: Callable[[Path], str], mode: int) -> None:
    path = tmp_path / "pets.zip"
    with zipfile.ZipFile(path, "w") as opened:
        info = zipfile.ZipInfo("cats/2.jpg")
        info.external_attr = (mode | 0o777) << 16
        opened.writestr(info, "/etc/passwd")
    assert refusal(path) == (f"The archive is rejected: {path}: the entry 'cats/2.jpg' is a link or device. {YOURSELF}")


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_name_too_long_for_any_disk_is_refused(tmp_path: Path, refusal: Callable[[Path], str], kind: str) -> None:
    name = f"cats/{'x' * 256}"
    path = pack(tmp_path / f"pets.{kind}", [*GOOD, (name, b"long")])
    assert refusal(path) == (
        f"The archive is rejected: {path}: the entry {name[:120]!r} has a name of more than 255 bytes. {YOURSELF}"
    )


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("name", ["cats/1.jpg", "cats/./1.jpg", "cats\\1.jpg", "cats//1.jpg"])
def test_of_a_file_that_is_stored_twice_the_last_is_used(tmp_path: Path, cache: Path, kind: str, name: str) -> None:
    found = source.unpacked(pack(tmp_path / f"pets.{kind}", [*GOOD, (name, b"other")]))
    assert content(found.folder) == dict(GOOD) | {"cats/1.jpg": b"other"}
    assert found.notes == (f"1 file stored more than once in pets.{kind}: the last is used",)


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_names_that_differ_in_case_are_two_files_also_where_the_disk_does_not_tell_them_apart(
    tmp_path: Path, cache: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pack(tmp_path / f"pets.{kind}", [*GOOD, ("Cats/1.JPG", b"other"), ("dogs/2.JPG", b"other")])
    monkeypatch.setattr(unpacking, "restricts_names", lambda folder: True)
    assert content(unpacked(path)) == dict(GOOD) | {"%43ats/1.JPG": b"other", "dogs/%32.JPG": b"other"}
    monkeypatch.undo()
    monkeypatch.setenv("CATSDOGS_CACHE", str(cache / "other"))
    if (tmp_path / tmp_path.name.swapcase()).exists():
        pytest.skip("this disk does not tell case")
    assert content(unpacked(path)) == dict(GOOD) | {"Cats/1.JPG": b"other", "dogs/2.JPG": b"other"}


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("names", [("cats", "cats/1.jpg"), ("cats/1.jpg", "cats")])
def test_a_file_where_a_folder_has_to_be_is_refused(
    tmp_path: Path, refusal: Callable[[Path], str], kind: str, names: tuple[str, str]
) -> None:
    path = pack(tmp_path / f"pets.{kind}", [(name, b"tom") for name in names])
    assert refusal(path) == (
        f"The archive is rejected: {path}: the entry {names[1]!r} takes the place of another. {YOURSELF}"
    )


def raw_zip(path: Path, names: list[bytes], marked: bool = False) -> Path:
    """A zip whose names are these bytes, as programs without Unicode write them."""
    stand_ins = [b"%d" % number + b"x" * (len(name) - 1) for number, name in enumerate(names)]
    with zipfile.ZipFile(path, "w") as opened:
        for number, stand_in in enumerate(stand_ins):
            opened.writestr(stand_in.decode(), b"x" * number)
    data = path.read_bytes()
    for stand_in, name in zip(stand_ins, names, strict=True):
        assert data.count(stand_in) == 2 and len(stand_in) == len(name)
        data = data.replace(stand_in, name)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("encoding", "names", "read"),
    [
        ("shift_jis", ["猫", "犬"], "cp932, such as 猫; "),
        ("cp932", ["表示", "写真"], "cp932, such as 表示; "),  # the second byte of 表 is a backslash
        ("gbk", ["猫", "狗"], "gb18030, such as 猫; cp949 (챔) and big5 (癡) fit equally well; "),
        ("cp1251", ["кошка", "собака"], "cp1251, such as кошка; "),
        ("cp866", ["кошка", "собака"], "cp866, such as кошка; "),
        ("cp437", ["Kätzchen", "Hündchen"], "cp437, such as Kätzchen; "),
        ("cp1252", ["chaton été", "garçon"], "cp1252, such as chaton été; "),
        ("utf-8", ["猫", "Kätzchen"], ""),
    ],
)
def test_names_that_are_not_marked_as_utf8_are_read_in_the_likeliest_encoding(
    tmp_path: Path, cache: Path, encoding: str, names: list[str], read: str
) -> None:
    raw = [f"photos/{name}/{number}.jpg".encode(encoding) for name in names for number in range(2)]
    found = source.unpacked(raw_zip(tmp_path / "old.zip", raw))
    assert {path.name for path in (found.folder / "photos").iterdir()} == set(names)
    told = f"the names in old.zip are not UTF-8 and are read as {read}dataset.encoding=NAME overrides this"
    assert found.notes == ((told,) if read else ())
    assert source.unpacked(tmp_path / "old.zip") == found  # also when it is there already


def test_the_encoding_of_names_can_be_said(tmp_path: Path, cache: Path) -> None:
    path = raw_zip(tmp_path / "old.zip", ["고양이/1.jpg".encode("cp949"), "개/2.jpg".encode("cp949")])
    assert set(content(source.unpacked(path, encoding="cp949").folder)) == {"고양이/1.jpg", "개/2.jpg"}
    with pytest.raises(BadInput) as caught:
        source.unpacked(path, encoding="ascii")
    assert str(caught.value) == (
        f"The names in {path} are not in the encoding ascii: ordinal not in range(128). Received: "
        "dataset.encoding=ascii. Leave it out to guess it"
    )
    with pytest.raises(BadInput, match=r"^dataset.encoding must be the name of an encoding.*Did you mean shift_jis\?$"):
        source.unpacked(path, encoding="shift_jos")


def test_names_that_were_garbled_before_are_mended(tmp_path: Path, cache: Path) -> None:
    garbled = [(f"{name.encode('shift_jis').decode('cp437')}/1.jpg", b"x") for name in ("猫", "犬")]
    found = source.unpacked(pack(tmp_path / "again.zip", garbled))
    assert set(content(found.folder)) == {"猫/1.jpg", "犬/1.jpg"}
    assert len(found.notes) == 1
    whole = [(f"{name}/1.jpg", b"x") for name in ("Kätzchen", "öl", "café", "ÅÄÖ", "naïve", "½")]
    found = source.unpacked(pack(tmp_path / "whole.zip", whole))
    assert content(found.folder) == dict(whole)
    assert found.notes == ()


def test_names_in_a_tar_that_are_not_utf8_are_read_too(tmp_path: Path, cache: Path) -> None:
    found = source.unpacked(pack(tmp_path / "pets.tar", [*GOOD, (os.fsdecode(b"cats/caf\xe9.jpg"), b"tom")]))
    assert content(found.folder) == dict(GOOD) | {"cats/café.jpg": b"tom"}
    assert found.notes == (
        "the names in pets.tar are not UTF-8 and are read as cp1252, such as café.jpg; dataset.encoding=NAME overrides "
        "this",
    )


def test_a_tar_cut_between_two_entries_is_noted(tmp_path: Path, cache: Path) -> None:
    path = pack(tmp_path / "pets.tar", GOOD)
    path.write_bytes(path.read_bytes()[: 4 * tarfile.BLOCKSIZE])  # a header and a block of content for each
    found = source.unpacked(path)
    assert content(found.folder) == dict(GOOD[:2])
    assert found.notes == ("pets.tar has no end mark: if a download or copy of it did not finish, files are missing",)


# Odd, and no harm


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_colons_in_names_and_pictures_of_folders(tmp_path: Path, cache: Path, kind: str) -> None:
    files = [("photos 12:30/a: cat/1:2.jpg", b"tom"), ("photos 12:30/b: dog/2.jpg", b"rex")]
    icons = [("photos 12:30/Icon\r", b""), ("Icon\r", b"")]
    found = source.unpacked(pack(tmp_path / f"pets.{kind}", [*files, *icons]))
    assert content(found.folder) == dict(files)
    assert found.notes == (f"2 files called Icon\\r in pets.{kind} left out: folder icons of macOS",)
    assert content(unpacked(pack(tmp_path / f"top.{kind}", [("a: cat/1.jpg", b"x")]))) == {"a: cat/1.jpg": b"x"}


def test_archives_in_an_archive_are_unpacked_one_level_deep(tmp_path: Path, cache: Path) -> None:
    deep = pack(tmp_path / "deep.zip", GOOD)
    train = pack(tmp_path / "train.zip", [*GOOD, ("deep.zip", deep.read_bytes())])
    test = pack(tmp_path / "test1.tar.gz", [("1.jpg", b"x")])
    outer = pack(
        tmp_path / "all.zip",
        [
            ("in/train.zip", train.read_bytes()),
            ("test1.tar.gz", test.read_bytes()),
            ("taken.zip", deep.read_bytes()),
            ("taken/x.txt", b""),
            ("bad.zip", b"no archive"),
            ("__MACOSX/._train.zip", b"x"),
        ],
    )
    found = source.unpacked(outer)
    assert set(content(found.folder)) == {
        *(f"in/train/{name}" for name, _ in GOOD), "in/train/deep.zip", "test1/1.jpg", "taken.zip", "taken/x.txt",
        "bad.zip", "__MACOSX/._train.zip",
    }  # fmt: skip
    assert found.notes == (
        "taken.zip in the archive stays packed: taken is next to it",
        "bad.zip in the archive stays packed: An archive of images must be a zip or tar file. Received something else: "
        "bad.zip, 10 bytes beginning with b'no archive'. Download it again.",
    )


def test_archives_in_an_archive_share_its_limits(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = pack(tmp_path / "bomb.zip", [("cats/1.jpg", bytes(3 * 2**20))])
    outer = pack(tmp_path / "outer.zip", [(f"{number}.zip", bomb.read_bytes()) for number in range(5)])
    monkeypatch.setattr(unpacking, "MAX_RATIO", 10)
    found = source.unpacked(outer)
    assert sum(len(data) for data in content(found.folder).values()) < 10 * 2**20
    assert len(found.notes) == 2
    assert all("stays packed: The archive is rejected: " in note for note in found.notes)


def test_a_full_disk_is_not_the_fault_of_an_archive_inside(
    tmp_path: Path, refusal: Callable[[Path], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = pack(tmp_path / "train.zip", GOOD)
    outer = pack(tmp_path / "all.zip", [("train.zip", inner.read_bytes())])
    real = Path.open

    def full(path: Path, mode: str = "r", **options: object) -> object:
        if mode == "xb" and path.suffix == ".jpg":
            raise OSError(28, "No space left on device")
        return real(path, mode, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", full)
    assert refusal(outer).startswith("The archive cannot be unpacked: No space left on device: ")


def test_parts_of_a_download_name_each_other(tmp_path: Path, cache: Path) -> None:
    one = pack(tmp_path / "photos-20240101T120000Z-001.zip", [("photos/cats/1.jpg", b"tom")])
    two = pack(
        tmp_path / "photos-20240101T120000Z-002.zip", [("photos/dogs/2.jpg", b"rex"), ("photos/cats/3.jpg", b"")]
    )
    pack(tmp_path / "photos-2.zip", GOOD)
    with pytest.raises(BadInput) as caught:
        files_of(config_of(["dataset=archive", f"dataset.path={one}"]).dataset)
    assert str(caught.value).endswith(
        f"{two.name} next to {one.name} may be further parts of it: dataset.path=[{one},{two}]"
    )
    (note,) = files_of(config_of(["dataset=archive", f"dataset.path={two}"]).dataset).reading
    assert note == f"{one.name} next to {two.name} may be further parts of it: dataset.path=[{two},{one}]"
    assert files_of(config_of(["dataset=archive", f"dataset.path=[{one},{two}]"]).dataset).classes == ("cats", "dogs")


def test_the_archive_of_the_kaggle_competition(tmp_path: Path, cache: Path) -> None:
    names = [f"train/{name}.{number}.jpg" for name in ("cat", "dog") for number in range(3)]
    train = pack(tmp_path / "train.zip", [(name, b"x") for name in names])
    test = pack(tmp_path / "test1.zip", [("test1/1.jpg", b"x")])
    outer = [(path.name, path.read_bytes()) for path in (test, train)]
    path = pack(tmp_path / "dogs-vs-cats.zip", [("sampleSubmission.csv", b"id,label"), *outer])
    listing = files_of(config_of(["dataset=archive", f"dataset.path={path}"]).dataset)
    assert listing.classes == ("cat", "dog")
    assert listing.paths.tolist() == sorted(f"train/{name}" for name in names)
    assert listing.notes == (
        "1 file next to the folders: sampleSubmission.csv",
        "1 file in test1/test1 (no class in the name): 1.jpg",
    )


def test_an_encrypted_zip_is_refused(tmp_path: Path, refusal: Callable[[Path], str]) -> None:
    path = pack(tmp_path / "pets.zip", GOOD)
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x03\x04") + 6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    assert refusal(path) == (f"The archive is encrypted: {path}. Unpack it yourself and use dataset=folder.")


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (
            9,
            "The archive is compressed with Deflate64, which is not supported: PATH. Unpack it with 7-Zip "
            "(7z x pets.zip -oFOLDER), and use dataset=folder dataset.path=FOLDER",
        ),
        (
            77,
            "The archive cannot be read: PATH: That compression method is not supported. Unpack it yourself and use "
            "dataset=folder.",
        ),
    ],
)
def test_an_unknown_compression_is_refused(
    tmp_path: Path, refusal: Callable[[Path], str], method: int, message: str
) -> None:
    path = pack(tmp_path / "pets.zip", GOOD)
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 10] = method
    data[data.index(b"PK\x03\x04") + 8] = method
    path.write_bytes(data)
    assert refusal(path) == message.replace("PATH", str(path))


@pytest.mark.parametrize("said", [1, 2**31])
def test_a_zip_that_lies_about_a_size_is_refused(tmp_path: Path, refusal: Callable[[Path], str], said: int) -> None:
    path = tmp_path / "pets.zip"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("cats/1.jpg", os.urandom(5000))
    data = bytearray(path.read_bytes())
    place = data.index(b"PK\x01\x02") + 24
    data[place : place + 4] = said.to_bytes(4, "little")
    path.write_bytes(data)
    assert refusal(path).startswith(("The archive is damaged: ", "The archive is rejected: "))


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar.bz2", "tar.xz"])
def test_a_bomb_is_refused(
    tmp_path: Path, refusal: Callable[[Path], str], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "MAX_RATIO", 2)
    path = pack(tmp_path / f"pets.{kind}", [("cats/0.jpg", bytes(3 * 2**20)), *GOOD])
    assert path.stat().st_size < 2**16
    assert refusal(path) == (
        f"The archive is rejected: {path} unpacks to more than 0.0 GiB or 2,000,000 files. "
        "Unpack it yourself and use dataset=folder."
    )


def test_the_ratio_is_of_the_whole_archive(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MAX_RATIO", 2)
    path = pack(tmp_path / "pets.zip", [("cats/0.jpg", bytes(2**20)), *GOOD])
    assert len(content(unpacked(path))) == 4


def test_too_many_bytes_are_refused(
    tmp_path: Path, refusal: Callable[[Path], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "MAX_BYTES", 5)
    path = pack(tmp_path / "pets.tar", GOOD)
    assert refusal(path).startswith(f"The archive is rejected: {path} unpacks to more than ")


def test_too_many_files_are_refused(
    tmp_path: Path, refusal: Callable[[Path], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "MAX_ENTRIES", 2)
    path = pack(tmp_path / "pets.zip", GOOD)
    assert "or 2 files. Unpack it yourself and use dataset=folder." in refusal(path)
    monkeypatch.setattr(unpacking, "MAX_ENTRIES", 3)
    assert len(content(unpacked(path))) == 3


# Damaged ones


def damaged(path: Path, message: str) -> bool:
    return message.startswith(f"The archive is damaged: {path}: ") and message.endswith(". Download it again.")


NOISE: Files = [(f"cats/{number}.jpg", os.urandom(20_000)) for number in range(5)]


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_cut_short_is_damaged(tmp_path: Path, refusal: Callable[[Path], str], kind: str) -> None:
    path = pack(tmp_path / f"pets.{kind}", NOISE)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    message = refusal(path)
    if kind in ("zip", "tar.bz2"):  # unreadable without the end: a table of contents, a block of 900 kB
        start = "The archive is incomplete: " if kind == "zip" else NO_ARCHIVE
        assert message.startswith(f"{start}{path} ") and message.endswith("download it again.")
    else:
        assert damaged(path, message), message


def test_a_zip_that_lacks_a_piece_is_damaged(tmp_path: Path, refusal: Callable[[Path], str]) -> None:
    """Its table of contents then points to places before the file's beginning."""
    path = pack(tmp_path / "pets.zip", NOISE[:2])
    data = path.read_bytes()
    for piece in (200, 20_000):
        path.write_bytes(data[:500] + data[500 + piece :])
        message = refusal(path)
        assert damaged(path, message), message
        assert "Errno" not in message


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar.xz"])
def test_an_archive_with_damage_in_the_middle_is_damaged(
    tmp_path: Path, refusal: Callable[[Path], str], kind: str
) -> None:
    path = pack(tmp_path / f"pets.{kind}", NOISE)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    message = refusal(path)
    assert damaged(path, message), message


def test_a_tar_with_a_damaged_entry_is_not_taken_for_a_shorter_one(
    tmp_path: Path, refusal: Callable[[Path], str]
) -> None:
    path = pack(tmp_path / "pets.tar", NOISE)
    data = bytearray(path.read_bytes())
    data[data.index(b"cats/3.jpg")] ^= 0xFF
    path.write_bytes(data)
    assert refusal(path) == f"The archive is damaged: {path}: an entry cannot be read. Download it again."


def test_a_tar_without_its_end_mark_will_do(tmp_path: Path, cache: Path) -> None:
    path = pack(tmp_path / "pets.tar", GOOD[:1])
    path.write_bytes(path.read_bytes()[:1024])
    assert content(unpacked(path)) == dict(GOOD[:1])


def test_endless_padding_is_refused(
    tmp_path: Path, refusal: Callable[[Path], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "_MAX_TRAILING", 2**20)
    path = tmp_path / "pets.tar.gz"
    path.write_bytes(gzip.compress(pack(tmp_path / "pets.tar", GOOD).read_bytes() + bytes(2**22)))
    assert refusal(path) == f"The archive is damaged: {path}: there is too much data after its end. Download it again."


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_is_one_line_and_nothing_lands_outside(
    tmp_path: Path, cache: Path, kind: str, data: st.DataObject
) -> None:
    path = pack(tmp_path / f"pets.{kind}", [(f"cats/{i}.jpg", bytes([i]) * 700) for i in range(4)])
    whole = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=4)):
        whole[place] = data.draw(st.integers(0, 255))
    path.write_bytes(whole[: data.draw(st.just(len(whole)) | st.integers(0, len(whole)))])
    try:
        folder = unpacked(path)
    except BadInput as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert folder.is_relative_to(cache)
    assert {p.name for p in tmp_path.iterdir()} == {path.name, cache.name}
    assert list((cache / "archives").glob("*.part")) == []


def test_a_full_disk_is_said_to_be_full(
    tmp_path: Path, refusal: Callable[[Path], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pack(tmp_path / "pets.zip", GOOD)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(unpacking, "_write", full)
    assert refusal(path) == (
        f"The archive cannot be unpacked: No space left on device: {path}. "
        f"It is unpacked into the cache folder; set the environment variable CATSDOGS_CACHE to use another one."
    )


def test_what_a_dead_process_left_half_made_is_replaced(tmp_path: Path, cache: Path) -> None:
    path = pack(tmp_path / "pets.zip", GOOD)
    folder = unpacked(path)
    half = folder.rename(folder.with_name(f"{folder.name}.part"))
    (half / "cats" / "1.jpg").write_bytes(b"half")
    (half / "cats" / "1.jpg").chmod(0o400)
    assert content(unpacked(path)) == dict(GOOD)
    assert not half.exists()


# Hostile ones that take long, or lie


def empty_entries(path: Path, count: int) -> Path:
    """A zip of so many empty entries, written by hand: zipfile would take a minute."""
    table = bytearray()
    with path.open("wb") as handle:
        for number in range(count):
            name = b"cats/%07d.jpg" % number
            offset = handle.tell()
            handle.write(struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 0, 0, 0, 0, 0, 0, len(name), 0) + name)
            table += struct.pack(
                "<4s4B4H3L5H2L", b"PK\x01\x02", 20, 3, 20, 0, 0, 0, 0, 0, 0, 0, 0, len(name), 0, 0, 0, 0, 0, offset
            )
            table += name
        start = handle.tell()
        handle.write(table)
        if count >= 2**16 - 1:
            end = handle.tell()
            handle.write(
                struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, len(table), start)
                + struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
            )
        few = min(count, 2**16 - 1)
        handle.write(struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, few, few, len(table), min(start, 2**32 - 1), 0))
    return path


def test_a_million_empty_entries_are_refused_at_once(tmp_path: Path, refusal: Callable[[Path], str]) -> None:
    path = empty_entries(tmp_path / "pets.zip", 1_000_000)
    started = time.process_time()  # not of the clock: the machine may have other work
    assert refusal(path) == (
        f"The archive is rejected: {path} contains 1,000,000 nearly empty entries. "
        "Unpack it yourself and use dataset=folder."
    )
    assert time.process_time() - started < 2


def test_a_zip_of_a_few_empty_entries_is_none_of_these(tmp_path: Path, cache: Path) -> None:
    assert len(content(unpacked(empty_entries(tmp_path / "pets.zip", 50)))) == 50


def test_a_table_of_contents_without_end_is_refused(
    tmp_path: Path, refusal: Callable[[Path], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "MAX_ENTRIES", 2)
    path = empty_entries(tmp_path / "pets.zip", 50)
    assert refusal(path) == (
        f"The archive is rejected: {path} has a table of contents of 0 MiB. Unpack it yourself and use dataset=folder."
    )


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_many_empty_entries_are_refused_in_any_archive(
    tmp_path: Path, refusal: Callable[[Path], str], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "MANY_ENTRIES", 20)
    path = pack(tmp_path / f"pets.{kind}", [(f"cats/{number}.jpg", b"x") for number in range(30)])
    assert "20 nearly empty entries." in refusal(path).replace("30 nearly", "20 nearly")


def zip64(path: Path, size: int, packed: int, offset: int | None = None) -> Path:
    """A zip of one entry whose zip64 record says these sizes."""
    with zipfile.ZipFile(path, "w") as opened:
        info = zipfile.ZipInfo("cats/1.jpg")
        opened.writestr(info, b"tom")
    data = path.read_bytes()
    start, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    table = bytearray(data[start:end])
    extra = struct.pack("<2H2Q", 1, 16 if offset is None else 24, size, packed)
    extra += b"" if offset is None else struct.pack("<Q", offset)
    table[20:28] = b"\xff" * 8
    table[30:32] = len(extra).to_bytes(2, "little")
    if offset is not None:
        table[42:46] = b"\xff" * 4
    tail = bytearray(data[end:])
    tail[12:16] = (len(table) + len(extra)).to_bytes(4, "little")
    path.write_bytes(data[:start] + table + extra + tail)
    return path


@pytest.mark.parametrize(
    ("size", "packed", "offset"),
    [(2**63, 3, None), (2**64 - 1, 2**64 - 1, None), (2, 3, None), (3, 3, 2**63), (3, 3, 5)],
)
def test_a_zip64_record_that_lies(
    tmp_path: Path, refusal: Callable[[Path], str], size: int, packed: int, offset: int | None
) -> None:
    message = refusal(zip64(tmp_path / "pets.zip", size, packed, offset))
    assert message.startswith(("The archive is rejected: ", "The archive is damaged: "))


def test_a_zip64_record_that_tells_the_truth(tmp_path: Path, cache: Path) -> None:
    assert content(unpacked(zip64(tmp_path / "pets.zip", 3, 3))) == {"cats/1.jpg": b"tom"}
    # the packed size is only an upper bound of what is read
    assert content(unpacked(zip64(tmp_path / "more.zip", 3, 2**40))) == {"cats/1.jpg": b"tom"}


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_names_that_are_folders_and_files_at_once(
    tmp_path: Path, cache: Path, refusal: Callable[[Path], str], kind: str
) -> None:
    path = tmp_path / f"pets.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as opened:
            for name in ("cats/1.jpg/", "cats/1.jpg", "dogs/2.jpg"):
                opened.writestr(name, b"" if name.endswith("/") else b"x")
    else:
        with tarfile.open(path, "w") as tar:
            for name, what in (("cats/1.jpg", tarfile.DIRTYPE), ("cats/1.jpg", tarfile.REGTYPE)):
                member = tarfile.TarInfo(name)
                member.type = what
                tar.addfile(member)
    assert "cats/1.jpg" in content(unpacked(path))  # an empty folder is not made, so nothing is in its place


@pytest.mark.parametrize(
    "what", [tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.CONTTYPE]
)
def test_links_and_devices_in_a_tar(tmp_path: Path, cache: Path, what: bytes) -> None:
    path = tmp_path / "pets.tar"
    with tarfile.open(path, "w") as tar:
        member = tarfile.TarInfo("cats/1.jpg")
        member.type, member.linkname, member.devmajor, member.devminor = what, "/etc/passwd", 1, 3
        tar.addfile(member)
    if what == tarfile.CONTTYPE:  # an old word for a file
        assert content(unpacked(path)) == {"cats/1.jpg": b""}
        return
    with pytest.raises(BadInput) as caught:
        unpacked(path)
    assert str(caught.value) == (
        f"The archive is rejected: {path}: the entry 'cats/1.jpg' is a link or device. {YOURSELF}"
    )


def sparse(path: Path, size: int) -> Path:
    """A tar of one file that is `size` bytes large and holds three."""
    member = tarfile.TarInfo("cats/1.jpg")
    member.size = 512
    header = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    header[156:157] = b"S"
    number = b"%011o\0"
    header[386:410] = number % 0 + number % 512
    header[483:495] = b"\x80" + size.to_bytes(11, "big")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    path.write_bytes(bytes(header) + b"tom".ljust(512, b"\0") + bytes(1024))
    return path


def test_a_sparse_file_counts_as_large_as_it_becomes(
    tmp_path: Path, cache: Path, refusal: Callable[[Path], str]
) -> None:
    assert len(content(unpacked(sparse(tmp_path / "small.tar", 5000)))["cats/1.jpg"]) == 5000
    folder = tmp_path / "cache" / "archives"
    for made in list(folder.iterdir()):
        shutil.rmtree(made) if made.is_dir() else made.unlink()
    path = sparse(tmp_path / "pets.tar", 2**50)
    assert refusal(path).startswith(f"The archive is rejected: {path} unpacks to more than 0.2 GiB")


@pytest.mark.parametrize("name", ["cats/\n1.jpg", "cats/\x1b[2J.jpg", "c\rats/1.jpg", "cats/\x85.jpg", "cats/\x7f.jpg"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_control_characters_in_names_are_refused(
    tmp_path: Path, refusal: Callable[[Path], str], kind: str, name: str
) -> None:
    path = pack(tmp_path / f"pets.{kind}", [*GOOD, (name, b"x")])
    assert refusal(path) == (
        f"The archive is rejected: {path}: the entry {name!r} has control characters in its name. {YOURSELF}"
    )


def test_an_entry_without_a_name_is_refused(tmp_path: Path, refusal: Callable[[Path], str]) -> None:
    path = pack(tmp_path / "pets.zip", [("", b"x")])
    assert refusal(path) == (
        f"The archive is rejected: {path}: the entry '' would be extracted outside its folder. {YOURSELF}"
    )


UNREADABLE = [("a/1.jpg", b"tom"), ("b/2.jpg", b"rex")]


@pytest.mark.parametrize(
    ("files", "text"),
    [
        ([("readme.txt", b"hi")], "The folder of images contains no images, but 1 other file, such as readme.txt: "),
        ([("photos/cats/1.jpg", b"tom")], "Received one: 'cats' in "),
        (UNREADABLE, "None of the 2 files in "),  # known only after the files were read
    ],
)
def test_messages_name_the_archive_not_the_cache(tmp_path: Path, cache: Path, files: Files, text: str) -> None:
    path = pack(tmp_path / "mine.zip", files)
    with pytest.raises(BadInput) as caught:
        gather(config_of(["dataset=archive", f"dataset.path={path}"]))
    assert text + str(path) in str(caught.value)
    assert str(cache) not in str(caught.value)
