"""Files and folders that systems and programs leave among images: never used as data, always reported."""

from collections import Counter

from catsdogs_exp.data.sources.wording import shown, some
from catsdogs_exp.natural_sort import natural_key

_NAMES = frozenset(
    name.casefold()
    for name in (
        # macOS
        "__MACOSX", "Icon\r", "Network Trash Folder", "Temporary Items", "TheVolumeSettingsFolder",
        # Windows
        "Thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "$RECYCLE.BIN", "System Volume Information",
        "RECYCLER", "Thumbs.db:encryptable", "FOUND.000",
        # Linux and Android
        "lost+found", "LOST.DIR",
        # network storage: Synology, QNAP
        "@eaDir", "@tmp", "#recycle", "#snapshot", "@Recycle", "@Recently-Snapshot", "SYNO@.fileindexdb",
        "@__thumb",
        # programs
        "__pycache__", "node_modules", "venv", "_vti_cnf", "_gsdata_", "Picasa.ini",
        "ZbThumbnail.info", "pspbrwse.jbf", "WS_FTP.LOG",
    )
)  # fmt: skip


def is_clutter(name: str) -> bool:
    """Returns whether a file or folder is hidden (`.git`, `._cat.jpg`) or was left behind by a system or program."""
    return name.startswith(".") or name.casefold() in _NAMES


_MOST = 8  # maximum names per line


class Clutter:
    """Counts what was skipped."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, name: str, folder: bool = False) -> None:
        """Counts one entry."""
        self._counts["._*" if name.startswith("._") else f"{name}/" if folder else name] += 1

    def note(self) -> tuple[str, ...]:
        """`3 hidden files or system files: .DS_Store (2), @eaDir/`, or nothing."""
        if not self._counts:
            return ()
        named = [
            f"{shown(name)} ({count})" if count > 1 else shown(name)
            for name, count in sorted(self._counts.items(), key=_folders_first)
        ]
        return (f"{self._counts.total()} hidden or left behind by a system or program: {some(named, _MOST)}",)


def _folders_first(counted: tuple[str, int]) -> tuple[bool, int, object]:
    name, count = counted
    return not name.endswith("/"), -count, natural_key(name)
