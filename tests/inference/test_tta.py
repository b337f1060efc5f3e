"""Test-time augmentation: the available views, and what `evaluate --tta` does with them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from catsdogs_exp.__main__ import main
from catsdogs_exp.config.schema import Config
from catsdogs_exp.errors import BadInput
from catsdogs_exp.inference.tta import run_views, views_of
from catsdogs_exp.record.folder.run_files import find_run


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 20, 30, 3), dtype=np.uint8)


def test_the_first_view_is_the_picture_and_each_has_its_own(config: Callable[..., Config], images: np.ndarray) -> None:
    views = views_of(config("augment=course").augment, 0, 6)
    made = [views.of(images, view) for view in range(6)]
    assert made[0] is images
    assert {(each.shape, each.dtype) for each in made} == {(images.shape, images.dtype)}
    assert len({each.tobytes() for each in made}) == 6


def test_views_are_a_function_of_seed_view_and_picture(config: Callable[..., Config], images: np.ndarray) -> None:
    augment = config("augment=course").augment
    first, again, other = views_of(augment, 0, 4), views_of(augment, 0, 9), views_of(augment, 1, 4)
    assert np.array_equal(first.of(images, 3), again.of(images, 3))
    assert np.array_equal(first.of(images[1:], 3), first.of(images, 3)[1:])  # beside any other pictures
    assert not np.array_equal(first.of(images, 3), other.of(images, 3))


@pytest.mark.parametrize(
    "settings", [(), ("augment=flip",), ("augment=randaugment",), ("augment.mixup=1",), ("augment.erasing=1",)]
)
def test_where_nothing_else_remains_the_mirror_image_is_the_view(
    config: Callable[..., Config], images: np.ndarray, settings: tuple[str, ...]
) -> None:
    views = views_of(config(*settings).augment, 0, 8)
    assert views.count == 2
    assert np.array_equal(views.of(images, 1), images[:, :, ::-1])
    assert views_of(config(*settings).augment, 0, 1).count == 1


def test_what_hides_or_mixes_is_left_out(config: Callable[..., Config]) -> None:
    kept = views_of(config("augment=strong", "augment.noise_range=9", "augment.cutout=0.5").augment, 0, 8).augment
    assert kept is not None
    assert (kept.erasing, kept.cutout, kept.mixup, kept.noise_range, kept.policy) == (0, 0, 0, 0, "none")
    assert kept.hue_range == 10 and kept.rotation_range == 15


def test_views_follow_the_runs_config(trained: Path, config: Callable[..., Config], tmp_path: Path) -> None:
    views = run_views(find_run(trained), 5)
    assert views == views_of(config("augment=course").augment, 0, 5)
    old = tmp_path / "run"
    old.mkdir()
    shutil.copy(trained / "result.json", old)
    keys = ("rotation_range", "zoom_range", "horizontal_flip", "fill_mode")  # of a run before there were others
    content = yaml.safe_load((trained / "config.yaml").read_text(encoding="utf-8"))
    content["augment"] = {key: content["augment"][key] for key in keys} | {"zoom_range": 0.2}
    (old / "config.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    read = run_views(find_run(old), 5)
    assert read.augment is not None
    assert (read.augment.zoom_range, read.augment.shear_range, read.augment.rotation_range) == ((0.8, 1.2), 0, 40)
    for text in ("augment: [", "seed: 0\naugment: {rotation: 3}", "seed: 0", "[]"):
        (old / "config.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(BadInput, match=r"The config of the run cannot be read: .*config\.yaml"):
            run_views(find_run(old), 5)


def test_evaluate_prints_both_accuracies(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain, one, four, again = (evaluated(trained, capsys, *tta) for tta in ((), (1,), (4,), (4,)))
    assert "tta" not in plain
    for figures in (one, four):
        assert {key: figures[key] for key in plain} == plain  # the plain figures stay what they are
    assert one["tta"]["views"] == 1 and one["tta"]["loss"] == pytest.approx(plain["loss"])
    assert one["tta"]["confusion"] == plain["confusion"]
    assert four == again
    assert four["tta"]["views"] == 4 and four["tta"]["loss"] != plain["loss"]
    assert sum(map(sum, four["tta"]["confusion"])) == plain["images"]
    assert main(["evaluate", str(trained), "--tta", "4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"validation: {plain['images']} images, accuracy {plain['accuracy']:.4f}, loss ")
    assert lines[1].startswith(f"mean of 4 views: accuracy {four['tta']['accuracy']:.4f}, loss ")


def evaluated(run: Path, capsys: pytest.CaptureFixture[str], tta: int = 0) -> dict:
    option = [f"--tta={tta}"] if tta else []
    assert main(["evaluate", str(run), "--json", *option]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_mirrored_picture_counts_as_much_as_the_picture(
    trained: Path, config: Callable[..., Config], images: np.ndarray
) -> None:
    from catsdogs_exp.inference.predictor import Predictor
    from catsdogs_exp.inference.tta import ViewPredictor

    run = find_run(trained)
    pictures = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    mirrored = np.ascontiguousarray(pictures[:, :, ::-1])
    both = ViewPredictor(Predictor(run), views_of(config().augment, 0, 2)).probabilities(pictures)
    plain = Predictor(run)
    expected = (plain.probabilities(pictures) + plain.probabilities(mirrored)) / 2
    np.testing.assert_allclose(both, expected, atol=1e-6)
    assert both.dtype == np.float32
    np.testing.assert_allclose(both.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("value", ["0", "65", "-1", "2.5", "many", "", "²"])
def test_a_number_of_views_is_a_small_whole_number(
    trained: Path, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(trained), f"--tta={value}"]) == 2
    expected = f"error: --tta must be a whole number from 1 to 64. Received: --tta={value}\n"
    assert capsys.readouterr() == ("", expected)
