"""Pictures never replace another, whatever the images they show are called."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from catsdogs_exp.errors import BadInput
from catsdogs_exp.record.pictures.files import file_name, new_file, save_new


@given(st.text(alphabet=st.characters(), max_size=300))
def test_any_name_becomes_one_that_a_file_can_have(name: str) -> None:
    found = file_name(name)
    assert len(f"film-{found}-12.webp".encode("utf-8", "surrogateescape")) <= 255
    assert not set(found) & set('/\\ \n\r\0<>:"|?*')


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script> x.png", "two\nlines 🐶.png", "cats " + "é" * 300, "a\"b' c"]
)
def test_a_picture_of_any_name_is_written(tmp_path: Path, name: str) -> None:
    path = save_new(Image.new("RGB", (2, 2)), tmp_path, f"wall-{file_name(name)}")
    assert path.parent == tmp_path and "\n" not in path.name
    with Image.open(path) as picture:
        assert picture.size == (2, 2)


def test_nothing_is_replaced(tmp_path: Path) -> None:
    made = [new_file(tmp_path, "film", ".webp") for _ in range(3)]
    assert [path.name for path in made] == ["film.webp", "film-2.webp", "film-3.webp"]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"The picture cannot be written: .*gone/a\.png: No such file or directory"):
        save_new(Image.new("RGB", (1, 1)), tmp_path / "gone", "a")
