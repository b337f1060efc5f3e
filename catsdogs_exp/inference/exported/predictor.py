"""Predictions with an exported file, with the decoder and the image size of training."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.errors import BadInput, one_line
from catsdogs_exp.inference.export.checking import megabytes
from catsdogs_exp.inference.export.runtime import Opened, Photo
from catsdogs_exp.inference.exported.description import read_description
from catsdogs_exp.inference.exported.look_litert import what_litert_does
from catsdogs_exp.inference.exported.look_onnx import what_onnx_does
from catsdogs_exp.inference.exported.look_saved_model import what_saved_model_does
from catsdogs_exp.inference.image_predictor import ImagePredictor, Opinions
from catsdogs_exp.training.checkpoint.appendix import Appendix

_MOST = 1000  # megabytes
_SMALLEST = 2.0**-126  # smallest normal float32


class ExportedPredictor(ImagePredictor):
    """Predicts files with an exported network, one image at a time, as in the check by `export`.

    Args:
        file: the file, or the folder of a SavedModel.
        form: its format: `savedmodel`, `litert`, `onnx`.

    Attributes:
        runtime: what runs it, with its version.

    Raises:
        BadInput: if it lacks its description, is damaged, or does what no export does.
    """

    def __init__(self, file: Path, form: str) -> None:
        described = read_description(file)
        self.card = described.card
        self._opened = _opened(file, form)
        # measured with the network in float32
        self.appendix = Appendix(described.calibration) if self._opened.exact else None
        self._check_answers(file)

    @property
    def runtime(self) -> str:
        """What runs it, with its version."""
        return self._opened.runtime

    def opinions(self, images: NDArray[np.uint8]) -> Opinions:
        """Predicts uint8 [b, height, width, channels] at the card's target_size."""
        found = np.stack([self._opened.answer(Photo(b"", image)) for image in images])
        return Opinions(found, np.log(np.maximum(found, np.float32(_SMALLEST))))

    def _check_answers(self, file: Path) -> None:
        """Makes one prediction, to detect the description of another network."""
        shape = (*self.card.target_size, self.card.channels)
        try:
            found = self._opened.answer(Photo(b"", np.zeros(shape, np.uint8)))
        except Exception as error:  # each runtime has its own
            raise BadInput(
                f"{file} does not take images of {shape[1]} x {shape[0]} pixels and {shape[2]} channels, as the "
                f"exports.json next to it says. Was it exported with it? ({one_line(error)})"
            ) from error
        if found.shape != (len(self.card.classes),):
            raise BadInput(
                f"{file} gives {found.size} probabilities; the exports.json next to it names {len(self.card.classes)} "
                "classes. Was it exported with it?"
            )


def _opened(file: Path, form: str) -> Opened:
    """Opens a file that does nothing but compute."""
    size = megabytes(file)
    if size > _MOST:
        raise BadInput(f"An exported network must have at most {_MOST:,} MB. Received: {file}, {size:,.0f} MB")
    look, open_it = _RUNTIMES[form]
    try:
        does = look(file)
    except Exception as error:  # the parsers raise many kinds of errors for damaged and hostile files
        raise BadInput(f"{file} cannot be read. Is it damaged? ({one_line(error)})") from error
    if does:
        raise BadInput(f"{file} is not run: {does}. Only what export writes is run; anything else could be a program")
    try:
        return open_it(file)
    except Exception as error:  # each runtime has its own
        raise BadInput(f"{file} cannot be opened ({one_line(error)})") from error


def _open_onnx(file: Path) -> Opened:
    from catsdogs_exp.inference.export.open_onnx import open_onnx  # noqa: PLC0415  (its runtime is an extra)

    return open_onnx(file)[0]


def _open_litert(file: Path) -> Opened:
    from catsdogs_exp.inference.export.open_litert import open_litert  # noqa: PLC0415  (its runtime is an extra)

    return open_litert(file, "litert")[0]


def _open_saved_model(file: Path) -> Opened:
    from catsdogs_exp.inference.export.open_saved_model import open_saved_model  # noqa: PLC0415  (it needs TensorFlow)

    return open_saved_model(file)[0]


_RUNTIMES: dict[str, tuple[Callable[[Path], str], Callable[[Path], Opened]]] = {
    "onnx": (what_onnx_does, _open_onnx),
    "litert": (what_litert_does, _open_litert),
    "savedmodel": (what_saved_model_does, _open_saved_model),
}
"""By format: what a file would do, and how it is opened."""
