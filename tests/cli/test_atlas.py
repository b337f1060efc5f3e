"""`atlas RUN`: the page, the table, the pictures in TensorBoard, and errors."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from catsdogs_exp.__main__ import main
from catsdogs_exp.data import drawing
from catsdogs_exp.insight.atlas import Channel, LayerAtlas, Patch
from catsdogs_exp.report.atlas_page import AtlasContent, write_page


@pytest.fixture(scope="module")
def atlas(trained: Path) -> Path:
    assert main(["atlas", str(trained), "--split", "train", "--images", "40", "--seconds", "1"]) == 0
    return trained / "atlas"


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "channels.csv").open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def test_every_channel_of_the_chosen_layers_has_a_row(atlas: Path) -> None:
    rows = rows_of(atlas)
    assert list(rows[0])[:7] == ["layer", "channel", "use", "top_class", "part", "iou", "iou_untrained"]
    found = {
        layer: sorted(int(r["channel"]) for r in rows if r["layer"] == layer) for layer in {r["layer"] for r in rows}
    }
    assert found == {"block1_conv": list(range(16)), "block2_conv": list(range(32))}
    assert all(0 <= float(row["iou"]) <= 1 and 0 <= float(row["iou_untrained"]) <= 1 for row in rows)
    assert {row["top_class"] for row in rows} <= {"cats", "dogs"}
    assert all(row["part"] == "" or float(row["iou"]) >= 1.5 * float(row["iou_untrained"]) for row in rows)
    uses = [float(row["use"]) for row in rows if row["layer"] == "block2_conv" and row["dead"] == "0"]
    assert uses == sorted(uses, reverse=True)


@pytest.mark.parametrize("width", ["desktop", "phone"])
def test_the_page_opens_filters_and_leafs(atlas: Path, open_page, width: str) -> None:
    browser = open_page(atlas / "atlas.html", width=width)

    def shown() -> int:
        return browser.execute_script("return document.querySelectorAll('.channel:not([hidden])').length")

    def press(key: str) -> None:
        browser.execute_script(
            f"document.body.dispatchEvent(new KeyboardEvent('keydown', {{key: '{key}', bubbles: true}}))"
        )

    everything = shown()
    assert everything > 8
    browser.execute_script(
        "const box = document.getElementById('by-class'); box.value = 'cats';"
        "box.dispatchEvent(new Event('input', {bubbles: true}))"
    )
    cats = shown()
    assert 0 < cats < everything
    assert f"{cats} of {everything} channels" in browser.find_element("id", "filtered").get_property("value")
    press("a")
    assert shown() == everything
    press("n")
    layers = browser.execute_script(
        "return [...new Set([...document.querySelectorAll('.channel:not([hidden])')].map(c => c.dataset.layer))]"
    )
    assert layers == ["block1_conv"]


def test_tensorboard_has_the_patches_of_each_layer(atlas: Path) -> None:
    events = EventAccumulator(str(atlas.parent / "tensorboard" / "validation"), size_guidance={"tensors": 0})
    events.Reload()
    tags = [tag for tag in events.Tags()["tensors"] if tag.startswith("atlas/")]
    assert tags == ["atlas/1_block1_conv", "atlas/2_block2_conv"]


def test_gradient_ascent_stands_last_on_the_page(trained: Path, open_page, capsys) -> None:
    words = ["--split", "train", "--images", "8", "--seconds", "0", "--layers", "block2_conv", "--visualize", "3"]
    assert main(["atlas", str(trained), *words, "--json"]) == 0
    page = Path(json.loads(capsys.readouterr().out)["page"])
    browser = open_page(page)
    headings = [each.text for each in browser.find_elements("css selector", "h2")]
    assert headings[-1] == "Feature visualisations: 3"
    pictures = browser.execute_script("return [...document.querySelectorAll('.vision img')].map(i => i.naturalWidth)")
    assert len(pictures) == 3 and all(8 <= width <= 32 for width in pictures)  # the receptive field, in pixels
    figures = [each.text for each in browser.find_elements("css selector", ".vision .name")]
    found = [re.search(r"activation (\S+), the strongest image (\S+)", text) for text in figures]
    assert all(match and float(match[1]) > float(match[2]) for match in found)  # ascent found more than the images have


def test_only_used_channels_are_named_as_most_used(trained: Path, capsys) -> None:
    """They are those that the page begins with; unused ones are drawn only after them."""
    words = ["--split", "train", "--images", "40", "--layers", "block1_conv", "block2_conv", "--visualize", "2"]
    assert main(["atlas", str(trained), *words]) == 0
    said = capsys.readouterr().out
    page = Path(said.rpartition("atlas: ")[2].replace("\n", "")).read_text(encoding="utf-8")
    drawn = re.findall(r'alt="What excites channel (\d+) of (\w+)"', page)
    for layer in ("block1_conv", "block2_conv"):
        shown = re.findall(rf'alt="Patches that excite channel (\d+) of {layer}', page)
        (named,) = re.findall(rf"(?m)^{layer}: (.*)", said)
        if not shown:
            assert named == "the network uses none of its channels"
        else:
            assert [each.split()[0] for each in named.split(", ")] == shown[:4]
            assert [number for number, of in drawn if of == layer][: len(shown)] == shown[:2]


def test_a_channel_with_few_patches_is_not_drawn_larger_than_others(tmp_path: Path, open_page) -> None:
    patches = tuple(Patch(image, (0, 0, 8, 8), 1.0) for image in range(4))
    layer = [
        Channel("conv", number, False, 0.1, (0.1, 0.1), patches[:count], patches[:1], (0.5, 0.5))
        for number, count in enumerate((1, 4))
    ]
    content = AtlasContent("Atlas", (), ("cats", "dogs"), False)
    atlas = LayerAtlas("conv", (4, 4, 2), None, 4, tuple(layer))
    write_page([atlas], np.zeros((4, 16, 16, 3), np.uint8), content, tmp_path / "page.html")
    browser = open_page(tmp_path / "page.html")
    heights = browser.execute_script("return [...document.querySelectorAll('.channel img')].map(each => each.height)")
    assert all(54 <= height <= 58 for height in heights), heights


def test_a_second_atlas_leaves_the_first(atlas: Path, capsys) -> None:
    before = {path.name: path.read_bytes() for path in atlas.iterdir()}
    assert (
        main(["atlas", str(atlas.parent), "--images", "8", "--seconds", "0", "--layers", "block1_conv", "--json"]) == 0
    )
    assert Path(json.loads(capsys.readouterr().out)["page"]).parent != atlas
    assert {path.name: path.read_bytes() for path in atlas.iterdir()} == before


def test_masks_of_own_images_give_the_names(trained: Path, tmp_path: Path, capsys, save_photo) -> None:
    for number in range(8):
        for name in ("cats", "dogs"):
            save_photo(tmp_path / "photos" / name / f"{number}.jpg", (40, 40), number)
            mask = np.zeros((40, 40), np.uint8)
            mask[:20] = 1
            (tmp_path / "masks" / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(mask).save(tmp_path / "masks" / name / f"{number}.png")
    (tmp_path / "masks" / "parts.csv").write_text("value,name\n1,sky <b>\n")
    words = [
        "atlas",
        str(trained),
        "--data",
        str(tmp_path / "photos"),
        "--parts",
        str(tmp_path / "masks"),
        "--seconds",
        "0",
    ]
    assert main([*words, "--layers", "block2_conv", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert len(content["channels"]) == 32 and {row["layer"] for row in content["channels"]} == {"block2_conv"}
    assert all(row["iou"] is not None for row in content["channels"])
    page = Path(content["page"])
    assert page.parent.name.startswith("atlas-")  # the atlas that was there stays
    assert {row["closest_part"] for row in rows_of(page.parent)} == {"sky <b>"}
    assert "sky &lt;b&gt;" in page.read_text() and "sky <b>" not in page.read_text()
    (tmp_path / "masks" / "cats" / "3.png").unlink()
    assert main(words) == 2
    assert "--parts must have a mask for each image. Missing: 1 of 16, such as cats/3.jpg" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--layers", "block9_conv"],
            "--layers must be auto, all, or names or patterns of layers. Received: block9_conv",
        ),
        (["--visualize", "-1"], "--visualize must be >= 0. Received: --visualize -1"),
        (["--images", "2"], "--images must be >= 8. Received: --images 2"),
        (["--data", "nowhere"], "--data must be a folder with one folder per class. Received: nowhere"),
        (
            ["--data", "nowhere", "--split", "test"],
            "--data cannot be combined with --split. Splits are those of the run",
        ),
        (["--parts", "nowhere"], "--parts must be a folder of masks. Received: nowhere"),
        (["--split", "all"], "--split must be one of train, validation, test. Received: all"),
    ],
)
def test_a_mistake_is_one_line(trained: Path, words: list[str], message: str, capsys) -> None:
    assert main(["atlas", str(trained), *words]) == 2
    assert message in capsys.readouterr().err


def test_the_parts_of_a_drawn_image_lie_where_they_were_drawn() -> None:
    """The eyes of a picture are where its mask says: painting them over changes the picture there and only there."""
    picture, parts = np.asarray(drawing.draw(0, 3, 0)), np.asarray(drawing.draw_parts(0, 3, 0))
    assert parts.shape == picture.shape[:2]
    names = {drawing.PARTS[value] for value in np.unique(parts).tolist()}
    assert {"background", "head", "ear: pointed", "eye: slit", "muzzle: short"} <= names
    assert not {"ear: floppy", "eye: round"} & names  # of dogs
    ears = picture[parts == drawing.PARTS.index("ear: pointed")].astype(int)
    assert (np.abs(ears - ears.mean(0)).mean(0) > 0).all()


def test_other_images_may_have_classes_of_other_names(trained: Path, photo_folder, capsys) -> None:
    folder = photo_folder({"Katze": 6, "Hund": 6})
    words = ["atlas", str(trained), "--data", str(folder), "--seconds", "0", "--layers", "block1_conv"]
    assert main(words) == 2
    assert "Map them: --classes" in capsys.readouterr().err
    assert main([*words, "--classes", "Katze=cats,Hund=dogs"]) == 0
    assert main(["atlas", str(trained), "--classes", "Katze=cats"]) == 2
    assert "--classes needs --data PATH: the run's own images have its classes." in capsys.readouterr().err
