"""The column `suspicion` of manifest.csv."""

import csv
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catsdogs_exp.errors import BadInput
from catsdogs_exp.record.suspicion_column import write_suspicion

NAMES = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=12), min_size=1, unique=True
)


def manifest_text(names: list[str], notes: list[str]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["path", "class", "split", "note"])
    writer.writerows([name, "cats", "train", note] for name, note in zip(names, notes, strict=True))
    return text.getvalue()


@given(names=NAMES, data=st.data())
def test_the_column_changes_nothing_else(names: list[str], data: st.DataObject) -> None:
    notes = data.draw(st.lists(st.sampled_from(["", 'a "b", c', "two\r\nlines", ",", '"']), min_size=len(names)))
    judged = data.draw(st.lists(st.sampled_from(names), unique=True))
    before = manifest_text(names, notes[: len(names)])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "manifest.csv"
        path.write_bytes(before.encode())
        write_suspicion(path, dict.fromkeys(judged, 0.25))
        once = path.read_bytes().decode()
        write_suspicion(path, dict.fromkeys(names[:1], 0.75))
        twice = path.read_bytes().decode()
        assert [file.name for file in Path(folder).iterdir()] == ["manifest.csv"]
    rows = list(csv.reader(io.StringIO(once, newline="")))
    assert rows[0] == ["path", "class", "split", "note", "suspicion"]
    assert [row[-1] for row in rows[1:]] == ["0.250000" if name in judged else "" for name in names]
    cut = io.StringIO(newline="")
    csv.writer(cut).writerows(row[:-1] for row in rows)
    assert cut.getvalue() == before
    again = [row[-1] for row in csv.reader(io.StringIO(twice, newline=""))][1:]
    assert again == ["0.750000", *[row[-1] for row in rows[2:]]]


def test_names_in_any_encoding_and_style_keep_their_bytes(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    path.write_bytes(b'suspicion,"path",x\n,a.jpg, "1" \n0.5,"b,c.jpg",\xff')
    write_suspicion(path, {"b,c.jpg": 1.0, "a.jpg": 0.0})
    assert path.read_bytes() == b'suspicion,path,x\r\n0.000000,a.jpg," ""1"" "\r\n1.000000,"b,c.jpg",\xff\r\n'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it has no column path"),
        ("a,b\n", "it has no column path"),
        ("path,b\nx\n", "1 fields instead of 2 in record 2"),
        ("path,b\nx,1\n\n", "0 fields instead of 2 in record 3"),
        (f"path,b\nx,{'1' * 200_000}\n", "field larger than field limit"),
    ],
)
def test_a_damaged_manifest_is_left_alone(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "manifest.csv"
    path.write_text(text)
    with pytest.raises(BadInput, match=rf"The manifest of the run is damaged: .*manifest.csv: {reason}"):
        write_suspicion(path, {"x": 0.5})
    assert path.read_text() == text
    with pytest.raises(BadInput, match=r"The manifest of the run cannot be written: .*none.csv: No such file"):
        write_suspicion(tmp_path / "none.csv", {})
