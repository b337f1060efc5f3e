"""`demo`: starting it, its URL and token, a used port, Ctrl-C."""

import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from catsdogs_exp.__main__ import main
from catsdogs_exp.inference.demo import address
from catsdogs_exp.inference.demo.address import Address, bind

ROOT = Path(__file__).resolve().parents[2]


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "uvicorn" else find(name))
    assert main(["demo", "x"]) == 2
    assert capsys.readouterr().err == (
        "error: demo needs uvicorn, not installed. Install the extra: pip install 'catsdogs-exp[demo]'\n"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "RUN must be a run folder. There is none at: nowhere"),
        (["x", "--port", "70000"], "--port must be 0 (any free one) to 65535. Received: --port 70000"),
        (["x", "--port", "x"], "--port must be a whole number. Received: --port x"),
        (["x", "--host="], "--host must be an address of this machine: --host 0.0.0.0. Received an empty one"),
        (["a", "b", "c"], "demo does not take: c. Received: a b c."),
    ],
    ids=str,
)
def test_mistakes_are_answered_in_a_line(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["demo", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


@pytest.mark.parametrize("host", ["a" * 70, "a..b", ".", "http://localhost", "127.0.0.1:80", "256.1.1.1"])
def test_a_host_that_is_no_name(trained: Path, host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", str(trained), "--host", host]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: --host {host} cannot be served: ")
    assert line.endswith("such as 0.0.0.0; the port is an option of its own: --port")


def test_a_host_that_is_not_here(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", str(trained), "--host", "192.0.2.1"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: --host 192.0.2.1 cannot be served: ")


def test_a_port_in_use_is_reported_with_the_next_free_one(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["demo", str(trained), "--port", str(port)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    found = re.fullmatch(
        rf"error: --port must be free. Received: --port {port}, which is in use. The next free one: --port (\d+)", line
    )
    assert found and int(found[1]) > port


def test_without_a_wish_the_next_free_port_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(address, "PORT", port)
        bound = bind(Address())
    with bound.socket:
        assert bound.socket.getsockname()[1] > port
        assert bound.urls == (f"http://127.0.0.1:{bound.socket.getsockname()[1]}/",)
        assert bound.socket.getsockname()[0] == "127.0.0.1"


def test_a_host_gets_a_token_in_a_part_of_the_url_that_is_never_sent() -> None:
    bounds = [bind(Address(host, 0)) for host in ("127.0.0.1", "127.0.0.1", "0.0.0.0")]
    for bound in bounds:
        bound.socket.close()
    tokens = [re.fullmatch(r"http://[\w.-]+:\d+/#token=([\w-]{32,})", bound.urls[0]) for bound in bounds]
    assert len({found[1] for found in tokens if found}) == 3
    assert [bound.access.token for bound in bounds] == [found[1] for found in tokens if found]
    assert not bounds[2].urls[0].startswith(("http://0.0.0.0", "http://127."))


def test_it_serves_and_ctrl_c_ends_it(trained: Path, tmp_path: Path, save_photo: Any) -> None:
    command = [sys.executable, "-m", "catsdogs_exp", "demo", str(trained), "--port=0"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        assert started.stdout is not None
        line = started.stdout.readline()
        found = re.fullmatch(rf"(http://127\.0\.0\.1:\d+)/ shows {trained.name}\. Stop: Ctrl-C\n", line)
        assert found, line + started.communicate(timeout=200)[1]
        with urllib.request.urlopen(f"{found[1]}/healthz", timeout=60) as answer:
            assert answer.read() == b'{"status": "ok"}'
        check_documented_curl(found[1], save_photo(tmp_path / "cat.jpg"))
        started.send_signal(signal.SIGINT)
        out, err = started.communicate(timeout=200)
        assert (started.returncode, out, err) == (0, "", "")
    finally:
        if started.poll() is None:
            started.kill()
            started.communicate()


def check_documented_curl(url: str, image: Path) -> None:
    """Runs the lines with curl of docs/demo.md as they stand there, against this server."""
    page = (ROOT / "docs" / "demo.md").read_text(encoding="utf-8")
    lines = [line.split("  #")[0].strip() for line in page.splitlines() if line.startswith("curl ")]
    assert len(lines) >= 3
    if shutil.which("curl") is None:
        return
    for line in lines:
        assert "http://127.0.0.1:8420" in line
        typed = line.replace("http://127.0.0.1:8420", url)
        done = subprocess.run(typed, shell=True, cwd=image.parent, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert '"error"' not in done.stdout and done.stdout.startswith("{"), f"{line}: {done.stdout}"
