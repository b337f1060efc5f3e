"""The command line and the arithmetic of `benchmarks/`. Nothing is timed here."""

import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import checkpoints, inspection, large_folder, optimizers, photos, predict, startup, throughput, unlike
from benchmarks import compare as comparisons
from benchmarks.options import Options
from benchmarks.photos import archive, path_override
from benchmarks.processes import Side
from benchmarks.table import beyond, faster, render, within
from benchmarks.timing import Pair, interleaved, steady_rate
from catsdogs_exp.config.compose import config_of
from catsdogs_exp.data.open_data import gather
from catsdogs_exp.errors import BadInput, RunFailed
from catsdogs_exp.record.best_against import best_against_others
from catsdogs_exp.record.comparison import compare

CHECKOUT = Path(__file__).resolve().parents[2]


def test_without_a_name_the_benchmarks_are_listed_and_tensorflow_is_not_imported() -> None:
    script = "import sys; from benchmarks.__main__ import main; main([]); assert 'tensorflow' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", script], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    usage, results, others, _, *names = done.stdout.splitlines()
    assert usage.startswith("python -m benchmarks NAME") and "recipe-results RUN" in results
    assert others.startswith("python -m benchmarks unlike RUN PATH...: A7")
    assert [line.split()[0] for line in names] == list(command.NAMES)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["troughput"],
            f"Unknown benchmark: troughput. Did you mean throughput? Known: {', '.join(command.NAMES)}.",
        ),
        (["startup", "--rounds", "0"], "--rounds must be >= 1. Received: 0"),
        (["startup", "--rounds", "0", "--quick"], "--rounds must be >= 1. Received: 0"),
        (["throughput", "--images", "39"], "--images must be >= 40. Received: 39"),
        (["throughput", "--photos", "no.zip"], "--photos must be a zip or tar of photos. There is none at: no.zip"),
    ],
)
def test_bad_input_answers_in_one_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command.main(words) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"error: {message}\n")


@pytest.mark.parametrize("name", command.NAMES)
def test_every_name_runs_a_module_with_the_options(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    received = []
    module = importlib.import_module(f"benchmarks.{name}")
    monkeypatch.setattr(module, "run", lambda options: received.append(options) or "the table")
    archive = tmp_path / "photos.zip"
    archive.touch()
    assert command.main([name, "--photos", str(archive), "--images", "60"]) == 0
    assert capsys.readouterr().out == "the table\n"
    assert received == [Options(archive, rounds=1 if name == "rates" else 5, images=60, quick=False)]


def test_the_optimisers_are_compared_each_with_its_own() -> None:
    measured = {"adam": [0.03], "fused adam": [0.01], "sgd": [0.02], "fused sgd": [0.01]}
    rows = optimizers.rows(measured)
    assert [(row.what, row.ours, row.theirs) for row in rows] == [
        ("one update, adam", "10.0 ms", "30.0 ms"),
        ("one update, sgd", "10.0 ms", "20.0 ms"),
    ]


def test_checkpoints_have_a_target_and_determinism_has_none() -> None:
    measured = {"saved": [1.02, 1.03], "never": [1.0, 1.0], "deterministic": [0.002], "free": [0.001]}
    assert [tuple(vars(row).values()) for row in checkpoints.rows(measured, [0.2, 0.4, 0.3])] == [
        (
            *("P12", "an epoch's training steps, with a checkpoint / without", "1.025 s", "1.000 s"),
            *("1.025", "1.025 [1.020, 1.030]", "<= 1.02", "no"),
        ),
        (
            *("-", "writing a checkpoint with nothing beside it", "0.30 s", "-"),
            *("-", "0.30 [0.20, 0.40]", "-", "-"),
        ),
        (
            *("-", "a step, deterministic / not", "0.002 s", "0.001 s"),
            *("2.000", "2.000 [2.000, 2.000]", "-", "-"),
        ),
    ]


def test_quick_is_one_round_of_few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    received = []
    monkeypatch.setattr(startup, "run", lambda options: received.append(options) or "")
    command.main(["startup", "--quick"])
    command.main(["startup", "--quick", "--rounds", "3", "--images", "50"])
    assert [(options.rounds, options.images, options.quick) for options in received] == [(1, 200, True), (3, 50, True)]


def test_throughput_asks_for_scipy_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert command.main(["throughput"]) == 2
    assert capsys.readouterr().err == "error: needs scipy: pip install scipy\n"


def test_contenders_take_turns_and_every_other_round_goes_backwards() -> None:
    calls: list[str] = []

    def contender(name: str) -> float:
        calls.append(name)
        return float(len(calls))

    names = ("a", "b", "c")
    lines: list[str] = []
    measured = interleaved({name: lambda name=name: contender(name) for name in names}, 3, lines.append)
    assert "".join(calls) == "abccbaabc"
    assert measured == {"a": [1, 6, 7], "b": [2, 5, 8], "c": [3, 4, 9]}
    assert len(lines) == 3


def test_ratio_of_medians_and_median_ratio_differ_where_they_should() -> None:
    pair = Pair(ours=[10, 20, 90], theirs=[10, 40, 30])
    assert pair.ratio_of_medians == pytest.approx(20 / 30)
    assert pair.ratios == pytest.approx([1, 0.5, 3])
    assert pair.differences == [0, -20, 60]


def test_rounds_of_different_number_are_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        _ = Pair([1, 2], [1]).ratios


def test_steady_rate_leaves_out_the_first_steps() -> None:
    ends = [100.0, 101.0, 101.5, 102.0, 102.25]  # the last batch is half as large
    assert steady_rate(ends, images=90, batch_size=20, skip=2) == pytest.approx(50 / 1.25)
    assert steady_rate([5.0, 6.0], images=40, batch_size=20, skip=5) == pytest.approx(20)


@pytest.mark.parametrize(
    ("ours", "theirs", "reached"),
    [
        ([20, 20, 20], [10, 10, 10], "yes"),
        ([19, 20, 20], [10, 10, 11], "no"),  # medians say 2, the rounds 1.9
        ([10, 20, 30], [5, 10.1, 15], "no"),  # the rounds say 2, the medians less
    ],
)
def test_a_target_is_reached_where_both_ratios_reach_it(ours: list[float], theirs: list[float], reached: str) -> None:
    assert faster("P3", "what", Pair(ours, theirs), at_least=2).reached == reached


def test_the_rows_as_text() -> None:
    row = faster("P1", "ours / theirs", Pair([1500, 1300, 1400], [1000, 1000, 2000]), 0.97)
    assert tuple(vars(row).values()) == (
        *("P1", "ours / theirs", "1,400 img/s", "1,000 img/s", "1.400", "1.300 [0.700, 1.500]", ">= 0.97", "yes"),
    )
    row = beyond("P9", "first step", Pair([9, 10, 11], [7, 7, 9]), 2.5)
    assert tuple(vars(row).values()) == (
        *("P9", "first step", "10.00 s", "7.00 s", "+3.00 s", "2.00 [2.00, 3.00]", "<= 2.5 s", "no"),
    )
    row = within("P8", "--help", [0.5, 1.0, 2.0], 1.0)
    assert (row.theirs, row.of_rounds, row.reached) == ("-", "1.00 [0.50, 2.00]", "yes")
    assert within("P8", "--help", [1.01], 1.0).reached == "no"


def test_the_table_is_aligned_markdown() -> None:
    rows = [within("P8", "--help", [0.5], 1.0), faster("P3", "in mixed_bfloat16", Pair([300.0], [100.0]), 2.5)]
    header, rule, *lines = render(rows).splitlines()
    assert len({len(line) for line in (header, rule, *lines)}) == 1
    assert header.count("|") == rule.count("|") == 9
    assert [line.split()[1] for line in lines] == ["P8", "P3"]
    assert lines[1].rstrip(" |").endswith("yes")


def test_throughput_has_a_row_for_each_target() -> None:
    names = (
        "train",
        "train_augmented",
        "train_bfloat16",
        "files",
        "augmented",
        "cache",
        "in_memory",
        "course",
        "course_augmented",
    )
    measured = {name: [100.0] for name in (*names, "course_files", "keras_files", "course_files_augmented")}
    rows = throughput.rows(measured | {"augmented": [800.0], "train_bfloat16": [250.0]})
    assert [row.name for row in rows] == ["P1", "P2", "P3", "P3", "P4", "P4", "P4", "P4", "P5", "-"]
    assert [row.reached for row in rows[:4]] == ["yes", "yes", "no", "yes"]
    assert rows[8].reached == "yes"
    assert rows[9].reached == "-"


def test_startup_has_a_row_for_each_target() -> None:
    answers = {name: [0.5] for name in ("--help", "--cfg job", "misspelt key", "compare")}
    rows = startup.rows(answers | {"first step": [9.0], "import tensorflow": [7.0]})
    assert [(row.name, row.reached) for row in rows] == [*[("P8", "yes")] * 4, ("P9", "yes")]


def test_startup_compares_runs_that_compare_can_read(tmp_path: Path) -> None:
    found = compare([startup.write_runs(tmp_path / "runs", 3)])
    assert [run.name.partition("-")[0] for run in found.runs] == ["2", "1", "0"]
    assert "lr" in found.keys
    assert not found.remarks


def test_a_command_that_ends_otherwise_is_not_timed() -> None:
    with pytest.raises(RunFailed, match="exit code 2"):
        startup._seconds("compare", "no/such/folder")


def test_photos_beside_the_checkout_or_drawn_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beside = tmp_path / "photos.zip"
    monkeypatch.setattr(photos, "_DEFAULT", beside)
    assert archive(None) is None
    assert "drawn" in photos.describe(None)
    assert config_of(photos.source(None)).dataset.name == "drawn"
    beside.touch()
    assert archive(None) == beside
    assert "photos.zip" in photos.describe(beside)
    assert config_of(photos.source(beside)).dataset.name == "archive"


@pytest.mark.parametrize("name", ["plain.zip", "it's, [here] = {a} $b.zip", "back\\slash.zip"])
def test_any_path_goes_through_hydra(name: str) -> None:
    assert config_of(["dataset=archive", path_override(Path("/photos") / name)]).dataset.path == f"/photos/{name}"


def test_every_side_reads_the_same_pictures(photo_folder, tmp_path: Path) -> None:
    root = photo_folder({"train/cats": 30, "train/dogs": 30, "validation/cats": 2, "validation/dogs": 2})
    overrides = ("dataset=folder", f"dataset.path={root}", "target_size=20", "depth=1")
    laid = photos.lay_out(overrides, 50, tmp_path)
    assert laid.count == 50
    assert len(list(laid.folder.glob("*/*.jpg"))) == 50
    assert sorted(path.name for path in laid.folder.iterdir()) == ["cats", "dogs"]
    assert all(path.read_bytes() for path in laid.folder.glob("*/*.jpg"))
    with pytest.raises(BadInput, match=r"40 training images or more\. Received: 2 classes, 39 training images"):
        photos.lay_out(overrides, 39, tmp_path / "few")


def test_a_side_measures_in_another_process() -> None:
    with Side(dict, {"float": float}) as side:
        assert side.contenders()["float"]() == 0.0


def test_a_side_that_fails_says_why() -> None:
    with Side(dict, {"fails": exec}) as side, pytest.raises(RunFailed, match="TypeError"):
        side.contenders()["fails"]()


def test_a_side_that_dies_is_noticed() -> None:
    with Side(exec, "import os; os._exit(7)") as side, pytest.raises(RunFailed, match="exit code 7"):
        side.contenders()


def test_inspection_has_a_row_for_each_target() -> None:
    rows = inspection.rows({"load": [100.0], "first": [210.0], "again": [4900.0]})
    assert [(row.name, row.reached) for row in rows] == [("P7", "yes"), ("P7", "no")]


def test_a_large_folder_is_inspected_twice(tmp_path: Path) -> None:
    table = large_folder.run(Options(None, 1, 30, False))
    assert "30 JPEGs of 32 x 32 pixels in 10 class folders" in table
    assert [line.split("|")[2].strip() for line in table.splitlines() if "P18" in line] == [
        "inspection, the first time",
        "inspection of the unchanged folder",
        "peak memory of the process",
    ]
    large_folder.write_files(tmp_path / "files", 30)
    files = [path.read_bytes() for path in (tmp_path / "files").rglob("*.jpg")]
    assert len(set(files)) == 30


def test_the_largest_peak_of_both_inspections_counts() -> None:
    first, again, memory = large_folder.rows([(30.0, 240.0)], [(6.0, 260.0)])
    assert (first.reached, again.reached, memory.reached) == ("yes", "no", "no")
    assert memory.ours == "260 MB"


def test_inspection_draws_as_many_pictures_as_are_asked_for(tmp_path: Path) -> None:
    zipped = tmp_path / "photos.zip"
    assert config_of(inspection.source(Options(zipped, 5, None, False))).dataset.name == "archive"
    assert config_of(inspection.source(Options(zipped, 5, 25_000, False))).dataset.images == 25_000
    assert config_of(inspection.source(Options(None, 5, None, False))).dataset.images == 2500
    assert config_of(inspection.source(Options(zipped, 1, 200, True))).dataset.name == "archive"


def test_inspection_measures_what_it_says(photo_folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATSDOGS_CACHE", str(tmp_path / "ours"))
    config = config_of(["dataset=folder", f"dataset.path={photo_folder()}"])
    found = gather(config)
    (tmp_path / "scratch").mkdir()
    paths = [str(found.path(row)) for row in range(len(found.split))]
    measured = {name: one() for name, one in inspection.contenders(found, config, paths, tmp_path / "scratch").items()}
    assert set(measured) == {"load", "first", "again"}
    assert min(measured.values()) > 0


def test_compare_has_a_row_for_each_form_and_its_runs_can_be_told_apart(tmp_path: Path) -> None:
    rows = comparisons.rows({"table": [1.0], "json": [1.0], "loss": [3.0]})
    assert [(row.name, row.reached) for row in rows] == [("P17", "yes"), ("P17", "yes"), ("P17", "no")]
    found = compare([comparisons.write_runs_with_predictions(tmp_path / "runs", 4, images=300)])
    assert (found.remarks, len(found.runs)) == ((), 4)
    verdict = best_against_others(found)
    assert (verdict.untested, len(verdict.tests), verdict.tests[-1].is_better) == ({}, 3, True)


def test_predict_is_compared_with_both_validation_passes() -> None:
    measured = {"predict": [90.0, 100.0], "files": [100.0, 100.0], "decoded": [200.0, 200.0]}
    first, second = predict.rows(measured)
    assert (first.name, first.what) == ("P16", "predict / validation pass over files")
    assert (first.of_medians, first.target, first.reached) == ("0.950", ">= 0.9", "yes")
    assert (second.name, second.of_medians, second.target) == ("-", "0.475", "-")


def test_scores_of_unlike_images_are_compared() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 40).astype(np.int32)
    centres = np.eye(16)[:2] * 9
    own = {name: centres[labels] + rng.normal(size=(80, 16)) for name in ("train", "validation")}
    others = {"photos/hands": np.eye(16)[5] * 9 + rng.normal(size=(30, 16)), "same": own["validation"][:30]}
    head, _, *rows = unlike.table(own | others, labels, list(others)).splitlines()
    assert [cell.strip() for cell in head.split("|")[1:-1]] == [
        "score: AUROC (share marked)",
        "hands (30)",
        "same (30)",
        "all",
    ]
    assert len(rows) == 4
    for row in rows:
        _, hands, same, _ = (cell.strip() for cell in row.split("|")[1:-1])
        assert hands == "1.0000 (1.00)" and 0.4 < float(same.split()[0]) < 0.6


def test_a_dragged_box_has_a_target_and_load_is_reported() -> None:
    from benchmarks import demo

    rows = demo.rows({"500 x 375": [30.0, 10.0, 25.0], "4032 x 3024": [15.0]}, [100.0], [12.0])
    assert [(row.name, row.ours, row.target, row.reached) for row in rows] == [
        ("P19", "25.0 answers/s", ">= 20", "yes"),
        ("P19", "15.0 answers/s", ">= 20", "no"),
        ("P19", "100.0 requests/s", "-", "-"),
        ("P19", "12.0 answers/s", "-", "-"),
    ]
    assert rows[0].of_rounds == "25.0 [10.0, 30.0]"
