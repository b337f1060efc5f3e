"""Label suspects: the score, the folds of a sweep, the command, and swapped labels found."""

import csv
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from catsdogs_exp.__main__ import main
from catsdogs_exp.cli import suspects
from catsdogs_exp.errors import BadInput
from catsdogs_exp.inference.suspects import mislabelled, suspicion
from catsdogs_exp.record.folder.fold_runs import find_fold_runs

QUIET = ("logging.tensorboard=false", "logging.activations.every=-1")


@st.composite
def opinions(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    shape = draw(st.integers(1, 20)), draw(st.integers(2, 5))
    raw = draw(arrays(np.float64, shape, elements=st.floats(0.001, 1)))
    labels = draw(arrays(np.int32, shape[0], elements=st.integers(0, shape[1] - 1)))
    return raw / raw.sum(axis=1, keepdims=True), labels


@given(opinions())
def test_suspicion_says_whether_another_class_is_likelier(opinion: tuple[np.ndarray, np.ndarray]) -> None:
    probabilities, labels = opinion
    scores = suspicion(probabilities, labels)
    assert ((scores >= 0) & (scores <= 1)).all()
    for row, label in enumerate(labels.tolist()):
        others = np.delete(probabilities[row], label)
        margin = others.max() - probabilities[row, label]
        assert abs(margin) < 1e-9 or (scores[row] > 0.5) == (margin > 0)  # a tie may fall to either side
    if probabilities.shape[1] == 2:
        np.testing.assert_allclose(scores, 1 - probabilities[np.arange(len(labels)), labels])
    wrong = mislabelled(probabilities, labels)
    assert (scores[wrong] > 0.5 - 1e-9).all()


def test_the_extremes_of_suspicion() -> None:
    probabilities = np.array([[1.0, 0, 0], [0, 1.0, 0], [1 / 3, 1 / 3, 1 / 3], [0.2, 0.5, 0.3]])
    np.testing.assert_allclose(suspicion(probabilities, np.zeros(4, dtype=np.int32)), [0, 1, 0.5, 0.65])


def test_sure_is_measured_by_the_class() -> None:
    """0.6 for dogs is high for a network that usually says 0.55, low for one that says 0.95."""
    labels = np.array([0, 0, 0, 1, 1, 1], dtype=np.int32)
    for usual, wrong in ((0.55, True), (0.95, False)):
        dogs = np.array([0.1, 0.1, 0.6, usual, usual, usual])
        found = mislabelled(np.stack([1 - dogs, dogs], axis=1), labels)
        assert found.tolist() == [False, False, wrong, False, False, False]


def sweep_of(folder: Path, jobs: list[dict[str, Any]]) -> Path:
    """A sweep's folder with so much of its jobs as `find_judges` looks at."""
    for number, job in enumerate(jobs):
        path = folder / f"{number}-job"
        path.mkdir(parents=True)
        (path / "result.json").write_text(json.dumps({"status": job.pop("status", "ok")}))
        split = {"folds": job.pop("folds", 3), "fold": job.pop("fold")}
        (path / "config.yaml").write_text(yaml.safe_dump({"lr": 0.1, "split": split, "logging": {"x": number}} | job))
    return folder


def test_the_folds_of_a_sweep_are_found_in_their_order(tmp_path: Path) -> None:
    judges = find_fold_runs(sweep_of(tmp_path / "sweep", [{"fold": fold} for fold in (2, 0, 1)]))
    assert judges.out_of_fold
    assert [run.folder.name for run in judges.runs] == ["1-job", "2-job", "0-job"]
    single = find_fold_runs(tmp_path / "sweep" / "1-job")
    assert not single.out_of_fold and [run.folder.name for run in single.runs] == ["1-job"]


@pytest.mark.parametrize(
    ("jobs", "message"),
    [
        ([{"fold": 0}, {"fold": 2}], "RUN must contain all 3 folds. Missing in .*: 1. Run them all at once: "),
        ([{"fold": 0}, {"fold": 0}], "RUN must contain each fold once. Received fold 0 more than once in "),
        (
            [{"fold": 0}, {"fold": 1}, {"fold": 2, "status": "failed"}],
            "RUN must contain finished folds. The status of fold 2 is failed: .*2-job",
        ),
        (
            [{"fold": 0}, {"fold": 1, "lr": 0.2, "seed": 1}],
            "RUN must be a run, or a sweep over split.fold only. The runs in .* also differ in: lr, seed. Name one",
        ),
        ([{"fold": 0, "folds": None}], "RUN must be a run folder. Received: .* It contains runs, such as .*0-job"),
        ([], "RUN must be a run folder. There is none at"),
    ],
)
def test_other_sweeps_are_refused(tmp_path: Path, jobs: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        find_fold_runs(sweep_of(tmp_path / "sweep", jobs))


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "run"))


def rows_of(run: Path) -> list[dict[str, str]]:
    with (run / "manifest.csv").open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def without_score(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{key: value for key, value in row.items() if key != "suspicion"} for row in rows]


def test_a_run_is_asked_about_what_it_has_not_seen(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = rows_of(run)
    assert suspects.main(run, []) == 0
    out = capsys.readouterr().out
    assert "images scored by a network that was not trained on them, which agrees with " in out
    assert f"pictures: {run / 'suspects.html'}" in out
    after = rows_of(run)
    assert without_score(after) == before
    for row in after:
        assert bool(row["suspicion"]) == (row["split"] in ("validation", "test"))
    ranked = sorted((float(row["suspicion"]) for row in after if row["suspicion"]), reverse=True)
    shown = [float(line.split()[0]) for line in out.splitlines() if re.match(r"\d\.\d{4} ", line)]
    np.testing.assert_allclose(shown, ranked[: len(shown)], atol=1e-4)
    assert len(shown) == min(20, len(ranked))


def test_of_training_images_it_says_that_the_network_has_seen_them(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert suspects.main(run, ["--split", "train", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert {entry["split"] for entry in content["suspects"]} == {"train"}
    assert content["judged"] == len(content["suspects"]) > 20
    assert content["networks"] == 1 and not content["out_of_fold"]
    page = Path(content["page"]).read_text(encoding="utf-8")
    assert "by a network that was trained on them" in page
    suspects.main(run, [])  # what was judged before stays
    assert {row["split"] for row in rows_of(run) if row["suspicion"]} == {"train", "validation", "test"}
    assert (run / "suspects-2.html").is_file()


def test_the_scores_are_those_of_predict(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suspects.main(run, ["--json"])
    found = json.loads(capsys.readouterr().out)["suspects"]
    assert main(["predict", str(run), "--json", *(entry["file"] for entry in found)]) == 0
    predicted = json.loads(capsys.readouterr().out)
    for entry, prediction in zip(found, predicted, strict=True):
        assert entry["suspicion"] == pytest.approx(1 - prediction["probabilities"][entry["label"]], abs=1e-5)
        assert entry["predicted"] == prediction["class"]


def test_a_file_that_is_gone_does_not_stop_the_others(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gone = next(row for row in rows_of(run) if row["split"] == "test")["path"]
    text = (run / "manifest.csv").read_text(encoding="utf-8")
    (run / "manifest.csv").write_text(text.replace(gone, "cats/gone.jpg"), encoding="utf-8")
    assert suspects.main(run, ["--json"]) == 0
    captured = capsys.readouterr()
    (unread,) = json.loads(captured.out)["unread"]
    assert "gone.jpg: " in unread and f"left out: {unread}" in captured.err
    assert next(row for row in rows_of(run) if row["path"] == "cats/gone.jpg")["suspicion"] == ""


def test_what_cannot_be_asked(run: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"--split must be one of train, validation, test. Received: all"):
        suspects.main(run, ["--split", "all"])
    with pytest.raises(BadInput, match=r"RUN must be a run folder. There is none at"):
        suspects.main(tmp_path / "none", [])


def test_folds_judge_every_image_once_and_unseen(tmp_path: Path, tiny, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["-m", *tiny, *QUIET, "epochs=1", "split.folds=2", "split.fold=range(2)", f"output_dir={tmp_path}"]
    assert main(words) == 0
    (sweep,) = (tmp_path / "drawn").iterdir()
    capsys.readouterr()
    assert suspects.main(sweep, ["--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["out_of_fold"] and content["networks"] == 2
    score = {entry["path"]: entry["suspicion"] for entry in content["suspects"]}
    runs = sorted(path.parent for path in sweep.glob("*/result.json"))
    judged: list[str] = []
    for one in runs:
        for row in rows_of(one):
            assert bool(row["suspicion"]) == (row["split"] in ("validation", "test"))
            if row["suspicion"]:
                assert float(row["suspicion"]) == pytest.approx(score[row["path"]], abs=1e-6)
            if row["split"] == "validation":
                judged.append(row["path"])
    tested = [row["path"] for row in rows_of(runs[0]) if row["split"] == "test"]
    assert sorted([*judged, *tested]) == sorted(score)
    assert (sweep / "suspects.html").is_file()
    with pytest.raises(BadInput, match="--split must be validation or test for folds"):
        suspects.main(sweep, ["--split", "train"])
    lines = (runs[0] / "manifest.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    first = next(index for index, line in enumerate(lines) if ",validation," in line)
    (runs[0] / "manifest.csv").write_text("".join(lines[:first] + lines[first + 1 :]), encoding="utf-8")
    with pytest.raises(BadInput, match="The folds were run on different files"):
        suspects.main(sweep, [])


@pytest.mark.slow
def test_folds_on_a_part_of_the_data_judge_every_image_too(
    tmp_path: Path, tiny, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each fold then trains on other images, and its manifest holds those alone."""
    words = ["-m", *tiny, "epochs=1", "split.folds=2", "split.fold=0,1", "dataset.fraction=0.3", *QUIET]
    assert main([*words, f"output_dir={tmp_path}"]) == 0
    (sweep,) = (tmp_path / "drawn").iterdir()
    capsys.readouterr()
    assert suspects.main(sweep, ["--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    used = {row["path"] for path in sweep.glob("*/result.json") for row in rows_of(path.parent) if row["split"]}
    assert {entry["path"] for entry in content["suspects"]} == used
    assert content["judged"] == len(used) > 40


@pytest.mark.slow
def test_swapped_labels_are_found_out_of_fold(tmp_path: Path, config, capsys: pytest.CaptureFixture[str]) -> None:
    """Five of 600 drawn animals lie in the wrong folder; chance would rank them 300th on average."""
    from catsdogs_exp.data.sources.drawn import drawn

    settings = config("dataset.images=600", "dataset.broken=0")
    root = Path(shutil.copytree(drawn(settings.dataset), tmp_path / "photos"))
    swapped = []
    for own, other, numbers in (("cat", "dog", (3, 40, 77)), ("dog", "cat", (11, 90))):
        for number in numbers:
            moved = f"{other}s/moved.{own}.{number}.jpg"
            (root / f"{own}s" / f"{own}.{number}.jpg").rename(root / moved)
            swapped.append(moved)
    words = ["dataset=folder", f"dataset.path={root}", "target_size=48", "epochs=14", "batch_size=16", "model.dense=32"]
    words += ["optimizer=adam", "lr=0.002", "split.folds=3", "split.fold=range(3)", f"output_dir={tmp_path}", *QUIET]
    assert main(["-m", *words]) == 0
    (sweep,) = (tmp_path / "folder").iterdir()
    capsys.readouterr()
    assert suspects.main(sweep, ["--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    order = [entry["path"] for entry in content["suspects"]]
    assert len(order) == 600
    assert np.mean([order.index(path) for path in swapped]) < 30
    assert sum(entry["mislabelled"] for entry in content["suspects"] if entry["path"] in swapped) >= 4
    assert content["mislabelled"] <= 60
