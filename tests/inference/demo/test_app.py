"""The HTTP interface: what it answers, what it refuses, and what it withstands."""

import concurrent.futures
import http.client
import io
import json
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from catsdogs_exp.inference.demo.app import Demo
from catsdogs_exp.inference.demo.examples import examples_of
from catsdogs_exp.record.folder.run_files import RunFiles


def png(width: int, height: int, pixels: bytes = b"") -> bytes:
    """A PNG whose header says this size, whatever its pixels are."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", pixels or zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


def predicted(run: Path, *files: Path) -> list[dict[str, Any]]:
    """What the command `predict` says of some files."""
    from catsdogs_exp.inference.predictor import Predictor

    predictor = Predictor(RunFiles(run))
    names = predictor.card.classes
    return [
        dict(zip(names, map(float, each.probabilities), strict=True))
        for each in predictor.predict(files)
        if each.probabilities is not None
    ]


def test_an_image_gets_the_same_answer_as_on_the_command_line(
    two: Any, runs: list[Path], drawn_cat: Path, save_photo: Callable[..., Path], tmp_path: Path
) -> None:
    photo = save_photo(tmp_path / "photo.jpg", (300, 200))
    for file in (drawn_cat, photo):
        status, answer, _ = two.ask("/predict", file.read_bytes())
        with Image.open(file) as image:
            assert (status, answer["image"]) == (200, {"width": image.width, "height": image.height})
        found = answer["predictions"]
        assert [each["run"] for each in found] == ["with-atlas", "without"]
        for run, each in zip(runs, found, strict=True):
            (expected,) = predicted(run, file)
            assert each["probabilities"] == pytest.approx(expected, abs=1e-6)
            assert each["probability"] == max(each["probabilities"].values())
            assert each["probabilities"][each["class"]] == each["probability"]


def test_a_crop_gets_the_answer_of_the_cropped_file(
    one: Any, runs: list[Path], drawn_cat: Path, tmp_path: Path
) -> None:
    with Image.open(drawn_cat) as image:
        image.convert("RGB").crop((10, 20, 100, 70)).save(tmp_path / "crop.png")
    (expected,) = predicted(runs[0], tmp_path / "crop.png")
    _, sent, _ = one.ask("/predict?crop=10,20,90,50", drawn_cat.read_bytes())
    _, kept, _ = one.ask("/images", drawn_cat.read_bytes())
    _, again, _ = one.ask(f"/images/{kept['id']}/predict?crop=10,20,90,50")
    for found in (sent, again):
        assert found["predictions"][0]["probabilities"] == pytest.approx(expected, abs=1e-6)
    whole = f"0,0,{kept['width']},{kept['height']}"
    _, found, _ = one.ask(f"/images/{kept['id']}/predict?crop={whole}")
    assert found["predictions"] == kept["predictions"]


@pytest.mark.parametrize(
    "crop", ["1", "a,b,c,d", "0,0,0,5", "-1,0,5,5", "0,0,99999,5", "1,1,1e3,2", "0,0,5,5,5", "٣,0,5,5", "%00"]
)
def test_crops_outside_the_image_are_refused(one: Any, drawn_cat: Path, crop: str) -> None:
    from urllib.parse import quote

    status, answer, _ = one.ask(f"/predict?crop={quote(crop)}", drawn_cat.read_bytes())
    assert status == 400
    with Image.open(drawn_cat) as image:
        size = f"{image.width} x {image.height}"
    assert answer["error"].startswith(
        f"crop must be left,top,width,height in whole pixels within the image of {size}. Received: crop="
    )


HOSTILE = {
    "text": (b"hello", "not an image"),
    "markup": (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "unsupported format: SVG"),
    "program": (b"\x7fELF" + bytes(500), "not an image"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\n", "pointer of Git LFS"),
    "cut": (png(40, 30)[:60], "truncated"),
    "damaged": (png(40, 30, b"\xff" * 50), "undecodable"),
    "heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200), "unsupported format: HEIC"),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("path", ["/predict", "/images"])
def test_hostile_files_are_refused_with_the_reason(one: Any, name: str, path: str) -> None:
    data, reason = HOSTILE[name]
    status, answer, _ = one.ask(path, data)
    assert status == 415
    assert answer["error"].startswith("The file cannot be read: ") and reason in answer["error"]
    assert one.ask("/healthz")[:2] == (200, {"status": "ok"})


def test_a_decompression_bomb_is_refused_by_its_header(one: Any) -> None:
    status, answer, _ = one.ask("/predict", png(8000, 7000))
    assert (status, answer) == (
        413,
        {"error": "The image is too large: at most 50 megapixels are accepted. It has 8000 x 7000."},
    )
    assert one.ask("/predict", png(100_000, 100_000))[0] == 413


def test_requests_without_an_image_or_for_nothing_are_refused(one: Any) -> None:
    assert one.ask("/predict", b"")[1]["error"].startswith("The request has no body.")
    status, answer, headers = one.ask("/predict")
    assert (status, headers["allow"]) == (405, "POST")
    assert answer == {"error": "Method Not Allowed. /predict takes POST. Received: GET"}
    assert one.ask("/../../etc/passwd")[:2] == (404, {"error": "Not Found."})
    assert one.ask("/page.js%00")[0] == 404
    assert one.ask("/images/guess/predict")[:2] == (
        404,
        {"error": "The image is no longer in memory. Choose it again."},
    )
    for number in ("99", "-1", "x", "9" * 5000):
        status, answer, _ = one.ask(f"/examples/{number}", b"")
        assert (status, answer["error"]) == (
            404,
            f"There are {len(one.demo.examples)} examples. Received: {number[:60]}",
        )


@pytest.mark.parametrize(
    ("kind", "what"), [("multipart/form-data; boundary=x", "a form"), ("Application/JSON", "JSON")], ids=str
)
def test_a_form_is_refused_with_what_to_send(one: Any, drawn_cat: Path, kind: str, what: str) -> None:
    status, answer, _ = one.ask("/predict", b"--x\r\n\r\n" + drawn_cat.read_bytes(), content_type=kind)
    assert status == 415
    assert answer["error"] == (
        f"The body must be the bytes of an image. Received: {what}. Send: curl --data-binary @FILE URL"
    )


def test_a_parameter_that_does_not_exist_is_not_passed_over(one: Any, drawn_cat: Path) -> None:
    status, answer, _ = one.ask("/predict?corp=0,0,5,5&top=2", drawn_cat.read_bytes())
    assert (status, answer["error"]) == (400, "/predict takes crop=left,top,width,height. Received: corp, top")


def raw(port: int, data: bytes, seconds: float = 60.0) -> bytes:
    """What comes back for some bytes until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        connection.sendall(data)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_a_huge_upload_is_refused_before_it_is_sent(small: Any) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n"
    answer = raw(small.port, head)  # too late, it would be 408
    assert answer.startswith(b"HTTP/1.1 413 ") and b"At most 0.1 MB are accepted." in answer


def test_an_endless_upload_is_refused_on_its_way(small: Any) -> None:
    sent = 0
    with socket.create_connection(("127.0.0.1", small.port), timeout=60) as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        part = b"2710\r\n" + bytes(10_000) + b"\r\n"
        with pytest.raises(OSError):  # at the latest when the buffers of the system are full
            for _ in range(5000):
                connection.sendall(part)
                sent += 10_000
    assert sent < 20_000_000


def test_a_file_somewhat_too_large_gets_an_answer(one: Any) -> None:
    for size in (20_000_001, 39_000_000):
        assert one.ask("/predict", bytes(size))[:2] == (
            413,
            {"error": "The file is too large. At most 20 MB are accepted."},
        )


def test_a_slow_upload_is_refused(small: Any) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\nabc"
    answer = raw(small.port, head)
    assert answer.startswith(b"HTTP/1.1 408 ") and b"The upload took longer than 1 seconds." in answer


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: local"], ids=["nothing", "half a head"])
def test_a_client_that_does_not_finish_its_request_is_disconnected(small: Any, sent: bytes) -> None:
    started = time.monotonic()
    assert raw(small.port, sent) == b""
    assert 1.5 < time.monotonic() - started < 30


def test_a_client_that_does_not_read_is_disconnected(small: Any, drawn_cat: Path) -> None:
    asked = b"GET /page.css HTTP/1.1\r\nHost: localhost\r\n\r\n" * 200_000
    with socket.create_connection(("127.0.0.1", small.port), timeout=60) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        connection.settimeout(0.5)
        with pytest.raises(OSError):  # a time-out while the server waits, a reset at its deadline
            connection.sendall(asked)
        deadline = time.monotonic() + 60
        while small.server.server_state.connections and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not small.server.server_state.connections


def test_damaged_requests_get_an_answer_or_the_door(small: Any) -> None:
    for data in (b"\0\xff\n\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00"):
        assert raw(small.port, data).startswith(b"HTTP/1.1 400 ")
    assert small.ask("/healthz")[0] == 200


def test_two_hundred_connections_at_once_leave_the_page_responsive(
    networks: Any, serve: Callable[..., Any], drawn_cat: Path
) -> None:
    data = drawn_cat.read_bytes()
    threads = threading.active_count()
    with serve(Demo(networks[:1])) as served:
        _, kept, _ = served.ask("/images", data)
        idle = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(50)]
        for connection in idle[:25]:
            connection.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n\r\nslow")
        over = threading.Event()
        waits: list[float] = []

        def drag() -> None:
            connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
            while not over.is_set():
                started = time.monotonic()
                connection.request("GET", f"/images/{kept['id']}/predict?crop=0,0,50,{len(waits) % 40 + 10}")
                answer = connection.getresponse()
                content = json.loads(answer.read())
                assert answer.status == 200 and len(content["predictions"]) == 1
                waits.append(time.monotonic() - started)
            connection.close()

        with concurrent.futures.ThreadPoolExecutor(160) as pool:
            user = pool.submit(drag)
            crowd = [pool.submit(served.ask, "/predict", data) for _ in range(150)]
            assert [each.result()[0] for each in crowd] == [200] * 150
            over.set()
            user.result()
        assert len(waits) >= 5 and max(waits) < 10  # one behind the crowd would have waited for all of it
        for connection in idle:
            connection.close()
        deadline = time.monotonic() + 60
        state = served.server.server_state
        while (state.connections or state.tasks) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert (len(state.connections), len(state.tasks)) == (0, 0)
    while threading.active_count() > threads and time.monotonic() < deadline:
        time.sleep(0.05)
    assert threading.active_count() <= threads


def test_too_many_uploads_at_the_same_time_are_refused(small: Any) -> None:
    """Together they may have 250,000 bytes, and each of these waits with 90,000."""
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99000\r\n\r\n"
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: raw(small.port, head + bytes(90_000)), range(4)))
    kinds = sorted(answer.split()[1] for answer in answers)
    assert kinds.count(b"503") >= 1 and set(kinds) == {b"408", b"503"}
    assert small.ask("/predict", png(30, 20))[0] == 415  # their memory is free again


def test_kept_images_are_forgotten_when_there_is_no_room(
    networks: Any, serve: Callable[..., Any], save_photo: Callable[..., Path], tmp_path: Path
) -> None:
    from catsdogs_exp.inference.demo.limits import Limits

    data = save_photo(tmp_path / "a.jpg", (200, 100)).read_bytes()  # 60,000 bytes of pixels
    with serve(Demo(networks[:1], limits=Limits(kept_bytes=150_000))) as served:
        names = [served.ask("/images", data)[1]["id"] for _ in range(3)]
        found = [served.ask(f"/images/{name}/predict")[0] for name in names]
        assert found == [404, 200, 200]
        assert served.ask(f"/images/{names[2]}", method="DELETE")[0] == 204
        assert served.ask(f"/images/{names[2]}/predict")[0] == 404


def test_kept_images_are_forgotten_after_a_while(
    networks: Any, serve: Callable[..., Any], drawn_cat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from catsdogs_exp.inference.demo import app, kept_images

    passed, swept, drop_old = 0.0, threading.Event(), kept_images.KeptImages.drop_old

    def dropping(self: Any) -> None:
        drop_old(self)
        swept.set()

    def ask_after(seconds: float) -> int:
        nonlocal passed
        passed += seconds
        for _ in range(2):  # the first may have begun before
            swept.clear()
            assert swept.wait(60)
        return int(served.ask(f"/images/{kept['id']}/predict")[0])

    monkeypatch.setattr(app, "_SWEEP", 0.05)
    monkeypatch.setattr(kept_images.KeptImages, "drop_old", dropping)
    monkeypatch.setattr(kept_images, "time", SimpleNamespace(monotonic=lambda: passed))
    with serve(Demo(networks[:1])) as served:
        _, kept, _ = served.ask("/images", drawn_cat.read_bytes())
        limit = served.demo.limits.kept_seconds
        assert ask_after(limit - 1) == 200
        assert ask_after(limit - 1) == 200  # since it was used
        assert ask_after(limit + 1) == 404


def picture(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def test_views_show_the_evidence_and_the_activations(one: Any, drawn_cat: Path) -> None:
    _, about, _ = one.ask("/about")
    (network,) = about["networks"]
    assert network["explains"] and network["atlas"] and network["classes"] == ["cats", "dogs"]
    layers = network["layers"]
    assert [layer["name"] for layer in layers] == ["block1_conv", "block1_pool", "block2_conv", "block2_pool"]
    _, kept, _ = one.ask("/images", drawn_cat.read_bytes())
    image = f"/images/{kept['id']}"
    shown = picture(one.ask(f"{image}/picture")[1])
    assert shown.format == "JPEG" and shown.size == (kept["width"], kept["height"])
    plain, cats, dogs = (one.ask(f"{image}/view{query}")[1] for query in ("", "?class=0", "?class=1"))
    assert len({plain, cats, dogs}) == 3
    for number, layer in enumerate(layers):
        sheet = picture(one.ask(f"{image}/layer?layer={number}")[1])
        assert sheet.size == (16 * layer["width"], -(-layer["channels"] // 16) * layer["height"])
    channel = picture(one.ask(f"{image}/layer?layer=0&channel=3")[1]).convert("RGB")
    sheet = picture(one.ask(f"{image}/layer?layer=0")[1]).convert("RGB")
    side = layers[0]["width"]
    assert np.array_equal(np.asarray(channel), np.asarray(sheet)[:side, 3 * side : 4 * side])
    for query, message in (
        ("view?class=2", "class must be 0..1. Received: class=2"),
        ("view?class=x", "class must be a whole number. Received: class=x"),
        ("view?run=1", "run must be 0..0. Received: run=1"),
        ("layer?layer=4", "layer must be one of 4 layers, from 0. Received: layer=4"),
        ("layer?layer=0&channel=999", "channel must be 0..15. Received: channel=999"),
        ("layer", "layer must be a whole number. Received: layer="),
    ):
        assert one.ask(f"{image}/{query}")[:2] == (400, {"error": message})


def test_a_channel_has_its_entry_of_the_atlas(two: Any, runs: list[Path]) -> None:
    import csv

    with (runs[0] / "atlas" / "channels.csv").open(encoding="utf-8") as handle:
        row = next(row for row in csv.DictReader(handle) if row["layer"] == "block2_conv" and row["dead"] == "0")
    found = two.ask(f"/atlas?layer=block2_conv&channel={row['channel']}")[1]
    assert found["entry"]["use"] == pytest.approx(float(row["use"]), abs=1e-6)
    assert {name for name, _ in found["entry"]["lost"]} <= {"cats", "dogs"}
    shown = [two.ask(f"/atlas?layer=block1_conv&channel={channel}")[1]["entry"] for channel in range(16)]
    assert any(each["patches"] and each["patches"].startswith("data:image/jpeg;base64,") for each in shown)
    assert two.ask("/atlas?layer=none&channel=0")[1] == {"atlas": True, "entry": None}
    assert two.ask("/atlas?run=1&layer=block2_conv&channel=0")[1] == {"atlas": False, "entry": None}


def test_examples_are_validation_images(one: Any, runs: list[Path]) -> None:
    from catsdogs_exp.record.folder.run_files import split_files

    labels = one.ask("/about")[1]["examples"]
    assert len(labels) >= 4 and set(labels) == {"cats", "dogs"}
    assert abs(labels.count("cats") - labels.count("dogs")) <= 2
    files = [path for path, _ in split_files(RunFiles(runs[0]), "validation")]
    assert all(each.path in files for each in one.demo.examples)
    assert picture(one.ask("/examples/0/thumbnail")[1]).size == (112, 112)
    _, kept, _ = one.ask("/examples/0", b"")
    (expected,) = predicted(runs[0], one.demo.examples[0].path)
    assert kept["predictions"][0]["probabilities"] == pytest.approx(expected, abs=1e-6)


def test_a_manifest_from_elsewhere_shows_no_other_files(
    runs: list[Path], tmp_path: Path, save_photo: Callable[..., Path]
) -> None:
    run = tmp_path / "run"
    (run / "data").mkdir(parents=True)
    secret = save_photo(tmp_path / "secret.png")
    save_photo(run / "data" / "cats" / "cat.png")
    (run / "inspection.json").write_text(json.dumps({"root": str(run / "data")}))
    paths = ["cats/cat.png", "../../secret.png", str(secret), "cats/../../../secret.png"]
    rows = "".join(f"{path},cats,validation\n" for path in paths)
    (run / "manifest.csv").write_text(f"path,class,split\n{rows}")
    assert [each.path for each in examples_of(RunFiles(run))] == [run / "data" / "cats" / "cat.png"]
    (run / "inspection.json").write_text(json.dumps({"root": str(tmp_path / "gone")}))
    assert examples_of(RunFiles(run)) == ()


def test_names_may_hold_any_bytes(networks: Any, serve: Callable[..., Any], drawn_cat: Path) -> None:
    import copy

    odd = copy.copy(networks[0])
    odd.classes = ("\udcff<b>", "__proto__")
    with serve(Demo([odd])) as served:
        (found,) = served.ask("/predict", drawn_cat.read_bytes())[1]["predictions"]
        assert set(found["probabilities"]) == {"\udcff<b>", "__proto__"}
        assert served.ask("/about")[1]["networks"][0]["labels"] == ["\\udcff<b>", "__proto__"]


def test_a_diverged_network_is_reported(
    networks: Any, serve: Callable[..., Any], drawn_cat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = networks[0]._predictor
    monkeypatch.setattr(predictor, "probabilities", lambda images: np.full((len(images), 2), np.nan, np.float32))
    with serve(Demo(networks[:1])) as served:
        status, answer, _ = served.ask("/predict", drawn_cat.read_bytes())
    assert status == 200
    assert answer["predictions"] == [
        {"run": "with-atlas", "error": "the network returns NaN: its training has diverged"}
    ]


def test_a_failure_of_ours_is_told_on_the_terminal(
    networks: Any,
    serve: Callable[..., Any],
    drawn_cat: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(_: Any) -> None:
        raise RuntimeError("out of /secret/memory")

    monkeypatch.setattr(networks[0]._predictor, "probabilities", fail)
    with serve(Demo(networks[:1])) as served:
        assert served.ask("/predict", drawn_cat.read_bytes())[:2] == (
            500,
            {"error": "The demo has failed. The reason is on its terminal."},
        )
        assert served.ask("/healthz")[0] == 200
    assert "a request has failed: RuntimeError: out of /secret/memory" in caplog.messages


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        *(("localhost", True), ("127.0.0.1:9", True), ("[::1]:80", True), ("LOCALHOST", True)),
        *(("evil.example", False), ("localhost.evil.example", False), ("127.0.0.1.nip.io", False)),
        *(("192.168.1.5", False), ("", False), ("[", False), ("user@evil.example", False)),
    ],
)
def test_a_name_that_was_made_to_point_here_is_refused(one: Any, host: str, allowed: bool) -> None:
    status, answer, _ = one.ask("/about", Host=host)
    assert status == (200 if allowed else 421)
    if not allowed:
        assert answer["error"].startswith("This server does not answer to the host name ")


def test_other_pages_cannot_ask(one: Any, drawn_cat: Path) -> None:
    data = drawn_cat.read_bytes()
    foreign: tuple[dict[str, str], ...] = (
        {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"}, {"Origin": f"http://127.0.0.1:{one.port + 1}"}, {"Origin": "http://["},
    )  # fmt: skip
    for headers in foreign:
        assert one.ask("/predict", data, **headers)[:2] == (403, {"error": "Requests from other pages are refused."})
    own = {"Origin": f"http://127.0.0.1:{one.port}", "Sec_Fetch_Site": "same-origin"}
    assert one.ask("/predict", data, **own)[0] == 200
    assert one.ask("/", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate")[0] == 200  # a link to the page


def test_beyond_this_machine_the_token_is_needed(locked: Any, drawn_cat: Path) -> None:
    data = drawn_cat.read_bytes()
    assert len(locked.token) >= 32
    for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": locked.token}, {"Authorization": "\xff"}):
        status, answer, said = locked.ask("/predict", data, **headers)
        assert (status, said["www-authenticate"]) == (401, "Bearer")
        assert answer == {"error": "The token is missing or wrong. It is printed where the demo was started."}
    for path in ("/about", "/examples/0/thumbnail", "/images/x/picture", "/nothing"):
        assert locked.ask(path)[0] == 401
    assert locked.ask("/predict", data, Authorization=f"Bearer {locked.token}")[0] == 200
    assert locked.ask("/healthz")[0] == locked.ask("/")[0] == locked.ask("/page.js")[0] == 200
    assert locked.ask("/healthz", Host="192.168.1.5")[0] == 200
    assert locked.ask("/healthz", Host="evil.example")[0] == 421


def test_every_answer_forbids_what_the_page_does_not_need(one: Any) -> None:
    for path in ("/", "/page.js", "/about", "/nothing", "/examples/0/thumbnail"):
        headers = one.ask(path)[2]
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; ")
        assert "unsafe" not in headers["content-security-policy"]
        assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["server"] is None


def test_nothing_is_written(one: Any, drawn_cat: Path, runs: list[Path], capfd: pytest.CaptureFixture[str]) -> None:
    before = sorted(path for path in runs[0].rglob("*"))
    one.ask("/predict", drawn_cat.read_bytes())
    one.ask("/predict", b"hostile")
    assert sorted(path for path in runs[0].rglob("*")) == before
    assert capfd.readouterr() == ("", "")


def test_the_limits_of_one_image_are_smaller_than_those_of_all() -> None:
    limits = Demo([]).limits
    assert limits.body_bytes <= limits.bodies_bytes
    assert 3 * limits.pixels <= limits.kept_bytes
    assert replace(limits, body_seconds=1).body_seconds < limits.request_seconds
