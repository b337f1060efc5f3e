"""Reads the model card in a network's file. Does not import TensorFlow."""

import json
import zipfile
from pathlib import Path

from catsdogs_exp.errors import BadInput
from catsdogs_exp.training.checkpoint.card import ModelCard, card_of

ENTRY = "catsdogs_exp.json"
_MAX_ENTRY = 2**20
# Weights hardly compress: an entry larger and more compressed than this would only fill the memory.
_LARGE, _MOST_COMPRESSED = 2**26, 50  # bytes, ratio


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
            if archive.getinfo(ENTRY).file_size > _MAX_ENTRY:
                raise ValueError("the description is too large")
            raw = json.loads(archive.read(ENTRY))
        return card_of(raw)
    except FileNotFoundError as error:
        raise BadInput(f"There is no trained network at {path}. Did the run finish its first epoch?") from error
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
        raise BadInput(f"Not a network written by catsdogs_exp: {path} ({error})") from error
