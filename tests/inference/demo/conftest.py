"""Demos served in a thread: one run with an atlas, two runs, and one with small limits."""

import http.client
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from catsdogs_exp.inference.demo.address import Address, bind
from catsdogs_exp.inference.demo.app import Demo
from catsdogs_exp.inference.demo.limits import Limits

SMALL = Limits(
    body_bytes=100_000, bodies_bytes=250_000, pixels=300_000, body_seconds=1.0, request_seconds=2.0, connections=300
)


@dataclass(frozen=True)
class Served:
    """A demo that is being served."""

    port: int
    token: str | None
    demo: Demo
    server: Any

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def ask(self, path: str, body: Any = None, method: str = "", **headers: str) -> tuple[int, Any, Any]:
        """Status, content (of JSON, as an object) and headers; a body makes it a POST."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            headers = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method or ("GET" if body is None else "POST"), path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            if answer.headers["content-type"] == "application/json":
                content = json.loads(content)
            return answer.status, content, answer.headers
        finally:
            connection.close()


@contextmanager
def serving(demo: Demo, host: str | None = None) -> Iterator[Served]:
    from catsdogs_exp.inference.demo.server import make_server

    ready = threading.Event()
    bound = bind(Address(host, 0))
    server = make_server(demo, bound, ready.set)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound.socket]})
    thread.start()
    try:
        assert ready.wait(60)
        yield Served(bound.socket.getsockname()[1], bound.access.token, demo, server)
    finally:
        server.should_exit = True
        thread.join(60)
        bound.socket.close()
    assert not thread.is_alive()


@pytest.fixture(scope="session")
def runs(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two copies of a run; the first has an atlas."""
    from catsdogs_exp.__main__ import main

    folder = tmp_path_factory.mktemp("runs")
    copies = [Path(shutil.copytree(trained, folder / name)) for name in ("with-atlas", "without")]
    assert main(["atlas", str(copies[0]), "--images", "12", "--seconds", "0"]) == 0
    return copies


@pytest.fixture(scope="session")
def networks(runs: list[Path]) -> Any:
    from catsdogs_exp.inference.demo.networks import networks_of
    from catsdogs_exp.record.folder.run_files import RunFiles

    return networks_of([RunFiles(run) for run in runs])


@pytest.fixture(scope="session")
def examples(runs: list[Path]) -> Any:
    from catsdogs_exp.inference.demo.examples import examples_of
    from catsdogs_exp.record.folder.run_files import RunFiles

    return examples_of(RunFiles(runs[0]))


@pytest.fixture(scope="session")
def one(networks: Any, examples: Any) -> Iterator[Served]:
    """A demo of one run."""
    with serving(Demo(networks[:1], examples)) as served:
        yield served


@pytest.fixture(scope="session")
def two(networks: Any, examples: Any) -> Iterator[Served]:
    """A demo of two runs."""
    with serving(Demo(networks, examples)) as served:
        yield served


@pytest.fixture(scope="session")
def small(networks: Any) -> Iterator[Served]:
    """A demo with small limits."""
    with serving(Demo(networks[:1], limits=SMALL)) as served:
        yield served


@pytest.fixture(scope="session")
def locked(networks: Any, examples: Any) -> Iterator[Served]:
    """A demo that asks for a token."""
    with serving(Demo(networks[:1], examples), host="127.0.0.1") as served:
        yield served


@pytest.fixture(scope="session")
def drawn_cat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of a cat that the program draws."""
    from catsdogs_exp.data.drawing import draw

    path = tmp_path_factory.mktemp("drawn") / "cat.png"
    draw(0, 3, 0).save(path)
    return path


@pytest.fixture(scope="session")
def serve() -> Callable[..., Any]:
    return serving
