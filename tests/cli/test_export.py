"""export: every file answers as the network does, in its own runtime; what does not is removed."""

import json
import pickle
import runpy
import shutil
import signal
import subprocess
import sys
import threading
import zipfile
from base64 import b64decode
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from catsdogs_exp.__main__ import main
from catsdogs_exp.record.folder.run_files import RunFiles, split_files


def copy_of(run: Path, folder: Path) -> Path:
    return Path(shutil.copytree(run, folder / "run", ignore=shutil.ignore_patterns("tensorboard", "activations")))


@pytest.fixture(scope="module")
def exported(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with every format exported."""
    run = copy_of(trained, tmp_path_factory.mktemp("export"))
    assert main(["export", str(run), "--format", "all"]) == 0
    return run


@pytest.fixture
def fresh(trained: Path, tmp_path: Path) -> Path:
    return copy_of(trained, tmp_path)


@pytest.fixture(scope="module")
def answers(exported: Path) -> dict[Path, np.ndarray]:
    """The validation images and what `Predictor` says."""
    from catsdogs_exp.inference.predictor import Predictor

    files = [path for path, _ in split_files(RunFiles(exported), "validation")]
    found = {each.path: each.probabilities for each in Predictor(RunFiles(exported)).predict(files)}
    return {path: value for path, value in found.items() if value is not None}


def inside(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_export_leaves_nothing(fresh: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    before = inside(fresh)
    monkeypatch.setattr("catsdogs_exp.run.export.check", lambda *_: signal.raise_signal(number))
    assert main(["export", str(fresh), "--format", "savedmodel"]) == 128 + number
    assert inside(fresh) == before and not [*fresh.glob(".exports*")]


def test_every_format_is_there_with_what_belongs_to_it(exported: Path) -> None:
    folder = exported / "exports"
    files = {name for name in inside(folder) if not name.startswith("savedmodel/")}
    assert files == {
        *("network.tflite", "network-int8.tflite", "network.onnx", "network.html"),
        *("labels.txt", "model_card.md", "exports.json"),
        *(f"examples/{name}" for name in ("run_savedmodel.py", "run_litert.py", "run_int8.py", "run_onnx.py")),
        "examples/ask_server.sh",
    }
    assert (folder / "savedmodel" / "saved_model.pb").is_file()
    assert (folder / "labels.txt").read_text() == "cats\ndogs\n"
    assert not list(exported.glob(".exports*"))


def test_the_figures_of_all_validation_images_are_kept(exported: Path, answers: dict[Path, np.ndarray]) -> None:
    content = json.loads((exported / "exports" / "exports.json").read_text())
    rows = {row["label"]: row for row in content["rows"]}
    assert list(rows) == ["keras", "savedmodel", "savedmodel, bytes", "litert", "litert-int8", "onnx", "html"]
    assert {row["images"] for row in rows.values()} == {len(answers)}
    assert {row["refused"] for row in rows.values()} == {""}
    for label in ("savedmodel", "litert", "onnx", "html"):
        assert rows[label]["largest_difference"] < 1e-3, label
        assert rows[label]["accuracy"] == rows["keras"]["accuracy"]
    assert rows["litert-int8"]["megabytes"] < rows["litert"]["megabytes"] / 2.5
    assert rows["savedmodel"]["megabytes"] < 1.5 * rows["keras"]["megabytes"] + 0.5  # each weight once


def printed(program: Path, image: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> dict:
    monkeypatch.setattr(sys, "argv", [str(program), str(image)])
    capsys.readouterr()
    runpy.run_path(str(program), run_name="__main__")
    pairs = [line.split(" ", 1) for line in capsys.readouterr().out.splitlines()]
    return {name: float(number) for number, name in pairs}


@pytest.mark.parametrize(
    ("name", "within"),
    [("run_savedmodel.py", 0.02), ("run_litert.py", 0.02), ("run_int8.py", 0.15), ("run_onnx.py", 0.02)],
)
def test_examples_answer_as_the_network(
    exported: Path, answers: dict, name: str, within: float, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Pillow's resize in the examples rounds elsewhere than ours."""
    program = exported / "exports" / "examples" / name
    assert len([line for line in program.read_text().splitlines() if line and not line.startswith("#")]) <= 14
    for image, expected in list(answers.items())[:3]:
        found = printed(program, image, capsys, monkeypatch)
        assert list(found) == ["cats", "dogs"]
        assert abs(found["dogs"] - expected[1]) < within


@pytest.fixture
def server(exported: Path) -> Iterator[str]:
    """A stand-in for TensorFlow Serving: its REST form of a signature with one input, on loopback."""
    import tensorflow as tf

    signature = tf.saved_model.load(str(exported / "exports" / "savedmodel")).signatures

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert self.path == "/v1/models/network:predict"
            images = tf.constant([b64decode(each["b64"], validate=True) for each in body["instances"]])
            found = signature[body["signature_name"]](images=images)["probabilities"].numpy()
            text = json.dumps({"predictions": found.tolist()}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    serving = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{serving.server_port}"
    serving.shutdown()
    serving.server_close()


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_request_to_a_server(exported: Path, answers: dict[Path, np.ndarray], server: str) -> None:
    image, expected = next(iter(answers.items()))
    script = exported / "exports" / "examples" / "ask_server.sh"
    asked = subprocess.run(["sh", str(script), str(image), server], capture_output=True, text=True, check=False)
    assert asked.returncode == 0, asked.stderr
    np.testing.assert_allclose(json.loads(asked.stdout)["predictions"][0], expected, atol=0.02)


def test_a_run_without_validation_images_is_checked_on_others(
    tmp_path: Path, bare: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*bare, "epochs=1", "split.validation=0", "split.test=0", "training.monitor=loss"]
    assert main([*words, f"output_dir={tmp_path}"]) == 0
    (run,) = (tmp_path / "drawn").iterdir()
    capsys.readouterr()
    assert main(["export", str(run), "--format", "savedmodel"]) == 0
    said = capsys.readouterr()
    count = sum(json.loads((run / "result.json").read_text())["counts"]["train"].values())
    assert "the run has no validation images: the files are checked on its train images" in said.err
    assert f"{count} train images, one at a time" in said.out
    rows = json.loads((run / "exports" / "exports.json").read_text())["rows"]
    assert {(row["split"], row["images"]) for row in rows} == {("train", count)}
    assert "chosen on the validation images" not in (run / "exports" / "model_card.md").read_text()


def test_an_older_export_is_kept(fresh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (fresh / "exports").mkdir()
    (fresh / "exports" / "mine.txt").write_text("mine")
    assert main(["export", str(fresh), "--format", "savedmodel", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["folder"] == str(fresh / "exports-2")
    assert [row["label"] for row in content["rows"]] == ["keras", "savedmodel", "savedmodel, bytes"]
    assert inside(fresh / "exports") == {"mine.txt"}


def wrong(answer: Callable) -> Callable:
    """A runtime that confuses the classes."""
    return lambda photo: answer(photo)[::-1]


def test_a_file_that_answers_otherwise_is_removed(
    fresh: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from dataclasses import replace

    from catsdogs_exp.inference.export import open_litert

    real = open_litert.open_litert

    def broken(*arguments: object) -> list:
        return [replace(each, answer=wrong(each.answer)) for each in real(*arguments)]

    monkeypatch.setattr(open_litert, "open_litert", broken)
    assert main(["export", str(fresh), "--format", "litert,onnx"]) == 1
    said = capsys.readouterr()
    assert "error: Rejected and removed: network.tflite: its probabilities differ by up to" in said.err
    files = inside(fresh / "exports")
    assert "network.onnx" in files and not {"network.tflite", "examples/run_litert.py"} & files
    assert "network.tflite" not in (fresh / "exports" / "model_card.md").read_text()
    rows = json.loads((fresh / "exports" / "exports.json").read_text())["rows"]
    assert [row["file"] for row in rows if row["refused"]] == ["network.tflite"]
    assert main(["export", str(fresh), "--format", "litert"]) == 1
    assert not (fresh / "exports-2").exists()
    assert not list(fresh.glob(".exports*"))


def test_limits_refuse(fresh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = (fresh / "manifest.csv").read_text()  # no network is right on labels that are swapped for some
    lines = manifest.splitlines()
    place = lines[0].split(",").index("class")
    rows = [line.split(",") for line in lines[1:]]
    for row in rows[::2]:
        row[place] = "cats" if row[place] == "dogs" else "dogs"
    (fresh / "manifest.csv").write_text("\n".join([lines[0], *(",".join(row) for row in rows)]) + "\n")
    assert main(["export", str(fresh), "--format", "savedmodel", "--min-accuracy", "1"]) == 1
    said = capsys.readouterr()
    assert "is below --min-accuracy 1" in said.err
    assert "savedmodel, bytes" in said.out  # the table is shown all the same
    assert not (fresh / "exports").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--format", "litert", "--max-drop", "2"], "--max-drop must be a number from 0 to 1. Received: 2"),
        (["--format", "litert", "--min-accuracy", "x"], "--min-accuracy must be a number from 0 to 1. Received: x"),
        (["--format", "onnx", "--flex"], "--flex needs --format litert. Received: --format onnx"),
        (["--format", "onx"], "Did you mean onnx?"),
        ([], "export needs --format"),
    ],
)
def test_mistakes(trained: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(trained), *words]) == 2
    assert message in capsys.readouterr().err


class Bomb:
    """What runs when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def test_nothing_in_a_hostile_file_is_executed(fresh: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import keras

    from catsdogs_exp.training.checkpoint.model_file import read_card, save_model

    mark, network = tmp_path / "executed", fresh / "checkpoints" / "best.keras"
    card = read_card(network)
    inputs = keras.Input((*card.target_size, 3))
    code = keras.layers.Lambda(lambda x, mark=str(mark): (Path(mark).touch(), x)[1])
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Flatten()(code(inputs))))
    mark.unlink()  # the layer ran when it was called here
    save_model(model, card, network)
    assert main(["export", str(fresh), "--format", "savedmodel"]) == 2
    assert "The network cannot be loaded" in capsys.readouterr().err
    network.write_bytes(pickle.dumps(Bomb(mark)))
    assert main(["export", str(fresh), "--format", "savedmodel"]) == 2
    with zipfile.ZipFile(network, "w") as archive:
        archive.writestr("catsdogs_exp.json", pickle.dumps(Bomb(mark)))
    assert main(["export", str(fresh), "--format", "savedmodel"]) == 2
    for name in ("network.onnx", "network.pkl"):
        (tmp_path / name).write_bytes(pickle.dumps(Bomb(mark)))
        assert main(["export", str(tmp_path / name), "--format", "onnx"]) == 2
        assert "RUN must be a run folder" in capsys.readouterr().err
    assert not mark.exists()
    assert not (fresh / "exports").exists()


def test_images_that_are_gone(fresh: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inspection = fresh / "inspection.json"
    content = json.loads(inspection.read_text())
    root, content["root"] = content["root"], str(tmp_path / "gone")
    inspection.write_text(json.dumps(content))
    assert main(["export", str(fresh), "--format", "savedmodel"]) == 2
    assert capsys.readouterr().err.endswith("images is there. Name its current location: --data PATH\n")
    assert main(["export", str(fresh), "--format", "savedmodel", "--data", root]) == 0
