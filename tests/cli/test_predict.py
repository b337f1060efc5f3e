"""`predict`: sources, order, thresholds, forms of output, and the course's mistake."""

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catsdogs_exp.__main__ import main
from catsdogs_exp.cli.answer_forms import bar
from catsdogs_exp.errors import BadInput
from catsdogs_exp.inference.answers import Threshold
from catsdogs_exp.record.folder.run_files import RunFiles, split_files

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def files(trained: Path) -> list[str]:
    return [str(path) for path, _ in split_files(RunFiles(trained), "validation")]


def predicted(capsys: Capture, *words: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main(["predict", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys: Capture, *words: str) -> str:
    capsys.readouterr()
    assert main(["predict", *words]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    return said.err


def test_a_network_that_was_moved_predicts_the_same(
    trained: Path, files: list[str], tmp_path: Path, capsys: Capture
) -> None:
    alone = shutil.copy(trained / "checkpoints" / "best.keras", tmp_path / "cats [1].keras")
    expected = predicted(capsys, str(trained), *files)
    assert predicted(capsys, str(alone), *files) == expected
    assert predicted(capsys, str(trained / "checkpoints" / "best.keras"), *files) == expected
    mirrored = predicted(capsys, str(alone), *files, "--tta", "8")
    assert mirrored == predicted(capsys, str(alone), *files, "--tta=2") != expected
    assert main(["predict", str(alone), files[0], "--tta", "3"]) == 0
    assert "--tta: without its run, the network's augmentation is unknown: 2 views" in capsys.readouterr().err


def test_views_are_those_of_the_run(trained: Path, files: list[str], capsys: Capture) -> None:
    plain, four = (predicted(capsys, str(trained), *files, *more) for more in ((), ("--tta", "4")))
    assert [row["path"] for row in four] == files
    assert plain != four == predicted(capsys, str(trained), *files, "--tta=4")


def test_a_threshold_moves_answers_from_one_class_to_the_other(trained: Path, files: list[str], capsys) -> None:
    plain = predicted(capsys, str(trained), *files)
    values = np.array([row["probabilities"]["dogs"] for row in plain])
    middle = float(np.median(values))
    for words in (f"dogs={middle}", str(middle)):
        rows = predicted(capsys, str(trained), *files, "--threshold", words)
        assert [row["class"] == "dogs" for row in rows] == (values > middle).tolist()
        assert [row["probability"] for row in rows] == [row["probabilities"][row["class"]] for row in rows]
        assert [row["probabilities"] for row in rows] == [row["probabilities"] for row in plain]
    never = predicted(capsys, str(trained), *files, "--threshold", "cats=1")
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


def test_orders(trained: Path, files: list[str], tmp_path: Path, capsys: Capture) -> None:
    turned = files[::-1]
    given = predicted(capsys, str(trained), *turned)
    assert [row["path"] for row in given] == turned
    assert [row["path"] for row in predicted(capsys, str(trained), *turned, "--sort", "name")] == files
    by_class = predicted(capsys, str(trained), *turned, "--sort", "class")
    assert by_class == sorted(given, key=lambda row: row["class"])
    sure = [row["probability"] for row in predicted(capsys, str(trained), *turned, "--sort", "probability")]
    assert sure == sorted(sure, reverse=True)


def test_tables_show_the_classes_with_bars(trained: Path, files: list[str], capsys: Capture) -> None:
    (row,) = predicted(capsys, str(trained), files[0])
    assert main(["predict", str(trained), files[0], "--top", "2"]) == 0
    _, first, second = capsys.readouterr().out.splitlines()
    other = ({"cats", "dogs"} - {row["class"]}).pop()
    assert first.split()[:3] == [files[0], row["class"], f"{row['probability']:.4f}"]
    assert second.split()[:2] == [other, f"{row['probabilities'][other]:.4f}"]
    assert len(first.split()[3]) >= len(second.split()[2])
    (row,) = predicted(capsys, str(trained), files[0], "--top", "5")
    assert [each["class"] for each in row["top"]] == [row["class"], other]
    assert "--top must be >= 1. Received: --top 0" in refused(capsys, str(trained), files[0], "--top", "0")


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
    assert rows[2] == {"path": str(tmp_path / "*.gif"), "error": "no file has a name of this pattern"}
    assert said.err.splitlines() == [f"not predicted: {row['path']}: {row['error']}" for row in rows[::2]]
    assert main([*words, "--csv"]) == 1
    table = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["error"] for row in table] == [rows[0]["error"], "", rows[2]["error"]]
    assert [row["probability"] == "" for row in table] == [True, False, True]
    assert main(["predict", str(trained), str(tmp_path / "*.gif")]) == 2


def test_a_list_on_standard_input(trained: Path, files: list[str], monkeypatch, capsys: Capture) -> None:
    listed = io.TextIOWrapper(io.BytesIO("\n".join(files[:3]).encode()))
    monkeypatch.setattr("sys.stdin", listed)
    assert [row["path"] for row in predicted(capsys, str(trained), "-")] == files[:3]


def test_an_address_inside_the_network_is_refused(trained: Path, files: list[str], capsys: Capture) -> None:
    assert main(["predict", str(trained), "http://127.0.0.1:9/x.jpg", files[0]]) == 1
    assert capsys.readouterr().err == (
        "not predicted: http://127.0.0.1:9/x.jpg: refused: 127.0.0.1 is inside your own network (127.0.0.1). "
        "If you trust it: --allow-private-addresses\n"
    )


def test_the_courses_mistake(trained: Path, files: list[str], capsys: Capture) -> None:
    """Pixels 0..255 reach a network that was trained on 0..1: its answers are those for 255 times the input."""
    import keras

    from catsdogs_exp.data.images.preparing import read_image
    from catsdogs_exp.training.checkpoint.model_file import load_model

    model, card = load_model(trained / "checkpoints" / "best.keras")
    images = np.stack([read_image(Path(path), card.preparation) for path in files])
    inner = keras.Model(model.get_layer("rescale").output, model.output)
    expected = np.asarray(inner(images.astype(np.float32), training=False))[:, 0]
    rows = predicted(capsys, str(trained), *files, "--forget-rescaling")
    forgotten = [row["probabilities"]["dogs"] for row in rows]
    np.testing.assert_allclose(forgotten, expected, atol=1e-5)
    right = [row["probabilities"]["dogs"] for row in predicted(capsys, str(trained), *files)]
    assert np.abs(np.array(forgotten) - 0.5).mean() > np.abs(np.array(right) - 0.5).mean()
    above_zero = predicted(capsys, str(trained), *files, "--forget-rescaling", "--threshold", "dogs=0")
    assert [row["class"] for row in above_zero] == ["dogs" if value > 0 else "cats" for value in forgotten]
