"""`epochs=auto`: as many epochs as fit into `training.max_minutes`, and otherwise the run with this number."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from catsdogs_exp.__main__ import main
from catsdogs_exp.errors import RunFailed
from catsdogs_exp.training.epoch_time import EpochTime

HALF_A_MINUTE = ("epochs=auto", "training.max_minutes=0.5")
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def five_seconds(monkeypatch: pytest.MonkeyPatch) -> list[EpochTime]:
    """An epoch takes 5 s, the first one 6: five fit. It is measured nevertheless; the list has what was found."""
    from catsdogs_exp.run import auto_epochs

    measure, found = auto_epochs.epoch_time, []

    def measured(*arguments: object) -> EpochTime:
        found.append(measure(*arguments))  # type: ignore[arg-type]
        return EpochTime(5.0, 1.0)

    monkeypatch.setattr(auto_epochs, "epoch_time", measured)
    return found


def the_run(outputs: Path) -> Path:
    (run,) = (outputs / "drawn").iterdir()
    return run


def test_the_run_is_the_one_with_this_number(
    tmp_path: Path, bare: tuple[str, ...], five_seconds: list[EpochTime], weights_of: Callable, capsys: Capture
) -> None:
    """Its schedule ends with the last epoch; measuring leaves weights, order and dropout as they were."""
    words = [*bare, "schedule=cosine", "model.dropout=0.2", "augment=flip"]
    assert main([*words, *HALF_A_MINUTE, f"output_dir={tmp_path / 'auto'}"]) == 0
    assert "epochs=auto: 5 epochs of 5 s fit into training.max_minutes=0.5" in capsys.readouterr().err
    assert five_seconds[0].seconds > 0 and five_seconds[0].first >= 0
    auto = the_run(tmp_path / "auto")
    assert yaml.safe_load((auto / "config.yaml").read_text())["epochs"] == 5
    assert main([*words, "epochs=5", "training.max_minutes=0.5", f"output_dir={tmp_path / 'five'}"]) == 0
    five = the_run(tmp_path / "five")
    assert weights_of(auto) == weights_of(five)
    assert (auto / "predictions.csv").read_bytes() == (five / "predictions.csv").read_bytes()
    hashes = {json.loads((run / "result.json").read_text())["config_hash"] for run in (auto, five)}
    assert len(hashes) == 1


def test_a_resumed_run_keeps_its_number(
    tmp_path: Path, bare: tuple[str, ...], five_seconds: list[EpochTime], capsys: Capture
) -> None:
    assert main([*bare, *HALF_A_MINUTE, f"output_dir={tmp_path}"]) == 0
    run = the_run(tmp_path)
    capsys.readouterr()
    for words in ([], ["epochs=auto"]):
        assert main(["resume", str(run), *words]) == 0
        assert "all 5 epochs are done. To train longer: epochs=10" in "".join(capsys.readouterr())
    assert main(["resume", str(run), "epochs=6"]) == 0
    assert len((run / "metrics.csv").read_text().splitlines()) == 1 + 6 and len(five_seconds) == 1


def test_a_run_with_a_number_cannot_go_on_without_one(tmp_path: Path, bare: tuple[str, ...], capsys: Capture) -> None:
    assert main([*bare, "epochs=1", f"output_dir={tmp_path}"]) == 0
    assert main(["resume", str(the_run(tmp_path)), *HALF_A_MINUTE, "--allow-changes"]) == 2
    assert "epochs must be a number for a run that has begun" in capsys.readouterr().err


def test_a_run_that_ended_before_it_was_measured_begins_again(
    tmp_path: Path, bare: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    from catsdogs_exp.run import auto_epochs

    def fails(*_: object) -> EpochTime:
        raise RunFailed("out of luck")

    monkeypatch.setattr(auto_epochs, "epoch_time", fails)
    assert main([*bare, *HALF_A_MINUTE, f"output_dir={tmp_path}"]) == 1
    run = the_run(tmp_path)
    monkeypatch.setattr(auto_epochs, "epoch_time", lambda *_: EpochTime(10.0, 0.0))
    assert main(["resume", str(run)]) == 0
    assert json.loads((run / "result.json").read_text())["epochs"] == 2


def test_the_learning_rate_is_searched_for_these_epochs(
    tmp_path: Path, bare: tuple[str, ...], five_seconds: list[EpochTime], monkeypatch: pytest.MonkeyPatch
) -> None:
    from catsdogs_exp.run import auto_rate

    steps: list[int] = []

    def short(count: int, accumulate: int) -> int:
        steps.append(count)
        return 3

    monkeypatch.setattr(auto_rate, "race_length", short)
    assert main([*bare, *HALF_A_MINUTE, "lr=auto", f"output_dir={tmp_path}"]) == 0
    per_epoch = 4  # 27 training images in batches of 8
    assert steps == [5 * per_epoch]
    config = yaml.safe_load((the_run(tmp_path) / "config.yaml").read_text())
    assert config["epochs"] == 5 and config["lr"] > 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["epochs=auto"], "Received: epochs=auto training.max_minutes=null. Try training.max_minutes=10"),
        (
            [*HALF_A_MINUTE, "training.finetune.epochs=2"],
            "Received: epochs=auto training.finetune.epochs=2. Give epochs a number",
        ),
        (
            ["-m", "hydra/sweeper=optuna", "lr=interval(0.001,0.01)", *HALF_A_MINUTE],
            "sweep.pruner=median compares trials epoch by epoch, so epochs must be a number. Received: epochs=auto. "
            "Try sweep.pruner=none",
        ),
    ],
)
def test_where_time_cannot_tell_the_epochs(
    words: list[str], message: str, tmp_path: Path, bare: tuple[str, ...], capsys: Capture
) -> None:
    if "-m" in words:
        pytest.importorskip("optuna")
    assert main([*bare, *words, f"output_dir={tmp_path}"]) == 2
    assert message in capsys.readouterr().err.replace("\n", " ")
    assert not list(tmp_path.iterdir())


def test_a_warm_up_that_does_not_fit_is_refused(
    tmp_path: Path, bare: tuple[str, ...], five_seconds: list[EpochTime], capsys: Capture
) -> None:
    words = ["schedule=cosine", "schedule.warmup_epochs=5"]
    assert main([*bare, *words, *HALF_A_MINUTE, f"output_dir={tmp_path}"]) == 2
    assert "schedule.warmup_epochs must be < epochs. Received: schedule.warmup_epochs=5 epochs=5" in (
        capsys.readouterr().err
    )


def test_a_dry_run_estimates_them(tmp_path: Path, bare: tuple[str, ...], capsys: Capture) -> None:
    assert main([*bare, "epochs=auto", "training.max_minutes=60", f"output_dir={tmp_path}", "--dry-run"]) == 0
    said = capsys.readouterr().err
    assert "epochs=auto: about " in said and "as many as fit into training.max_minutes" in said
