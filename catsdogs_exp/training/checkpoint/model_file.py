"""A network as one self-contained file: Keras's format, with a model card as an extra entry.

Plain `keras.saving.load_model` reads it as well.
"""

import json
import zipfile
from dataclasses import asdict
from pathlib import Path

import keras

from catsdogs_exp import platforms
from catsdogs_exp.errors import BadInput
from catsdogs_exp.models import batch_norm as _  # noqa: F401  (a layer of our own, which Keras must know to read files)
from catsdogs_exp.training.checkpoint.card import ModelCard
from catsdogs_exp.training.checkpoint.card_file import ENTRY, read_card


def save_model(model: keras.Model, card: ModelCard, path: Path) -> None:
    """Writes the network, without its optimizer, under a temporary name, and renames it when complete.

    Args:
        model: the network.
        card: describes it.
        path: path of the file.
    """
    scratch = path.with_name(f".{path.stem}.part.keras")
    try:
        model.save(scratch)
        with zipfile.ZipFile(scratch, "a") as archive:
            archive.writestr(ENTRY, json.dumps(asdict(card), indent=1))
        platforms.sync_file(scratch)
        platforms.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)


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
        hint = ". Name the plugin that defines its layers: --plugins MODULE" if foreign else ""
        raise BadInput(f"The network cannot be loaded: {path} ({reason[0][:200]}){hint}") from error
