"""The page of an exported network, opened from its file: its answers are those of Keras, and nothing is loaded."""

import hashlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

from catsdogs_exp.__main__ import main
from catsdogs_exp.data.images import decoding
from catsdogs_exp.data.images.resizing import grey, resized
from catsdogs_exp.inference.export.browser_graph import browser_graph
from catsdogs_exp.inference.predictor import Predictor
from catsdogs_exp.record.folder.run_files import RunFiles, split_files
from catsdogs_exp.report import page
from catsdogs_exp.report.network_page import network_page
from catsdogs_exp.training.checkpoint.card import ModelCard

READY = "The network is ready."
HOSTILE = ("<img src=x onerror=\"document.title='owned'\">", "</script><script>document.title='owned'</script>")


def wait_for(browser: Any, found: Callable[[Any], bool]) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, 100, poll_frequency=0.05).until(found)


def status(browser: Any) -> str:
    return str(browser.execute_script("return document.getElementById('status').textContent"))


def probabilities(browser: Any, photo: Path) -> list[float]:
    """What the page says of a photo."""
    browser.execute_script("document.getElementById('status').textContent = ''")
    browser.find_element("id", "file").send_keys(str(photo))
    wait_for(browser, lambda _: status(browser) != "")
    return values(browser)


def values(browser: Any) -> list[float]:
    return browser.execute_script("return [...document.querySelectorAll('meter')].map(meter => meter.value)")  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def run(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page") / "run"
    shutil.copytree(trained, folder, ignore=shutil.ignore_patterns("tensorboard", "activations"))
    assert main(["export", str(folder), "--format", "html"]) == 0
    return folder


def test_it_answers_as_keras_and_loads_nothing(run: Path, open_page: Callable[..., Any]) -> None:
    browser = open_page(run / "exports" / "network.html")
    wait_for(browser, lambda _: status(browser) == READY)
    files = [path for path, _ in split_files(RunFiles(run), "validation")][:8]
    expected = {each.path: each.probabilities for each in Predictor(RunFiles(run)).predict(files)}
    readable = {path: found for path, found in expected.items() if found is not None}
    for path, found in readable.items():
        np.testing.assert_allclose(probabilities(browser, path), found, atol=1e-3)
    best = ("cats", "dogs")[int(found.argmax())]
    assert status(browser).startswith(f"{best}: {found.max():.3f} (")
    assert browser.get_log("browser") == []


def test_crop_keys_and_map(run: Path, open_page: Callable[..., Any], save_photo: Any, tmp_path: Path) -> None:
    browser = open_page(run / "exports" / "network.html", width="phone")
    wait_for(browser, lambda _: status(browser) == READY)
    whole = probabilities(browser, save_photo(tmp_path / "cat.png", (120, 80), 3))
    canvas = browser.find_element("id", "canvas")
    canvas.send_keys("-----")
    cropped = values(browser)
    assert cropped != whole
    canvas.send_keys("\ue012")  # to the left
    assert values(browser) != cropped
    browser.find_element("id", "uncrop").click()
    assert values(browser) == whole
    browser.find_element("id", "explain").click()
    wait_for(browser, lambda _: "Orange: where" in browser.find_element("id", "explained").text)
    browser.execute_script(
        "const data = new DataTransfer(); data.items.add(new File(['text'], 'text.txt'));"
        "dispatchEvent(new ClipboardEvent('paste', {clipboardData: data}))"
    )
    wait_for(browser, lambda _: "text.txt is not a picture that this browser can read." in status(browser))
    assert browser.get_log("browser") == []


@pytest.fixture(scope="module")
def small() -> keras.Model:
    inputs = keras.Input((8, 8, 3))
    found = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(inputs))
    return keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(found))


def page_of(model: keras.Model, path: Path, *names: str) -> Path:
    card = ModelCard(names, (8, 8), "stretch", "bilinear")
    path.write_text(network_page(card, browser_graph(model), [("run", names[0])]), encoding="utf-8")
    return path


def test_hostile_names_are_text(small: keras.Model, tmp_path: Path, open_page: Callable[..., Any]) -> None:
    browser = open_page(page_of(small, tmp_path / "page.html", *HOSTILE))
    wait_for(browser, lambda _: status(browser) == READY)
    Image.new("RGB", (20, 20), "red").save(tmp_path / "red.png")
    probabilities(browser, tmp_path / "red.png")
    assert status(browser).startswith(HOSTILE)
    heads = browser.execute_script(
        "return [...document.querySelectorAll('#answers th[scope]')].map(h => h.textContent)"
    )
    assert heads == list(HOSTILE)
    assert browser.title == f"{HOSTILE[0]} or {HOSTILE[1]}?"


def test_a_page_is_no_larger_than_its_weights_and_4_mb(small: keras.Model, run: Path, tmp_path: Path) -> None:
    assert page_of(small, tmp_path / "page.html", "a", "b").stat().st_size < 4e6
    parameters = Predictor(RunFiles(run)).model.count_params()
    assert (run / "exports" / "network.html").stat().st_size < parameters * 2 * 4 / 3 + 4e6


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
def test_pixels_are_prepared_as_in_training(
    small: keras.Model, tmp_path: Path, open_page: Callable[..., Any], resize: str
) -> None:
    browser = open_page(page_of(small, tmp_path / "page.html", "a", "b"))
    rng = np.random.default_rng(0)
    for interpolation in ("nearest", "bilinear", "bicubic", "lanczos"):
        for size in ((40, 61), (90, 133), (9, 7), (10, 14)):  # the last has weights that end in a half
            image = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
            how = {"target_size": (32, 24), "resize": resize, "interpolation": interpolation, "pad_value": 40}
            found = browser.execute_script(
                "const [data, height, width, how] = arguments;"
                "return [...prepared({data, height, width, channels: 3}, [0, 0, width, height], how).data]",
                image.ravel().tolist(), *size, how,
            )  # fmt: skip
            expected = resized(image, (32, 24), resize, interpolation, 40).astype(int)
            np.testing.assert_array_equal(np.reshape(found, expected.shape), expected, f"{interpolation} {size}")


def test_grey_networks_see_grey(tmp_path: Path, open_page: Callable[..., Any]) -> None:
    inputs = keras.Input((6, 6, 1))
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(keras.layers.Flatten()(inputs / 255)))
    card = ModelCard(("a", "b"), (6, 6), "stretch", "nearest", channels=1)
    (tmp_path / "page.html").write_text(network_page(card, browser_graph(model), []), encoding="utf-8")
    pixels = np.random.default_rng(1).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    browser = open_page(tmp_path / "page.html")
    wait_for(browser, lambda _: status(browser) == READY)
    expected = model(grey(pixels)[None].astype(np.float32)).numpy()[0]
    np.testing.assert_allclose(probabilities(browser, tmp_path / "photo.png"), expected, atol=1e-4)


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.fixture(scope="module")
def jpegs(photo: Callable[..., Image.Image], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("jpegs")
    drawn = photo((61, 37), 5)
    kinds: dict[str, tuple[Image.Image, dict[str, Any]]] = {
        **{f"EXIF {turn}": (drawn, {"exif": turned(turn)}) for turn in range(1, 9)},
        "XMP 6": (drawn, {"xmp": b'<x xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>'}),
        "EXIF damaged": (drawn, {"exif": turned(6).tobytes()[:12]}),
        "4:2:0": (drawn, {"subsampling": "4:2:0", "quality": 60}),
        "4:2:2": (drawn, {"subsampling": "4:2:2", "quality": 60}),
        "grey": (drawn.convert("L"), {}),
        "progressive": (drawn, {"progressive": True}),
        "CMYK": (drawn.convert("CMYK"), {}),
    }
    for kind, (image, how) in kinds.items():
        image.save(folder / f"{kind.replace(':', '')}.jpg", **how)
    return {kind: folder / f"{kind.replace(':', '')}.jpg" for kind in kinds}


def test_jpegs_are_answered_as_by_the_run(run: Path, jpegs: dict[str, Path], open_page: Callable[..., Any]) -> None:
    browser = open_page(run / "exports" / "network.html")
    wait_for(browser, lambda _: status(browser) == READY)
    chosen = [jpegs[kind] for kind in ("EXIF 6", "4:2:0", "grey", "progressive")]
    for each in Predictor(RunFiles(run)).predict(chosen):
        np.testing.assert_allclose(probabilities(browser, each.path), each.probabilities, atol=1e-3)
    assert sum(probabilities(browser, jpegs["CMYK"])) == pytest.approx(1, abs=1e-4)
    assert browser.get_log("browser") == []


def test_jpegs_have_the_pixels_of_training(
    small: keras.Model, jpegs: dict[str, Path], tmp_path: Path, open_page: Callable[..., Any]
) -> None:
    """And are shown with them: a small photo is as large on the page as it is, and upright."""
    browser = open_page(page_of(small, tmp_path / "page.html", "a", "b"))
    wait_for(browser, lambda _: status(browser) == READY)
    for kind, path in jpegs.items():
        probabilities(browser, path)
        height, width, shown = browser.execute_script(
            "const canvas = document.getElementById('canvas'), { width, height } = canvas;"
            "return [height, width, [...canvas.getContext('2d').getImageData(0, 0, width, height).data]]"
        )
        expected = decoding.pixels(path.read_bytes())
        assert (height, width) == expected.shape[:2], kind
        if kind != "CMYK":
            np.testing.assert_array_equal(np.reshape(shown, (height, width, 4))[..., :3], expected, kind)


def test_damaged_jpegs_are_no_pictures(
    small: keras.Model, jpegs: dict[str, Path], tmp_path: Path, open_page: Callable[..., Any]
) -> None:
    """Those that claim 65,000 x 65,000 pixels, and those without their end, as in training."""
    browser = open_page(page_of(small, tmp_path / "page.html", "a", "b"))
    wait_for(browser, lambda _: status(browser) == READY)
    size = (37).to_bytes(2) + (61).to_bytes(2)
    for kind in ("EXIF 1", "progressive", "CMYK"):
        path = tmp_path / f"huge {kind}.jpg"
        path.write_bytes(jpegs[kind].read_bytes().replace(size, (65_000).to_bytes(2) * 2))
        probabilities(browser, path)
        assert status(browser) == f"{path.name} is not a picture that this browser can read."
    data = jpegs["4:2:0"].read_bytes()
    for part in (20, len(data) * 3 // 4):
        path = tmp_path / f"{part} bytes.jpg"
        path.write_bytes(data[:part])
        probabilities(browser, path)
        assert status(browser) == f"{path.name} is not a picture that this browser can read."
    assert sum(probabilities(browser, jpegs["EXIF 1"])) == pytest.approx(1, abs=1e-4)
    assert browser.get_log("browser") == []


@pytest.mark.parametrize(("name", "count"), [("tfjs", 5), ("mozjpeg", 2)])
def test_the_runtime_is_the_published_one(name: str, count: int) -> None:
    folder = Path(page.__file__).parent / "vendor" / name
    listed = dict(re.findall(r"^\| `([^`]+)` \|[^\n]*? `(\w{64})` \|", (folder / "README.md").read_text(), re.M))
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.*s*")}
    assert listed == {name: digest for name, digest in files.items() if name.endswith((".js", ".wasm"))}
    assert len(listed) == count
    assert "Apache License" in (folder / "LICENSE").read_text()


def test_of_many_classes_the_most_probable_are_shown(tmp_path: Path, open_page: Callable[..., Any]) -> None:
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, keras.layers.Dense(30, activation="softmax")(keras.layers.Flatten()(inputs / 255)))
    browser = open_page(page_of(model, tmp_path / "page.html", *(f"class {number}" for number in range(30))))
    wait_for(browser, lambda _: status(browser) == READY)
    assert browser.title == "Which is it?"
    Image.new("RGB", (8, 8), "red").save(tmp_path / "red.png")
    found = probabilities(browser, tmp_path / "red.png")
    assert sum(found) == pytest.approx(1, abs=1e-4)
    rows = browser.find_elements("css selector", "#answers tbody tr")
    shown = [place for place, row in enumerate(rows) if row.is_displayed()]
    assert shown == sorted(sorted(range(30), key=lambda place: -found[place])[:10])
