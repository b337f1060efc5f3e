from collections.abc import Callable
from pathlib import Path

import pytest

from catsdogs_exp.config.schema import Config
from catsdogs_exp.config.schema.datasets import FolderDataset
from catsdogs_exp.data.open_data import check_source, gather
from catsdogs_exp.data.sources.folder import folder
from catsdogs_exp.errors import BadInput


def refusal(path: Path | str) -> str:
    with pytest.raises(BadInput) as caught:
        folder(FolderDataset("folder", str(path)))
    with pytest.raises(BadInput) as early:
        check_source(FolderDataset("folder", str(path)))
    assert str(early.value) == str(caught.value)
    return str(caught.value)


def test_a_folder_is_used_where_it_lies(photo_folder: Callable[..., Path]) -> None:
    root = photo_folder()
    before = sorted(root.rglob("*"))
    assert folder(FolderDataset("folder", str(root))) == root
    assert sorted(root.rglob("*")) == before


def test_a_tilde_and_a_relative_path_are_understood(
    photo_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = photo_folder()
    monkeypatch.setenv("HOME", str(root.parent))
    assert folder(FolderDataset("folder", "~/photos")) == root
    monkeypatch.chdir(root)
    assert folder(FolderDataset("folder", ".")) == root


def test_a_missing_folder(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none") == (f"dataset.path must be a folder of images. There is none at: {tmp_path}/none")


@pytest.mark.parametrize("name", ["pets.zip", "pets.tar.gz", "pets.TGZ", "pets.tar"])
def test_an_archive_in_place_of_a_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert refusal(tmp_path / name) == (
        f"dataset.path must be a folder of images. Received a file: {tmp_path / name}. "
        "For an archive use dataset=archive."
    )


def test_a_picture_in_place_of_a_folder(save_photo: Callable[..., Path], tmp_path: Path) -> None:
    path = save_photo(tmp_path / "cat.jpg")
    assert refusal(path) == (f"dataset.path must be a folder of images. Received a file: {path}. Name its folder.")


def test_from_settings_to_a_manifest(photo_folder: Callable[..., Path], config: Callable[..., Config]) -> None:
    root = photo_folder({"cats": 5, "dogs": 10})
    manifest = gather(config("dataset=folder", f"dataset.path={root}", "split.test=0.2"))
    assert manifest.counts() == {
        "train": {"cats": 3, "dogs": 6},
        "validation": {"cats": 1, "dogs": 2},
        "test": {"cats": 1, "dogs": 2},
    }
