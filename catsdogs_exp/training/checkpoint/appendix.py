"""Measurements taken after training, appended to `best.keras`: the calibration, and a description of the training
images.

Plain JSON and numbers: reading it executes nothing, and its size is checked before it is read.
"""

import json
import math
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from catsdogs_exp import platforms
from catsdogs_exp.errors import BadInput
from catsdogs_exp.metrics.familiarity import Familiarity
from catsdogs_exp.metrics.temperature import Calibration

_ENTRY = "catsdogs_exp_appendix.json"
_FEATURES = "catsdogs_exp_training_images.f2"
_CENTRE = "catsdogs_exp_training_centre.f4"
_NUMBERS, _CENTRE_NUMBERS = np.dtype("<f2"), np.dtype("<f4")
_MAX_ENTRY = 2**16
_MAX_FEATURES = 2**26  # bytes


@dataclass(frozen=True)
class Appendix:
    """What is known about a trained network.

    Attributes:
        calibration: how to correct its confidence, or None.
        familiarity: what is familiar to it, or None.
    """

    calibration: Calibration | None = None
    familiarity: Familiarity | None = None


def append(appendix: Appendix, path: Path, replace: bool = False) -> bool:
    """Adds the appendix to a network's file, which is replaced once the longer one is complete.

    Args:
        appendix: to add.
        path: of the network's file.
        replace: whether it takes the place of an older appendix; otherwise a file that has one is not changed.

    Returns:
        Whether it was added.

    Raises:
        OSError: if the disk is full; the file is not changed.
    """
    with zipfile.ZipFile(path) as archive:
        has_one = _ENTRY in archive.namelist()
    if has_one and not replace:
        return False
    known = appendix.familiarity
    content: dict[str, Any] = {
        "calibration": None if appendix.calibration is None else asdict(appendix.calibration),
        "familiarity": None
        if known is None
        else {"images": len(known.features), "limit": known.limit, "checked": known.checked},
    }
    scratch = path.with_name(f".{path.stem}.part.keras")
    try:
        if has_one:
            _copy_without_appendix(path, scratch)
        else:
            shutil.copyfile(path, scratch)
        with zipfile.ZipFile(scratch, "a") as archive:
            if known is not None:
                archive.writestr(_FEATURES, known.features.astype(_NUMBERS).tobytes())
                archive.writestr(_CENTRE, known.centre.astype(_CENTRE_NUMBERS).tobytes())
            archive.writestr(_ENTRY, json.dumps(content, indent=1))
        platforms.sync_file(scratch)
        platforms.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)
    return True


def _copy_without_appendix(path: Path, copy: Path) -> None:
    """Copies a network's file entry by entry: a zip file cannot replace one of its entries."""
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(copy, "w") as written:
        for entry in archive.infolist():
            if entry.filename not in (_ENTRY, _FEATURES, _CENTRE):
                written.writestr(entry, archive.read(entry))


def read_appendix(path: Path) -> Appendix | None:
    """Reads the appendix of a network's file; returns None if an older version wrote the file.

    Raises:
        BadInput: if it is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if _ENTRY not in archive.namelist():
                return None
            content = json.loads(_read(archive, _ENTRY, _MAX_ENTRY))
            calibration, known = content["calibration"], content["familiarity"]
            return Appendix(
                None if calibration is None else calibration_from(calibration),
                None if known is None else _familiarity(archive, known),
            )
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise BadInput(f"The appendix of the network cannot be read: {path} ({error})") from error


def _read(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    if archive.getinfo(name).file_size > most:
        raise ValueError(f"{name} is too large")
    return archive.read(name)


def calibration_from(content: Mapping[str, Any]) -> Calibration:
    """Converts plain values, as from `dataclasses.asdict`, to a calibration.

    Raises:
        KeyError, ValueError, TypeError: for other or impossible values.
    """
    found = Calibration(
        float(content["temperature"]),
        int(content["images"]),
        float(content["error_before"]),
        float(content["error_after"]),
    )
    if not (0 < found.temperature < math.inf and 0 <= found.error_before <= 1 and 0 <= found.error_after <= 1):
        raise ValueError(f"impossible calibration: {found}")
    return found


def _familiarity(archive: zipfile.ZipFile, content: dict[str, Any]) -> Familiarity:
    data, mean = (_read(archive, name, _MAX_FEATURES) for name in (_FEATURES, _CENTRE))
    images, limit = int(content["images"]), float(content["limit"])
    centre = np.frombuffer(mean, _CENTRE_NUMBERS).astype(np.float32)
    if images < 1 or not len(centre) or len(data) != images * len(centre) * _NUMBERS.itemsize:
        raise ValueError(f"{len(data)} and {len(mean)} bytes are not features of {images} images")
    features = np.frombuffer(data, _NUMBERS).reshape(images, -1).astype(np.float16)
    if not (np.isfinite(features).all() and np.isfinite(centre).all() and math.isfinite(limit)):
        raise ValueError("features that are not numbers")
    return Familiarity(features, centre, limit, int(content["checked"]))
