"""`predict` with exported files: the answers of the run, and nothing but answers."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catsdogs_exp.__main__ import main
from catsdogs_exp.record.folder.run_files import RunFiles, split_files

Capture = pytest.CaptureFixture[str]
Predict = Callable[..., list[dict[str, Any]]]
Refuse = Callable[..., str]
FILES = {
    "savedmodel": "savedmodel",
    "litert": "network.tflite",
    "litert-int8": "network-int8.tflite",
    "onnx": "network.onnx",
}


@pytest.fixture(scope="module")
def run(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with exported files."""
    folder = tmp_path_factory.mktemp("exported") / "run"
    shutil.copytree(trained, folder, ignore=shutil.ignore_patterns("tensorboard", "activations"))
    assert main(["export", str(folder), "--format", ",".join(FILES)]) == 0
    return folder


@pytest.fixture
def moved(run: Path, tmp_path: Path) -> Path:
    """The exported files elsewhere, without their run."""
    return Path(shutil.copytree(run / "exports", tmp_path / "moved [1]"))


@pytest.fixture(scope="module")
def images(trained: Path) -> list[str]:
    return [str(path) for path, _ in split_files(RunFiles(trained), "validation")]


def numbers(rows: list[dict[str, Any]]) -> np.ndarray:
    return np.array([list(row["probabilities"].values()) for row in rows])


@pytest.mark.parametrize("form", FILES)
def test_answers_are_those_of_the_run(run: Path, moved: Path, images: list[str], form: str, predicted: Predict) -> None:
    """Within what `export` itself measured on the same images, and printed."""
    rows = json.loads((moved / "exports.json").read_text())["rows"]
    (measured,) = (row["largest_difference"] for row in rows if row["label"] == form)
    assert form == "litert-int8" or measured < 1e-3
    expected = predicted(str(run), *images)
    found = predicted(str(moved / FILES[form]), *images)
    assert [row["path"] for row in found] == images
    assert [list(row) for row in found] == [list(row) for row in expected]
    assert np.abs(numbers(found) - numbers(expected)).max() <= measured + 1e-6


def test_every_form_of_output(moved: Path, run: Path, images: list[str], capsys: Capture) -> None:
    network = str(moved / "network.onnx")
    for words in (["--top", "2"], ["--csv"], ["--sort", "probability"], ["--threshold", "dogs=0.01"]):
        capsys.readouterr()
        outputs = []
        for model in (str(run), network):
            assert main(["predict", model, *images, *words]) == 0
            outputs.append(capsys.readouterr().out.split())
        mine, theirs = ([each for each in words if "." not in each] for words in outputs)
        assert mine == theirs  # all but the numbers, which may differ in the last digit
    assert main(["predict", network, images[0]]) == 0
    note = "images unlike the training images cannot be detected: an exported file does not describe them\n"
    said = capsys.readouterr().err
    assert said.startswith("run by onnxruntime ") and said.endswith(note)
    assert main(["predict", network, images[0], str(moved / "labels.txt")]) == 1
    assert f"not predicted: {moved / 'labels.txt'}: " in capsys.readouterr().err


def test_views_and_crops(run: Path, moved: Path, images: list[str], capsys: Capture, predicted: Predict) -> None:
    inside, alone = str(run / "exports" / "network.tflite"), str(moved / "network.tflite")
    of_run = predicted(str(run), *images, "--tta", "3")
    np.testing.assert_allclose(numbers(predicted(inside, *images, "--tta", "3")), numbers(of_run), atol=1e-3)
    of_file = predicted(str(shutil.copy(run / "checkpoints" / "best.keras", moved)), *images, "--tta", "2")
    np.testing.assert_allclose(numbers(predicted(alone, *images, "--tta", "2")), numbers(of_file), atol=1e-3)
    assert main(["predict", alone, images[0], "--tta", "3"]) == 0
    assert "--tta: without its run, the network's augmentation is unknown: 2 views" in capsys.readouterr().err
    crop = ("--crop", "0.25,0.25,0.5,0.5")
    (mine,), (theirs,) = (predicted(model, images[0], *crop) for model in (alone, str(run)))
    assert mine["crops"][0]["box"] == theirs["crops"][0]["box"]
    assert mine["crops"][0]["probability"] == pytest.approx(theirs["crops"][0]["probability"], abs=1e-3)


def test_confidence_is_corrected_as_for_the_run(
    moved: Path, images: list[str], predicted: Predict, refused: Refuse
) -> None:
    from catsdogs_exp.metrics.temperature import softened

    path = moved / "exports.json"
    content = json.loads(path.read_text())
    assert content["calibration"] is None  # too few images
    content["calibration"] = {"temperature": 2.0, "images": 40, "error_before": 0.2, "error_after": 0.1}
    path.write_text(json.dumps(content))
    (row,) = predicted(str(moved / "network.onnx"), images[0])
    values = np.array([list(row["probabilities"].values())])
    assert row["calibrated"] == pytest.approx(softened(np.log(values), 2.0).max(), abs=1e-6)
    (row,) = predicted(str(moved / "network-int8.tflite"), images[0])  # measured with another network
    assert "calibrated" not in row
    content["calibration"]["temperature"] = -1
    path.write_text(json.dumps(content))
    assert "The description of network.onnx cannot be read" in refused(str(moved / "network.onnx"), images[0])


@pytest.mark.parametrize("name", ["network.onnx", "network-int8.tflite"])
def test_no_tensorflow_is_needed(moved: Path, images: list[str], name: str) -> None:
    code = (
        "import sys; from catsdogs_exp.__main__ import main; "
        "code = main(sys.argv[1:]); print(sorted({'tensorflow', 'keras'} & set(sys.modules))); sys.exit(code)"
    )
    words = ["predict", str(moved / name), images[0], "--tta", "2", "--csv"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "[]"), done.stderr


@pytest.mark.parametrize("flag", ["--explain", "--reject", "--forget-rescaling"])
def test_what_needs_layers_is_refused(moved: Path, images: list[str], flag: str, refused: Refuse) -> None:
    network = moved / "network.onnx"
    assert refused(str(network), images[0], flag) == (
        f"error: {flag} needs the layers of a network, which an exported file does not expose. Received: {network}. "
        "Name the run or its best.keras instead\n"
    )


def test_a_file_without_its_description(
    moved: Path, images: list[str], tmp_path: Path, predicted: Predict, refused: Refuse
) -> None:
    for name in ("network.onnx", "savedmodel"):
        elsewhere = tmp_path / "else where" / name
        elsewhere.parent.mkdir(exist_ok=True)
        shutil.move(moved / name, elsewhere)
        said = refused(str(elsewhere), images[0])
        needed = elsewhere.parent / "exports.json"
        assert said == (
            f"error: {name} needs the exports.json that was exported with it: it contains the classes and the "
            f"preprocessing. There is none next to it. Copy it to '{needed}', or export the run again\n"
        )
    shutil.copy(moved / "exports.json", needed)
    assert len(predicted(str(elsewhere), images[0])) == 1
    content = json.loads(needed.read_text())
    del content["network"]
    needed.write_text(json.dumps(content))
    assert "an earlier version wrote it. Export the run again" in refused(str(elsewhere), images[0])


def described(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda content: content["network"].update(changes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (described(target_size=[40, 32]), "does not take images of 32 x 40 pixels and 3 channels, as the exports.json"),
        (described(classes=["a", "b", "c"]), "gives 2 probabilities; the exports.json next to it names 3 classes."),
        (described(target_size=[10**9, 32]), "The description of network.onnx cannot be read"),
        (described(classes=[]), "The description of network.onnx cannot be read"),
        (described(resize="__import__('os')"), "The description of network.onnx cannot be read"),
        (lambda content: content.update(network=None), "The description of network.onnx cannot be read"),
    ],
)
def test_a_description_of_something_else(
    moved: Path, images: list[str], change: Callable, message: str, refused: Refuse
) -> None:
    content = json.loads((moved / "exports.json").read_text())
    change(content)
    (moved / "exports.json").write_text(json.dumps(content))
    assert message in refused(str(moved / "network.onnx"), images[0])


def test_what_is_no_exported_network(moved: Path, images: list[str], refused: Refuse) -> None:
    page = moved / "network.html"
    page.write_text("<html>")
    assert refused(str(page), images[0]) == (
        f"error: An exported page works only in a browser: open {page} there. For predict, name a run, a best.keras, "
        "or an export as savedmodel, .tflite or .onnx\n"
    )
    names = ", ".join(str(moved / name) for name in sorted(FILES.values()))
    assert refused(str(moved), images[0]) == (f"error: {moved} is a folder of networks. Name one of them: {names}\n")
    for name in ("network.onnx", "network.tflite"):
        data = (moved / name).read_bytes()
        for part in (b"", b"hello", data[:200], data[: len(data) // 2]):
            (moved / name).write_bytes(part)
            assert str(moved / name) in refused(str(moved / name), images[0])
    (moved / "savedmodel" / "saved_model.pb").write_bytes(b"hello")
    assert "Is it damaged?" in refused(str(moved / "savedmodel"), images[0])


def test_packages_that_are_missing(
    moved: Path, images: list[str], monkeypatch: pytest.MonkeyPatch, predicted: Predict, refused: Refuse
) -> None:
    from catsdogs_exp.inference.export import formats

    monkeypatch.setattr(formats, "_is_there", lambda module: module not in ("ai_edge_litert", "onnxruntime"))
    for name, package in (("network.onnx", "onnxruntime"), ("network.tflite", "ai-edge-litert")):
        assert refused(str(moved / name), images[0]) == (
            f"error: {moved / name} needs {package}, not installed. Install: pip install 'catsdogs-exp[export]'\n"
        )
    assert len(predicted(str(moved / "savedmodel" / "saved_model.pb"), images[0])) == 1


def test_a_file_that_is_too_large(moved: Path, images: list[str], monkeypatch, refused: Refuse) -> None:
    from catsdogs_exp.inference.exported import predictor

    monkeypatch.setattr(predictor, "_MOST", 0.05)
    assert "An exported network must have at most 0.05 MB" in refused(str(moved / "network.onnx"), images[0])
