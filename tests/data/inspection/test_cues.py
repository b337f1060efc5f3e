"""Spurious cues: found where a folder has one, not found where it has none, and never by luck."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catsdogs_exp.data.inspection.cues import find_cues
from catsdogs_exp.data.inspection.inspect import inspect
from catsdogs_exp.data.sources.listing import list_images

DAY = 86_400
CUES = ("brightness", "size", "aspect ratio", "compression", "file date", "border colour")


def noise(rng: np.random.Generator, level: float, size: tuple[int, int]) -> np.ndarray:
    blocks = rng.normal(level, 40, (size[1] // 8 + 1, size[0] // 8 + 1, 3)).repeat(8, 0).repeat(8, 1)
    return np.clip(blocks[: size[1], : size[0]], 0, 255).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path, cache: Path) -> Callable[..., dict]:
    """`folder(brightness=60)`: 60 images of each class, which differ by the cue named and by nothing else."""

    def make(count: int = 60, classes: int = 2, **cue: float) -> dict:
        rng = np.random.default_rng(1)
        for number in range(count * classes):
            label = number % classes
            on = cue if label == 0 else {}
            size = (
                int(48 * on.get("size", 1) * rng.uniform(0.8, 1.25)),
                int(48 * on.get("size", 1) * rng.uniform(0.8, 1.25)),
            )
            size = int(size[0] * on.get("aspect", 1)), size[1]
            pixels = noise(rng, 120 + on.get("brightness", 0) + rng.normal(0, 25), size)
            if "border" in on:
                edge = max(3, size[1] // 8), max(3, size[0] // 8)
                inner = pixels[edge[0] : -edge[0], edge[1] : -edge[1]].copy()
                pixels[..., 0] = np.clip(pixels[..., 0].astype(int) + on["border"], 0, 255)
                pixels[edge[0] : -edge[0], edge[1] : -edge[1]] = inner
            path = tmp_path / "data" / f"class{label}" / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path, quality=int(on.get("quality", 90)))
            written = 1e9 + rng.uniform(0, 300) * DAY + on.get("date", 0) * DAY
            os.utime(path, (written, written))
        listing = list_images(tmp_path / "data")
        return {each.name: each for each in find_cues(inspect(listing), listing.labels)}

    return make


def test_without_a_cue_nothing_is_suspicious(folder) -> None:
    found = folder()
    assert tuple(found) == CUES
    assert [cue.name for cue in found.values() if cue.suspicious] == []
    assert all(0.35 < cue.accuracy < 0.65 and cue.chance == 0.5 and cue.images == 120 for cue in found.values())


@pytest.mark.parametrize(
    ("name", "cue"),
    [
        ("brightness", {"brightness": 60}),
        ("size", {"size": 1.6}),
        ("aspect ratio", {"aspect": 1.7}),
        ("compression", {"quality": 40}),
        ("file date", {"date": 250}),
        ("border colour", {"border": 80}),
    ],
)
def test_each_cue_is_found(name: str, cue: dict, folder) -> None:
    found = folder(**cue)[name]
    assert found.suspicious and found.accuracy > 0.75 and found.p_value < 1e-4
    assert found.sentence() == f"{name} alone predicts the class at {found.accuracy:.2f} (chance 0.50)"


def test_more_or_less_is_not_needed(tmp_path: Path, cache: Path) -> None:
    """One class is of middling brightness, the other dark or bright: no line parts them."""
    rng = np.random.default_rng(0)
    for number in range(160):
        level = 120 if number % 2 else (30, 210)[number % 4 // 2]
        path = tmp_path / "data" / str(number % 2) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise(rng, level, (40, 40))).save(path)
    listing = list_images(tmp_path / "data")
    found = {each.name: each for each in find_cues(inspect(listing), listing.labels)}
    assert found["brightness"].accuracy > 0.95


def test_among_three_classes_chance_is_a_third(folder) -> None:
    found = folder(classes=3, brightness=90)
    assert found["brightness"].suspicious and found["brightness"].chance == pytest.approx(1 / 3)
    assert not found["size"].suspicious


def test_what_cannot_tell_is_not_tested(tmp_path: Path, cache: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(40):
        path = tmp_path / "data" / str(number % 2) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise(rng, 120, (40, 40))).save(path)
    listing = list_images(tmp_path / "data")
    found = {each.name: each.sentence() for each in find_cues(inspect(listing), listing.labels)}
    assert found["size"] == "size: not tested, it is the same for all images"
    assert found["file date"] == "file date: not tested, all files were written within a day, as if copied"


def test_too_few_images_say_nothing(folder) -> None:
    assert folder(count=5) == {}


def test_large_classes_do_not_decide(folder, tmp_path: Path, cache: Path) -> None:
    """Always saying the larger class is not a cue, however much larger it is."""
    rng = np.random.default_rng(0)
    for number in range(200):
        path = tmp_path / "uneven" / ("rare" if number % 10 == 0 else "common") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise(rng, rng.uniform(60, 200), (int(rng.integers(30, 60)), 40))).save(path)
    listing = list_images(tmp_path / "uneven")
    assert [each.name for each in find_cues(inspect(listing), listing.labels) if each.suspicious] == []


def test_luck_is_rarely_suspicious(config) -> None:
    """Labels drawn anew over the same images: 200 cues of which none is real."""
    from dataclasses import fields, replace

    from catsdogs_exp.data.inspection.inspect import inspect_file
    from catsdogs_exp.data.inspection.verdicts import columns, packed

    rng = np.random.default_rng(3)
    verdict = replace(inspect_file(Path(__file__)), reason="")
    verdicts = columns(packed([verdict] * 60))
    assert {"border", "quality"} <= {each.name for each in fields(verdict)}
    verdicts = replace(
        verdicts,
        width=rng.integers(50, 500, 60).astype(np.int32),
        height=rng.integers(50, 500, 60).astype(np.int32),
        mean=rng.uniform(0, 255, (60, 3)).astype(np.float32),
        border=rng.uniform(0, 255, (60, 3)).astype(np.float32),
    )
    tested = suspicious = 0
    for seed in range(50):
        cues = find_cues(verdicts, np.random.default_rng(seed).permutation(np.arange(60) % 2).astype(np.int32))
        tested += sum(cue.accuracy is not None for cue in cues)
        suspicious += sum(cue.suspicious for cue in cues)
    assert tested >= 200 and suspicious <= 2
