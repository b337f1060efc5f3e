"""Would more photos help? From runs that differ in `dataset.fraction`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from catsdogs_exp.cli import compare as command
from catsdogs_exp.record.comparison import compare
from catsdogs_exp.record.photo_sweep import photo_sweeps


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., None]:
    """`make(0.5)`: a run on half of 3,200 training images whose error falls as a power law."""

    def run(fraction: float, seed: int = 0, judged: int = 1000, accuracy: float | None = None, **settings) -> None:
        folder = tmp_path / f"{fraction}-{seed}-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        images = int(3200 * fraction)
        value = accuracy if accuracy is not None else round(0.95 - 2 * images**-0.5, 3)
        result = {
            "status": "ok",
            "metrics": {"val": {"accuracy": value, "loss": 1 - value}},
            "objective": {"name": "val_accuracy", "value": value, "epoch": 1},
            "counts": {"train": {"cats": images // 2, "dogs": images // 2}, "validation": {"cats": judged}},
        }
        (folder / "result.json").write_text(json.dumps(result))
        (folder / "config.yaml").write_text(
            yaml.safe_dump({"seed": seed, "dataset": {"fraction": fraction}, **settings})
        )

    return run


def test_twice_and_ten_times_the_photos(
    tmp_path: Path, make: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    for fraction in (0.0625, 0.125, 0.25, 0.5, 1):
        for seed in (0, 1):
            make(fraction, seed)
    (sweep,) = photo_sweeps(compare([tmp_path]))
    assert sweep.curve is not None
    assert sweep.curve.sizes == (200, 400, 800, 1600, 3200)
    twice, ten_times = sweep.curve.forecasts
    assert twice.value == pytest.approx(0.95 - 2 * 6400**-0.5, abs=0.02)
    assert twice.low < 0.925 < twice.high
    assert (twice.images, ten_times.images) == (6400, 32000)
    assert command.main([str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    first, second = lines[-2:]
    assert first.startswith("Would more photos help? val_accuracy is 0.915 with 3,200 training images; expected 0.9")
    assert first.endswith(" with 32,000")
    assert second.startswith("  checked on the largest size: 0.9")
    assert "0.915 reached: off by 0.0" in second
    assert command.main([str(tmp_path), "--json"]) == 0
    (curve,) = json.loads(capsys.readouterr().out)["learning_curves"]
    assert [each["images"] for each in curve["forecasts"]] == [6400, 32000]
    assert curve["check"]["images"] == 3200


def test_a_forecast_that_failed_its_check_is_not_to_be_relied_on(tmp_path: Path, make: Callable[..., None]) -> None:
    for fraction, accuracy in ((0.0625, 0.6), (0.125, 0.605), (0.25, 0.6), (0.5, 0.605), (1, 0.9)):
        make(fraction, accuracy=accuracy)
    (sweep,) = photo_sweeps(compare([tmp_path]))
    assert sweep.lines()[1].endswith("outside the interval: do not rely on the forecast")


def test_too_few_sizes_are_said(tmp_path: Path, make: Callable[..., None]) -> None:
    for fraction in (0.25, 0.5, 1):
        make(fraction)
    (sweep,) = photo_sweeps(compare([tmp_path]))
    assert sweep.lines() == [
        "Would more photos help? Unknown: the completed runs cover 3 of the 4 training set sizes that a curve needs: "
        "-m dataset.fraction=0.125,0.25,0.5,1"
    ]


def test_other_validation_images_are_not_mixed(tmp_path: Path, make: Callable[..., None]) -> None:
    for fraction in (0.125, 0.25, 0.5, 1):
        make(fraction, judged=1000 if fraction < 1 else 500)
    (sweep,) = photo_sweeps(compare([tmp_path]))
    assert sweep.reason == "the runs were evaluated on different numbers of validation images: 500, 1,000"


def test_each_network_has_a_curve_of_its_own(tmp_path: Path, make: Callable[..., None]) -> None:
    for depth in (2, 3):
        for fraction in (0.125, 0.25, 0.5, 1):
            make(fraction, depth=depth)
    found = photo_sweeps(compare([tmp_path]))
    assert [sweep.settings for sweep in found] == [{"depth": 2}, {"depth": 3}]
    assert all(sweep.curve is not None for sweep in found)


def test_other_sweeps_have_none(tmp_path: Path, make: Callable[..., None]) -> None:
    make(1, depth=2)
    make(1, depth=3)
    assert photo_sweeps(compare([tmp_path])) == []


def test_a_run_that_failed_before_its_data_was_read_makes_no_sweep(tmp_path: Path, make: Callable[..., None]) -> None:
    for fraction in (0.125, 0.25, 0.5, 1):
        make(fraction, depth=2)
    make(1, depth=3)
    make(1, depth=3, seed=1)
    failed = next(tmp_path.glob("1-1-*"))
    (failed / "result.json").write_text(json.dumps({"status": "failed", "error": "no images"}))
    assert [sweep.settings for sweep in photo_sweeps(compare([tmp_path]))] == [{"depth": 2}]
