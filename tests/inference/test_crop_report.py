"""What the picture of crops says, and that it can be read."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from catsdogs_exp.inference import crop_report
from catsdogs_exp.inference.crop_grid import Grid
from catsdogs_exp.inference.crops import Cropped, CropScores
from catsdogs_exp.record.pictures import crop_figure

GRID = Grid()
NARROW = (600, 100)


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts of the next pictures, as they are drawn."""
    drawn: list[str] = []
    write = ImageDraw.ImageDraw.text

    def noted(self: ImageDraw.ImageDraw, place: tuple[float, float], text: str, *rest: object, **more: object) -> None:
        drawn.append(text)
        write(self, place, text, *rest, **more)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", noted)
    return drawn


def picture(classes: tuple[str, str], changed: list[int], size: tuple[int, int] = NARROW) -> Image.Image:
    """Of an image of the first class; crops in `changed` have the second, with 0.99."""
    boxes = tuple(GRID.boxes(size))
    first = np.full(GRID.count, 0.8, np.float32)
    first[changed] = 0.01
    scores = CropScores(size, boxes, np.array([0.7, 0.3], np.float32), np.stack([first, 1 - first], axis=1))
    pixels = np.full((*size, 3), 128, np.uint8)
    return crop_report.as_picture(Cropped(pixels, boxes, pixels[None]), scores, GRID, classes)


def test_nothing_is_cut_off_below_a_portrait(texts: list[str]) -> None:
    picture(("cats", "dogs"), [0, 146])
    assert not [text for text in texts if "…" in text]
    assert {"crops of 80 %: P(cats)", "crops of 60 %: P(cats)", "crops of 40 %: P(cats)"} <= set(texts)
    assert "2 of 147 crops change the answer: dots at their centres" in texts


def test_a_crop_has_both_probabilities_whatever_the_classes_are_called(texts: list[str]) -> None:
    picture(("golden retriever, long-haired, adult", "Norwegian forest cat, semi-longhaired"), [146])
    captions = texts[texts.index("the lower right (40 % of each side)") + 1 :]
    assert captions[0].startswith("Norwegian") and captions[0].endswith(" 0.99")
    assert captions[1].startswith("golden") and captions[1].endswith(" 0.01")


def test_frames_say_what_is_lowest_and_highest_not_what_is_good(texts: list[str]) -> None:
    picture(("cats", "dogs"), [5])
    at = texts.index("smallest change,")
    assert texts[at : at + 3] == ["smallest change,", "largest change,", "lowest P(cats):"]  # a single crop changes
    assert "highest P(cats):" in texts


def test_dots_leave_most_of_a_small_cell_in_its_colour() -> None:
    heat, every = np.zeros((7, 7), np.float32), np.ones((7, 7), bool)
    image = np.full((214, 300, 3), 128, np.uint8)
    dotted, plain = (
        np.asarray(
            crop_figure.crop_figure(image, [], [crop_figure.ScaleMap("", (0.8, 0.8), heat, marked)], []), np.int16
        )
        for marked in (every, ~every)
    )
    cells = round(0.2 * 214 * 7 / 6) * round(0.2 * 300 * 7 / 6)  # pixels of the whole map
    hidden = (np.abs(dotted - plain).max(axis=-1) > 0).sum()
    assert 49 * 4 < hidden < 0.45 * cells
