"""Makes the pictures in `docs/data.md`: drawn animals with every kind of fault, as inspection shows them.

python docs/images/findings.py FOLDER          # only the data
python docs/images/findings.py FOLDER --shoot  # also the pictures next to this file; needs selenium and chromium
"""

import io
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from PIL import Image, ImageEnhance

from catsdogs_exp.data import drawing
from catsdogs_exp.data.sources import damaged_files

HERE = Path(__file__).resolve().parent
WIDTH, _MARGIN = 900, 16  # pixels
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--window-size={WIDTH},4000",
    "--hide-scrollbars",
)
# Sections of the page, by their ids, and the picture that shows them together.
SHOTS = {
    "findings-files": ("bad", "odd", "outlier"),
    "findings-leaks": ("leak", "near_leak"),
    "findings-copies": ("label_conflict", "duplicate", "near_duplicate"),
}


def make(root: Path) -> None:
    """Twelve training and four validation animals per class, some of which no data set should contain."""
    for split, count, seed in (("train", 12, 0), ("validation", 4, 1)):
        for label, name in enumerate(("cats", "dogs")):
            (root / split / name).mkdir(parents=True)
            for index in range(count):
                drawing.draw(label, index, seed).save(root / split / name / f"{name[:-1]}.{index}.jpg", quality=90)
    train, validation = root / "train", root / "validation"
    for number, kind in enumerate(damaged_files.KINDS):
        name = ("cats", "dogs")[number % 2]
        picture = drawing.draw(number % 2, 100 + number, 0)
        damaged_files.save(picture, train / name / f"{kind}.jpg", kind)
    # copies, and near copies: smaller, recompressed, darker
    shutil.copy(train / "cats" / "cat.1.jpg", train / "cats" / "cat.1 (copy).jpg")
    _again(train / "dogs" / "dog.2.jpg", train / "dogs" / "dog.2 small.jpg", size=0.5)
    _again(train / "dogs" / "dog.2.jpg", train / "dogs" / "dog.2 quality 20.jpg", quality=20)
    _again(train / "cats" / "cat.5.jpg", train / "cats" / "cat.5 darker.jpg", bright=0.9)
    # the same picture under two labels
    shutil.copy(train / "dogs" / "dog.3.jpg", train / "cats" / "cat.12.jpg")
    # leaks
    shutil.copy(validation / "cats" / "cat.0.jpg", train / "cats" / "cat.13.jpg")
    shutil.copy(validation / "dogs" / "dog.1.jpg", train / "dogs" / "dog.13.jpg")
    _again(validation / "dogs" / "dog.2.jpg", train / "dogs" / "dog.14.jpg", size=0.6, quality=60)
    # a picture taken at night
    _again(train / "cats" / "cat.7.jpg", train / "cats" / "night.jpg", bright=0.08, mirrored=True)


def _again(
    path: Path, target: Path, size: float = 1.0, quality: int = 90, bright: float = 1.0, mirrored: bool = False
) -> None:
    with Image.open(path) as image:
        picture = image.resize((round(image.width * size), round(image.height * size)))
    if mirrored:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    ImageEnhance.Brightness(picture).enhance(bright).save(target, quality=quality)


def shoot(page: Path) -> None:
    """Takes screenshots of the sections and stacks them, without the page's header, which names the folder."""
    from selenium import webdriver  # noqa: PLC0415  (not needed for the data alone)

    options = webdriver.ChromeOptions()
    for flag in FLAGS:
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))
    try:
        driver.get(page.as_uri())
        for name, kinds in SHOTS.items():
            sections = [_section(driver, kind) for kind in kinds]
            whole = Image.new("RGB", (WIDTH, sum(image.height + _MARGIN for image in sections)), "white")
            top = 0
            for image in sections:
                whole.paste(image, ((WIDTH - image.width) // 2, top))
                top += image.height + _MARGIN
            whole.quantize(256, dither=Image.Dither.NONE).save(HERE / f"{name}.png", optimize=True)
    finally:
        driver.quit()


def _section(driver: Any, kind: str) -> Image.Image:
    return Image.open(io.BytesIO(driver.find_element("id", kind).screenshot_as_png)).convert("RGB")


if __name__ == "__main__":
    folder = Path(sys.argv[1]).absolute()
    make(folder)
    if "--shoot" in sys.argv[2:]:
        html = folder.with_name(f"{folder.name}.html")
        settings = ("dataset=folder", f"dataset.path={folder}", "--html", str(html))
        subprocess.run([sys.executable, "-m", "catsdogs_exp", "inspect", *settings], check=True)  # noqa: S603
        shoot(html)
