"""Groups by brightness and sharpness: what was measured while the network trained is not measured again."""

from pathlib import Path
from threading import Event

import numpy as np
import pytest
from PIL import Image, ImageFilter

from catsdogs_exp.data.images import decoding
from catsdogs_exp.record.folder.predictions import Predictions
from catsdogs_exp.report.slice_groups import groups_of, measure


@pytest.fixture
def judged(tmp_path: Path) -> Predictions:
    """30 noisy images, from dark to bright; every third one is blurred."""
    rng = np.random.default_rng(0)
    for number in range(30):
        noise = rng.normal(20 + 7 * number, 15, (80, 100)).clip(0, 255).astype(np.uint8)
        picture = Image.fromarray(noise).convert("RGB")
        if number % 3 == 0:
            picture = picture.filter(ImageFilter.GaussianBlur(6))
        picture.save(tmp_path / f"{number}.jpg", quality=95)
    paths = tuple(f"{number}.jpg" for number in range(30))
    labels = np.arange(30, dtype=np.int32) % 2
    return Predictions(("cats", "dogs"), paths, ("validation",) * 30, labels, np.eye(2, dtype=np.float32)[labels])


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes in bytes of the files that were decoded."""
    sizes: list[int] = []
    examine = decoding.examine

    def counted(data: bytes, *more: object) -> object:
        sizes.append(len(data))
        return examine(data, *more)

    monkeypatch.setattr(decoding, "examine", counted)
    return sizes


def test_dark_and_blurred_images_are_found(judged: Predictions, tmp_path: Path) -> None:
    groups = groups_of(tmp_path, judged, tmp_path)
    dark = [number for number, name in enumerate(groups["brightness"]) if name == "dark"]
    blurred = [number for number, name in enumerate(groups["sharpness"]) if name == "blurred"]
    assert dark == list(range(len(dark))) and len(dark) >= 3
    assert blurred and all(number % 3 == 0 for number in blurred)


def test_what_is_measured_already_is_not_decoded_again(judged: Predictions, tmp_path: Path, decoded: list[int]) -> None:
    files = [str(tmp_path / path) for path in judged.paths]
    measure(files, Event())
    assert len(decoded) == 30
    before = groups_of(tmp_path, judged, tmp_path)
    assert len(decoded) == 30
    Image.new("RGB", (64, 64), "white").save(tmp_path / "0.jpg")  # the darkest becomes the brightest
    after = groups_of(tmp_path, judged, tmp_path)
    assert len(decoded) == 31
    assert (before["brightness"][0], after["brightness"][0]) == ("dark", "bright")


def test_measuring_ends_with_the_run_and_is_not_begun_for_too_many(
    judged: Predictions, tmp_path: Path, decoded: list[int]
) -> None:
    files = [str(tmp_path / path) for path in judged.paths]
    over = Event()
    over.set()
    measure(files, over)
    measure(files * 40, Event())  # 1,200
    assert decoded == []
