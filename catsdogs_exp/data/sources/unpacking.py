"""Extracts the files of a zip or tar archive, which may be malicious.

Only regular files are extracted, each name is checked to stay inside, and totals are bounded before anything is
written.
"""

import errno
import lzma
import re
import stat
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

from catsdogs_exp.compat import zip_table
from catsdogs_exp.data.progress import ReportProgress
from catsdogs_exp.data.sources.archive_kinds import METHODS, no_archive, one_of_parts
from catsdogs_exp.data.sources.name_encoding import guessed, mistaken
from catsdogs_exp.data.sources.wording import counted
from catsdogs_exp.errors import BadInput
from catsdogs_exp.platforms import SafeNames, restricts_names

MAX_ENTRIES = 2_000_000
MAX_BYTES = 200 * 2**30
MAX_RATIO = 200  # maximum ratio of unpacked to packed size, for the whole archive: images hardly compress
MANY_ENTRIES = 10_000  # above this number of entries, there is a minimum size:
MIN_MEAN_BYTES = 32  # average bytes per entry; the smallest image has 35
_CHUNK = 2**20
_MAX_TRAILING = 64 * 2**20  # tar's padding
_MARKED_UTF8 = 0x800  # flag of a zip entry
_DRIVE = re.compile(r"[A-Za-z]:(?!\s)")  # `C:x` and `C:\\x`, not the folder `a: cat`
_FOLDER_ICON = re.compile(r"(^|[/\\])Icon\r$")
_YOURSELF = "Unpack it yourself and use dataset=folder."

# name inside, bytes, and the library's own entry object
_Entry = tuple[str, int, Any]
# such an object -> a stream of its bytes
_Opener = Callable[[Any], AbstractContextManager[IO[bytes]]]


class Unusable(BadInput):
    """An archive that is damaged, rejected or unsupported: the archive's fault, not the disk's."""


@dataclass
class Unpacking:
    """The state of unpacking an archive and those inside it.

    Attributes:
        bytes_left: bytes that may still be written.
        entries_left: files that may still be written.
        progress: called with the current task, the number done, and the total.
        encoding: of names that are not UTF-8; None to guess it.
        notes: decisions and omissions, one line each.
    """

    bytes_left: int
    entries_left: int
    progress: ReportProgress | None
    encoding: str | None
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, path: Path, progress: ReportProgress | None, encoding: str | None) -> "Unpacking":
        """Creates the state with the limits for an archive and its contents."""
        allowed = min(MAX_BYTES, MAX_RATIO * max(path.stat().st_size, 2**20))
        return cls(allowed, MAX_ENTRIES, progress, encoding)


def unpack(path: Path, scratch: Path, unpacking: Unpacking) -> list[Path]:
    """Fills the folder `scratch`; returns the files.

    Raises:
        Unusable: if the file is not a zip or tar, is damaged or encrypted, or would write outside.
        BadInput: if it cannot be written.
    """
    try:
        if zipfile.is_zipfile(path):
            _check_table(path)
            with zipfile.ZipFile(path) as opened:
                return _write(path, _zip_entries(path, opened, unpacking), opened.open, scratch, unpacking)
        if tarfile.is_tarfile(path):
            with tarfile.open(path, errors="surrogateescape") as tar:
                return _write(path, _tar_entries(path, tar, unpacking), _tar_opener(tar), scratch, unpacking)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, ValueError) as error:
        damaged = f"The archive is damaged: {path}: {error}. Download it again."
        raise Unusable(one_of_parts(path) or damaged) from error
    except (NotImplementedError, RuntimeError) as error:  # zipfile: unknown compression, encrypted
        raise Unusable(f"The archive cannot be read: {path}: {error}. {_YOURSELF}") from error
    except OSError as error:
        # gzip and bz2 report damage without a number; zipfile seeks to places before the file's beginning
        if error.errno is None or (error.errno == errno.EINVAL and error.filename is None):
            damaged = f"The archive is damaged: {path}: {error.strerror or error}. Download it again."
            raise Unusable(one_of_parts(path) or damaged) from error
        raise BadInput(
            f"The archive cannot be unpacked: {error.strerror}: {path}. It is unpacked into the cache folder; "
            "set the environment variable CATSDOGS_CACHE to use another one."
        ) from error
    raise Unusable(no_archive(path))


def _check_table(path: Path) -> None:
    """Checks the size of a zip's table of contents before zipfile reads it: a million entries take a gigabyte."""
    with path.open("rb") as handle:
        end = zip_table(handle)
    if end is None:
        raise zipfile.BadZipFile("its end is missing")
    entries, table = end  # zipfile uses the size in bytes, not the number of entries
    most = table // 46  # bytes of an entry without its name
    if most > MAX_ENTRIES * 4:  # longer than any name
        raise Unusable(_too_much(path, f"has a table of contents of {table / 2**20:,.0f} MiB"))
    # Names are repeated before each file; the rest must be content.
    content = path.stat().st_size - 2 * table + 16 * entries
    if entries > MANY_ENTRIES and content < MIN_MEAN_BYTES * entries:
        raise Unusable(_too_much(path, f"contains {entries:,} nearly empty entries"))


def _zip_names(path: Path, opened: zipfile.ZipFile, unpacking: Unpacking) -> dict[str, str]:
    """Names as `zipfile` decodes them -> as they were meant.

    For names that are not marked as UTF-8, and for marked ones that were garbled earlier.
    """
    raw: dict[str, bytes] = {}
    marked: dict[str, bytes] = {}
    for info in opened.infolist():
        if not info.filename.isascii():
            try:
                data = info.filename.encode("cp437")
            except UnicodeEncodeError:  # never decoded as cp437; or an extra field has it in Unicode
                continue
            (marked if info.flag_bits & _MARKED_UTF8 else raw)[info.filename] = data
    if marked and (unpacking.encoding is not None or mistaken(_parts(marked))):
        raw |= marked
    return _decoded(path, raw, "cp437", unpacking)


def _zip_entries(path: Path, opened: zipfile.ZipFile, unpacking: Unpacking) -> Iterator[_Entry]:
    names = _zip_names(path, opened, unpacking)
    for info in opened.infolist():
        if info.filename.endswith("/"):  # is_dir fails on an empty name
            continue
        if info.filename.endswith("\\") and not info.file_size:  # a folder, as some programs on Windows write it
            continue
        if info.flag_bits & 1:
            raise Unusable(f"The archive is encrypted: {path}. {_YOURSELF}")
        if info.compress_type in METHODS:
            raise Unusable(
                f"The archive is compressed with {METHODS[info.compress_type]}, which is not supported: {path}. Unpack "
                f"it with 7-Zip (7z x {path.name} -oFOLDER), and use dataset=folder dataset.path=FOLDER"
            )
        mode = info.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise Unusable(_hostile(path, info.filename, "is a link or device"))
        yield names.get(info.filename, info.filename), info.file_size, info


def _tar_entries(path: Path, tar: tarfile.TarFile, unpacking: Unpacking) -> Iterator[_Entry]:
    odd = []
    for member in tar:
        if member.isdir():
            continue
        if not member.isreg():
            raise Unusable(_hostile(path, member.name, "is a link or device"))
        if _is_utf8(member.name):
            yield member.name, member.size, member
        else:
            odd.append(member)
    if not _check_end(tar):
        unpacking.notes.append(
            f"{path.name} has no end mark: if a download or copy of it did not finish, files are missing"
        )
    names = {member.name: member.name.encode("utf-8", "surrogateescape") for member in odd}
    meant = _decoded(path, names, "cp1252", unpacking)
    yield from ((meant[member.name], member.size, member) for member in odd)


def _is_utf8(name: str) -> bool:
    return not any("\udc80" <= letter <= "\udcff" for letter in name)


def _decoded(path: Path, raw: dict[str, bytes], usual: str, unpacking: Unpacking) -> dict[str, str]:
    """Decodes names with the requested or the most likely encoding."""
    if not raw:
        return {}
    encoding = unpacking.encoding
    if encoding is None:
        guess = guessed(_parts(raw), usual)
        encoding = guess.encoding
        if encoding != "utf-8":
            unpacking.notes.append(guess.note(path.name))
    try:
        return {name: data.decode(encoding) for name, data in raw.items()}
    except UnicodeDecodeError as error:
        raise Unusable(
            f"The names in {path} are not in the encoding {encoding}: {error.reason}. Received: "
            f"dataset.encoding={encoding}. Leave it out to guess it"
        ) from error


def _parts(raw: dict[str, bytes]) -> list[bytes]:
    """The distinct names in paths that are not plain ASCII."""
    return list({part: None for path in raw.values() for part in path.split(b"/") if not part.isascii()})


def _check_end(tar: tarfile.TarFile) -> bool:
    """Reads to the end of the file: tarfile mistakes a damaged entry for the end, and checksums are there.

    Returns:
        Whether there is an end mark, a block of zeros: a file cut between two entries has none.
    """
    stream = tar.fileobj
    assert stream is not None
    stream.seek(tar.offset)  # where the next entry would start
    block = stream.read(tarfile.BLOCKSIZE)
    if block.strip(b"\0"):
        raise tarfile.ReadError("an entry cannot be read")
    trailing = 0
    while chunk := stream.read(_CHUNK):
        trailing += len(chunk)
        if trailing > _MAX_TRAILING:
            raise tarfile.ReadError("there is too much data after its end")
    return bool(block)


def _tar_opener(tar: tarfile.TarFile) -> _Opener:
    @contextmanager
    def open_member(member: tarfile.TarInfo) -> Iterator[IO[bytes]]:
        handle = tar.extractfile(member)
        assert handle is not None
        with handle:
            yield handle

    return open_member


class _Checked(NamedTuple):
    """An entry that may be extracted: where to, its size in bytes, and the archive's object for it."""

    target: Path
    size: int
    entry: Any


def _write(path: Path, entries: Iterator[_Entry], opener: _Opener, scratch: Path, unpacking: Unpacking) -> list[Path]:
    """Checks every entry before writing, so a malicious archive leaves nothing behind."""
    checked = _checked(path, entries, scratch, unpacking)
    progress = unpacking.progress
    if progress:
        progress("unpacking", 0, len(checked))
    for done, each in enumerate(checked, 1):
        each.target.parent.mkdir(parents=True, exist_ok=True)
        with opener(each.entry) as source, each.target.open("xb") as sink:
            left = each.size
            while chunk := source.read(min(_CHUNK, left + 1)):
                left -= len(chunk)
                if left < 0:
                    raise Unusable(_hostile(path, each.target.name, "is larger than the archive says"))
                sink.write(chunk)
        if progress and (done % 100 == 0 or done == len(checked)):
            progress("unpacking", done, len(checked))
    return [each.target for each in checked]


def _checked(path: Path, entries: Iterator[_Entry], scratch: Path, unpacking: Unpacking) -> list[_Checked]:
    """Checks names and totals of all entries; of several with the same place, the last one counts."""
    checked: dict[str, _Checked] = {}
    folders: set[str] = set()
    total, seen, twice, icons = 0, 0, 0, 0
    placed = _Places().of if restricts_names(scratch) else PurePosixPath
    for name, size, entry in entries:
        if _FOLDER_ICON.search(name):  # a folder's icon on macOS, which is empty here
            icons += 1
            continue
        inside = placed(_inside(path, name))
        key = str(inside)
        twice += key in checked
        above = {str(parent) for parent in inside.parents}
        if key in folders or not above.isdisjoint(checked):
            raise Unusable(_hostile(path, name, "takes the place of another"))
        folders |= above
        total += size
        seen += 1
        if seen > unpacking.entries_left or total > unpacking.bytes_left:
            limits = f"{unpacking.bytes_left / 2**30:.1f} GiB or {unpacking.entries_left:,} files"
            raise Unusable(_too_much(path, f"unpacks to more than {limits}"))
        if seen > MANY_ENTRIES and total < MIN_MEAN_BYTES * seen:
            raise Unusable(_too_much(path, f"contains more than {MANY_ENTRIES:,} nearly empty entries"))
        checked[key] = _Checked(scratch / inside, size, entry)
    if twice:
        unpacking.notes.append(f"{counted(twice, 'file')} stored more than once in {path.name}: the last is used")
    if icons:
        unpacking.notes.append(
            f"{counted(icons, 'file')} called Icon\\r in {path.name} left out: folder icons of macOS"
        )
    unpacking.bytes_left -= total
    unpacking.entries_left -= seen
    return list(checked.values())


class _Places:
    """Assigns safe names to entries on a file system that rejects some names, or treats some as equal."""

    def __init__(self) -> None:
        self._folders: dict[PurePosixPath, SafeNames] = {}

    def of(self, inside: PurePosixPath) -> PurePosixPath:
        """The destination of an entry, by its path in the archive."""
        place = PurePosixPath()
        for part in inside.parts:
            place /= self._folders.setdefault(place, SafeNames()).of(part)
        return place


def _inside(path: Path, name: str) -> PurePosixPath:
    """The entry's path, verified to stay inside the folder."""
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise Unusable(_hostile(path, name, "has a name that is not UTF-8")) from error
    inside = PurePosixPath(name.replace("\\", "/"))
    if any(unicodedata.category(letter) == "Cc" for letter in name.replace("\0", "")):
        raise Unusable(_hostile(path, name, "has control characters in its name"))
    bad = inside.is_absolute() or ".." in inside.parts or not inside.parts or "\0" in name
    if bad or _DRIVE.match(inside.parts[0]):
        raise Unusable(_hostile(path, name, "would be extracted outside its folder"))
    if max(len(part.encode()) for part in inside.parts) > 255:
        raise Unusable(_hostile(path, name, "has a name of more than 255 bytes"))
    return inside


def _hostile(path: Path, name: str, why: str) -> str:
    return f"The archive is rejected: {path}: the entry {name[:120]!r} {why}. Nothing was unpacked. {_YOURSELF}"


def _too_much(path: Path, why: str) -> str:
    return f"The archive is rejected: {path} {why}. {_YOURSELF}"
