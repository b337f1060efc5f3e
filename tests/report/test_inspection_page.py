"""The page of findings: self-contained, bounded in size, safe for any file name."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from catsdogs_exp.config.schema import Config
from catsdogs_exp.data.inspection.report import KINDS
from catsdogs_exp.data.open_data import gather
from catsdogs_exp.report.inspection_page import inspection_page, write_page


@pytest.fixture
def show(config: Callable[..., Config], cache: Path) -> Callable[[Path], str]:
    def of(root: Path) -> str:
        words = ("dataset=folder", f"dataset.path={root}", "inspection.near_distance=0")
        return inspection_page(gather(config(*words), enforce=False))

    return of


def sections(html: str) -> dict[str, str]:
    """The text below each heading, by heading."""
    parts = re.split(r"<h2>(.*?)</h2>", re.sub(r"<script>.*?</script>", "", html, flags=re.DOTALL))
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_finding_has_its_pictures(photo_folder, save_photo, show) -> None:
    root = photo_folder({"train/cats": 9, "train/dogs": 9, "validation/cats": 3, "validation/dogs": 3}, size=(40, 30))
    shutil.copy(root / "validation/cats/cat.1.jpg", root / "train/cats/leak.jpg")
    shutil.copy(root / "train/cats/cat.2.jpg", root / "train/dogs/dog.cat.jpg")
    (root / "train/cats/cat.0.jpg").write_bytes(b"")
    with Image.open(root / "train/dogs/dog.3.jpg") as image:
        image.convert("L").save(root / "train/dogs/dog.3.jpg")
    html = show(root)
    found = sections(html)
    assert "train/cats/cat.0.jpg</td><td>empty" in found["Left out: 2"]
    leaks = found["Copies across splits (leaks): 1"]
    assert leaks.count('<img src="data:image/jpeg;base64,') == 2
    assert "train/cats/leak.jpg" in leaks and "train and validation" in leaks
    assert found["Images under two labels: 2"].count("<img") == 2
    assert found["Copies: 2"].count("<img") == 4
    assert "grey" in found["Odd, used anyway: 1"]
    assert found["Classes"].count("<img") == 16
    assert found["Near copies: 0"].count("none") >= 1
    assert not re.search(r'(src|href)="(?!data:|#)|https?://|@import', html)
    head = html[: html.index("<nav")]
    assert set(re.findall(r'href="#(.*?)"', head)) == {"bad", "leak", "label_conflict", "duplicate", "odd"}
    anchors = re.findall(r'<section id="(.*?)"', html)
    assert set(anchors) == {"classes", "sizes", "rules", *KINDS}
    assert re.findall(r'<a href="#(.*?)"', html[html.index("<nav") : html.index("</nav>")]) == anchors


def test_what_was_passed_over_is_said(photo_folder, config, cache: Path) -> None:
    words = ("dataset=folder", f"dataset.path={photo_folder({'cats': 10, 'dogs': 10})}", "dataset.max_per_class=2")
    html = inspection_page(gather(config(*words)))
    assert "skipped: 12 of 16 training images, not selected (dataset.max_per_class=2)" in html


def test_names_are_text_never_markup(photo_folder, show) -> None:
    root = photo_folder()
    (root / "cats" / "cat.0.jpg").rename(root / "cats" / "<script>alert(1)<&'\".jpg".replace("/", ""))
    (root / "dogs" / "<img src=x onerror=y>.jpg").write_bytes(b"")
    html = show(root)
    assert html.count("<script") == 1 and "<img src=x" not in html  # the page's own
    assert "&lt;script&gt;alert(1)&lt;&amp;&#39;&#34;.jpg" in html
    assert "&lt;img src=x onerror=y&gt;.jpg" in html


def test_the_page_stays_small(photo_folder, show) -> None:
    root = photo_folder({"cats": 20, "dogs": 20}, size=(200, 150))
    few = show(root)
    for number in range(300):
        shutil.copy(root / "cats" / f"cat.{number % 15}.jpg", root / "cats" / f"copy.{number}.jpg")
        (root / "dogs" / f"broken.{number}.jpg").write_bytes(b"")
    many = show(root)
    assert len(many) < 1_000_000
    assert many.count("<img") <= few.count("<img") + 12 * 6
    assert "... and 100 more files: --json lists them" in many
    assert "... and 3 more clusters: --json lists them" in many
    assert "21 images, 6 of them shown" in many


def test_data_that_a_run_refuses_says_so(photo_folder, show) -> None:
    root = photo_folder({"cats": 2, "dogs": 2})
    for path in root.rglob("*.jpg"):
        path.write_bytes(b"")
    assert "Runs would reject this data: None of the 4 files" in show(root)


def test_write_page_writes_any_name(photo_folder, tmp_path: Path, config, cache: Path) -> None:
    root = photo_folder(name="Kätzchen und Hündchen")
    manifest = gather(config("dataset=folder", f"dataset.path='{root}'"))
    write_page(manifest, tmp_path / "page.html")
    assert "Kätzchen" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_it_opens_in_a_browser(leaky_photos: Path, tmp_path: Path, show, open_page) -> None:
    page = tmp_path / "page.html"
    page.write_text(show(leaky_photos), encoding="utf-8")
    for width in ("desktop", "phone"):
        browser = open_page(page, width)
        assert browser.find_element("id", "leak").find_elements("tag name", "img")
        assert len(browser.find_elements("css selector", "main img")) == html_images(page)


@pytest.fixture
def leaky_photos(photo_folder) -> Path:
    root = photo_folder({"train/cats": 6, "train/dogs": 6, "validation/cats": 2, "validation/dogs": 2}, size=(40, 30))
    shutil.copy(root / "validation/cats/cat.1.jpg", root / "train/cats/leak.jpg")
    (root / "train/cats/cat.0.jpg").write_bytes(b"")
    return Path(root)


def html_images(page: Path) -> int:
    return page.read_text(encoding="utf-8").count("<img")
