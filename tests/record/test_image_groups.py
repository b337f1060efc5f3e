"""Groups of images from the manifest of a run, and slices of several runs side by side."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np

from catsdogs_exp.record.folder.predictions import Predictions
from catsdogs_exp.record.image_groups import groups_of_images
from catsdogs_exp.report.compare_page import slice_table

N = 100


def predictions(paths: tuple[str, ...], wrong: set[int]) -> Predictions:
    labels = np.arange(N, dtype=np.int32) % 2
    said = np.array([1 - label if place in wrong else label for place, label in enumerate(labels)])
    return Predictions(("cats", "dogs"), paths, ("validation",) * N, labels, np.eye(2, dtype=np.float32)[said])


def write_manifest(folder: Path, paths: tuple[str, ...], sizes: list[tuple[object, object]]) -> None:
    with (folder / "manifest.csv").open("w", newline="") as handle:
        rows = [(path, *size) for path, size in zip(paths, sizes, strict=True)]
        csv.writer(handle).writerows([("path", "width", "height"), *rows])


def test_images_are_grouped_by_size_aspect_and_folder(tmp_path: Path) -> None:
    paths = tuple(
        f"{'web' if place < 10 else 'phone'}/{'cat' if place % 2 else 'dog'}/{place}.jpg" for place in range(N)
    )
    write_manifest(tmp_path, paths, [(10 + place, 200 if place == 0 else 20 + place) for place in range(N)])
    found = groups_of_images(tmp_path, predictions(paths, set()))
    assert found["class"][:2] == ["cats", "dogs"]
    assert found["size"].count("small") == found["size"].count("large") == 20
    assert found["aspect"][0] == "narrow" and found["aspect"][-1] == ""
    assert found["folder"][0] == "in web/dog"


def test_without_a_manifest_there_are_classes_alone(tmp_path: Path) -> None:
    paths = tuple(f"{place}.jpg" for place in range(N))
    (tmp_path / "manifest.csv").write_text("path,width,height\n0.jpg,x,\n")
    found = groups_of_images(tmp_path, predictions(paths, set()))
    assert set(found["size"]) == set(found["aspect"]) == set(found["folder"]) == {""}


def test_a_slice_of_one_run_is_shown_for_all(tmp_path: Path) -> None:
    paths = tuple(f"{place}.jpg" for place in range(N))
    write_manifest(tmp_path, paths, [(10 if place < 20 else 100 + place, 100) for place in range(N)])
    good, bad = predictions(paths, {50}), predictions(paths, {*range(15), 50})
    head, rows = slice_table([("good", good), ("bad", bad)], tmp_path)
    assert head == ("wrong on", "images", "good", "bad")
    assert rows == [("narrow", "20", "0.00 (others 0.01)", "0.75 (others 0.01)")] or rows == [
        ("small", "20", "0.00 (others 0.01)", "0.75 (others 0.01)"),
        ("narrow", "20", "0.00 (others 0.01)", "0.75 (others 0.01)"),
    ]
    assert slice_table([("good", good)], tmp_path)[1] == []


def test_a_class_named_like_a_size_is_not_that_size(tmp_path: Path) -> None:
    paths = tuple(f"{place}.jpg" for place in range(N))
    write_manifest(tmp_path, paths, [(100 + place, 100 + place) for place in range(N)])
    said = replace(predictions(paths, {place for place in range(N) if place % 2}), classes=("large", "small"))
    _, rows = slice_table([("bad", said)], tmp_path)
    assert rows == [("small", "50", "1.00 (others 0.00)")]
