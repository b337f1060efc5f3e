"""A training run as its user sees it: exit code, screen, run folder."""

import csv
import ctypes
import gc
import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml
from PIL import Image

from catsdogs_exp.__main__ import main
from catsdogs_exp.record.folder.result import Result

FILES = {
    "config.yaml",
    "overrides.yaml",
    "manifest.csv",
    "inspection.json",
    "metrics.csv",
    "result.json",
    "predictions.csv",
    "report.html",
    "augmented.png",
    "checkpoints/best.keras",
    "run.log",
    "staircase.csv",
    "staircase.png",
    "photo_map.jpg",
    "photo_map.csv",
}


def read_result(folder: Path) -> dict:
    return json.loads((folder / "result.json").read_text(encoding="utf-8"))


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def python_m(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "catsdogs_exp", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_the_run_folder_holds_what_the_contract_names(trained: Path) -> None:
    found = {path.relative_to(trained).as_posix() for path in trained.rglob("*") if path.is_file()}
    assert found >= FILES
    beside = {name.split("/")[0] for name in found - FILES} - {"evaluations"}  # another test may have evaluated it
    assert beside == {"tensorboard", "activations", "checkpoints", ".lock"}
    assert {Path(name).parent.name for name in found - FILES if name.startswith("checkpoints")} == {"last"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d-[a-z]{4}", trained.name)


def test_result_json_says_what_came_out(trained: Path) -> None:
    result = read_result(trained)
    metrics = rows_of(trained / "metrics.csv")
    best = max(metrics, key=lambda row: (float(row["val_accuracy"]), -float(row["val_loss"])))
    assert result["status"] == "ok" and result["error"] is None
    assert result["objective"] == {
        "name": "val_accuracy",
        "value": pytest.approx(float(best["val_accuracy"])),
        "epoch": int(best["epoch"]),
    }
    assert result["metrics"]["val"]["loss"] == pytest.approx(float(best["val_loss"]))
    assert result["metrics"]["train"]["accuracy"] == pytest.approx(float(best["accuracy"]))
    assert set(result["metrics"]["test"]) == {"loss", "accuracy"}
    assert result["epochs"] == len(metrics) == 3
    assert result["classes"] == ["cats", "dogs"]
    assert result["parameters"] > 1000
    assert result["images_per_second"] > 0 and result["seconds"] > 0
    assert result["command"].startswith("python -m catsdogs_exp dataset.images=48")
    assert result["versions"]["tensorflow"]
    used = sum(sum(split.values()) for split in result["counts"].values())
    assert used + result["quarantined"] == 48
    assert result["quarantined"] > 0


def test_the_record_of_the_data_is_whole(trained: Path) -> None:
    result, manifest = read_result(trained), rows_of(trained / "manifest.csv")
    inspection = json.loads((trained / "inspection.json").read_text())
    assert len(manifest) == 48 == inspection["files"]
    left_out = [row for row in manifest if row["verdict"] != "usable"]
    assert len(left_out) == result["quarantined"] == inspection["quarantined"] == len(inspection["left_out"])
    assert all(row["split"] == "" for row in left_out)
    assert {row["split"] for row in manifest if row["verdict"] == "usable"} == {"train", "validation", "test"}


def test_config_and_overrides_are_kept_as_they_were(trained: Path) -> None:
    config = yaml.safe_load((trained / "config.yaml").read_text())
    assert config["target_size"] == [32, 32] and config["loader"]["target_size"] == [32, 32]
    optimizer = {"name": "rmsprop", "learning_rate": 0.001, "rho": 0.9, "momentum": 0.0, "weight_decay": 0.0}
    assert config["optimizer"] == optimizer
    assert config["augment"]["rotation_range"] == 40.0
    assert "dataset.images=48" in yaml.safe_load((trained / "overrides.yaml").read_text())


def test_activation_pictures_of_the_best_epoch_are_written(trained: Path) -> None:
    pictures = sorted((trained / "activations").glob("best-*.png"))
    assert [path.name.split("-")[1] for path in pictures] == ["cats", "dogs"]
    for path in pictures:
        with Image.open(path) as picture:
            assert picture.width > 1000 and len(picture.getcolors(2**24) or []) > 100


def test_the_staircase_has_a_step_per_layer(trained: Path) -> None:
    rows = rows_of(trained / "staircase.csv")
    assert list(rows[0]) == ["epoch", "layer", "accuracy", "standard_error"]
    assert [row["layer"] for row in rows] == ["block1_conv", "block1_pool", "block2_conv", "block2_pool"]
    best = read_result(trained)["objective"]["epoch"]
    assert {int(row["epoch"]) for row in rows} == {best}
    assert all(0 <= float(row["accuracy"]) <= 1 for row in rows)
    assert "linear probes: " in (trained / "run.log").read_text()
    with Image.open(trained / "staircase.png") as plot:
        assert plot.width > 400


def test_the_same_command_gives_the_same_numbers(trained: Path, tmp_path: Path) -> None:
    typed = yaml.safe_load((trained / "overrides.yaml").read_text())
    words = [word for word in typed if not word.startswith("output_dir")]
    assert main([*words, f"output_dir={tmp_path}"]) == 0
    first, second = trained, next((tmp_path / "drawn").iterdir())
    for row, other in zip(rows_of(first / "metrics.csv"), rows_of(second / "metrics.csv"), strict=True):
        for key in ("loss", "accuracy", "val_loss", "val_accuracy"):
            assert row[key] == other[key]
    results = read_result(first), read_result(second)
    assert results[0]["config_hash"] == results[1]["config_hash"]
    assert results[0]["data_hash"] == results[1]["data_hash"]


def test_the_screen_of_a_run(tmp_path: Path, tiny: tuple[str, ...]) -> None:
    ran = python_m(*tiny, "epochs=1", "lr=0.0005", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    (folder,) = (tmp_path / "outputs" / "drawn").iterdir()
    first = ran.stderr.splitlines()[0]
    assert first.startswith("drawn: cnn depth=2 32x32 rmsprop lr=0.0005 batch_size=8 epochs=1 seed=0 -> outputs/drawn/")
    assert re.search(r"epoch 1/1  loss \d.\d{4}  accuracy .* val_accuracy \d\.\d{4}  .* images/s  \*", ran.stderr)
    assert "left out: 3 of 48 files" in ran.stderr
    assert f"run folder: outputs/drawn/{folder.name}" in ran.stdout
    assert f"python -m catsdogs_exp predict outputs/drawn/{folder.name} IMAGE..." in ran.stdout
    assert "python -m catsdogs_exp board outputs" in ran.stdout
    for noise in ("oneDNN", "cuda", "CUDA", "absl", "WARNING", "Traceback"):
        assert noise not in ran.stderr + ran.stdout


def test_three_classes_get_a_softmax(tmp_path: Path, bare: tuple[str, ...]) -> None:
    assert main([*bare, "dataset.classes=3", "epochs=1", f"output_dir={tmp_path}"]) == 0
    (folder,) = (tmp_path / "drawn").iterdir()
    result = read_result(folder)
    assert result["classes"] == ["cats", "dogs", "rabbits"]
    from catsdogs_exp.training.checkpoint.model_file import load_model

    model, card = load_model(folder / "checkpoints" / "best.keras")
    assert model.output_shape == (None, 3) and card.classes == ("cats", "dogs", "rabbits")
    assert model.layers[-1].activation.__name__ == "softmax"


def test_no_validation_needs_another_monitor(
    tmp_path: Path, tiny: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*tiny, "epochs=1", "split.validation=0", "split.test=0", f"output_dir={tmp_path}"]
    assert main(words) == 2
    assert (
        "error: split.validation must be > 0, and yield at least one image, to monitor validation values. "
        "Received: split.validation=0 training.monitor=val_accuracy, with 45 images of 2 classes. "
        "Set training.monitor=loss or split.validation=0.2"
    ) in capsys.readouterr().err
    assert main([*words, "training.monitor=loss"]) == 0
    result = read_result(max((tmp_path / "drawn").iterdir(), key=lambda folder: folder.stat().st_mtime))
    assert result["objective"]["name"] == "loss" and "val" not in result["metrics"]


def test_a_batch_larger_than_the_training_set_is_a_warning(
    tmp_path: Path, bare: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*bare, "batch_size=500", "epochs=1", f"output_dir={tmp_path}"]) == 0
    said = capsys.readouterr().err
    assert re.search(r"batch_size=500 is larger than the training set of \d+ images: every epoch is one batch", said)


def test_a_diverging_run_fails_and_says_so(
    tmp_path: Path, bare: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*bare, "lr=1e38", "optimizer=sgd", "model.head=softmax", f"output_dir={tmp_path}"]) == 1
    (folder,) = (tmp_path / "drawn").iterdir()
    result = read_result(folder)
    assert result["status"] == "failed"
    assert re.search(r"The training loss became (NaN or infinite|inf) in epoch \d", result["error"])
    assert f"error: {result['error']}" in capsys.readouterr().err
    assert "Traceback" in (folder / "run.log").read_text()


def test_a_picture_that_vanishes_is_named(
    tmp_path: Path, tiny: tuple[str, ...], photo_folder, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    from catsdogs_exp.run import network

    photos = photo_folder({"cats": 12, "dogs": 12})
    before = network.build_model

    def build_and_lose(*arguments):
        (photos / "cats" / "cat.3.jpg").unlink()
        return before(*arguments)

    monkeypatch.setattr(network, "build_model", build_and_lose)
    words = ["dataset=folder", f"dataset.path={photos}", "loader.cache=none", "logging.samples=0"]
    shape = [word for word in tiny if not word.startswith("dataset")]
    assert main([*words, *shape, f"output_dir={tmp_path / 'out'}"]) == 1
    said = capsys.readouterr().err
    assert "error: An image that was usable when inspected no longer is (No such file or directory): " in said
    assert "cat.3.jpg. Restore it, or start the run again to inspect the data." in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)]
)
def test_a_signal_leaves_an_interrupted_run(
    tmp_path: Path, tiny: tuple[str, ...], number: signal.Signals, code: int
) -> None:
    command = [sys.executable, "-m", "catsdogs_exp", *tiny, "epochs=100000"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 200
        while not list(tmp_path.glob("outputs/drawn/*/checkpoints/best.keras")):
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.1)
        process.send_signal(number)
        _, said = process.communicate(timeout=200)
        assert process.returncode == code
    (folder,) = (tmp_path / "outputs" / "drawn").iterdir()
    assert read_result(folder)["status"] == "interrupted"
    assert read_result(folder)["objective"]["value"] > 0
    assert "Traceback" not in said
    assert f"interrupted; to continue: python -m catsdogs_exp resume {folder.relative_to(tmp_path)}" in said


def test_result_json_is_there_from_the_start(tmp_path: Path, bare: tuple[str, ...], monkeypatch) -> None:
    seen: list[str] = []
    before = Result.update

    def watch(self: Result, **content: object) -> None:
        before(self, **content)
        seen.append(json.loads(self.path.read_text())["status"])

    monkeypatch.setattr(Result, "update", watch)
    assert main([*bare, "epochs=1", f"output_dir={tmp_path}"]) == 0
    assert seen[0] == "running" and seen[-1] == "ok" and set(seen[:-1]) == {"running"}


def test_a_sweep_runs_every_job_and_goes_on_after_a_failure(
    tmp_path: Path, bare: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*bare, "-m", "epochs=1", "split.test=0", "split.validation=0,0.2", "depth=1,2"]
    assert main([*words, f"output_dir={tmp_path}"]) == 1
    (sweep,) = (tmp_path / "drawn").iterdir()
    jobs = sorted(path.name for path in sweep.iterdir() if path.is_dir())
    assert jobs == [
        "0-depth=1,split.validation=0",
        "1-depth=1,split.validation=0.2",
        "2-depth=2,split.validation=0",
        "3-depth=2,split.validation=0.2",
    ]
    assert [read_result(sweep / name)["status"] for name in jobs] == ["failed", "ok", "failed", "ok"]
    captured = capsys.readouterr()
    assert "[1/4] failed: split.validation must be > 0" in captured.err
    assert f"2 of 4 runs in {sweep}" in captured.out
    assert "failed: 0-depth=1,split.validation=0: split.validation must be > 0" in captured.out


def test_a_wrong_job_stops_a_sweep_before_it_starts(tmp_path: Path, tiny: tuple[str, ...], capsys) -> None:
    assert main(["-m", *tiny, "lr=0.1,0.01,-1", f"output_dir={tmp_path}"]) == 2
    assert capsys.readouterr().err == "error: lr must be > 0. Received: lr=-1\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(
    "varied",
    [["seed=range(18)"], ["seed=range(9)", "model.dropout=0,0.1"]],
    ids=["one network", "another network in every job"],
)
def test_a_sweep_does_not_grow(
    varied: list[str], tmp_path: Path, tiny: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    before = Result.update

    def weigh(self: Result, **content: object) -> None:
        before(self, **content)
        if content.get("status") == "ok":
            gc.collect()
            ctypes.CDLL(None).malloc_trim(0)  # what is freed but kept for later comes and goes by two networks' worth
            sizes.append(psutil.Process().memory_info().rss)

    monkeypatch.setattr(Result, "update", weigh)
    weights = 6 * 6 * 32 * 8192 * 4  # bytes of a job's dense layer; the optimizer has as much again
    words = [*tiny, "epochs=1", "model.dense=8192", "logging.tensorboard=false", "logging.activations.every=-1"]
    assert main(["-m", *words, *varied, f"output_dir={tmp_path}"]) == 0
    assert len(sizes) == 18
    # The first jobs fill caches. The smallest of jobs 10 to 12 and the smallest of the last three are six jobs apart:
    # a leak of the weights alone adds six times their size. Arenas and the state of one job still held add about twice.
    assert min(sizes[15:]) - min(sizes[9:12]) < 3 * weights


BAD_INPUT = {
    "a missing folder": (["dataset=folder", "dataset.path={tmp}/nothing"], "There is none at: "),
    "a file for a folder": (["dataset=folder", "dataset.path={tmp}/a-file"], "Received a file: "),
    "an empty folder": (["dataset=folder", "dataset.path={tmp}/empty"], "The folder of images contains nothing: "),
    "no class folders": (["dataset=folder", "dataset.path={tmp}/flat"], "contains 3 files but no class folders: "),
    "an empty class": (["dataset=folder", "dataset.path={tmp}/hollow"], "The class folder 'dogs' contains no images: "),
    "one class": (["dataset=folder", "dataset.path={tmp}/single"], "Received one: 'cats' in "),
    "all files broken": (["dataset=folder", "dataset.path={tmp}/broken"], "None of the 6 files in "),
    "a missing archive": (["dataset=archive", "dataset.path={tmp}/no.zip"], "There is none at: "),
    "no size": (["target_size=0"], "target_size must be a whole number of pixels"),
    "lr=0": (["lr=0"], "lr must be > 0. Received: lr=0"),
    "lr=nan": (["lr=nan"], "lr must be > 0. Received: lr=nan"),
    "a misspelt key": (["batchsize=3"], "Unknown setting: batchsize. Did you mean batch_size"),
    "a group's name": (["model.name=resnet"], "Type: model=resnet"),
    "an unknown dataset": (["dataset=dranw"], "Did you mean drawn?"),
    "an unknown model": (["model=cmn"], "Received: model=cmn. Did you mean cnn?"),
    "an unknown optimizer": (["optimizer=adm"], "Did you mean adam"),
    "a file as output_dir": (
        ["output_dir={tmp}/a-file"],
        "output_dir must be a folder. Received a path through a file: ",
    ),
    "an unknown command": (["trian"], "Unknown command: trian."),
    "dashes": (["--epochs=3"], "Settings are written key=value. Received: --epochs=3. Type: epochs=3"),
    "a misspelt flag": (["--profil"], "Unknown option: --profil. Did you mean --profile?"),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_one_clear_line_and_exit_code_2(
    case: str, tmp_path: Path, photo_folder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a-file").write_text("x")
    (tmp_path / "empty").mkdir()
    photo_folder({"": 3}, name="flat")
    photo_folder({"cats": 3, "dogs": 0}, name="hollow")
    photo_folder({"cats": 3}, name="single")
    for path in photo_folder({"cats": 3, "dogs": 3}, name="broken").rglob("*.jpg"):
        path.write_bytes(b"no picture")
    words, expected = BAD_INPUT[case]
    assert main([word.replace("{tmp}", str(tmp_path)) for word in words]) == 2
    said = capsys.readouterr().err
    (line,) = [text for text in said.splitlines() if text.startswith("error: ")]
    assert said.rstrip().endswith(line)
    assert expected in line
    assert "Traceback" not in said


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_output_folder_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    assert main([f"output_dir={locked}"]) == 2
    assert "output_dir cannot be written: Permission denied" in capsys.readouterr().err


def test_looking_does_not_import_tensorflow(tmp_path: Path) -> None:
    looks = (["--help"], ["--cfg", "job", "lr=0.1"], ["--info", "searchpath"], ["lrr=1"], ["-m", "lr=0,1"])
    code = f"""
import sys
from catsdogs_exp.__main__ import main
for words in {looks}:
    main(words)
    print("imported:", words, "tensorflow" in sys.modules)
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    found = [line for line in ran.stdout.splitlines() if line.startswith("imported: ")]
    assert found == [f"imported: {words} False" for words in looks], ran.stderr


def test_cfg_job_shows_the_whole_config(tmp_path: Path) -> None:
    ran = python_m("--cfg", "job", "lr=0.25", "optimizer=adam", cwd=tmp_path)
    assert ran.returncode == 0
    shown = yaml.safe_load(ran.stdout)
    assert shown["lr"] == 0.25 and shown["optimizer"]["name"] == "adam"
    assert shown["optimizer"]["learning_rate"] == "${lr}"


def test_looking_leaves_the_callers_logging_alone(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before = list(root.handlers), root.level, list(sys.argv)
    assert main(["--info", "searchpath"]) == 0
    assert "provider" in capsys.readouterr().out.lower()
    assert (list(root.handlers), root.level, sys.argv) == before


def test_flags_may_stand_among_the_settings(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lr=0.5", "--cfg", "job", "depth=2", "-v", "epochs=7"]) == 0
    shown = yaml.safe_load(capsys.readouterr().out)
    assert (shown["lr"], shown["depth"], shown["epochs"]) == (0.5, 2, 7)


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["--cfg", "jbo"], "--cfg must be one of job, hydra, all. Received: --cfg jbo. Did you mean job?"),
        (["--config-dir"], "--config-dir needs a value: --config-dir DIR. Received none"),
        (["--config-dir", "lr=1"], "--config-dir needs a value: --config-dir DIR. Received none"),
        (
            ["-cn", "other"],
            "The main config is fixed: choose a recipe, experiment=NAME, or add your own, --config-dir DIR. "
            "Received: -cn",
        ),
        (
            ["--package", "model"],
            "--package has no effect without --cfg job, which shows the config. Leave it out",
        ),
        (
            ["-m", "seed=1,2", "--cfg", "job"],
            "--cfg and --multirun are two commands: --cfg and --info print, --dry-run builds one network, "
            "-m trains several. Received both. Leave --multirun out",
        ),
        (
            ["hydra.run.dir=my runs"],
            "hydra.run.dir has no effect: run folders are created in output_dir. "
            "Received: hydra.run.dir=my runs. Type: 'output_dir=my runs'",
        ),
        (["hydra.verbose=true"], "hydra.verbose has no effect: the log is run.log in the run folder. "),
        (["--lr", "0.1"], "Settings are written key=value. Received: --lr 0.1. Type: lr=0.1"),
        (["--learning-rate", "0.1"], "Settings are written key=value. Received: --learning-rate 0.1. Type: lr=0.1"),
        (["-lr", "0.1"], "Settings are written key=value. Received: -lr 0.1. Type: lr=0.1"),
        (["lr", "0.1"], "Settings are written key=value. Received: lr 0.1. Type: lr=0.1"),
        (["lr", "=", "0.1"], "Settings are written key=value. Received: lr = 0.1. Type: lr=0.1"),
        (["lr:", "0.1"], "Settings are written key=value. Received: lr: 0.1. Type: lr=0.1"),
        (["seed=1", "lr"], "Settings are written key=value. Received: lr. Type: lr=0.001"),
        (["resnet"], "Settings are written key=value. Received: resnet. Type: model=resnet"),
        (
            ["train", "lr=1", "a b=2"],
            "Training needs no command. Received: train. Type: python -m catsdogs_exp",
        ),
    ],
)
def test_a_mistake_is_answered_with_what_to_type(
    words: list[str], answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith(f"error: {answer}")


@pytest.mark.parametrize("words", [["--cfg"], ["--cfg", "depth=3"], ["depth=3", "-c", "job"]])
def test_cfg_shows_the_jobs_config_unless_told_otherwise(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    assert yaml.safe_load(capsys.readouterr().out)["depth"] == 3


def test_info_takes_no_setting_for_its_value(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--info", "depth=2"]) == 0
    assert "depth: 2" in capsys.readouterr().out


def test_version_is_ours(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lr=0.1", "--version"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"catsdogs-exp \d+\.\d+\.\d+\S*", first)
    assert re.search(r"python 3\.\d+\.\d+.*, tensorflow 2\.\d+.*, keras 3\.\d+", second)


def test_help_is_a_page_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    page = capsys.readouterr().out
    for key in ("lr", "batch_size", "target_size", "depth", "epochs", "seed"):
        assert re.search(rf"^  {key} +\S+ +\w", page, re.MULTILINE), key
    for line in (
        "  model        cnn*, course_a",
        "  optimizer    adam, adamw, lion, muon, rmsprop*, sgd",
        "  augment      course, course_crop, flip, none*",
    ):
        assert line in page
    assert page.count("  python -m catsdogs_exp") >= 10
    assert len(re.findall(r"^  # ", page, re.MULTILINE)) == 5


def test_a_recipe_is_named_in_the_run_folder(tmp_path: Path, photo_folder, bare: tuple[str, ...]) -> None:
    photos = photo_folder({"train/cats": 6, "train/dogs": 6, "validation/cats": 3, "validation/dogs": 3})
    import shutil

    archive = shutil.make_archive(str(tmp_path / "photos"), "zip", photos.parent, photos.name)
    shape = [word for word in bare if not word.startswith(("dataset", "split"))]
    words = ["experiment=course_week1", f"dataset.path={archive}", *shape, "epochs=1", f"output_dir={tmp_path / 'o'}"]
    assert main(words) == 0
    (folder,) = (tmp_path / "o" / "course_week1").iterdir()
    result = read_result(folder)
    assert result["counts"] == {"train": {"cats": 6, "dogs": 6}, "validation": {"cats": 3, "dogs": 3}}
