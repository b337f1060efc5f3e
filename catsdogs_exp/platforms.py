"""Differences between Linux, macOS and Windows, in one place. `docs/systems.md` says which of them were tested."""

import os
import re
import sys
import threading
import time
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote

WINDOWS = os.name == "nt"

# On Windows, a file that another program has open cannot be replaced or removed: virus scanners and indexers hold new
# files for a moment, a reader of `result.json` while it reads.
_PATIENCE = 2.0  # seconds
_IN_USE = (5, 32)  # ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION


def peak_memory() -> int:
    """Returns the peak memory of this process so far, in bytes."""
    try:
        import resource  # noqa: PLC0415  (there is none on Windows)
    except ModuleNotFoundError:
        import psutil  # noqa: PLC0415

        memory: Any = psutil.Process().memory_info()  # its fields depend on the system
        return int(memory.peak_wset)
    unit = 1 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def expanded(path: str | Path) -> Path:
    """Returns a path with the home folder for `~`, or `~name`; that of a user who does not exist stays, as in a
    shell.
    """
    return Path(os.path.expanduser(path))  # noqa: PTH111  (that of Path raises an error for such a name)


def as_meant(path: str | Path) -> str | None:
    """Returns what exists and was probably meant by a path that does not exist, such as `/home/ann/photos` for
    `$HOME/photos`, `photos` for `'photos'` or `Photos`; None if nothing does.
    """
    texts = [str(path)]
    for change in _CHANGES:
        texts += [change(text) for text in texts]
    for text in dict.fromkeys(texts[1:]):
        if text.strip() and text != texts[0] and _lies_there(expanded(text)):
            return text
    folder, name = os.path.split(os.path.normpath(expanded(path)))
    try:
        alike = [each for each in Path(folder).iterdir() if _plain(each.name) == _plain(name)]
    except (OSError, ValueError):
        return None
    return str(alike[0]) if alike else None


_PAIRS = ("''", '""', "``", "\u201c\u201d", "\u2018\u2019", "\u00ab\u00bb")
_CHANGES: tuple[Callable[[str], str], ...] = (
    str.strip,
    lambda text: text[1:-1] if text[:1] + text[-1:] in _PAIRS else text,
    os.path.expandvars,  # `$HOME` in single quotes
    lambda text: re.sub(r"^file:/+(?:localhost/)?", "/", text),
    unquote,  # `%20`
    lambda text: re.sub(r"\\(.)", r"\1", text),  # a backslash before a space, in quotes
    lambda text: text.replace("\\", "/"),
)


def _lies_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _plain(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def is_folder(path: str | Path) -> bool:
    """Returns whether there is a folder; False for names that are too long, and where no permission to look exists."""
    return os.path.isdir(path)  # noqa: PTH112  (that of Path raises an error for them)


def is_file(path: str | Path) -> bool:
    """Returns whether there is a file; False for names that are too long, and where no permission to look exists."""
    return os.path.isfile(path)  # noqa: PTH113  (likewise)


def stand_back() -> None:
    """Lets this thread run only while the others leave a core idle, where the system has priorities of threads."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)


def sync_file(path: Path) -> None:
    """Waits until the file's content is on disk."""
    with path.open("r+b") as handle:  # Windows only syncs writable files
        os.fsync(handle.fileno())


def sync_folder(folder: Path) -> None:
    """Makes a rename in the folder survive a power failure, where folders can be synced."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows cannot open folders
        return
    try:
        os.fsync(handle)
    except OSError:  # some network file systems cannot sync
        pass
    finally:
        os.close(handle)


def replace(source: Path, target: Path) -> None:
    """Renames a file or folder; an existing file is replaced atomically, so that readers see the old or the new one.

    Raises:
        OSError: on Windows, if another program keeps the old file open for more than two seconds.
    """
    _patiently(lambda: source.replace(target))


def remove(path: Path) -> None:
    """Removes a file, if it exists.

    Raises:
        OSError: on Windows, if another program keeps it open for more than two seconds.
    """
    _patiently(lambda: path.unlink(missing_ok=True))


def _patiently(action: Callable[[], object]) -> None:
    end = time.monotonic() + _PATIENCE
    wait = 0.01
    while True:
        try:
            action()
            return
        except PermissionError as error:
            if getattr(error, "winerror", None) not in _IN_USE or time.monotonic() + wait > end:
                raise
        time.sleep(wait)
        wait *= 2


# Names of files and folders

_FORBIDDEN = re.compile(r'[<>:"/\\|?*%\x00-\x1f\x7f]|^\.|[. ]$')  # % starts an escape
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(\.|$)", re.IGNORECASE)
_ESCAPED = re.compile(r"(?:%[0-9A-F]{2})+")


def safe_name(name: str) -> str:
    """Converts a name to a valid file name on every system: `what?` becomes `what%3F`, `con` becomes `%63on`.

    `original_name` restores it. Safe names are unchanged, except for `%`.
    """
    safe = _FORBIDDEN.sub(lambda found: _escaped(found[0]), name)
    return _escaped(safe[0]) + safe[1:] if _RESERVED.match(safe) else safe


def original_name(safe: str) -> str:
    """Restores the name before `safe_name` or `SafeNames`."""

    def plain(found: re.Match[str]) -> str:
        return bytes.fromhex(found[0].replace("%", "")).decode("utf-8", errors="surrogateescape")

    return _ESCAPED.sub(plain, safe)


class SafeNames:
    """Safe names within one folder, even if the disk cannot distinguish `a` from `A`, or two forms of `ä`."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}  # name -> safe name
        self._taken: set[str] = set()

    def of(self, name: str) -> str:
        """Returns the safe name for a name: always the same one, and different from every other name's."""
        if name not in self._names:
            safe = safe_name(name)
            for count in range(1, len(name) + 1):
                if _likeness(safe) not in self._taken:
                    break
                # These characters cannot start a name.
                safe = _escaped(name[:count]) + safe_name(f"x{name[count:]}")[1:]
            self._taken.add(_likeness(safe))
            self._names[name] = safe
        return self._names[name]


def restricts_names(folder: Path) -> bool:
    """Returns whether names in the folder must be made safe: on Windows, and on case-insensitive disks, as on macOS."""
    return WINDOWS or folder.with_name(folder.name.swapcase()).exists()


def _escaped(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", errors="surrogateescape"))


def _likeness(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
