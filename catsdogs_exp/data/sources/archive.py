"""The source `archive`: a zip or tar of a folder of images, unpacked once into the cache folder.

The archive may be hostile: only plain files and folders are taken out of it, each name is checked to stay
inside, and the totals are bounded before anything is written.
"""

import hashlib
import lzma
import stat
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from catsdogs_exp.compat import zip_table
from catsdogs_exp.config.schema.datasets import ArchiveDataset, several
from catsdogs_exp.data.cache_folder import cache_folder, made_once
from catsdogs_exp.data.progress import ReportProgress
from catsdogs_exp.errors import BadInput

MAX_ENTRIES = 2_000_000
MAX_BYTES = 200 * 2**30
MAX_RATIO = 200  # unpacked to packed, of the whole archive: pictures hardly compress
MANY_ENTRIES = 10_000  # from here on entries have to hold something:
MIN_MEAN_BYTES = 32  # on average; the smallest picture has 35
_CHUNK = 2**20
_MAX_TRAILING = 64 * 2**20  # tar pads its end

# name inside, bytes, and the library's own record of it
_Entry = tuple[str, int, Any]
# such a record -> a stream of its bytes
_Opener = Callable[[Any], AbstractContextManager[IO[bytes]]]


def archives(dataset: ArchiveDataset) -> list[Path]:
    """Returns the archives `dataset.path`, which are there.

    Raises:
        BadInput: when one is missing or a folder.
    """
    return [archive_file(path) for path in several(dataset.path) or ("",)]


def archive_file(path: str, key: str = "dataset.path") -> Path:
    """Returns an archive's full path.

    Args:
        path: as the user wrote it.
        key: the setting that it comes from, for messages.

    Raises:
        BadInput: when there is none, or a folder in its place.
    """
    found = Path(path).expanduser()
    if not found.exists():
        raise BadInput(f"{key} must be an archive of images. There is none at: {found}")
    if found.is_dir():
        raise BadInput(
            f"{key} must be a zip or tar file. Received a folder: {found}. Use dataset=folder dataset.path={found}"
        )
    return found.resolve()


def unpacked(path: Path, progress: ReportProgress | None = None) -> Path:
    """Returns the folder with the unpacked images of an archive.

    Raises:
        BadInput: when the file is no zip or tar, is damaged or encrypted, or would write outside.
    """
    status = path.stat()
    identity = f"{path}\n{status.st_size}\n{status.st_mtime_ns}"
    name = f"{path.name.split('.')[0][:40]}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"
    target = cache_folder("archives") / name
    with made_once(target) as scratch:
        if scratch is not None:
            _unpack(path, scratch, progress)
    return target


def _unpack(path: Path, scratch: Path, progress: ReportProgress | None) -> None:
    try:
        if zipfile.is_zipfile(path):
            _check_table(path)
            with zipfile.ZipFile(path) as opened:
                _write(path, _zip_entries(path, opened), opened.open, scratch, progress)
        elif tarfile.is_tarfile(path):
            with tarfile.open(path) as tar:
                _write(path, _tar_entries(path, tar), _tar_opener(tar), scratch, progress)
        else:
            raise BadInput(f"An archive of images must be a zip or tar file. Received something else: {path}")
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, ValueError) as error:
        raise BadInput(f"The archive is damaged: {path}: {error}. Fetch it again.") from error
    except (NotImplementedError, RuntimeError) as error:  # zipfile: unknown compression, encrypted
        raise BadInput(f"The archive cannot be read: {path}: {error}") from error
    except OSError as error:
        if error.errno is None:  # gzip and bz2 speak of damage
            raise BadInput(f"The archive is damaged: {path}: {error}. Fetch it again.") from error
        raise BadInput(
            f"The archive cannot be unpacked: {error.strerror}: {path}. It goes to the cache folder; "
            "set the environment variable CATSDOGS_CACHE for another one."
        ) from error


def _check_table(path: Path) -> None:
    """Looks at the size of a zip's table of contents before zipfile reads it: a million entries take a gigabyte."""
    with path.open("rb") as handle:
        end = zip_table(handle)
    if end is None:
        raise zipfile.BadZipFile("its end is missing")
    entries, table = end  # zipfile goes by the bytes, not by the number of entries
    most = table // 46  # bytes of an entry without its name
    if most > MAX_ENTRIES * 4:  # names are longer than that
        raise BadInput(_too_much(path, f"has a table of contents of {table / 2**20:,.0f} MiB"))
    # Before each file stands its name once more, so what is left is about the content.
    content = path.stat().st_size - 2 * table + 16 * entries
    if entries > MANY_ENTRIES and content < MIN_MEAN_BYTES * entries:
        raise BadInput(_too_much(path, f"holds {entries:,} entries with hardly anything in them"))


def _zip_entries(path: Path, opened: zipfile.ZipFile) -> Iterator[_Entry]:
    for info in opened.infolist():
        if info.filename.endswith("/"):  # is_dir trips over an empty name
            continue
        if info.flag_bits & 1:
            raise BadInput(f"The archive is encrypted: {path}. Unpack it yourself and use dataset=folder.")
        mode = info.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise BadInput(_hostile(path, info.filename, "is a link or device"))
        yield info.filename, info.file_size, info


def _tar_entries(path: Path, tar: tarfile.TarFile) -> Iterator[_Entry]:
    for member in tar:
        if member.isdir():
            continue
        if not member.isreg():
            raise BadInput(_hostile(path, member.name, "is a link or device"))
        yield member.name, member.size, member
    _check_end(tar)


def _check_end(tar: tarfile.TarFile) -> None:
    """Reads on to the end of the file: tarfile takes a damaged entry for the end, and checksums stand there."""
    stream = tar.fileobj
    assert stream is not None
    stream.seek(tar.offset)  # where the next entry would be
    block = stream.read(tarfile.BLOCKSIZE)
    if block.strip(b"\0"):
        raise tarfile.ReadError("an entry cannot be read")
    trailing = 0
    while chunk := stream.read(_CHUNK):
        trailing += len(chunk)
        if trailing > _MAX_TRAILING:
            raise tarfile.ReadError("much follows its end")


def _tar_opener(tar: tarfile.TarFile) -> _Opener:
    @contextmanager
    def open_member(member: tarfile.TarInfo) -> Iterator[IO[bytes]]:
        handle = tar.extractfile(member)
        assert handle is not None
        with handle:
            yield handle

    return open_member


def _write(
    path: Path, entries: Iterator[_Entry], opener: _Opener, scratch: Path, progress: ReportProgress | None
) -> None:
    """Checks every entry first, then writes; so a hostile archive leaves nothing behind."""
    checked: list[tuple[Path, int, Any]] = []
    taken: set[str] = set()
    folders: set[str] = set()
    total = 0
    limit = min(MAX_BYTES, MAX_RATIO * max(path.stat().st_size, 2**20))
    for name, size, entry in entries:
        inside = _inside(path, name)
        key = str(inside).casefold()
        if key in taken:
            raise BadInput(_hostile(path, name, "occurs twice, perhaps in another case"))
        above = {str(parent).casefold() for parent in inside.parents}
        if key in folders or not above.isdisjoint(taken):
            raise BadInput(_hostile(path, name, "takes the place of another"))
        taken.add(key)
        folders |= above
        total += size
        if len(taken) > MAX_ENTRIES or total > limit:
            raise BadInput(_too_much(path, f"unpacks to more than {limit / 2**30:.1f} GiB or {MAX_ENTRIES:,} files"))
        if len(taken) > MANY_ENTRIES and total < MIN_MEAN_BYTES * len(taken):
            raise BadInput(_too_much(path, f"holds more than {MANY_ENTRIES:,} entries with hardly anything in them"))
        checked.append((scratch / inside, size, entry))
    if progress:
        progress("unpacking", 0, len(checked))
    for done, (target, size, entry) in enumerate(checked, 1):
        target.parent.mkdir(parents=True, exist_ok=True)
        with opener(entry) as source, target.open("xb") as sink:
            left = size
            while chunk := source.read(min(_CHUNK, left + 1)):
                left -= len(chunk)
                if left < 0:
                    raise BadInput(_hostile(path, str(target.name), "is larger than the archive says"))
                sink.write(chunk)
        if progress and (done % 100 == 0 or done == len(checked)):
            progress("unpacking", done, len(checked))


def _inside(path: Path, name: str) -> PurePosixPath:
    """The entry's path, once it is sure to stay inside the folder."""
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise BadInput(_hostile(path, name, "has a name that is not UTF-8")) from error
    inside = PurePosixPath(name.replace("\\", "/"))
    if any(unicodedata.category(letter) == "Cc" for letter in name.replace("\0", "")):
        raise BadInput(_hostile(path, name, "has control characters in its name"))
    bad = inside.is_absolute() or ".." in inside.parts or not inside.parts or "\0" in name
    if bad or ":" in inside.parts[0] or max(len(part.encode()) for part in inside.parts) > 255:
        raise BadInput(_hostile(path, name, "would land outside its folder"))
    return inside


def _hostile(path: Path, name: str, why: str) -> str:
    return f"The archive is refused: {path}: the entry {name[:120]!r} {why}. Nothing was unpacked."


def _too_much(path: Path, why: str) -> str:
    return f"The archive is refused: {path} {why}. Unpack it yourself and use dataset=folder."
