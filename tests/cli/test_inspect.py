"""`inspect --fail-on cue`: a gate for spurious cues, on the screen, in JSON and on the page."""

import json
from pathlib import Path

import pytest
from PIL import Image

from catsdogs_exp.__main__ import main


def test_a_spurious_cue_fails_the_gate(photo_folder, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    root = photo_folder({"cats": 40, "dogs": 40}, size=(40, 30))
    assert main(["inspect", str(root), "--fail-on", "cue"]) == 0
    assert "one cue alone predicts the class (chance 0.50): brightness 0." in capsys.readouterr().out
    for path in (root / "cats").iterdir():
        with Image.open(path) as image:
            image.point(lambda level: level // 4).save(path)
    page = tmp_path / "page.html"
    assert main(["inspect", str(root), "--fail-on", "cue", "--html", str(page)]) == 1
    said = capsys.readouterr()
    assert "cue: brightness alone predicts the class at " in said.out and "found: " in said.err
    assert "brightness alone predicts the class at" in page.read_text(encoding="utf-8")
    assert main(["inspect", str(root), "--json"]) == 0
    cues = {cue["name"]: cue for cue in json.loads(capsys.readouterr().out)["cues"]}
    assert cues["brightness"]["suspicious"] and cues["brightness"]["accuracy"] > 0.75
    assert not cues["size"]["suspicious"] and cues["size"]["note"] == "it is the same for all images"


def test_every_gate_counts(photo_folder, capsys: pytest.CaptureFixture[str]) -> None:
    """Only the last `--fail-on` counted, and one without a kind let everything pass."""
    root = photo_folder({"cats": 4, "dogs": 4}, size=(40, 30))
    (root / "cats" / "broken.jpg").write_bytes(b"")
    assert main(["inspect", str(root), "--fail-on", "bad", "--fail-on=leak"]) == 1
    assert "found: 1 bad (--fail-on bad,leak)" in capsys.readouterr().err
    assert main(["inspect", str(root), "--fail-on", ","]) == 2
    assert "--fail-on must be a list of bad, duplicate, " in capsys.readouterr().err


def test_a_path_that_does_not_exist_names_the_one_that_was_meant(
    photo_folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photo_folder({"cats": 2, "dogs": 2}).rename(tmp_path / "my photos")
    monkeypatch.chdir(tmp_path)
    for words, message in (
        (["inspect", "'my photos'"], "inspect at: 'my photos'. Did you mean my photos?"),
        (["inspect", "my", "photos"], "Received: my photos. Type: inspect 'my photos'"),
        (["inspect", "https://a.b/c.zip"], "c.zip. This is an address: download the file, and name it"),
        (["dataset=folder", "dataset.path=My Photos"], "There is none at: My Photos. Did you mean my photos?"),
        (["report", "'my photos'"], "There is none at: 'my photos'. Did you mean my photos?"),
        (["compare", "MY PHOTOS"], "MY PHOTOS (it does not exist). Did you mean my photos?"),
    ):
        assert main(words) == 2
        assert message in capsys.readouterr().err
