"""Class names typed in another Unicode form than the data's: macOS writes `ä` as two characters."""

import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from catsdogs_exp.config.compose import config_of
from catsdogs_exp.data.sources.listing import Listing, list_images
from catsdogs_exp.data.sources.registry import files_of
from catsdogs_exp.data.sources.selection import Selection
from catsdogs_exp.errors import BadInput
from catsdogs_exp.inference.labelled_files import files_of_folder, renamed_classes
from catsdogs_exp.inference.threshold import Threshold

TYPED, STORED = (unicodedata.normalize(form, "Käse") for form in ("NFC", "NFD"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (STORED, "Brot"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(2):
            Image.new("RGB", (20, 20), (100 * number, 50, 9)).save(tmp_path / "data" / name / f"{number}.png")
    return tmp_path / "data"


def counts(listing: Listing) -> dict[str, int]:
    return {name: int((listing.labels == label).sum()) for label, name in enumerate(listing.classes)}


@pytest.mark.parametrize(("classes", "found"), [((TYPED, "Brot"), TYPED), ((STORED, "Brot"), STORED)])
def test_a_folder_is_selected_by_its_typed_name(folder: Path, classes: tuple[str, ...], found: str) -> None:
    assert TYPED != STORED
    listing = list_images(folder, Selection(classes={name: name for name in classes}))
    assert counts(listing) == {"Brot": 2, found: 2}
    merged = list_images(folder, Selection(classes={TYPED: "cheese", "Brot": "bread"}))
    assert counts(merged) == {"bread": 2, "cheese": 2}


def test_so_is_a_label_of_a_table(folder: Path) -> None:
    rows = [f"{name}/{number}.png,{name}" for name in (STORED, "Brot") for number in range(2)]
    (folder / "labels.csv").write_text("\n".join(["file,label", *rows]), encoding="utf-8")
    config = config_of(["dataset=csv", f"dataset.path={folder / 'labels.csv'}", f"dataset.classes=[{TYPED},Brot]"])
    assert counts(files_of(config.dataset, None)) == {"Brot": 2, TYPED: 2}


def test_data_of_another_system_is_evaluated(folder: Path) -> None:
    found = files_of_folder(folder, (TYPED, "Brot"))
    assert sorted(name for _, name in found.files) == ["Brot", "Brot", TYPED, TYPED] and not found.unknown
    assert renamed_classes([f"Cheese={STORED}"], (TYPED, "Brot")) == {"Cheese": TYPED}
    assert len(files_of_folder(folder, ("cheese", "Brot"), {TYPED: "cheese"}).files) == 4
    assert Threshold.parse(f"{STORED}=0.7", (TYPED, "Brot")) == Threshold(TYPED, 0.7)


def test_other_letters_are_other_names(folder: Path) -> None:
    with pytest.raises(BadInput, match=r"dataset\.classes names a class that does not exist: Kase\. Did you mean"):
        list_images(folder, Selection(classes={"Kase": "Kase", "Brot": "Brot"}))
