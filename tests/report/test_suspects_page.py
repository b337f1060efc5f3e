"""The page of label suspects."""

import re
from pathlib import Path

import pytest

from catsdogs_exp.errors import BadInput
from catsdogs_exp.report.suspects_page import Suspect, write_page


def test_it_shows_the_suspects_in_order_and_frames_the_sure_ones(tmp_path: Path, save_photo) -> None:
    file = save_photo(tmp_path / "a.png", (40, 30))
    suspects = [
        Suspect(file, "cats/<script>alert(1)</script>&.png", "<b>cats", "dogs", 0.9, "validation", sure=True),
        Suspect(tmp_path / "gone.png", "gone.png", "cats", "dogs", 0.6, "test", sure=False),
    ]
    written = [write_page(tmp_path, "Title <i>", ["a & b"], suspects) for _ in range(3)]
    assert [page.name for page in written] == ["suspects.html", "suspects-2.html", "suspects-3.html"]
    text = written[0].read_text(encoding="utf-8")
    assert "alert(1)</script" not in text and "<b>cats" not in text and "<i>" not in text
    assert text.count("data:image/jpeg;base64,") == 1 and "no picture: " in text
    assert not re.search(r"(src|href)=\"(?!data:)", text)
    first, second = re.findall("<figure.*?</figure>", text, re.DOTALL)
    assert "1. labelled &lt;b&gt;cats, looks like dogs" in first and "suspicion 0.900, validation" in first
    assert first.startswith('<figure class="marked">') and second.startswith("<figure>")
    with pytest.raises(BadInput, match="The page cannot be written"):
        write_page(tmp_path / "none", "", [], [])
