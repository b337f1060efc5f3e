"""Words typed for a training run take effect, or give one line that names the next step."""

from pathlib import Path

import pytest

from catsdogs_exp.__main__ import main

REFUSED = [
    ("hydra.job.name=foo", "hydra.job.name has no effect: run folders are created in output_dir. "),
    ("-m hydra.sweep.dir=there lr=0.1,0.2", "hydra.sweep.dir has no effect: run folders are created in "),
    (
        "hydra.run.dir=${now:%Y}",
        "hydra.run.dir has no effect: run folders are created in output_dir. Received: ",
    ),
    ("hydra/job_logging=default", "hydra/job_logging has no effect: the log is run.log in the run folder. "),
    ("hydra.output_subdir=.hydra", "hydra.output_subdir has no effect: config.yaml "),
    ("++foo=1", "Unknown setting: foo."),
    ("defaults=1", "Unknown setting: defaults."),
    ("optimizer.name=adam", "optimizer.name is set by the choice of its group. Received: optimizer.name=adam. "),
    ("optimizer=Adam", "optimizer must be one of adam, adamw, lion, muon, rmsprop, sgd. Received: optimizer=Adam. "),
    ("~inspection.min_size", "A setting cannot be removed: a run needs all of them. Received: ~inspection."),
    ("~dataset.path", "A setting cannot be removed: a run needs all of them. Received: ~dataset.path. "),
    ("lr=1e-3,", "lr must be > 0. Received: lr='1e-3,'. Type: lr=1e-3"),
    ("lr=0.001.", "lr must be > 0. Received: lr='0.001.'. Type: lr=0.001"),
    ("lr=inf", "lr must be > 0. Received: lr=inf"),
    ("lr=-1", "lr must be > 0. Received: lr=-1"),
    ("lr=null", "lr must be > 0. Received: lr=null"),
    ("lr= 0.1", "Settings are written key=value. Received: lr= 0.1. Type: lr=0.1"),
    ("epochs=1e1", "epochs must be a whole number >= 1. Received: epochs=1e1. Type: epochs=10"),
    ("epochs=1.0", "epochs must be a whole number >= 1. Received: epochs=1.0. Type: epochs=1"),
    ("epochs=0", "epochs must be a whole number >= 1. Received: epochs=0"),
    ("seed=-1", "seed must be a whole number >= 0 and <= 2147483647. Received: seed=-1"),
    ("target_size=32x32", "target_size must be a whole number of pixels from 1 to 4096, or two: [height,width]. Rec"),
    ("--config-name other", "The main config is fixed: choose a recipe, experiment=NAME, or add your own, --config-"),
    ("-cn config", "The main config is fixed: choose a recipe, experiment=NAME, or add your own, --config-dir DIR. "),
    ("--config-path /tmp", "The main config is fixed: add your own choices and recipes with --config-dir DIR. "),
    ("--config-dir nope", "--config-dir must be a folder of configs. There is none at: nope"),
    ("--config-dir=~/nope", "--config-dir must be a folder of configs. There is none at: /"),
    (
        "model=CNN",
        "model must be one of cnn, course_a, course_b, course_c, course_d, course_e, course_f, efficientnet_",
    ),
    ("augment=True", "augment must be one of course, course_crop, flip, none, randaugment, strong. Received: augment="),
    ("LR=0.1", "Unknown setting: LR. Type: lr=0.1"),
    ("lr:=0.1", "Settings are written key=value. Received: lr:=0.1. Type: lr=0.1"),
    ("lr==0.1", "lr must be > 0. Received: lr==0.1. Type: lr=0.1"),
    ("lr=1/1000", "lr must be > 0. Received: lr='1/1000'. Type: lr=0.001"),
    ("lr=0.1,depth=3", "Settings are separated by spaces. Received: lr=0.1,depth=3. Type: lr=0.1 depth=3"),
    ("lr=0.1;depth=3", "Settings are separated by spaces. Received: lr=0.1;depth=3. Type: lr=0.1 depth=3"),
    ("output_dir=", "output_dir is empty. Received: output_dir=. For the current folder: output_dir=."),
    ("help", "Unknown command: help. Type: python -m catsdogs_exp --help"),
    ("version", "Unknown command: version. Type: python -m catsdogs_exp --version"),
    ("--epochs 5", "Settings are written key=value. Received: --epochs 5. Type: epochs=5"),
    ("--verbos", "Unknown option: --verbos. Did you mean --verbose? Known: --cfg, --info, --config-dir, "),
    ("train lr=0.1", "Training needs no command. Received: train. Type: python -m catsdogs_exp lr=0.1"),
    ("lr 0.01", "Settings are written key=value. Received: lr 0.01. Type: lr=0.01"),
]


@pytest.mark.parametrize(("words", "message"), REFUSED)
def test_a_refusal(
    words: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    typed = words.split(" ")
    place = 1 if typed[0] == "-m" else len(typed)
    if typed[0] not in ("train", "lr", "lr=", "help", "version"):
        typed[place:place] = ["dataset=drawn"]
    assert main(typed) == 2
    assert capsys.readouterr().err.startswith(f"error: {message}")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("words", [("+lr=0.25",), ("++lr=0.25",), ("lr=0.5", "lr=0.25"), ("lr=2.5e-1",)])
def test_a_way_to_say_a_value(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "target_size=[32, 48]", "--cfg", "job"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert "lr: 0.25" in shown
    assert shown[shown.index("target_size:") + 1 :][:2] == ["- 32", "- 48"]
