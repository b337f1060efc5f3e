"""Films of layers forming: one frame per recorded epoch, all on the same scale."""

import fnmatch
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

from catsdogs_exp.errors import BadInput, did_you_mean
from catsdogs_exp.insight.maps import on_one_scale
from catsdogs_exp.record.activation_arrays import KeptActivations
from catsdogs_exp.record.pictures.activation_page import VIRIDIS
from catsdogs_exp.record.pictures.contact_sheet import BACKGROUND, as_picture, fitted, write

_TILE, _GAP, _MARGIN, _PER_ROW, _LINE = 48, 2, 10, 16, 22
_INPUT = 120
_CLASSES = 4  # probabilities shown
FORMATS = ("webp", "gif")


def frames(
    epochs: Sequence[KeptActivations], probe: int, layers: Sequence[str], channels: int, classes: Sequence[str] = ()
) -> list[Image.Image]:
    """One frame per epoch.

    A channel has the same scale in all frames, from its weakest to its strongest activation over time, so that it
    visibly becomes stronger.

    Args:
        epochs: in order; all of one run.
        probe: index of the image.
        layers: names and patterns.
        channels: maximum number per layer.
        classes: names, in the order of the probabilities; none if they are unknown.

    Raises:
        BadInput: for a layer that was not saved in all of them.
    """
    known = _in_all(epochs)
    if not known:
        raise BadInput("A film needs layers that all recorded epochs have in common. Received: none")
    for name in layers:
        if name not in known and not fnmatch.filter(known, name):
            raise BadInput(
                f"--layers must name saved layers: {', '.join(known)}. Received: {name}.{did_you_mean(name, known)}"
            )
    stacks: dict[str, NDArray[np.uint8]] = {}
    for name in known:
        if name not in layers and not any(fnmatch.fnmatchcase(name, wanted) for wanted in layers):
            continue
        maps = np.stack([_maps(epoch, name)[probe, ..., :channels] for epoch in epochs])  # [epochs, h, w, channels]
        low, high = maps.min(axis=(0, 1, 2)), maps.max(axis=(0, 1, 2))
        stacks[name] = np.stack(
            [on_one_scale(maps[..., c], float(low[c]), float(high[c])) for c in range(maps.shape[-1])], axis=-1
        )
    said = probabilities_in_words([epoch.answers.probabilities[probe] for epoch in epochs], classes)
    titles = [f"epoch {epoch.epoch}   {epoch.probes[probe]}   {text}" for epoch, text in zip(epochs, said, strict=True)]
    return [
        _frame(epoch.images[probe], title, {name: stack[number] for name, stack in stacks.items()})
        for number, (epoch, title) in enumerate(zip(epochs, titles, strict=True))
    ]


def probabilities_in_words(epochs: Sequence[NDArray[np.float32]], classes: Sequence[str]) -> list[str]:
    """`cats 0.49, dogs 0.51` for each epoch: always the same classes, the most probable ones of the last epoch."""
    shown = sorted(np.argsort(-epochs[-1], kind="stable")[:_CLASSES].tolist())
    names = [f"{name} " for name in classes] if len(classes) == len(epochs[-1]) else [""] * len(epochs[-1])
    return [", ".join(f"{names[place]}{values[place]:.2f}" for place in shown) for values in epochs]


def write_film(pictures: Sequence[Image.Image], path: Path, seconds: float = 0.5) -> None:
    """Writes an animation; the last frame is shown three times as long.

    Args:
        pictures: the frames.
        path: ends in `.webp` or `.gif`.
        seconds: per frame.

    Raises:
        BadInput: if it cannot be written.
    """
    times = [round(1000 * seconds)] * (len(pictures) - 1) + [round(3000 * seconds)]
    more: dict[str, Any] = {"quality": 80, "method": 4} if path.suffix == ".webp" else {"disposal": 1}
    try:
        pictures[0].save(path, save_all=True, append_images=list(pictures[1:]), duration=times, loop=0, **more)
    except OSError as error:
        raise BadInput(f"The film cannot be written: {path}: {error.strerror or error}") from error


def _in_all(epochs: Sequence[KeptActivations]) -> list[str]:
    """Returns the layers that every epoch has, with the same size: a resumed run may record others than before."""
    first, *others = ({layer.layer: layer.maps.shape for layer in epoch.answers.layers} for epoch in epochs)
    return [name for name, shape in first.items() if all(each.get(name) == shape for each in others)]


def _maps(epoch: KeptActivations, name: str) -> NDArray[np.float32]:
    return next(layer.maps for layer in epoch.answers.layers if layer.layer == name)


def _frame(image: NDArray[np.uint8], title: str, maps: dict[str, NDArray[np.uint8]]) -> Image.Image:
    width = 2 * _MARGIN + _PER_ROW * (_TILE + _GAP)
    rows = {name: -(-each.shape[-1] // _PER_ROW) for name, each in maps.items()}
    top = _MARGIN + _LINE + _INPUT + _MARGIN
    frame = Image.new("RGB", (width, top + sum(_LINE + count * (_TILE + _GAP) for count in rows.values())), BACKGROUND)
    draw = ImageDraw.Draw(frame)
    write(draw, (_MARGIN, _MARGIN - 2), fitted(draw, title, width - 2 * _MARGIN, 15), 15)
    picture = ImageOps.contain(as_picture(image), (_INPUT, _INPUT), Image.Resampling.BICUBIC)
    frame.paste(picture, (_MARGIN, _MARGIN + _LINE))
    y = top
    for name, each in maps.items():
        write(draw, (_MARGIN, y), name)
        y += _LINE
        for channel in range(each.shape[-1]):
            tile = Image.fromarray(np.ascontiguousarray(each[..., channel]))
            tile = tile.resize((_TILE, _TILE), Image.Resampling.NEAREST)
            tile.putpalette(VIRIDIS)
            place = (_MARGIN + channel % _PER_ROW * (_TILE + _GAP), y + channel // _PER_ROW * (_TILE + _GAP))
            frame.paste(tile.convert("RGB"), place)
        y += rows[name] * (_TILE + _GAP)
    return frame
