"""`exports.json`: what exported files do not contain, such as the classes and the preprocessing."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from catsdogs_exp.errors import BadInput
from catsdogs_exp.metrics.temperature import Calibration
from catsdogs_exp.training.checkpoint.appendix import Appendix, calibration_from
from catsdogs_exp.training.checkpoint.card import ModelCard, card_of

NAME = "exports.json"
_MOST = 2**24  # bytes


@dataclass(frozen=True)
class Description:
    """The description of the network in the files.

    Attributes:
        card: its classes and preprocessing.
        calibration: how to correct its confidence, or None.
    """

    card: ModelCard
    calibration: Calibration | None


def description_of(card: ModelCard, appendix: Appendix | None) -> dict[str, Any]:
    """Returns the entries of `exports.json` that `read_description` reads."""
    calibration = appendix.calibration if appendix else None
    return {"network": asdict(card), "calibration": None if calibration is None else asdict(calibration)}


def read_description(exported: Path) -> Description:
    """Reads the description next to an exported file or folder.

    Raises:
        BadInput: if there is none, or it is damaged, or an earlier version wrote it.
    """
    path = exported.absolute().parent / NAME
    try:
        if path.stat().st_size > _MOST:
            raise ValueError(f"more than {_MOST:,} bytes")
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, Mapping):
            raise ValueError("no object")
        if "network" not in content:
            raise BadInput(
                f"{path} does not say how images are prepared for {exported.name}: an earlier version wrote it. Export "
                "the run again: python -m catsdogs_exp export RUN --format FORMAT"
            )
        calibration = content.get("calibration")
        return Description(card_of(content["network"]), None if calibration is None else calibration_from(calibration))
    except FileNotFoundError as error:
        raise BadInput(
            f"{exported.name} needs the {NAME} that was exported with it: it contains the classes and the "
            f"preprocessing. There is none next to it. Copy it to {shlex.quote(str(path))}, or export the run again"
        ) from error
    except (OSError, KeyError, ValueError, TypeError, IndexError, AttributeError, OverflowError) as error:
        raise BadInput(f"The description of {exported.name} cannot be read: {path} ({error})") from error
