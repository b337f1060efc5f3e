"""`board`: TensorBoard on the right folder with the right flags."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from catsdogs_exp.__main__ import main
from catsdogs_exp.record.board_view import link_runs, pictures_per_series, shown_runs

URL = re.compile(r"(http://127\.0\.0\.1:\d+/) shows (\d+) runs?\.")


def make_run(
    folder: Path, epochs: int = 3, finetune: int = 0, parts: tuple[str, ...] = ("train", "validation")
) -> Path:
    """A run folder as `board` looks at it."""
    for part in parts:
        (folder / "tensorboard" / part).mkdir(parents=True)
        (folder / "tensorboard" / part / "events.out.tfevents.1.x").write_bytes(b"")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "result.json").write_text(json.dumps({"status": "ok", "objective": {"epoch": 2}}))
    (folder / "config.yaml").write_text(f"epochs: {epochs}\ntraining:\n  finetune:\n    epochs: {finetune}\n")
    return folder


def links(view: Path) -> dict[str, Path]:
    return {path.relative_to(view).as_posix(): path.resolve() for path in view.rglob("*") if path.is_symlink()}


def test_a_run_is_shown_under_two_short_names(tmp_path: Path) -> None:
    run = make_run(tmp_path / "outputs" / "drawn" / "2026-11-25_23-52-18-ltxx")
    link_runs(shown_runs(tmp_path / "outputs"), tmp_path / "view")
    assert links(tmp_path / "view") == {
        f"11-25_23-52-ltxx/{part}": run / "tensorboard" / part for part in ("train", "validation")
    }


def test_jobs_of_sweeps_keep_their_names(tmp_path: Path) -> None:
    for sweep in ("2026-11-25_23-52-18-aaaa", "2026-11-25_23-59-18-bbbb"):
        for job in ("0-lr=0.1", "1-lr=0.01"):
            make_run(tmp_path / sweep / job)
    assert list(shown_runs(tmp_path / sweep).folders) == ["0-lr=0.1", "1-lr=0.01"]
    assert set(shown_runs(tmp_path).folders) == {
        f"{sweep}/{job}" for sweep in ("11-25_23-52-aaaa", "11-25_23-59-bbbb") for job in ("0-lr=0.1", "1-lr=0.01")
    }


def test_names_that_would_be_the_same_stay_whole(tmp_path: Path) -> None:
    names = {"2026-11-25_23-52-18-abcd", "2025-11-25_23-52-59-abcd"}
    for name in names:
        make_run(tmp_path / name)
    assert set(shown_runs(tmp_path).folders) == names


def test_a_run_is_listed_once_although_later_runs_change_the_short_names(tmp_path: Path) -> None:
    first = make_run(tmp_path / "drawn" / "2026-11-25_23-52-18-ltxx")
    link_runs(shown_runs(tmp_path), tmp_path / "view")
    second = make_run(tmp_path / "folder" / "2026-11-26_08-15-00-abcd")
    link_runs(shown_runs(tmp_path), tmp_path / "view")
    assert links(tmp_path / "view") == {
        **{f"11-25_23-52-ltxx/{part}": first / "tensorboard" / part for part in ("train", "validation")},
        **{f"folder/11-26_08-15-abcd/{part}": second / "tensorboard" / part for part in ("train", "validation")},
    }


def test_runs_of_older_versions_are_shown_as_they_are(tmp_path: Path) -> None:
    run = make_run(tmp_path / "old")
    (run / "tensorboard" / "events.out.tfevents.1.x").write_bytes(b"")
    link_runs(shown_runs(run), tmp_path / "view")
    assert links(tmp_path / "view") == {"old": run / "tensorboard"}


def test_runs_without_event_files_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(tmp_path / "seen")
    make_run(tmp_path / "silent", parts=())
    assert list(shown_runs(tmp_path).folders) == ["seen"]
    assert shown_runs(tmp_path).remarks == ["silent has no event files (logging.tensorboard=false?)"]
    assert main(["board", str(tmp_path / "silent")]) == 2
    assert "Train with logging.tensorboard=true" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["nowhere"],
            "PATH must be a run folder or a folder that contains runs. Received: nowhere (it does not exist)",
        ),
        (["."], "PATH must be a run folder or a folder that contains runs. Received: . (no runs)"),
        ([".", "--port", "x"], "--port must be a whole number from 0 (any free one) to 65535. Received: x"),
        ([".", "--port=70000"], "Received: 70000"),
        ([".", "--logdir", "x"], "board takes the folder first. Received: --logdir. Type: board PATH"),
        ([".", "--bind_all=true", "b"], "board takes one PATH, first. Received: . --bind_all=true b"),
    ],
    ids=str,
)
def test_mistakes_are_answered_in_a_line(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["board", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_all_pictures_of_a_series_are_kept(tmp_path: Path) -> None:
    make_run(tmp_path / "short", epochs=3)
    assert pictures_per_series(shown_runs(tmp_path)) == 10
    make_run(tmp_path / "long", epochs=40, finetune=5)
    assert pictures_per_series(shown_runs(tmp_path)) == 46
    make_run(tmp_path / "endless", epochs=10**6)
    assert pictures_per_series(shown_runs(tmp_path)) == 1000


@contextmanager
def board(path: Path, *flags: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """TensorBoard's URL, and the process of the command."""
    command = [sys.executable, "-m", "catsdogs_exp", "board", str(path), "--port=0", *flags]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        assert started.stdout is not None
        line = started.stdout.readline()
        found = URL.match(line)
        assert found, line + started.communicate(timeout=200)[1]
        yield found[1], started
    finally:
        if started.poll() is None:
            started.send_signal(signal.SIGINT)
        started.communicate(timeout=200)


def runs_at(url: str, count: int) -> list[str]:
    """The runs that TensorBoard lists, once there are so many."""
    deadline = time.monotonic() + 100
    while True:
        with urllib.request.urlopen(f"{url}data/runs", timeout=60) as answer:
            found = json.load(answer)
        if len(found) >= count or time.monotonic() > deadline:
            return sorted(found)
        time.sleep(0.2)


@pytest.mark.parametrize("flags", [[], ["--load_fast=false"]], ids=str)
@pytest.mark.slow  # TensorBoard takes seconds to start
def test_runs_are_listed_new_ones_come_and_ctrl_c_ends_it(tmp_path: Path, trained: Path, flags: list[str]) -> None:
    folder = tmp_path / "outputs"
    shutil.copytree(trained, folder / "a")
    with board(folder, "--reload_interval=1", *flags) as (url, process):
        assert runs_at(url, 2) == ["a/train", "a/validation"]
        shutil.copytree(trained, folder / "b")
        assert runs_at(url, 4) == ["a/train", "a/validation", "b/train", "b/validation"]
        with urllib.request.urlopen(f"{url}data/environment", timeout=60) as answer:
            environment = json.load(answer)
        assert environment["window_title"] == f"TensorBoard: {folder}"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=200)
        assert (process.returncode, out, err) == (0, "", "")
        with pytest.raises(OSError):
            urllib.request.urlopen(url, timeout=2)
    assert not list(Path(environment["data_location"]).parent.glob(Path(environment["data_location"]).name))
    assert (folder / "a" / "tensorboard" / "train").is_dir()  # links are gone, runs are not


@pytest.mark.slow
def test_unknown_flags_are_refused_by_tensorboard(trained: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["board", str(trained), "--nonsense=1"]) == 2
    said = capfd.readouterr()
    assert "unrecognized arguments: --nonsense=1" in said.out + said.err
    assert "TensorBoard ended with exit code 2; flags passed on: --nonsense=1" in said.err


@pytest.mark.slow
def test_the_page_lists_short_names_and_shows_pictures(tmp_path: Path, trained: Path, chromium: Any) -> None:
    shutil.copytree(trained, tmp_path / trained.name)
    short = re.sub(r"^\d+-(\d\d-\d\d_\d\d-\d\d)-\d\d", r"\1", trained.name)
    with board(tmp_path) as (url, _):
        runs_at(url, 2)
        chromium.get_log("browser")
        chromium.get(f"{url}#images")

        def there(script: str) -> Any:
            deadline = time.monotonic() + 100
            while time.monotonic() < deadline:
                if found := chromium.execute_script(_DEEP + script):
                    return found
                time.sleep(0.2)
            raise AssertionError(script)

        shown = "return all('img').filter(i => i.src.includes('plugin/images') && i.complete && i.naturalWidth).length"
        assert there(shown) >= 2
        names = "return all('*').map(e => e.textContent.trim()).filter(t => /^[^\\s]+\\/(train|validation)$/.test(t))"
        assert set(there(names)) == {f"{short}/train", f"{short}/validation"}
        said = [entry for entry in chromium.get_log("browser") if entry["level"] == "SEVERE"]
        assert said == []
        chromium.get("about:blank")


# Elements within shadow roots too, which TensorBoard's page is made of.
_DEEP = """
const all = (selector, root = document) => [
  ...root.querySelectorAll(selector),
  ...[...root.querySelectorAll('*')].filter(e => e.shadowRoot).flatMap(e => all(selector, e.shadowRoot))];
"""
