"""Archives may be hostile: whatever is in them, nothing lands outside and a refusal leaves nothing behind."""

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

from catsdogs_exp.config.schema.datasets import ArchiveDataset
from catsdogs_exp.data.sources.archive import archives
from catsdogs_exp.errors import BadInput

# the module: its package has the function under the same name
source = importlib.import_module("catsdogs_exp.data.sources.archive")
Files = list[tuple[str, bytes]]
KINDS = ("zip", "tar", "tar.gz", "tar.bz2", "tar.xz")
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
    return source.unpacked(found)


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
    monkeypatch.setattr(source, "_unpack", lambda *_: pytest.fail("unpacked again"))
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


@pytest.mark.parametrize("data", [b"", b"no archive", b"\xff\xd8\xff" + bytes(2000), b"\x1f\x8b garbage"])
def test_another_file_in_place_of_an_archive(tmp_path: Path, refusal: Callable[[Path], str], data: bytes) -> None:
    path = tmp_path / "pets.zip"
    path.write_bytes(data)
    assert refusal(path) == f"An archive of images must be a zip or tar file. Received something else: {path}"


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
        f"cats/{'x' * 256}",
    ],
)
def test_a_name_that_leads_outside_is_refused(
    tmp_path: Path, refusal: Callable[[Path], str], kind: str, name: str
) -> None:
    path = pack(tmp_path / f"pets.{kind}", [*GOOD, (name, b"evil")])
    stored = "." if name == "." else name
    assert refusal(path) == (
        f"The archive is refused: {path}: the entry {stored[:120]!r} would land outside its folder. "
        "Nothing was unpacked."
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
    assert refusal(path) == (
        f"The archive is refused: {path}: the entry 'cats/2.jpg' is a link or device. Nothing was unpacked."
    )


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK])
def test_links_and_devices_in_a_zip_are_refused(tmp_path: Path, refusal: Callable[[Path], str], mode: int) -> None:
    path = tmp_path / "pets.zip"
    with zipfile.ZipFile(path, "w") as opened:
        info = zipfile.ZipInfo("cats/2.jpg")
        info.external_attr = (mode | 0o777) << 16
        opened.writestr(info, "/etc/passwd")
    assert refusal(path) == (
        f"The archive is refused: {path}: the entry 'cats/2.jpg' is a link or device. Nothing was unpacked."
    )


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("name", ["cats/1.jpg", "Cats/1.JPG", "cats/./1.jpg", "cats\\1.jpg", "cats//1.jpg"])
def test_a_name_that_occurs_twice_is_refused(
    tmp_path: Path, refusal: Callable[[Path], str], kind: str, name: str
) -> None:
    path = pack(tmp_path / f"pets.{kind}", [*GOOD, (name, b"other")])
    assert refusal(path) == (
        f"The archive is refused: {path}: the entry {name!r} occurs twice, perhaps in another case. "
        "Nothing was unpacked."
    )


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("names", [("cats", "cats/1.jpg"), ("cats/1.jpg", "cats"), ("CATS", "cats/1.jpg")])
def test_a_file_where_a_folder_has_to_be_is_refused(
    tmp_path: Path, refusal: Callable[[Path], str], kind: str, names: tuple[str, str]
) -> None:
    path = pack(tmp_path / f"pets.{kind}", [(name, b"tom") for name in names])
    assert refusal(path) == (
        f"The archive is refused: {path}: the entry {names[1]!r} takes the place of another. Nothing was unpacked."
    )


def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path, refusal: Callable[[Path], str]) -> None:
    path = pack(tmp_path / "pets.tar", [*GOOD, (os.fsdecode(b"cats/caf\xe9.jpg"), b"tom")])
    assert refusal(path) == (
        f"The archive is refused: {path}: the entry 'cats/caf\\udce9.jpg' has a name that is not UTF-8. "
        "Nothing was unpacked."
    )


def test_an_encrypted_zip_is_refused(tmp_path: Path, refusal: Callable[[Path], str]) -> None:
    path = pack(tmp_path / "pets.zip", GOOD)
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x03\x04") + 6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    assert refusal(path) == (f"The archive is encrypted: {path}. Unpack it yourself and use dataset=folder.")


def test_an_unknown_compression_is_refused(tmp_path: Path, refusal: Callable[[Path], str]) -> None:
    path = pack(tmp_path / "pets.zip", GOOD)
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 10] = 99
    data[data.index(b"PK\x03\x04") + 8] = 99
    path.write_bytes(data)
    assert refusal(path) == f"The archive cannot be read: {path}: That compression method is not supported"


@pytest.mark.parametrize("said", [1, 2**31])
def test_a_zip_that_lies_about_a_size_is_refused(tmp_path: Path, refusal: Callable[[Path], str], said: int) -> None:
    path = tmp_path / "pets.zip"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("cats/1.jpg", os.urandom(5000))
    data = bytearray(path.read_bytes())
    place = data.index(b"PK\x01\x02") + 24
    data[place : place + 4] = said.to_bytes(4, "little")
    path.write_bytes(data)
    assert refusal(path).startswith(("The archive is damaged: ", "The archive is refused: "))


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar.bz2", "tar.xz"])
def test_a_bomb_is_refused(
    tmp_path: Path, refusal: Callable[[Path], str], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "MAX_RATIO", 2)
    path = pack(tmp_path / f"pets.{kind}", [("cats/0.jpg", bytes(3 * 2**20)), *GOOD])
    assert path.stat().st_size < 2**16
    assert refusal(path) == (
        f"The archive is refused: {path} unpacks to more than 0.0 GiB or 2,000,000 files. "
        "Unpack it yourself and use dataset=folder."
    )


def test_the_ratio_is_of_the_whole_archive(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MAX_RATIO", 2)
    path = pack(tmp_path / "pets.zip", [("cats/0.jpg", bytes(2**20)), *GOOD])
    assert len(content(unpacked(path))) == 4


def test_too_many_bytes_are_refused(
    tmp_path: Path, refusal: Callable[[Path], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "MAX_BYTES", 5)
    path = pack(tmp_path / "pets.tar", GOOD)
    assert refusal(path).startswith(f"The archive is refused: {path} unpacks to more than ")


def test_too_many_files_are_refused(
    tmp_path: Path, refusal: Callable[[Path], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "MAX_ENTRIES", 2)
    path = pack(tmp_path / "pets.zip", GOOD)
    assert "or 2 files. Unpack it yourself and use dataset=folder." in refusal(path)
    monkeypatch.setattr(source, "MAX_ENTRIES", 3)
    assert len(content(unpacked(path))) == 3


# Damaged ones


def damaged(path: Path, message: str) -> bool:
    return message.startswith(f"The archive is damaged: {path}: ") and message.endswith(". Fetch it again.")


NOISE: Files = [(f"cats/{number}.jpg", os.urandom(20_000)) for number in range(5)]


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_cut_short_is_damaged(tmp_path: Path, refusal: Callable[[Path], str], kind: str) -> None:
    path = pack(tmp_path / f"pets.{kind}", NOISE)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    message = refusal(path)
    if kind in ("zip", "tar.bz2"):  # unreadable without the end: a table of contents, a block of 900 kB
        assert message == f"An archive of images must be a zip or tar file. Received something else: {path}"
    else:
        assert damaged(path, message), message


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
    assert refusal(path) == f"The archive is damaged: {path}: an entry cannot be read. Fetch it again."


def test_a_tar_without_its_end_mark_will_do(tmp_path: Path, cache: Path) -> None:
    path = pack(tmp_path / "pets.tar", GOOD[:1])
    path.write_bytes(path.read_bytes()[:1024])
    assert content(unpacked(path)) == dict(GOOD[:1])


def test_endless_padding_is_refused(
    tmp_path: Path, refusal: Callable[[Path], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "_MAX_TRAILING", 2**20)
    path = tmp_path / "pets.tar.gz"
    path.write_bytes(gzip.compress(pack(tmp_path / "pets.tar", GOOD).read_bytes() + bytes(2**22)))
    assert refusal(path) == f"The archive is damaged: {path}: much follows its end. Fetch it again."


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

    monkeypatch.setattr(source, "_write", full)
    assert refusal(path) == (
        f"The archive cannot be unpacked: No space left on device: {path}. "
        f"It goes to the cache folder; set the environment variable CATSDOGS_CACHE for another one."
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
    started = time.perf_counter()
    assert refusal(path) == (
        f"The archive is refused: {path} holds 1,000,000 entries with hardly anything in them. "
        "Unpack it yourself and use dataset=folder."
    )
    assert time.perf_counter() - started < 2


def test_a_zip_of_a_few_empty_entries_is_none_of_these(tmp_path: Path, cache: Path) -> None:
    assert len(content(unpacked(empty_entries(tmp_path / "pets.zip", 50)))) == 50


def test_a_table_of_contents_without_end_is_refused(
    tmp_path: Path, refusal: Callable[[Path], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "MAX_ENTRIES", 2)
    path = empty_entries(tmp_path / "pets.zip", 50)
    assert refusal(path) == (
        f"The archive is refused: {path} has a table of contents of 0 MiB. Unpack it yourself and use dataset=folder."
    )


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_many_empty_entries_are_refused_in_any_archive(
    tmp_path: Path, refusal: Callable[[Path], str], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "MANY_ENTRIES", 20)
    path = pack(tmp_path / f"pets.{kind}", [(f"cats/{number}.jpg", b"x") for number in range(30)])
    assert "20 entries with hardly anything in them." in refusal(path).replace("30 entries", "20 entries")


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
    assert message.startswith(("The archive is refused: ", "The archive is damaged: "))


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
        f"The archive is refused: {path}: the entry 'cats/1.jpg' is a link or device. Nothing was unpacked."
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
    assert refusal(path).startswith(f"The archive is refused: {path} unpacks to more than 0.2 GiB")


@pytest.mark.parametrize("name", ["cats/\n1.jpg", "cats/\x1b[2J.jpg", "c\rats/1.jpg", "cats/\x85.jpg", "cats/\x7f.jpg"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_control_characters_in_names_are_refused(
    tmp_path: Path, refusal: Callable[[Path], str], kind: str, name: str
) -> None:
    path = pack(tmp_path / f"pets.{kind}", [*GOOD, (name, b"x")])
    assert refusal(path) == (
        f"The archive is refused: {path}: the entry {name!r} has control characters in its name. Nothing was unpacked."
    )


def test_an_entry_without_a_name_is_refused(tmp_path: Path, refusal: Callable[[Path], str]) -> None:
    path = pack(tmp_path / "pets.zip", [("", b"x")])
    assert refusal(path) == (
        f"The archive is refused: {path}: the entry '' would land outside its folder. Nothing was unpacked."
    )
