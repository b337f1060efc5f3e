"""Speed and precision as the user sees them: `--profile`, `training.precision`, random crops."""

import csv
import json
import re
from pathlib import Path

import pytest

from catsdogs_exp.__main__ import main


def losses(folder: Path) -> list[tuple[str, ...]]:
    with (folder / "metrics.csv").open(newline="") as handle:
        return [(row["loss"], row["val_loss"]) for row in csv.DictReader(handle)]


def run(output: Path, *words: str) -> Path:
    assert main([*words, f"output_dir={output}"]) == 0
    (folder,) = (output / "drawn").iterdir()
    return folder


def said(folder: Path, start: str) -> str:
    """The one line of the run's log that starts so."""
    lines = (folder / "run.log").read_text(encoding="utf-8").splitlines()
    (line,) = [start + line.partition(f"INFO {start}")[2] for line in lines if f"INFO {start}" in line]
    return line


def traced_steps(trace: Path) -> int:
    """Events that TensorBoard's profiler takes for training steps: without them it shows no times."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    space = xplane_pb2.XSpace.FromString(trace.read_bytes())
    return sum(
        plane.stat_metadata[stat.metadata_id].name == "step_num"
        for plane in space.planes
        for line in plane.lines
        for event in line.events
        if plane.event_metadata[event.metadata_id].name == "train"
        for stat in event.stats
    )


@pytest.mark.slow
def test_profile_writes_a_trace_and_says_what_training_waits_for(
    tmp_path: Path, tiny, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*tiny, "epochs=2", "dataset.images=200", "augment=course"]
    plain = run(tmp_path / "plain", *words)
    profiled = run(tmp_path / "profiled", "--profile", *words)
    line = said(profiled, "profile: ")
    assert line in capsys.readouterr().err
    found = re.fullmatch(
        r"profile: waits (\d+) % of the time for its input; a step takes ([\d.]+) ms \(([\d.]+) ms of arithmetic; "
        r"input, by \d+ threads: [\d.]+ ms reading, [\d.]+ ms changing\): .+",
        line,
    )
    assert found and 0 <= int(found[1]) <= 100 and float(found[2]) > 0 and float(found[3]) > 0
    (trace,) = (profiled / "tensorboard" / "train" / "plugins" / "profile").glob("*/*.xplane.pb")
    assert traced_steps(trace) == 10
    assert b"Conv2D" in trace.read_bytes()
    assert losses(profiled) == losses(plain)  # looking changes nothing


def test_help_names_the_flag(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "--profile" in capsys.readouterr().out


def test_auto_says_what_it_chose(tmp_path: Path, bare, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run(tmp_path, *bare, "epochs=1", "training.precision=auto")
    line = said(folder, "precision: ")
    assert line in capsys.readouterr().err
    assert re.fullmatch(r"precision: (mixed_bfloat16|float32) \(.+; training\.precision=auto\)", line)


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(words.split(), marks=marks, id=words)
        for words, marks in {
            "loader.resize=crop": pytest.mark.slow,
            "loader.resize=pad loader.pad_value=200": pytest.mark.slow,
            "loader.resize=random_resized_crop": pytest.mark.slow,
            "loader.resize=random_resized_crop augment=strong loader.cache=none": (),
            "training.precision=mixed_bfloat16": (),
        }.items()
    ],
)
def test_the_best_network_does_outside_what_it_did_inside_the_run(
    tmp_path: Path, bare, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Training may cut at random; validation and prediction see one and the same picture."""
    folder = run(tmp_path, *bare, "target_size=[24,32]", *words)
    metrics = json.loads((folder / "result.json").read_text(encoding="utf-8"))["metrics"]
    capsys.readouterr()
    assert main(["evaluate", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["accuracy"] == pytest.approx(metrics["val"]["accuracy"])
    assert found["loss"] == pytest.approx(metrics["val"]["loss"], rel=1e-2 if "bfloat16" in words[0] else 1e-4)
