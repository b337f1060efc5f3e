"""`photo_map.jpg` and `photo_map.csv`: what is drawn, and what is left out."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catsdogs_exp.record.folder.predictions import Predictions
from catsdogs_exp.record.photo_map import MOST, Photos, Place, read_places, write_photo_map

RED, BLUE, ORANGE = (213, 0, 0), (0, 114, 178), (230, 159, 0)


def photos(count: int, classes: int = 2, size: tuple[int, int] = (20, 20)) -> tuple[Photos, Predictions]:
    """Grey images that lie on a line, all predicted as the first class."""
    labels = (np.arange(count) * classes // count).astype(np.int32)
    paths = tuple(f"photos/{place}.jpg" for place in range(count))
    features = np.stack([np.arange(count) * 10.0, np.arange(count) % 3], axis=1).astype(np.float32)
    said = np.zeros((count, classes), np.float32)
    said[:, 0] = 1
    names = tuple(f"class {number}" for number in range(classes))
    images = np.full((count, *size, 3), 128, np.uint8)
    return Photos(paths, images, features), Predictions(names, paths, ("validation",) * count, labels, said)


def close(found: object, wanted: tuple[int, int, int]) -> bool:
    return bool(np.abs(np.subtract(found, wanted)).max() < 40)  # JPEG


def test_each_photo_has_a_bar_in_the_colour_of_its_class_and_mistakes_have_a_frame(tmp_path: Path) -> None:
    write_photo_map(tmp_path, *photos(50))
    places = read_places(tmp_path)
    assert len(set(places)) == 50
    with Image.open(tmp_path / "photo_map.jpg") as picture:
        assert picture.size == (450, 24 + 5 * 45)
        for place in places:
            second = int(place.path.split("/")[1].removesuffix(".jpg")) >= 25
            x, y = place.column * 45, 24 + place.row * 45
            assert close(picture.getpixel((x + 20, y + 38)), ORANGE if second else BLUE)
            assert close(picture.getpixel((x + 20, y + 1)), RED) == second  # all are predicted as the first class
            assert close(picture.getpixel((x + 20, y + 20)), (128, 128, 128))


@pytest.mark.parametrize(("classes", "top"), [(8, 24), (9, 0)])
def test_many_classes_have_no_colours(classes: int, top: int, tmp_path: Path) -> None:
    write_photo_map(tmp_path, *photos(50, classes))
    with Image.open(tmp_path / "photo_map.jpg") as picture:
        assert picture.height == top + 5 * 45
        assert close(picture.getpixel((20, top + 38)), BLUE) == (classes == 8)


def test_photos_without_a_prediction_or_with_features_that_are_not_finite_are_left_out(tmp_path: Path) -> None:
    seen, said = photos(50)
    seen.features[7, 1] = np.nan
    write_photo_map(tmp_path, seen, said.rows(np.arange(1, 50)))
    assert {each.path for each in read_places(tmp_path)} == set(seen.paths) - {"photos/0.jpg", "photos/7.jpg"}


def test_there_is_a_limit(tmp_path: Path) -> None:
    write_photo_map(tmp_path, *photos(MOST + 20))
    assert len(read_places(tmp_path)) == MOST
    with Image.open(tmp_path / "photo_map.jpg") as picture:
        assert picture.size == (900, 24 + 10 * 45)


@pytest.mark.parametrize("size", [(1, 400), (400, 1), (1, 1)])
def test_thin_and_tiny_photos_are_drawn(size: tuple[int, int], tmp_path: Path) -> None:
    write_photo_map(tmp_path, *photos(10, size=size))
    with Image.open(tmp_path / "photo_map.jpg") as picture:
        assert picture.width == 360


@pytest.mark.parametrize("count", [0, 1])
def test_without_two_photos_there_is_no_map(count: int, tmp_path: Path) -> None:
    seen, said = photos(2)
    write_photo_map(tmp_path, seen, said.rows(np.arange(count)))
    assert list(tmp_path.iterdir()) == [] and read_places(tmp_path) == []


def test_a_damaged_table_has_no_places(tmp_path: Path) -> None:
    write_photo_map(tmp_path, *photos(10))
    table = tmp_path / "photo_map.csv"
    with table.open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert read_places(tmp_path)[0] == Place(int(rows[0]["column"]), int(rows[0]["row"]), rows[0]["path"])
    for content in (b"\xff\x00", b"column,row\n1\n", b"column,row,path\nx,1,a\n", b""):
        table.write_bytes(content)
        assert read_places(tmp_path) == []
