"""`report RUN`: the page of a run that ended well, one that lacks things, and one with hostile names, in Chromium."""

import csv
import json
import re
import shutil
from pathlib import Path

import pytest

from catsdogs_exp.__main__ import main
from catsdogs_exp.record.folder.predictions import predictions_of
from catsdogs_exp.report import run_page


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "run"))


def test_a_run_ends_with_its_report(trained: Path) -> None:
    html = (trained / "report.html").read_text(encoding="utf-8")
    result = json.loads((trained / "result.json").read_text(encoding="utf-8"))
    accuracy = result["metrics"]["val"]["accuracy"]
    assert re.search(
        rf"Accuracy {accuracy:.3f} on \d+ validation images \(95 % Wilson interval: 0\.\d+ to [01]\.\d+\)", html
    )
    for heading in ("Verdict", "Curves", "Classes", "Calibration and thresholds", "Images", "Data", "Time and machine"):
        assert f"<h2>{heading}" in html, heading
    assert "<h3>Left out</h3>" in html and 'alt="augmented training images"' in html
    assert 'alt="evidence in ' in html and "Without Grad-CAM" not in html
    assert "target_size=32" in html and result["command"].split()[0] in html
    assert len(html) < 3_000_000
    assert 0 <= result["waiting"] <= 1


def test_it_opens_in_a_browser(trained: Path, open_page) -> None:
    for width, dark in (("desktop", False), ("phone", True)):
        browser = open_page(trained / "report.html", width, dark)
        assert len(browser.find_elements("css selector", "figure.curve svg")) >= 5
        assert len(browser.find_elements("css selector", "#images .pair img")) >= 4


def test_the_photo_map_tells_what_each_photo_was_predicted_as(trained: Path, open_page) -> None:
    browser = open_page(trained / "report.html")
    found = predictions_of(trained).of_split("validation")
    links = browser.find_elements("css selector", ".photo-map a")
    assert len(links) == len(found)
    by_title = {link.get_attribute("title"): link for link in links}
    picture = browser.find_element("css selector", ".photo-map img").rect
    for place, path in enumerate(found.paths):
        said, own = found.classes[found.predicted[place]], found.classes[found.labels[place]]
        labelled = "" if said == own else f", labelled {own}"
        link = by_title[f"{path}: {said} {found.confidence[place]:.3f}{labelled}"]
        assert link.get_attribute("href").endswith(f"/{path}")
        assert picture["x"] <= link.rect["x"] < picture["x"] + picture["width"]
        assert picture["y"] < link.rect["y"] < picture["y"] + picture["height"] and link.rect["width"] == 40


def test_it_is_made_again_elsewhere(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(run), "--output", str(tmp_path / "page.html"), "--no-maps"]) == 0
    assert f"report: {tmp_path / 'page.html'}" in capsys.readouterr().out.replace("\n", "")
    assert "Without Grad-CAM: written without loading the network" in (tmp_path / "page.html").read_text(
        encoding="utf-8"
    )


def test_its_commands_work_from_another_folder(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["report", run.name, "--no-maps"]) == 0
    html = (run / "report.html").read_text(encoding="utf-8")
    commands = re.findall(r"<code>python -m catsdogs_exp (\w+) ([^\s<]+)", html[html.index(">Next<") :])
    assert {path for name, path in commands if "=" not in name + path} == {str(run)}
    for word in ("repeat", "resume", "predict", "demo", "export", "report"):
        assert (word, str(run)) in commands
    assert f"load_model(&#39;{run}/checkpoints/best.keras&#39;)" in html


def test_commands_for_a_network_need_one(run: Path) -> None:
    """A run that failed in its first epoch has none."""
    (run / "checkpoints" / "best.keras").unlink()
    assert main(["report", str(run)]) == 0
    html = (run / "report.html").read_text(encoding="utf-8")
    assert f"catsdogs_exp resume {run}" in html
    for word in ("catsdogs_exp predict", "catsdogs_exp demo", "catsdogs_exp export", "best.keras"):
        assert word not in html, word


def test_pictures_and_threads_are_told_in_words(trained: Path) -> None:
    html = (trained / "report.html").read_text(encoding="utf-8")
    assert re.search(r"<h3>Activations for cats-\S+</h3>", html)
    assert "<h3>How well each layer separates the classes (linear probes)</h3>" in html
    assert "<h3>best-" not in html and "staircase.png</h3>" not in html
    assert "intra_op" not in html
    for sizes, words in (
        ({"intra_op": 0, "inter_op": 0}, "chosen by TensorFlow"),
        ({"intra_op": 2, "inter_op": 0}, "within an operation: 2; for several operations: chosen by TensorFlow"),
    ):
        assert run_page._threads(sizes) == words


def test_curves_show_where_a_stage_begins(run: Path) -> None:
    lines = (run / "metrics.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0].endswith(",stage") and [line.rpartition(",")[2] for line in lines[1:]] == ["1", "1", "1"]
    assert main(["report", str(run), "--no-maps"]) == 0
    assert 'class="border"' not in (run / "report.html").read_text(encoding="utf-8")
    lines[3] = lines[3].removesuffix("1") + "2"
    (run / "metrics.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    assert main(["report", str(run), "--no-maps"]) == 0
    html = (run / "report.html").read_text(encoding="utf-8")
    assert html.count('class="border"') == 3  # accuracy, loss, learning rate
    assert "dotted lines the start of a new stage" in html


def test_what_an_older_or_killed_run_lacks_is_said(run: Path, open_page) -> None:
    (run / "predictions.csv").unlink()
    result = json.loads((run / "result.json").read_text(encoding="utf-8"))
    del result["waiting"]
    (run / "result.json").write_text(json.dumps(result | {"status": "running"}), encoding="utf-8")
    assert main(["report", str(run)]) == 0
    html = (run / "report.html").read_text(encoding="utf-8")
    assert "Status: killed" in html and "has no predictions.csv" in html and "no interval without predictions" in html
    open_page(run / "report.html")
    for name in ("metrics.csv", "inspection.json", "config.yaml"):
        (run / name).write_bytes(b"\xff\x00")
    assert main(["report", str(run)]) == 0
    html = (run / "report.html").read_text(encoding="utf-8")
    for line in ("config.yaml is missing", "inspection.json is missing", "No epoch has ended: no curves"):
        assert line in html


def test_what_only_the_end_of_training_makes_is_listed_as_missing(run: Path) -> None:
    result = json.loads((run / "result.json").read_text(encoding="utf-8"))
    (run / "result.json").write_text(json.dumps(result | {"status": "interrupted"}), encoding="utf-8")
    words = "of the best epoch: made when training ends; resume continues it."
    assert main(["report", str(run), "--no-maps"]) == 0
    assert words not in (run / "report.html").read_text(encoding="utf-8")
    (run / "staircase.png").unlink()
    assert main(["report", str(run), "--no-maps"]) == 0
    assert f"Missing: linear probes {words}" in (run / "report.html").read_text(encoding="utf-8")
    for path in (run / "activations").glob("best-*.png"):
        path.unlink()
    assert main(["report", str(run), "--no-maps"]) == 0
    assert f"Missing: activations and linear probes {words}" in (run / "report.html").read_text(encoding="utf-8")
    config = (run / "config.yaml").read_text(encoding="utf-8")
    (run / "config.yaml").write_text(re.sub(r"every: \d+", "every: -1", config), encoding="utf-8")
    assert main(["report", str(run), "--no-maps"]) == 0
    assert words not in (run / "report.html").read_text(encoding="utf-8")


def test_a_run_that_fails_before_its_first_epoch_prints_its_error_alone(
    bare: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("logging.report=true", "logging.activations.every=0", "logging.activations.layers=[nope]")
    assert main([*bare, *words, f"output_dir={tmp_path}"]) == 2
    said = capsys.readouterr().err
    assert "logging.activations.layers must be" in said and "nothing to diagnose" not in said
    (page,) = (tmp_path / "drawn").glob("*/report.html")
    assert "No epoch has ended, so there is nothing to diagnose." in page.read_text(encoding="utf-8")


def test_a_line_cut_off_by_a_kill_is_no_epoch(run: Path) -> None:
    assert main(["report", str(run), "--no-maps"]) == 0
    whole = (run / "report.html").read_text(encoding="utf-8")
    with (run / "metrics.csv").open("a", encoding="utf-8") as handle:
        handle.write("4,0.")
    assert main(["report", str(run), "--no-maps"]) == 0
    assert (run / "report.html").read_text(encoding="utf-8") == whole


def test_images_that_have_moved_have_no_maps(run: Path) -> None:
    inspection = json.loads((run / "inspection.json").read_text(encoding="utf-8"))
    (run / "inspection.json").write_text(json.dumps(inspection | {"root": str(run / "moved")}), encoding="utf-8")
    assert main(["report", str(run)]) == 0
    assert "Without Grad-CAM: none of these images can be read" in (run / "report.html").read_text(encoding="utf-8")


def test_an_interrupted_run_says_so_once(run: Path) -> None:
    result = json.loads((run / "result.json").read_text(encoding="utf-8"))
    for error, said in (("interrupted", "interrupted"), ("SIGTERM", "interrupted: SIGTERM"), (None, "interrupted")):
        changed = json.dumps(result | {"status": "interrupted", "error": error})
        (run / "result.json").write_text(changed, encoding="utf-8")
        assert main(["report", str(run), "--no-maps"]) == 0
        assert f"<p>Status: {said}</p>" in (run / "report.html").read_text(encoding="utf-8")


HOSTILE = "<script>alert(1)</script>\"'[/bold]\N{GRINNING FACE}\n&amp;"


def test_hostile_names_are_text(run: Path, open_page) -> None:
    result = json.loads((run / "result.json").read_text(encoding="utf-8"))
    was = result["classes"][0]
    result["classes"][0] = HOSTILE
    result["counts"] = {
        split: {HOSTILE if name == was else name: n for name, n in each.items()}
        for split, each in result["counts"].items()
    }
    result["error"] = HOSTILE
    (run / "result.json").write_text(json.dumps(result), encoding="utf-8")
    with (run / "predictions.csv").open(newline="", encoding="utf-8") as handle:
        header, *rows = csv.reader(handle)
    header = [f"p_{HOSTILE}" if name == f"p_{was}" else name for name in header]
    rows = [[row[0], row[1], HOSTILE if row[2] == was else row[2], *row[3:]] for row in rows]
    path, rows[0][0] = rows[0][0], f"x/{HOSTILE}.jpg"
    with (run / "photo_map.csv").open(newline="", encoding="utf-8") as handle:
        places = [[rows[0][0] if cell == path else cell for cell in row] for row in csv.reader(handle)]
    with (run / "photo_map.csv").open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows(places)
    with (run / "predictions.csv").open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows([header, *rows])
    assert main(["report", str(run), "--no-maps"]) == 0
    html = (run / "report.html").read_text(encoding="utf-8")
    assert html.count("<script") == 1 and "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    browser = open_page(run / "report.html", "phone")
    (link,) = browser.find_elements("css selector", '.photo-map a[title^="x/<script>"]')
    assert "%3Cscript%3E" in link.get_attribute("href")


def test_no_run_no_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path)]) == 2
    assert "RUN must be a run folder" in capsys.readouterr().err


def test_a_failed_run_has_a_report_and_a_setting_turns_it_off(bare, tmp_path: Path) -> None:
    words = [*bare, "optimizer=sgd", "lr=1e30", f"output_dir={tmp_path}"]
    main([*words, "logging.report=true"])
    (run,) = (tmp_path / "drawn").iterdir()
    assert "Learning rate too high" in (run / "report.html").read_text(encoding="utf-8")
    main([*words, "logging.report=false", f"output_dir={tmp_path / 'off'}"])
    (run,) = (tmp_path / "off" / "drawn").iterdir()
    assert not (run / "report.html").exists()
