"""The page of a comparison, in a browser, with names that would like to be markup."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from catsdogs_exp.cli import compare
from catsdogs_exp.record.folder.predictions import Predictions, write_predictions

CLASSES = ("<script>document.title='owned'</script>", '"dogs" [/bold]\n🐕')
PHOTOS = 60


@pytest.fixture
def photos(tmp_path: Path, save_photo: Callable[..., Path]) -> Path:
    for number in range(PHOTOS):
        save_photo(tmp_path / "photos" / f"<b>{number}</b>'\".png", seed=number)
    return tmp_path / "photos"


@pytest.fixture
def make(tmp_path: Path, photos: Path) -> Callable[..., Path]:
    """`make("a", wrong=range(3), lr=0.1)`: a run whose network is wrong on some photos."""

    def run(name: str, wrong=(), status: str = "ok", **settings) -> Path:
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        labels = np.arange(PHOTOS, dtype=np.int32) % 2
        said = np.where(np.isin(np.arange(PHOTOS), list(wrong)), 1 - labels, labels)
        values = np.where(said[:, None] == np.arange(2), np.float32(0.75), np.float32(0.25))
        paths = tuple(f"<b>{number}</b>'\".png" for number in range(PHOTOS))
        if status != "failed":
            write_predictions(
                folder / "predictions.csv", Predictions(CLASSES, paths, ("validation",) * PHOTOS, labels, values)
            )
        accuracy = 1 - len(list(wrong)) / PHOTOS
        result = {
            "status": status,
            "epochs": 3,
            "metrics": {"val": {"accuracy": accuracy, "loss": 0.5}} if status != "failed" else {},
            "objective": {"name": "val_accuracy", "value": accuracy, "epoch": 2} if status != "failed" else None,
            "error": "<script>alert(1)</script> [/bold]" if status == "failed" else None,
            "seconds": 12.5,
            "parameters": 1234567,
            "data_hash": "same",
            "classes": list(CLASSES),
        }
        (folder / "result.json").write_text(json.dumps(result))
        (folder / "config.yaml").write_text(yaml.safe_dump({"seed": 0, **settings}))
        (folder / "inspection.json").write_text(json.dumps({"root": str(photos)}))
        with (folder / "metrics.csv").open("w", newline="") as handle:
            rows = [(epoch, 1 / epoch, accuracy - 0.1 / epoch, 1 / epoch) for epoch in (1, 2, 3)]
            csv.writer(handle).writerows([("epoch", "val_loss", "val_accuracy", "loss"), *rows])
        return folder

    return run


@pytest.fixture
def several(tmp_path: Path, make: Callable[..., Path]) -> Path:
    """A page of five runs: two seeds, one with another network, one failed."""
    make("best <b>&amp; 'x'", wrong=range(2), lr=0.1, model={"name": "cnn", "depth": 2})
    make("2-seed", wrong=range(5), lr=0.1, seed=1, model={"name": "cnn", "depth": 2})
    make("10-deep", wrong=range(30), lr=0.001, model={"name": "cnn", "depth": 3})
    make("transfer\n🐈", wrong=range(9), lr=0.01, model={"name": "</svg><script>alert(2)</script>"})
    make("broken", status="failed", lr=10.0, model={"name": "cnn", "depth": 2})
    page = tmp_path / "page.html"
    assert compare.main([str(tmp_path / "runs"), "--html", str(page), "--csv"]) == 0
    return page


@pytest.mark.parametrize(("width", "dark"), [("desktop", False), ("phone", True)])
def test_it_opens(several: Path, open_page: Callable[..., Any], width: str, dark: bool) -> None:
    browser = open_page(several, width, dark)
    assert browser.title == "5 runs compared"
    headings = [each.text.partition(":")[0] for each in browser.find_elements("css selector", "main h2")]
    assert headings == [
        *("Runs", "Is the best run better?", "Curves", "Settings and results"),
        *("Importance of the settings", "Over seeds and folds", "Accuracy by class"),
    ]
    assert "too few runs: 4 completed" in browser.page_source
    table = browser.find_element("css selector", "#table").text
    assert "<script>alert(1)</script> [/bold]" in table
    assert "1,234,567" in table


def test_headings_sort_and_what_is_missing_stays_last(several: Path, open_page: Callable[..., Any]) -> None:
    browser = open_page(several)

    def names() -> list[str]:
        return [row.text for row in browser.find_elements("css selector", "#table tbody tr td:nth-child(2)")]

    assert names() == ["best <b>&amp; 'x'", "2-seed", "transfer\\n🐈", "10-deep", "broken"]
    headings = {each.text: each for each in browser.find_elements("css selector", "#table button.sort")}
    headings["lr"].click()
    assert names() == ["10-deep", "transfer\\n🐈", "best <b>&amp; 'x'", "2-seed", "broken"]
    headings["val_accuracy"].click()
    assert names()[0] == "10-deep" and names()[-1] == "broken"
    headings["val_accuracy"].click()
    assert names()[0] == "best <b>&amp; 'x'" and names()[-1] == "broken"


def test_lines_are_shown_and_hidden_by_box_and_key(several: Path, open_page: Callable[..., Any]) -> None:
    browser = open_page(several)

    def drawn() -> set[str]:
        lines = browser.find_elements("css selector", "figure svg .run:not([hidden])")
        return {line.get_attribute("data-run") for line in lines}

    assert drawn() == {"0", "1", "2", "3", "4"}
    browser.find_element("css selector", "#table input[data-run='1']").click()
    assert drawn() == {"0", "2", "3", "4"}
    browser.find_element("css selector", "#show-none").click()
    assert drawn() == set()
    body = browser.find_element("css selector", "body")
    body.send_keys("n")
    assert drawn() == {"0"}
    body.send_keys("n")
    assert drawn() == {"1"}
    body.send_keys("p")
    body.send_keys("p")
    assert drawn() == {"4"}
    body.send_keys("a")
    assert drawn() == {"0", "1", "2", "3", "4"}


def test_no_run_is_dropped_from_the_parallel_coordinates(several: Path, open_page: Callable[..., Any]) -> None:
    browser = open_page(several)
    lines = browser.find_elements("css selector", "svg.parallel .run")
    assert [line.get_attribute("data-run") for line in lines] == ["0", "1", "2", "3", "4"]
    assert [line.get_attribute("class") for line in lines].count("run dashed") == 1
    ticks = [each.text for each in browser.find_elements("css selector", "svg.parallel text")]
    assert ticks.count("not set") == 2  # the depth of the transfer network, and what the failed run reached


def test_two_runs_show_the_images_on_which_they_disagree(
    tmp_path: Path, make: Callable[..., Path], open_page: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    make("a<i>", wrong=range(2), lr=0.1)
    make("b", wrong=range(1, 6), lr=0.2)
    page = tmp_path / "page.html"
    assert compare.main([str(tmp_path / "runs"), "--html", str(page)]) == 0
    assert f"page: {page}" in capsys.readouterr().err
    browser = open_page(page)
    section = browser.find_element("css selector", "#disagreement")
    assert "They disagree on 5 of 60 validation images: a<i> is right on 4, b on 1." in section.text
    assert len(section.find_elements("css selector", "img")) == 5
    assert "labelled <script>document.title='owned'</script>" in section.text
    assert "lr" in browser.find_element("css selector", "#differences").text


def test_pictures_that_are_gone_say_so(tmp_path: Path, make: Callable[..., Path], photos: Path) -> None:
    make("a", wrong=range(1))
    make("b")
    (photos / "<b>0</b>'\".png").unlink()
    page = tmp_path / "page.html"
    compare.main([str(tmp_path / "runs"), "--html", str(page), "--csv"])
    assert "no picture: No such file or directory" in page.read_text()


def test_a_sweep_over_fractions_draws_its_learning_curve(
    tmp_path: Path, make: Callable[..., Path], open_page: Callable[..., Any]
) -> None:
    for number, wrong in enumerate((20, 14, 9, 6)):
        run = make(str(number), wrong=range(wrong), dataset={"fraction": 2.0 ** (number - 3)})
        result = json.loads((run / "result.json").read_text())
        result["counts"] = {"train": {"a": 100 * 2**number}, "validation": {"a": PHOTOS}}
        (run / "result.json").write_text(json.dumps(result))
    page = tmp_path / "page.html"
    compare.main([str(tmp_path / "runs"), "--html", str(page), "--csv"])
    section = open_page(page, "phone").find_element("css selector", "#photos")
    assert "Would more photos help? val_accuracy is 0.900 with 800 training images; expected 0.9" in section.text
    assert len(section.find_elements("css selector", "svg .dot")) == 4


def test_the_wall_is_embedded_where_activations_were_kept(
    trained: Path, tmp_path: Path, open_page: Callable[..., Any]
) -> None:
    from shutil import copytree

    for name in ("a", "b"):
        copytree(trained, tmp_path / "runs" / name)
    page = tmp_path / "page.html"
    assert compare.main([str(tmp_path / "runs"), "--html", str(page), "--csv"]) == 0
    assert open_page(page).find_elements("css selector", "#wall img.wall")


def test_settings_have_all_their_digits(tmp_path: Path, make: Callable[..., Path]) -> None:
    make("a", seed=20241126, lr=0.00012345678)
    make("b", seed=20241127, lr=10.0, dense=[])
    assert compare.main([str(tmp_path / "runs"), "--html", str(tmp_path / "page.html"), "--csv"]) == 0
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    for text in (">20241126<", ">20241127<", ">0.00012345678<", ">10<"):
        assert text in html


def test_without_a_test_there_is_no_empty_table(tmp_path: Path, make: Callable[..., Path]) -> None:
    make("a")
    make("b", status="failed")
    assert compare.main([str(tmp_path / "runs"), "--html", str(tmp_path / "page.html"), "--csv"]) == 0
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Not tested" in html and "corrected p" not in html


def test_one_other_run_is_named_not_counted(tmp_path: Path, make: Callable[..., Path]) -> None:
    make("a", wrong=range(2), lr=0.1)
    make("b", wrong=range(2, 40), lr=0.2)
    page = tmp_path / "page.html"
    assert compare.main([str(tmp_path / "runs"), "--html", str(page), "--csv"]) == 0
    html = page.read_text(encoding="utf-8")
    assert "Is <strong>a</strong> better than b, the only other run evaluated on the same images?" in html
    assert "of 1 runs" not in html and html.count("0.967 against 0.367: better on 60 images (p &lt; 0.001)") == 2


@pytest.mark.parametrize("width", ["desktop", "phone"])
def test_the_figures_of_the_curves_are_large_enough_to_read(
    several: Path, open_page: Callable[..., Any], width: str
) -> None:
    heights = open_page(several, width).execute_script(
        "return [...document.querySelectorAll('#curves svg text')].map(text => text.getBoundingClientRect().height)"
    )
    assert heights and min(heights) >= 10


def test_seeds_on_other_images_are_not_compared_silently(
    tmp_path: Path, make: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither on the page nor below the table."""
    for name, path, seed in (("a", "one", 0), ("b", "one", 1), ("c", "two", 0), ("d", "two", 1)):
        folder = make(name, wrong=range(seed + 2), seed=seed, dataset={"name": "folder", "path": path})
        result = json.loads((folder / "result.json").read_text())
        (folder / "result.json").write_text(json.dumps(result | {"data_hash": path, "counts": {"validation": {}}}))
    page = tmp_path / "page.html"
    assert compare.main([str(tmp_path / "runs"), "--html", str(page)]) == 0
    words = "their means are not comparable and were not tested. Select the runs of one data set with --where"
    below = capsys.readouterr().out.partition("Over seeds and folds")[2]
    assert words in below and words in page.read_text(encoding="utf-8").partition('id="groups"')[2]
