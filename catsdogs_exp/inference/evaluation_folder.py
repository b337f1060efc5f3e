"""The folder of an evaluation: `evaluations/NAME` in the run folder; never overwrites an older one."""

import json
from pathlib import Path
from typing import Any

from catsdogs_exp.errors import BadInput
from catsdogs_exp.record.folder.free_names import take_free_name
from catsdogs_exp.record.folder.json_values import finite
from catsdogs_exp.record.folder.predictions import NAME, Predictions, write_predictions
from catsdogs_exp.record.folder.run_files import RunFiles
from catsdogs_exp.record.pictures.files import file_name

FOLDER = "evaluations"


def new_evaluation(run: RunFiles, name: str) -> Path:
    """Creates `evaluations/NAME`, or `NAME-2` and so on if that already exists.

    Args:
        run: the run.
        name: what was evaluated, such as `validation` or a folder's name.

    Raises:
        BadInput: if it cannot be created.
    """
    place = run.folder / FOLDER / (file_name(name) or "data")
    return take_free_name(place, "", "evaluation", lambda folder: folder.mkdir(parents=True))


def write_evaluation(folder: Path, figures: dict[str, Any], predictions: Predictions) -> None:
    """Writes `figures.json` and `predictions.csv`.

    Raises:
        BadInput: if they cannot be written.
    """
    text = json.dumps(finite(figures), indent=1, ensure_ascii=False, allow_nan=False)
    try:
        (folder / "figures.json").write_text(f"{text}\n", encoding="utf-8", errors="surrogateescape")
        write_predictions(folder / NAME, predictions)
    except OSError as error:
        raise BadInput(f"The evaluation cannot be written: {error.strerror or error}: {folder}") from error
