"""`predict`: sources, order, thresholds, forms of output, and the course's mistake."""

import csv
import io
import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from catsdogs_exp.__main__ import main
from catsdogs_exp.cli.answer_forms import bar
from catsdogs_exp.errors import BadInput
from catsdogs_exp.inference.image_names import NamedImage
from catsdogs_exp.inference.threshold import Threshold
from catsdogs_exp.record.folder.run_files import RunFiles, split_files

Capture = pytest.CaptureFixture[str]
Predict = Callable[..., list[dict[str, Any]]]
Refuse = Callable[..., str]


@pytest.fixture(scope="module")
def files(trained: Path) -> list[str]:
    return [str(path) for path, _ in split_files(RunFiles(trained), "validation")]


def test_a_network_that_was_moved_predicts_the_same(
    trained: Path, files: list[str], tmp_path: Path, capsys: Capture, predicted: Predict
) -> None:
    alone = shutil.copy(trained / "checkpoints" / "best.keras", tmp_path / "cats [1].keras")
    expected = predicted(str(trained), *files)
    assert predicted(str(alone), *files) == expected
    assert predicted(str(trained / "checkpoints" / "best.keras"), *files) == expected
    mirrored = predicted(str(alone), *files, "--tta", "8")
    assert mirrored == predicted(str(alone), *files, "--tta=2") != expected
    assert main(["predict", str(alone), files[0], "--tta", "3"]) == 0
    assert "--tta: without its run, the network's augmentation is unknown: 2 views" in capsys.readouterr().err


def test_views_are_those_of_the_run(trained: Path, files: list[str], predicted: Predict) -> None:
    plain, four = (predicted(str(trained), *files, *more) for more in ((), ("--tta", "4")))
    assert [row["path"] for row in four] == files
    assert plain != four == predicted(str(trained), *files, "--tta=4")


def test_a_threshold_moves_answers_from_one_class_to_the_other(
    trained: Path, files: list[str], predicted: Predict
) -> None:
    plain = predicted(str(trained), *files)
    values = np.array([row["probabilities"]["dogs"] for row in plain])
    middle = float(np.median(values))
    for words in (f"dogs={middle}", str(middle)):
        rows = predicted(str(trained), *files, "--threshold", words)
        assert [row["class"] == "dogs" for row in rows] == (values > middle).tolist()
        assert [row["probability"] for row in rows] == [row["probabilities"][row["class"]] for row in rows]
        assert [row["probabilities"] for row in rows] == [row["probabilities"] for row in plain]
    never = predicted(str(trained), *files, "--threshold", "cats=1")
    assert {row["class"] for row in never} == {"dogs"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "1.5",
            "--threshold must be a probability, 0 to 1, or CLASS=PROBABILITY, such as dogs=0.7. Received: --thresh",
        ),
        ("nan", "--threshold must be a probability"),
        ("dogs", "--threshold must be a probability"),
        ("dog=0.5", "--threshold must name a class: cats or dogs. Received: --threshold dog=0.5. Did you mean dogs?"),
    ],
)
def test_wrong_thresholds(text: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        Threshold.parse(text, ("cats", "dogs"))


def test_thresholds_name_classes_with_any_name() -> None:
    assert Threshold.parse("a=b=0.25", ("a=b", "c")) == Threshold("a=b", 0.25)
    with pytest.raises(BadInput, match=r"--threshold needs a network of two classes. This one has 3: a, b, c"):
        Threshold.parse("0.5", ("a", "b", "c"))


def test_orders(trained: Path, files: list[str], tmp_path: Path, predicted: Predict) -> None:
    turned = files[::-1]
    given = predicted(str(trained), *turned)
    assert [row["path"] for row in given] == turned
    assert [row["path"] for row in predicted(str(trained), *turned, "--sort", "name")] == files
    by_class = predicted(str(trained), *turned, "--sort", "class")
    assert by_class == sorted(given, key=lambda row: row["class"])
    sure = [row["probability"] for row in predicted(str(trained), *turned, "--sort", "probability")]
    assert sure == sorted(sure, reverse=True)


def test_tables_show_the_classes_with_bars(
    trained: Path, files: list[str], capsys: Capture, predicted: Predict, refused: Refuse
) -> None:
    (row,) = predicted(str(trained), files[0])
    assert main(["predict", str(trained), files[0], "--top", "2"]) == 0
    _, first, second = capsys.readouterr().out.splitlines()
    other = ({"cats", "dogs"} - {row["class"]}).pop()
    assert first.split()[:3] == [files[0], row["class"], f"{row['probability']:.4f}"]
    assert second.split()[:2] == [other, f"{row['probabilities'][other]:.4f}"]
    assert len(first.split()[3]) >= len(second.split()[2])
    (row,) = predicted(str(trained), files[0], "--top", "5")
    assert [each["class"] for each in row["top"]] == [row["class"], other]
    assert "--top must be >= 1. Received: --top 0" in refused(str(trained), files[0], "--top", "0")


def test_bars() -> None:
    assert bar(1) == "█" * 20 and bar(0.5) == "█" * 10 and bar(0) == "▏"
    assert bar(0.51) == "█" * 10 + "▎"
    assert bar(0.5, blocks=False) == "#" * 10


def test_some_unreadable_files_end_with_exit_code_1(
    trained: Path, files: list[str], tmp_path: Path, capsys: Capture
) -> None:
    bad = tmp_path / "[red]bad.jpg"
    bad.write_bytes(b"\xff\xd8\xff no photo")
    words = ["predict", str(trained), str(bad), files[0], str(tmp_path / "*.gif")]
    assert main([*words, "--json"]) == 1
    said = capsys.readouterr()
    rows = json.loads(said.out)
    assert [row.get("class") is None for row in rows] == [True, False, True]
    assert rows[2] == {"path": str(tmp_path / "*.gif"), "error": "no file matches this pattern"}
    assert said.err.splitlines() == [f"not predicted: {row['path']}: {row['error']}" for row in rows[::2]]
    assert main([*words, "--csv"]) == 1
    table = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["error"] for row in table] == [rows[0]["error"], "", rows[2]["error"]]
    assert [row["probability"] == "" for row in table] == [True, False, True]
    assert main(["predict", str(trained), str(tmp_path / "*.gif")]) == 2


def test_a_list_on_standard_input(trained: Path, files: list[str], monkeypatch, predicted: Predict) -> None:
    listed = io.TextIOWrapper(io.BytesIO("\n".join(files[:3]).encode()))
    monkeypatch.setattr("sys.stdin", listed)
    assert [row["path"] for row in predicted(str(trained), "-")] == files[:3]


def test_a_list_on_a_closed_standard_input(trained: Path, monkeypatch, refused: Refuse) -> None:
    monkeypatch.setattr("sys.stdin", None)
    assert "- stands for a list of images from standard input, which is closed" in refused(str(trained), "-")


def test_a_name_that_is_too_long_does_not_stop_the_others(trained: Path, files: list[str], capsys: Capture) -> None:
    assert main(["predict", str(trained), "a" * 300, files[0], "--csv"]) == 1
    said = capsys.readouterr()
    assert said.err.endswith(": cannot be read: File name too long\n")
    assert said.out.count("\n") == 3 and "\r" not in said.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--csv", "--top", "2"], "--csv cannot be combined with --top. It prints the probability of every class"),
        (["--crops", "--top", "2"], "--crops cannot be combined with --top"),
        (["--crop", "0,0,1,1", "--sort", "name"], "--crop cannot be combined with --sort"),
        (["--explain", "--sort", "class"], "--explain cannot be combined with --sort"),
        (["--watch", ".", "--sort", "class", "--json"], "--watch cannot be combined with --sort"),
        (["--watch", ".", "--top", "2"], "--watch cannot be combined with --top"),
    ],
)
def test_options_without_effect_are_refused(trained: Path, refused: Refuse, words: list[str], message: str) -> None:
    assert message in refused(str(trained), "x.jpg", *words)


def test_an_interrupted_prediction_leaves_no_downloads(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("catsdogs_exp.cli.predict._images", lambda *_: signal.raise_signal(signal.SIGTERM))
    assert main(["predict", str(trained), "x.jpg"]) == 143
    assert not [*tmp_path.glob("catsdogs-exp-*")]


def test_an_address_inside_the_network_is_refused(trained: Path, files: list[str], capsys: Capture) -> None:
    assert main(["predict", str(trained), "http://127.0.0.1:9/x.jpg", files[0]]) == 1
    assert capsys.readouterr().err == (
        "not predicted: http://127.0.0.1:9/x.jpg: refused: 127.0.0.1 is inside your own network (127.0.0.1). "
        "If you trust it: --allow-private-addresses\n"
    )


def test_the_courses_mistake(trained: Path, files: list[str], predicted: Predict) -> None:
    """Pixels 0..255 reach a network that was trained on 0..1: its answers are those for 255 times the input."""
    import keras

    from catsdogs_exp.data.images.preparing import read_image
    from catsdogs_exp.training.checkpoint.model_file import load_model

    model, card = load_model(trained / "checkpoints" / "best.keras")
    images = np.stack([read_image(Path(path), card.preparation) for path in files])
    inner = keras.Model(model.get_layer("rescale").output, model.output)
    expected = np.asarray(inner(images.astype(np.float32), training=False))[:, 0]
    rows = predicted(str(trained), *files, "--forget-rescaling")
    forgotten = [row["probabilities"]["dogs"] for row in rows]
    np.testing.assert_allclose(forgotten, expected, atol=1e-5)
    right = [row["probabilities"]["dogs"] for row in predicted(str(trained), *files)]
    assert np.abs(np.array(forgotten) - 0.5).mean() > np.abs(np.array(right) - 0.5).mean()
    above_zero = predicted(str(trained), *files, "--forget-rescaling", "--threshold", "dogs=0")
    assert [row["class"] for row in above_zero] == ["dogs" if value > 0 else "cats" for value in forgotten]


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with enough images for an appendix."""
    out = tmp_path_factory.mktemp("described")
    words = ["dataset.images=120", "target_size=32", "depth=2", "model.dense=16", "batch_size=16", "epochs=1"]
    quiet = ["logging=minimal", "logging.familiarity=300", "split.validation=0.3", "dataset.broken=0"]
    assert main([*words, *quiet, f"output_dir={out}"]) == 0
    (run,) = (path.parent for path in out.rglob("result.json"))
    return run


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Noise: nothing like a drawn animal."""
    path = tmp_path / "noise [bold].png"
    pixels = np.random.default_rng(0).integers(0, 2, (64, 64, 3)).astype(np.uint8) * 255
    Image.fromarray(pixels).save(path)
    return path


def test_the_end_of_a_training_describes_its_images(described: Path) -> None:
    from catsdogs_exp.training.checkpoint.appendix import read_appendix
    from catsdogs_exp.training.checkpoint.model_file import load_model

    appendix = read_appendix(described / "checkpoints" / "best.keras")
    assert appendix is not None and appendix.familiarity is not None and appendix.calibration is not None
    assert appendix.familiarity.features.shape == (84, 16) and appendix.familiarity.checked == 36
    assert appendix.calibration.images == 36
    before = evaluated_error(described)
    assert appendix.calibration.error_before == pytest.approx(before, abs=1e-6)
    model, _ = load_model(described / "checkpoints" / "best.keras")
    assert model.output_shape == (None, 1)


def evaluated_error(run: Path) -> float:
    from catsdogs_exp.metrics.evaluation import calibration_error
    from catsdogs_exp.record.folder.predictions import predictions_of

    said = predictions_of(run)
    return calibration_error(said.confidence, said.right)


def test_confidence_is_calibrated(described: Path, capsys: Capture, predicted: Predict) -> None:
    from catsdogs_exp.training.checkpoint.appendix import read_appendix

    appendix = read_appendix(described / "checkpoints" / "best.keras")
    assert appendix is not None and appendix.calibration is not None
    temperature = appendix.calibration.temperature
    files = [str(path) for path, _ in split_files(RunFiles(described), "validation")][:4]
    for row in predicted(str(described), *files):
        p = row["probability"]
        odds = (p / (1 - p)) ** (1 / temperature)
        assert row["calibrated"] == pytest.approx(odds / (1 + odds), rel=1e-3)
    assert main(["predict", str(described), *files]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[0].split() == ["image", "class", "probability", "calibrated"]
    known = appendix.calibration
    assert said.err == (
        f"calibrated with temperature {temperature:.3g}: calibration error on 36 validation images "
        f"{known.error_before:.4f} before, {known.error_after:.4f} after\n"
    )


def test_images_unlike_the_training_images(
    described: Path, other: Path, tmp_path: Path, capsys: Capture, predicted: Predict
) -> None:
    """Here the network knows one image, over and over: everything else is unlike it."""
    from catsdogs_exp.data.images.preparing import read_image
    from catsdogs_exp.insight.penultimate import features_of
    from catsdogs_exp.metrics.familiarity import Familiarity
    from catsdogs_exp.training.checkpoint.appendix import Appendix, append
    from catsdogs_exp.training.checkpoint.model_file import load_model, save_model

    known = str(split_files(RunFiles(described), "train")[0][0])
    model, card = load_model(described / "checkpoints" / "best.keras")
    features = features_of(model, [read_image(Path(known), card.preparation)[None]])
    directions = np.repeat(features / np.linalg.norm(features), 20, axis=0).astype(np.float16)
    network = tmp_path / "one.keras"
    save_model(model, card, network)
    append(Appendix(familiarity=Familiarity(directions, np.zeros(16, np.float32), 0.9999, 20)), network)
    described = network
    rows = predicted(str(described), str(other), known)
    assert [row["unlike"] for row in rows] == [True, False]
    assert rows[0]["similarity"] < rows[1]["similarity"] and rows[0]["class"] in ("cats", "dogs")
    assert main(["predict", str(described), str(other), known]) == 0
    first, second = capsys.readouterr().out.splitlines()[1:]
    assert f"{other} " in first and f"{rows[0]['class']} (unlike the training images)" in first
    assert "unlike" not in second
    rejected = predicted(str(described), str(other), known, "--reject")
    assert [row["class"] for row in rejected] == [None, rows[1]["class"]]
    assert rejected[0]["probabilities"] == rows[0]["probabilities"]
    assert main(["predict", str(described), str(other), "--reject", "--csv"]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (row["class"], row["unlike"]) == ("", "true")
    assert main(["predict", str(described), str(other), "--reject"]) == 0
    (line,) = capsys.readouterr().out.splitlines()[1:]
    assert line.removeprefix(str(other)).strip() == "unlike the training images"
    views = predicted(str(described), str(other), known, "--tta", "2")
    assert [row["unlike"] for row in views] == [True, False]


def test_a_network_without_appendix_says_so_and_gets_one(
    described: Path, other: Path, tmp_path, capsys, refused: Refuse
) -> None:
    from catsdogs_exp.training.checkpoint.appendix import read_appendix
    from catsdogs_exp.training.checkpoint.model_file import load_model, save_model

    old = Path(shutil.copytree(described, tmp_path / "old run"))
    network = old / "checkpoints" / "best.keras"
    was = read_appendix(network)
    save_model(*load_model(network), network)
    hint = f"the network's file does not describe its training images. Add it: evaluate '{old}' --append\n"
    assert main(["predict", str(old), str(other)]) == 0
    assert capsys.readouterr().err == f"images unlike the training images cannot be detected: {hint}"
    said = refused(str(old), str(other), "--reject")
    assert said == f"error: --reject cannot tell which images are unlike the training images: {hint}"
    assert main(["evaluate", str(old), "--append"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"written: {network}"
    now = read_appendix(network)
    assert was is not None and now is not None and was.familiarity is not None and now.familiarity is not None
    assert now.calibration == was.calibration and now.familiarity.checked == was.familiarity.checked
    np.testing.assert_array_equal(now.familiarity.features, was.familiarity.features)
    capsys.readouterr()
    assert main(["evaluate", str(old), "--append"]) == 2
    assert capsys.readouterr().err == f"error: The network already has its appendix: {network}. It is kept\n"


def test_a_run_without_familiarity_gets_it_later(
    described: Path, other: Path, tmp_path: Path, capsys: Capture, refused: Refuse
) -> None:
    """`logging=minimal` leaves the calibration only."""
    from catsdogs_exp.training.checkpoint.appendix import Appendix, append, read_appendix
    from catsdogs_exp.training.checkpoint.model_file import load_model, save_model

    run = Path(shutil.copytree(described, tmp_path / "minimal"))
    network = run / "checkpoints" / "best.keras"
    was = read_appendix(network)
    assert was is not None and was.familiarity is not None
    save_model(*load_model(network), network)
    append(Appendix(was.calibration), network)
    config = (run / "config.yaml").read_text(encoding="utf-8")
    assert "familiarity: 300" in config
    (run / "config.yaml").write_text(config.replace("familiarity: 300", "familiarity: 0"), encoding="utf-8")
    assert refused(str(run), str(other), "--reject").endswith(f"Add it: evaluate {run} --append\n")
    assert main(["evaluate", str(run), "--append"]) == 0
    now = read_appendix(network)
    assert now is not None and now.familiarity is not None and now.calibration == was.calibration
    np.testing.assert_array_equal(now.familiarity.features, was.familiarity.features)
    assert main(["predict", str(run), str(other), "--reject"]) == 0
    capsys.readouterr()


def test_a_folder_is_watched(
    trained: Path,
    files: list[str],
    tmp_path: Path,
    capsys: Capture,
    predicted: Predict,
    refused: Refuse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from catsdogs_exp.cli import watch_answers
    from catsdogs_exp.cli.answer_forms import Form
    from catsdogs_exp.inference.answers import answers
    from catsdogs_exp.inference.predictor import Predictor

    predictor = Predictor(RunFiles(trained))
    folder = tmp_path / "arriving"
    folder.mkdir()
    shutil.copy(files[0], folder / "before.jpg")
    content, passed = Path(files[1]).read_bytes(), 0.0

    def write(part: bytes) -> None:
        with (folder / "a.jpg").open("ab") as handle:
            handle.write(part)

    # between the looks: half of the file, then the rest, then Ctrl-C
    half = len(content) // 2
    events: dict[int, Callable[[], None]] = {1: lambda: write(content[:half]), 4: lambda: write(content[half:])}

    def sleep(seconds: float) -> None:
        nonlocal passed
        passed += seconds
        if passed > 10 * seconds:
            raise KeyboardInterrupt
        events.get(round(passed / seconds), lambda: None)()

    monkeypatch.setattr(watch_answers, "time", SimpleNamespace(monotonic=lambda: passed, sleep=sleep))
    form = Form(predictor.card.classes)
    with pytest.raises(KeyboardInterrupt):
        watch_answers.watch_answers(folder, lambda image: next(answers(predictor, [image])), form, "json")
    said = capsys.readouterr()
    (row,) = map(json.loads, said.out.splitlines())
    (expected,) = predicted(str(trained), files[1])
    assert row == expected | {"path": str(folder / "a.jpg")}
    assert said.err == f"watching {folder}; Ctrl-C ends it\n"
    assert refused(str(trained), "--watch", str(tmp_path / "no")).startswith("error: --watch must be a folder")


@pytest.mark.parametrize("flag", ["--json", "--csv"])
def test_named_and_arriving_images_are_one_stream(
    trained: Path, files: list[str], tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, flag: str
) -> None:
    from catsdogs_exp.cli import watch_answers

    def arrive(folder: Path, ask: Callable[..., Any], form: Any, style: str) -> None:
        watch_answers._print(ask(NamedImage(files[1], Path(files[1]))), form, style)

    monkeypatch.setattr(watch_answers, "watch_answers", arrive)
    for named in ([files[0]], []):
        assert main(["predict", str(trained), *named, "--watch", str(tmp_path), flag]) == 0
        lines = capsys.readouterr().out.splitlines()
        rows = [*map(json.loads, lines)] if flag == "--json" else list(csv.DictReader(lines))
        assert [row["path"] for row in rows] == [*named, files[1]]


def test_images_that_were_scaled_before_they_were_saved(
    trained: Path, files: list[str], tmp_path: Path, capsys: Capture
) -> None:
    """The value 255 was divided by 255: an image of zeros and ones, which a decoder takes for black."""
    pixels = np.asarray(Image.open(files[0]).convert("RGB"))
    for name, values in (("scaled.png", pixels // 255), ("whole.png", pixels)):
        Image.fromarray(values).save(tmp_path / name)
    Image.fromarray(pixels[..., 0].astype(np.float32) / 255).save(tmp_path / "float.tiff")  # as floats it is in order
    assert main(["predict", str(trained), str(tmp_path), "--json"]) == 0
    said = capsys.readouterr()
    rows = {Path(row["path"]).name: row for row in json.loads(said.out)}
    from catsdogs_exp.inference.image_predictor import SCALED

    assert rows["scaled.png"]["warning"] == SCALED and "0..1" in SCALED and "the network takes 0..255" in SCALED
    assert "warning" not in rows["whole.png"] and "warning" not in rows["float.tiff"]
    assert [line for line in said.err.splitlines() if "warning" in line] == [
        f"warning: {tmp_path / 'scaled.png'}: {rows['scaled.png']['warning']}"
    ]


def test_a_network_without_preprocessing(
    trained: Path, files: list[str], tmp_path: Path, capsys: Capture, refused: Refuse
) -> None:
    import keras

    from catsdogs_exp.training.checkpoint.model_file import load_model, save_model

    model, card = load_model(trained / "checkpoints" / "best.keras")
    bare = keras.Model(model.get_layer("rescale").output, model.output)
    save_model(bare, card, tmp_path / "bare.keras")
    assert main(["predict", str(tmp_path / "bare.keras"), files[0]]) == 0
    assert (
        "warning: the network contains no preprocessing: here, as in training, it receives" in capsys.readouterr().err
    )
    assert refused(str(tmp_path / "bare.keras"), files[0], "--forget-rescaling") == (
        "error: --forget-rescaling needs a network that rescales pixels itself. This one does not\n"
    )


def test_pixels_that_were_scaled_by_the_caller_are_refused(trained: Path) -> None:
    from catsdogs_exp.inference.predictor import Predictor

    predictor = Predictor(RunFiles(trained))
    pixels = np.full((1, 32, 32, 3), 255, np.uint8)
    assert predictor.probabilities(pixels).shape == (1, 2)
    with pytest.raises(BadInput, match=r"images must be uint8 pixels, 0 to 255: .* Received: float32 values, 1 to 1"):
        predictor.probabilities(pixels.astype(np.float32) / 255)  # type: ignore[arg-type]
