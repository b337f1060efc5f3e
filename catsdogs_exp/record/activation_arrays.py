"""`activations/*.npz`: the probes' activations as arrays, one file per recorded epoch, for walls and films."""

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp import platforms
from catsdogs_exp.errors import BadInput
from catsdogs_exp.insight.maps import LayerActivations, NetworkActivations, shrunk

BEST = "best.npz"
_SIDE = 64  # maximum longer side of saved maps
_ABOUT = "about"
_HEADS = 8192  # bytes: names, probabilities, and array headers
_MOST = 2**30  # maximum bytes of an array to read
_LARGEST = float(np.finfo(np.float16).max)  # 65,504: a network with a learning rate too high exceeds it


@dataclass(frozen=True)
class KeptActivations:
    """The content of one file.

    Attributes:
        epoch: epoch of the run.
        probes: names of the images.
        images: uint8 [b, height, width, 3 or 1].
        answers: activations, float32; maps are at most 64 x 64, averaged over blocks.
    """

    epoch: int
    probes: tuple[str, ...]
    images: NDArray[np.uint8]
    answers: NetworkActivations


class ActivationFiles:
    """Saves the activations of recorded epochs within a size limit.

    When the next epoch would exceed it, every second epoch between the first and the last one is deleted.

    Args:
        folder: `activations/` of the run.
        most: limit for all epochs together, in bytes; 0 saves nothing.
    """

    def __init__(self, folder: Path, most: int) -> None:
        self._folder, self._most = folder, most

    def add(self, kept: KeptActivations, channels: int, best: bool = False) -> None:
        """Writes an epoch, or the best one.

        Args:
            kept: what to save; its maps may be larger.
            channels: maximum number of channels to save per layer.
            best: whether to write `best.npz`, which does not count towards the limit.
        """
        if not self._most:
            return
        self._folder.mkdir(exist_ok=True)
        maps = [
            np.clip(shrunk(each.maps[..., :channels], _SIDE), -_LARGEST, _LARGEST).astype(np.float16)
            for each in kept.answers.layers
        ]
        if not best:
            self._make_room(sum(each.nbytes for each in maps) + kept.images.nbytes + _HEADS)
        about = {
            "epoch": kept.epoch,
            "probes": list(kept.probes),
            "layers": [each.layer for each in kept.answers.layers],
        }
        arrays: dict[str, Any] = {f"layer{number:03d}": each for number, each in enumerate(maps)}
        arrays[_ABOUT] = np.frombuffer(json.dumps(about).encode(), np.uint8)
        path = self._folder / (BEST if best else f"epoch-{kept.epoch:05d}.npz")
        scratch = path.with_suffix(".part")
        with scratch.open("wb") as handle:
            np.savez(handle, images=kept.images, probabilities=kept.answers.probabilities, **arrays)
        platforms.replace(scratch, path)

    def take_back(self, epoch: int) -> None:
        """Removes the epochs after this one, if a run continues from there."""
        for path in epoch_files(self._folder):
            if _number(path) > epoch:
                path.unlink()

    def _make_room(self, more: int) -> None:
        while True:
            files = epoch_files(self._folder)
            if len(files) < 2 or sum(path.stat().st_size for path in files) + more <= self._most:
                return
            for path in files[1::2]:
                path.unlink()


def epoch_files(folder: Path) -> list[Path]:
    """Returns the files of the recorded epochs, in order."""
    return sorted(folder.glob("epoch-[0-9]*.npz"), key=_number)


def read_activations(path: Path) -> KeptActivations:
    """Reads a file; nothing in it is executed.

    Raises:
        BadInput: if it is missing or invalid.
    """
    try:
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as file:
            about = json.loads(bytes(_array(file, _ABOUT)))
            layers: Sequence[str] = [str(name) for name in about["layers"]]
            maps = [_array(file, f"layer{number:03d}").astype(np.float32) for number in range(len(layers))]
            answers = NetworkActivations(
                tuple(LayerActivations(name, each) for name, each in zip(layers, maps, strict=True)),
                _array(file, "probabilities").astype(np.float32),
            )
            return KeptActivations(
                int(about["epoch"]), tuple(map(str, about["probes"])), _array(file, "images"), answers
            )
    except FileNotFoundError as error:
        raise BadInput(f"The run saved no activations: {path}. Train with logging.activations.keep > 0") from error
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise BadInput(f"Not an activations file: {path} ({error})") from error


def _array(file: "np.lib.npyio.NpzFile", name: str) -> NDArray[Any]:
    array = file[name]
    if array.nbytes > _MOST:
        raise ValueError(f"{name} is too large")
    return np.asarray(array)


def _number(path: Path) -> int:
    return int(path.stem.partition("-")[2] or 0)
