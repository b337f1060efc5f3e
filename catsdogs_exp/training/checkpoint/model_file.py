"""A network as one self-contained file: Keras's format, with a model card as an extra entry.

Plain `keras.saving.load_model` reads it as well.
"""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import keras

from catsdogs_exp import platforms
from catsdogs_exp.config.schema import LoaderSettings
from catsdogs_exp.data.images.preparing import Preparation
from catsdogs_exp.data.images.resizing import evaluated_as, evaluation_size
from catsdogs_exp.errors import BadInput
from catsdogs_exp.models import batch_norm as _  # noqa: F401  (a layer of our own, which Keras must know to read files)

_ENTRY = "catsdogs_exp.json"
_MAX_ENTRY = 2**20
_LARGE, _MOST_COMPRESSED = 2**26, 50  # bytes; weights hardly compress, so such an entry would only fill the memory


@dataclass(frozen=True)
class ModelCard:
    """What is needed to use the network correctly, besides the preprocessing it contains.

    Attributes:
        classes: names, in the order of the probabilities.
        target_size: height, width to which images are resized.
        resize, interpolation: how, without randomness.
        channels: 3, or 1 for grey.
        pad_value: 0..255, the padding with resize=pad.
        white_levels: white level of training images with more than 8 bits, by mode of Pillow.
    """

    classes: tuple[str, ...]
    target_size: tuple[int, int]
    resize: str
    interpolation: str
    channels: int = 3
    pad_value: float = 0.0
    white_levels: Mapping[str, float] = field(default_factory=dict)

    @property
    def preparation(self) -> Preparation:
        """How to prepare images for it."""
        return Preparation.of(self, self.white_levels)

    @classmethod
    def of(
        cls, loader: LoaderSettings, classes: tuple[str, ...], white_levels: Mapping[str, float] | None = None
    ) -> "ModelCard":
        """The card for a run's settings and data."""
        return cls(
            classes,
            evaluation_size(loader),
            evaluated_as(loader.resize),
            loader.interpolation,
            loader.channels,
            loader.pad_value,
            dict(white_levels or {}),
        )


def save_model(model: keras.Model, card: ModelCard, path: Path) -> None:
    """Writes the network, without optimizer, under a scratch name and renames it when complete."""
    scratch = path.with_name(f".{path.stem}.part.keras")
    model.save(scratch)
    with zipfile.ZipFile(scratch, "a") as archive:
        archive.writestr(_ENTRY, json.dumps(asdict(card), indent=1))
    platforms.sync_file(scratch)
    platforms.replace(scratch, path)


def read_card(path: Path) -> ModelCard:
    """Reads only the card.

    Raises:
        BadInput: if the file is not one of our models.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if entry.file_size > max(_LARGE, _MOST_COMPRESSED * entry.compress_size):
                    raise ValueError(f"{entry.filename} would take {entry.file_size:,} bytes of memory")
            if archive.getinfo(_ENTRY).file_size > _MAX_ENTRY:
                raise ValueError("the description is too large")
            raw = json.loads(archive.read(_ENTRY))
        return ModelCard(
            classes=tuple(str(name) for name in raw["classes"]),
            target_size=(int(raw["target_size"][0]), int(raw["target_size"][1])),
            resize=str(raw["resize"]),
            interpolation=str(raw["interpolation"]),
            channels=int(raw["channels"]),
            pad_value=float(raw.get("pad_value", 0.0)),  # networks of earlier versions have none
            white_levels={str(mode): float(white) for mode, white in raw.get("white_levels", {}).items()},
        )
    except FileNotFoundError as error:
        raise BadInput(f"There is no trained network at {path}. Did the run finish its first epoch?") from error
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
        raise BadInput(f"Not a network written by catsdogs_exp: {path} ({error})") from error


def load_model(path: Path) -> tuple[keras.Model, ModelCard]:
    """Reads a network and its card. Nothing in the file is executed (Keras's safe mode).

    Raises:
        BadInput: if the file is damaged or not one of our models.
    """
    card = read_card(path)
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True), card
    except Exception as error:  # h5py and Keras raise many kinds of errors on damaged or malicious files
        reason = str(error).strip().splitlines() or [type(error).__name__]
        foreign = "Could not locate" in str(error)  # a custom layer
        hint = ". Name the plugin that its layers are from: --plugins MODULE" if foreign else ""
        raise BadInput(f"The network cannot be loaded: {path} ({reason[0][:200]}){hint}") from error
