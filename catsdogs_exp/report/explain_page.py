"""A page that explains the prediction for one image."""

import base64
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from catsdogs_exp.inference.explain import Explanation
from catsdogs_exp.record.pictures.activation_page import Style, layer_grid
from catsdogs_exp.record.pictures.contact_sheet import as_picture
from catsdogs_exp.record.pictures.encoding import png_of
from catsdogs_exp.record.pictures.files import file_name
from catsdogs_exp.record.pictures.heat_overlay import heat_overlay
from catsdogs_exp.report import page
from catsdogs_exp.report.thumbnails import Thumbnail, thumbnail

_SIDE = 240
_CLASSES = 10


def write_page(name: str, found: Explanation, classes: Sequence[str], missing: str, folder: Path) -> Path:
    """Writes `NAME-explained.html` in a folder, or `NAME-explained-2.html` and so on if that exists already.

    Args:
        name: of the image, as the user named it.
        found: the explanation.
        classes: names.
        missing: why there are no similar training images, or `""`.
        folder: the page's folder.

    Returns:
        The page's path.

    Raises:
        BadInput: if it cannot be written.
    """
    answer = classes[found.answer]
    places = [_picture("the image", as_picture(found.image), ("as the network sees it",))]
    if found.grad_cam is not None:
        lines = (f"evidence for {answer}", f"Grad-CAM at {found.layer}")
        places.append(_picture("Grad-CAM", heat_overlay(found.image, found.grad_cam, _SIDE), lines))
    strongest = float(np.abs(found.occlusion).max())
    lines = (f"orange: hiding it lowers P({answer})", f"blue: raises it; by up to {strongest:.3f}")
    places.append(_picture("occlusion", heat_overlay(found.image, found.occlusion, _SIDE), lines))
    channels = [
        _picture(
            f"channel {channel.number}",
            heat_overlay(found.image, channel.heat, 160),
            (f"without it, P({answer}) {-channel.lost:+.4f}",),
        )
        for channel in found.channels
    ]
    order = np.argsort(-found.probabilities, kind="stable")[:_CLASSES].tolist()
    html = page.render(
        "explain.html.j2",
        title=f"{name}: {answer} {found.probabilities[found.answer]:.3f}",
        probabilities=[(classes[place], round(float(found.probabilities[place]), 4)) for place in order],
        places=places,
        layer=found.layer,
        channels=channels,
        neighbours=[
            thumbnail(each.file, each.file.name, (each.label, f"similarity {each.similarity:.3f}"))
            for each in found.neighbours
        ],
        compared=found.compared,
        missing=missing,
        layers=[
            (each.layer, _uri(picture), picture.width, picture.height)
            for each in found.layers
            for picture in [layer_grid(each, 0, Style())]
        ],
    )
    return page.write_new(html, folder, f"{file_name(Path(name).stem)}-explained")


def _picture(name: str, picture: Image.Image, lines: tuple[str, ...]) -> Thumbnail:
    scale = max(1, _SIDE // max(picture.size))  # small inputs are enlarged
    shown = picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)
    return Thumbnail(name, _uri(shown), shown.width, shown.height, lines=lines)


def _uri(picture: Image.Image) -> str:
    return f"data:image/png;base64,{base64.b64encode(png_of(picture)).decode()}"
