"""The picture of crops: what is drawn where."""

import numpy as np

from catsdogs_exp.record.pictures.crop_figure import MarkedCrop, ScaleMap, crop_figure

GREEN = (0, 200, 0)


def near(pixel: tuple[int, ...], colour: str) -> bool:
    red, _, blue = pixel
    return {"red": red - blue > 60, "blue": blue - red > 60, "grey": max(pixel) - min(pixel) < 5}[colour]


def test_maps_lie_at_the_centres_of_their_crops_and_frames_at_their_edges() -> None:
    image = np.full((100, 200, 3), 128, np.uint8)
    heat = np.zeros((3, 3), np.float32)
    heat[0, 2] = 1  # the crop at the upper right
    changed = np.zeros((3, 3), bool)
    changed[2, 0] = True
    one = ScaleMap("P(dogs)", (0.5, 0.5), heat, changed)
    box = MarkedCrop((50, 20, 100, 50), GREEN, ("best crop:", "dogs 0.9"))
    picture = crop_figure(image, ["whole image: cats"], [one, one], [box])
    assert picture.mode == "RGB"
    # the image is 300 pixels wide here, 150 high, and begins below the heading
    left, top, scale = 10, 38, 1.5
    assert picture.getpixel((left + 51 * scale, top + 45 * scale)) == GREEN
    assert picture.getpixel((left + 100 * scale, top + 45 * scale)) == (128, 128, 128)
    start = left + 300 + 10
    where = {"red": (0.75, 0.25), "blue": (0.25, 0.30), "grey": (0.05, 0.5)}
    for colour, (x, y) in where.items():
        assert near(picture.getpixel((round(start + x * 300), round(top + y * 150))), colour), colour
    dotted = picture.getpixel((start + 75, top + round(0.75 * 150)))
    assert max(dotted) < 60  # a dark dot marks the changed answer


def test_any_size_and_no_crops() -> None:
    for height, width in ((1, 1), (1, 900), (900, 1)):
        for channels in (1, 3):
            image = np.zeros((height, width, channels), np.uint8)
            one = ScaleMap("P", (1.0, 1.0), np.zeros((2, 2), np.float32), np.ones((2, 2), bool))
            assert crop_figure(image, ["a"], [one], [MarkedCrop((0, 0, 1, 1), GREEN, ("a",))]).size[0] > 200
    assert crop_figure(np.zeros((5, 5, 3), np.uint8), [], [], []).size[0] > 200
