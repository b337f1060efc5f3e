"""Windows and macOS simulated on Linux: what is missing there is removed, what fails there is made to fail."""

import ast
import os
import subprocess
import sys
import threading
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

import catsdogs_exp
from catsdogs_exp import platforms
from catsdogs_exp.__main__ import main
from catsdogs_exp.config.compose import config_of
from catsdogs_exp.data.sources import archive, unpacking
from catsdogs_exp.data.sources.registry import files_of
from catsdogs_exp.errors import BadInput, did_you_mean_path
from catsdogs_exp.platforms import SafeNames, as_meant, original_name, safe_name
from catsdogs_exp.record.folder.run_folder import write_yaml
from catsdogs_exp.training.checkpoint.snapshot_file import newest_snapshot, write_snapshot

PACKAGE = Path(catsdogs_exp.__file__).parent

# modules


def test_every_module_imports_without_what_windows_has_not() -> None:
    """Other packages know what to do; ours must not ask for it when they are imported."""
    code = """
import builtins, importlib, pkgutil
real = builtins.__import__
def without(name, globals=None, locals=None, fromlist=(), level=0):
    asking = (globals or {}).get("__name__", "")
    if asking.startswith("catsdogs_exp") and name.partition(".")[0] in ("resource", "fcntl", "pwd", "grp", "termios"):
        raise ModuleNotFoundError(f"No module named {name!r}, asked for by {asking}")
    return real(name, globals, locals, fromlist, level)
builtins.__import__ = without
import catsdogs_exp
for module in pkgutil.walk_packages(catsdogs_exp.__path__, "catsdogs_exp."):
    importlib.import_module(module.name)
from catsdogs_exp import platforms
print("all")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "all\n", done.stderr


def test_text_files_never_depend_on_the_systems_encoding() -> None:
    """It is cp1252 on Windows."""
    odd = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            keys = {keyword.arg for keyword in node.keywords}
            words = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            of_path = isinstance(node.func, ast.Name) or not node.args or (words and len(words[0]) <= 3)
            text = name in ("read_text", "write_text") or (
                name == "open" and of_path and not any("b" in w for w in words)
            )
            library = isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) in (
                "Image",
                "os",
                "archive",
            )
            if text and not library and "encoding" not in keys:
                odd.append(f"{path.relative_to(PACKAGE)}:{node.lineno}")
    assert odd == []


def test_peak_memory_without_the_module_that_measures_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert platforms.peak_memory() > 2**24
    monkeypatch.setitem(sys.modules, "resource", None)
    memory: Any = type("Memory", (), {"peak_wset": 12345})
    monkeypatch.setattr(psutil.Process, "memory_info", lambda self: memory)
    assert platforms.peak_memory() == 12345


# files


def in_use(error_code: int = 32) -> PermissionError:
    """What Windows raises for a file that somebody has open."""
    error = PermissionError(13, "The process cannot access the file because it is being used by another process")
    error.winerror = error_code  # type: ignore[attr-defined]
    return error


def failing(times: float, error: Callable[[], OSError], real: Callable[..., Any]) -> Callable[..., Any]:
    """`real`, once it has failed so many times."""
    calls = [0]

    def call(*args: Any, **kwargs: Any) -> Any:
        calls[0] += 1
        if calls[0] <= times:
            raise error()
        return real(*args, **kwargs)

    return call


def test_a_file_that_is_open_elsewhere_is_replaced_when_it_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "config.yaml"
    target.write_text("old", encoding="utf-8")
    monkeypatch.setattr(Path, "replace", failing(3, in_use, Path.replace))
    write_yaml(target, {"new": 1})
    assert target.read_text(encoding="utf-8") == "new: 1\n" and list(tmp_path.iterdir()) == [target]
    target.write_text("old", encoding="utf-8")
    monkeypatch.setattr(Path, "unlink", failing(3, lambda: in_use(5), Path.unlink))
    platforms.remove(target)
    assert not target.exists()


def test_a_file_that_stays_open_is_an_error_and_keeps_its_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platforms, "_PATIENCE", 0.1)
    source, target = tmp_path / "new", tmp_path / "old"
    source.touch()
    target.write_text("old", encoding="utf-8")
    monkeypatch.setattr(Path, "replace", failing(float("inf"), in_use, Path.replace))
    with pytest.raises(PermissionError, match="used by another process"):
        platforms.replace(source, target)
    assert target.read_text(encoding="utf-8") == "old"


def test_a_lack_of_rights_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    monkeypatch.setattr(Path, "replace", failing(9, lambda: PermissionError(13, "Permission denied"), Path.replace))
    with pytest.raises(PermissionError):
        platforms.replace(tmp_path / "a", tmp_path / "b")
    assert waits == []


@pytest.mark.parametrize("fails", ["open", "fsync"])
def test_folders_that_cannot_be_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    """Windows opens none; some network file systems sync none. The snapshot is written all the same."""
    real = getattr(os, fails)

    def refused(what: Any, *args: Any, **kwargs: Any) -> Any:
        if Path(f"/proc/self/fd/{what}" if isinstance(what, int) else what).is_dir():
            raise PermissionError(13, "Permission denied")
        return real(what, *args, **kwargs)

    monkeypatch.setattr(os, fails, refused)
    before = len(list(Path("/proc/self/fd").iterdir()))
    write_snapshot(tmp_path / "last", 7, {"weight": np.ones(3)}, {"epoch": 1})
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    monkeypatch.undo()
    snapshot = newest_snapshot(tmp_path / "last", print)
    assert snapshot is not None and snapshot.state == {"epoch": 1}


# names

ODD = [
    "what?", "a:b", 'say "x"', "a|b", "a<b>", "back\\slash", "sla/sh", "star*", "dot.", "space ", "...", ".hidden",
    "con", "CON.jpg", "aux", "Nul.tar.gz", "com1", "LPT9.x", "com¹", "conin$", "con .txt", "100%", "%41", "tab\t", "ä?",
    "日本:語",
]  # fmt: skip
PLAIN = [
    "cat",
    "Katze",
    "mäuschen",
    "日本",
    "a b",
    "x.tar.gz",
    "console",
    "com",
    "com10",
    "auxiliary",
    "a-b_c (1)",
    "'x'",
]
_RESERVED = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"} | {
    f"{n}{d}" for n in ("COM", "LPT") for d in "0123456789¹²³"
}


def windows_takes(name: str) -> bool:
    """By Microsoft's page on naming files, written anew: not the rules of the code under test."""
    if not name or name[-1] in ". " or any(ord(letter) < 32 or letter in '<>:"/\\|?*' for letter in name):
        return False
    return name.split(".", maxsplit=1)[0].rstrip(" ").upper() not in _RESERVED


@pytest.mark.parametrize("name", ODD)
def test_names_that_windows_forbids_are_made_safe_and_mapped_back(name: str) -> None:
    safe = safe_name(name)
    assert safe != name and windows_takes(safe) and not safe.startswith(".")
    assert original_name(safe) == name


@pytest.mark.parametrize("name", PLAIN)
def test_names_that_are_safe_stay_as_they_are(name: str) -> None:
    assert windows_takes(name) and safe_name(name) == name == original_name(name)


_NAMES = st.one_of(
    st.text(min_size=1, max_size=12),
    st.text("aA.: %5cConx", min_size=1, max_size=6),
    st.sampled_from(ODD + PLAIN),
)


@given(_NAMES)
def test_any_name_is_made_safe_and_mapped_back(name: str) -> None:
    assert windows_takes(safe_name(name)) and original_name(safe_name(name)) == name


@given(st.lists(_NAMES, max_size=8), st.sampled_from(["cat", "äb", "con", "a.b"]))
def test_names_in_one_folder_stay_different_where_case_is_ignored(others: list[str], name: str) -> None:
    names = [*others, name, name.upper(), name.title(), unicodedata.normalize("NFD", name), *others]
    folder = SafeNames()
    safe = {each: folder.of(each) for each in names}
    assert all(folder.of(each) == safe[each] and original_name(safe[each]) == each for each in names)
    alike = {unicodedata.normalize("NFC", each).casefold() for each in safe.values()}
    assert len(alike) == len(safe) and all(map(windows_takes, safe.values()))


def packed(path: Path, names: list[str], photo: Callable[..., Any]) -> Path:
    """A zip with a photo under each name."""
    picture = path.with_name("picture.jpg")
    with zipfile.ZipFile(path, "w") as opened:
        for seed, name in enumerate(names):
            photo(picture, seed=seed)
            opened.writestr(name, picture.read_bytes())
    return path


@pytest.mark.parametrize("restricted", [True, False])
def test_an_archive_with_such_names_has_the_same_classes_everywhere(
    tmp_path: Path, cache: Path, save_photo: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, restricted: bool
) -> None:
    names = ["what?/1.jpg", "what?/x:y.jpg", "con/aux.jpg", "con/2.jpg", "50%/1.jpg", "50%/2.jpg", "end./1.jpg"]
    path = packed(tmp_path / "pets.zip", [*names, "end./2.jpg"], save_photo)
    for module in (archive, unpacking):
        monkeypatch.setattr(module, "restricts_names", lambda folder: restricted)
    listing = files_of(config_of(["dataset=archive", f"dataset.path={path}"]).dataset)
    assert listing.classes == ("50%", "con", "end.", "what?")
    labels = [listing.classes[label] for label in listing.labels]
    assert sorted(labels) == ["50%", "50%", "con", "con", "end.", "end.", "what?", "what?"]
    for part in {part for each in listing.paths for part in each.split("/")}:
        assert windows_takes(part) or not restricted
    assert all((listing.root / each).is_file() for each in listing.paths)


def test_a_class_of_such_an_archive_is_chosen_by_its_own_name(
    tmp_path: Path, cache: Path, save_photo: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = packed(tmp_path / "pets.zip", ["what?/1.jpg", "con/1.jpg", "cat/1.jpg"], save_photo)
    for module in (archive, unpacking):
        monkeypatch.setattr(module, "restricts_names", lambda folder: True)
    words = ["dataset=archive", f"dataset.path={path}", "dataset.classes=['what?', con]"]
    assert files_of(config_of(words).dataset).classes == ("con", "what?")


# links


def test_several_folders_go_together_where_links_cannot_be_made(
    tmp_path: Path, cache: Path, photo_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = photo_folder({"cats": 2, "dogs": 3}, name="deep/first")
    second = photo_folder({"cats": 4, "birds": 2}, name="second")
    words = ["dataset=folder", f"dataset.path=[{first},{second}]"]
    linked = files_of(config_of(words).dataset)

    def refused(self: Path, target: Path, target_is_directory: bool = False) -> None:
        raise OSError(22, "A required privilege is not held by the client", str(target))

    monkeypatch.setattr(Path, "symlink_to", refused)
    monkeypatch.setenv("CATSDOGS_CACHE", str(tmp_path / "other cache"))
    placed = files_of(config_of(words).dataset)
    assert placed.root == tmp_path and placed.paths.tolist()[0] == "deep/first/cats/cat.0.jpg"
    assert placed.classes == linked.classes == ("birds", "cats", "dogs")

    def content(listing: Any) -> list[tuple[bytes, str]]:
        files = zip(listing.paths.tolist(), listing.labels.tolist(), strict=True)
        return sorted(((listing.root / path).read_bytes(), listing.classes[label]) for path, label in files)

    assert content(placed) == content(linked) and len(content(placed)) == 11


def test_folders_on_two_drives_where_links_cannot_be_made(
    cache: Path, photo_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = photo_folder(name="first"), photo_folder(name="second")

    def refused(*args: Any, **kwargs: Any) -> None:
        raise OSError(22, "A required privilege is not held by the client", str(first))

    def other_drives(paths: list[Path]) -> str:
        raise ValueError("Paths don't have the same drive")

    monkeypatch.setattr(Path, "symlink_to", refused)
    monkeypatch.setattr(os.path, "commonpath", other_drives)
    with pytest.raises(BadInput) as caught:
        files_of(config_of(["dataset=folder", f"dataset.path=[{first},{second}]"]).dataset)
    assert str(caught.value) == (
        "Several folders are combined through links, which cannot be created here: A required privilege is not "
        f"held by the client. Put them on one drive, or into one folder. Received: {first}, {second}"
    )


# consoles


def command(*words: str, encoding: str) -> "subprocess.CompletedProcess[bytes]":
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "catsdogs_exp", *words], capture_output=True, check=False, env=environment
    )


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_names_that_the_console_cannot_print(
    photo_folder: Callable[..., Path], cache: Path, tmp_path: Path, encoding: str
) -> None:
    folder = photo_folder({"mäuschen": 3, "日本": 3}, name="fotos ß→")
    (folder / "日本" / os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"no image")
    done = command("inspect", str(folder), encoding=encoding)
    assert done.returncode == 0 and b"Traceback" not in done.stderr, done.stderr
    shown = "日本".encode(encoding, errors="backslashreplace")
    assert shown in done.stdout and "mäuschen".encode(encoding, errors="backslashreplace") in done.stdout
    wrong = command(f"dataset.path={folder}", "dataset=folder", "model=日本", encoding=encoding)
    assert wrong.returncode == 2 and wrong.stderr.startswith(b"error: ") and shown in wrong.stderr
    assert wrong.stderr.count(b"\n") == 1
    assert command("--help", encoding=encoding).returncode == 0


@pytest.mark.slow
def test_a_run_on_such_names_on_a_cp1252_console(
    photo_folder: Callable[..., Path], cache: Path, tmp_path: Path
) -> None:
    folder = photo_folder({"mäuschen": 8, "日本": 8, "what?": 8}, name="fotos →", size=(40, 40))
    words = ["dataset=folder", f"dataset.path={folder}", "epochs=1", "depth=1", "target_size=16", "model.dense=4"]
    done = command(*words, f"output_dir={tmp_path / 'out →'}", encoding="cp1252")
    assert done.returncode == 0 and b"Traceback" not in done.stderr, done.stderr.decode("cp1252")
    assert rb"8 \u65e5\u672c" in done.stderr.replace(b"6 \\u", b"8 \\u")
    (run,) = (tmp_path / "out →" / "folder").iterdir()
    drawn = [path.name for path in (run / "activations").rglob("*") if path.is_file()]
    assert drawn and all(map(windows_takes, drawn))
    for command_line in (
        ["compare", str(run.parent)],
        ["predict", str(run), str(folder / "日本")],
        ["evaluate", str(run)],
    ):
        answer = command(*command_line, encoding="cp1252")
        assert answer.returncode == 0 and b"Traceback" not in answer.stderr, answer.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priorities of their own elsewhere")
def test_a_thread_that_stands_back_does_not_slow_the_others() -> None:
    found: list[int] = []

    def work() -> None:
        platforms.stand_back()
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [19]
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before


def test_a_name_that_begins_with_a_tilde_need_not_be_a_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert platforms.expanded("~/photos") == tmp_path / "photos"
    assert platforms.expanded("~0/photos") == Path("~0/photos")
    for words in (["inspect", "~0"], ["dataset.path=~0", "--dry-run"], ["report", "~0"], ["predict", "~0", "~1"]):
        assert main(words) == 2, words
        assert "~0" in capsys.readouterr().err.splitlines()[-1]
    package = Path(platforms.__file__).parent
    users = {path.name for path in package.rglob("*.py") if "expanduser" in path.read_text()}
    assert users == {"platforms.py", "cache_folder.py"}  # the latter says that there is no home


@pytest.mark.parametrize(
    "text",
    [
        "$PHOTOS/my cats",
        "${PHOTOS}/my cats",
        "'my cats'",
        '"my cats"',
        "\u201cmy cats\u201d",
        " my cats",
        "my cats ",
        "my cats\r",
        "my\\ cats",
        "'my\\ cats'",
        ".\\my cats",
        "file://{here}/my%20cats",
        "My Cats",
        "my  cats",
        "{here}/MY CATS",
    ],
)
def test_a_path_that_was_probably_meant(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my cats").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PHOTOS", str(tmp_path))
    text = text.replace("{here}", tmp_path.as_posix())
    meant = as_meant(text)
    assert meant is not None and Path(meant).samefile(tmp_path / "my cats")
    assert did_you_mean_path(text) == f". Did you mean {meant}?"


@pytest.mark.parametrize("text", ["", " ", "''", "cats", "my cats/none", "\0", "x" * 5000, "$NOTHING/x"])
def test_a_path_that_means_nothing(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my cats").mkdir()
    monkeypatch.chdir(tmp_path)
    assert did_you_mean_path(text) == ""


def test_an_address_is_no_path() -> None:
    """A path loses the second of two slashes."""
    for text in ("https://example.com/cats.zip", Path("https://example.com/cats.zip"), "s3://bucket/cats"):
        assert did_you_mean_path(text) == ". This is an address: download the file, and name it"
