"""Files are compared with the network on every image, and refused with the reason."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from catsdogs_exp.errors import RunFailed
from catsdogs_exp.inference.export.checking import Candidate, Limits, Panel, Row, check, megabytes
from catsdogs_exp.inference.export.runtime import Opened, Photo, Refused

COUNT = 70  # more than a turn


def truth(photo: Photo) -> np.ndarray:
    """Says `b` for bright images."""
    p = float(photo.pixels.mean()) / 255
    return np.array([1 - p, p], np.float32)


@pytest.fixture
def rows_of(tmp_path: Path) -> Callable[..., list[Row]]:
    """`rows_of(answer, exact=True, limits=...)`: the rows of a network that is always right, and of a file."""

    def make(answer, exact=True, limits=Limits(), plain=None) -> list[Row]:  # noqa: B008
        for name in ("best.keras", "network.tflite"):
            (tmp_path / name).write_bytes(b"x" * 2000)
        levels = np.linspace(0, 255, COUNT)
        photos = [(Photo(b"", np.full((2, 2, 3), level, np.uint8)), "ab"[int(level > 127.6)]) for level in levels]
        file = Candidate(tmp_path / "network.tflite", Opened("litert", "fake 1", answer, exact))
        original = Candidate(tmp_path / "best.keras", Opened("keras", "keras 3", truth))
        done: list[int] = []
        rows = check(Panel(original, plain, [file]), iter(photos), ("a", "b"), limits, done.append)
        assert done == [64, COUNT]
        return rows

    return make


def test_a_file_that_agrees_passes(rows_of) -> None:
    network, file = rows_of(truth)
    assert (network.label, network.file, network.accuracy, network.images) == ("keras", "best.keras", 1.0, COUNT)
    assert (file.file, file.runtime, file.megabytes, file.largest_difference) == ("network.tflite", "fake 1", 0.002, 0)
    assert (file.changed, file.unread, file.accuracy, file.refused) == (0, 0, 1.0, "")
    assert file.milliseconds > 0


def test_one_wrong_answer_among_many_is_enough(rows_of) -> None:
    def answer(photo: Photo) -> np.ndarray:
        return truth(photo) if photo.pixels.max() < 255 else np.array([0.9, 0.1], np.float32)

    file = rows_of(answer)[1]
    assert (file.changed, file.largest_difference) == (1, pytest.approx(0.9))
    assert file.accuracy == pytest.approx(1 - 1 / COUNT)
    assert file.refused == "its probabilities differ by up to 0.9 from the network's, more than 0.001"
    assert rows_of(answer, exact=False)[1].refused == ""


def test_limits_of_accuracy(rows_of) -> None:
    def answer(photo: Photo) -> np.ndarray:
        return np.array([0.9, 0.1], np.float32)

    file = rows_of(answer, exact=False, limits=Limits(min_accuracy=0.8))[1]
    assert file.refused == "its accuracy of 0.5000 is below --min-accuracy 0.8"
    file = rows_of(answer, exact=False, limits=Limits(max_drop=0.1))[1]
    assert file.refused == "it loses 0.5000 of accuracy, more than --max-drop 0.1"
    assert rows_of(answer, exact=False, limits=Limits(0.5, 0.5))[1].refused == ""


def test_nan_is_refused(rows_of) -> None:
    file = rows_of(lambda _: np.full(2, np.nan, np.float32), exact=False)[1]
    assert (file.refused, file.changed, file.accuracy) == ("it returns NaN", 35, 0.5)


def test_images_that_a_runtime_does_not_read_count_as_wrong(rows_of) -> None:
    def answer(photo: Photo) -> np.ndarray:
        if photo.pixels.max() < 100:
            raise Refused("no WebP")
        return truth(photo)

    file = rows_of(answer)[1]
    assert (file.unread, file.changed, file.largest_difference) == (28, 0, 0)
    assert file.accuracy == pytest.approx(1 - 28 / COUNT)


def test_a_file_of_another_precision_is_held_against_the_network_in_float32(rows_of) -> None:
    def rounded(photo: Photo) -> np.ndarray:
        return (truth(photo) + np.array([-0.01, 0.01])).astype(np.float32)

    plain = Opened("keras, float32", "keras 3", rounded)
    network, middle, file = rows_of(rounded, plain=plain)
    assert (network.label, middle.label) == ("keras", "keras, float32")
    assert file.largest_difference == pytest.approx(0.01, abs=1e-6)
    assert file.refused == ""
    assert rows_of(truth, plain=plain)[2].refused != ""


def test_a_wrong_number_of_answers_and_a_diverged_network(rows_of, tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match=r"litert returns numbers of shape \(1,\). Expected: 2 probabilities"):
        rows_of(lambda _: np.ones(1, np.float32))
    (tmp_path / "best.keras").touch()
    diverged = Candidate(tmp_path / "best.keras", Opened("keras", "", lambda _: np.full(2, np.nan, np.float32)))
    photo = Photo(b"", np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(RunFailed, match="There is nothing to export: the network returns NaN"):
        check(Panel(diverged, None, []), iter([(photo, "a")]), ("a", "b"), Limits(), lambda _: None)
    with pytest.raises(RunFailed, match="none of the validation images of the run can be read"):
        check(Panel(diverged, None, []), iter([]), ("a", "b"), Limits(), lambda _: None)


def test_the_size_of_a_folder_is_that_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").write_bytes(b"x" * 1500)
    (tmp_path / "a" / "d").write_bytes(b"x" * 500)
    assert megabytes(tmp_path / "a") == 0.002
