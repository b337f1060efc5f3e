"""A run as an object: its result, history and config, and its best network's predictions for any image."""

import csv
from collections.abc import Iterable, Sequence
from functools import cached_property
from os import PathLike, fspath
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from catsdogs_exp.errors import BadInput
from catsdogs_exp.notebook.tables import table
from catsdogs_exp.platforms import expanded
from catsdogs_exp.record.folder.epoch_rows import epoch_rows
from catsdogs_exp.record.folder.run_files import RunFiles, find_run, read_result
from catsdogs_exp.record.folder.run_lock import true_status

if TYPE_CHECKING:  # it comes with TensorFlow
    from PIL import Image

    from catsdogs_exp.inference.answers import Answer
    from catsdogs_exp.inference.predictor import Predictor

AnyPath = str | PathLike[str]


def open_run(path: AnyPath) -> "OpenedRun":
    """Opens a run.

    Args:
        path: its folder.

    Raises:
        BadInput: if there is no run.
    """
    text = fspath(path)
    if not text.strip():
        raise BadInput(f"open_run needs a run folder. Received: {text!r}")
    return OpenedRun(find_run(Path(text)).folder)


class OpenedRun:
    """A run. A notebook shows the head of its report.

    Args:
        folder: the run folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()  # a notebook may change its folder

    @property
    def result(self) -> dict[str, Any]:
        """The content of `result.json`: status, objective, metrics, counts, versions."""
        return read_result(self.folder)

    @property
    def config(self) -> dict[str, Any]:
        """All settings, nested as in `config.yaml`.

        Raises:
            BadInput: if they cannot be read.
        """
        from catsdogs_exp.config.stored import stored_settings  # noqa: PLC0415  (Hydra)

        return stored_settings(self.folder)

    @property
    def history(self) -> Any:
        """One row per epoch: a `pandas.DataFrame`, or a list of dictionaries if pandas is not installed."""
        try:
            rows = [{key: _number(text) for key, text in row.items()} for row in epoch_rows(self.folder)]
        except FileNotFoundError:
            rows = []
        except (OSError, ValueError, csv.Error) as error:
            raise BadInput(f"The history of the run cannot be read: {self.folder / 'metrics.csv'}: {error}") from error
        return table(rows)

    def predict(self, images: AnyPath | Iterable[AnyPath]) -> Any:
        """Predicts files, the images in folders, patterns such as `"*.jpg"`, and http(s) URLs.

        Args:
            images: one of these, or several.

        Returns:
            A table with `path`, `class`, `probability`, `unlike` (whether it is unlike the training images, if known),
            one column `p_<class>` per class, and `error` for unreadable files, whose other columns are empty.

        Raises:
            BadInput: if the run has no network, or there are no files.
        """
        predictor = self._predictor
        from catsdogs_exp.inference.answers import answers  # noqa: PLC0415  (after TensorFlow's start)
        from catsdogs_exp.inference.image_names import ImageNames  # noqa: PLC0415
        from catsdogs_exp.inference.web_images import Limits  # noqa: PLC0415

        with TemporaryDirectory(prefix="catsdogs-exp-") as scratch:
            found = answers(predictor, ImageNames(Path(scratch), Limits()).images(_words(images)))
            return table([_row(answer, predictor.card.classes) for answer in found])

    def activations(self, image: AnyPath, layers: str | Sequence[str] = "auto") -> "Image.Image":
        """Draws how the layers respond to an image.

        Args:
            image: a file.
            layers: `auto`, `all`, or names and patterns of layers.

        Raises:
            BadInput: if the image, the network or a layer cannot be read.
        """
        self._start()
        from catsdogs_exp.inference.run_activations import draw_activations  # noqa: PLC0415
        from catsdogs_exp.record.pictures.activation_page import Style  # noqa: PLC0415

        chosen = [layers] if isinstance(layers, str) else list(layers)
        (found,) = draw_activations(self._files, [expanded(fspath(image))], chosen, Style())
        if found.page is None:
            raise BadInput(f"{image}: {found.error}")
        return found.page

    def crops(self, image: AnyPath) -> "Image.Image":
        """Draws how cropping changes the prediction: maps over positions and sizes, and the crops that matter most.

        Args:
            image: a file.

        Raises:
            BadInput: if the image or the network cannot be read.
        """
        predictor = self._predictor
        from catsdogs_exp.data.images.preparing import read_or_reason  # noqa: PLC0415  (after TensorFlow's start)
        from catsdogs_exp.inference.crop_grid import Grid  # noqa: PLC0415
        from catsdogs_exp.inference.crop_report import as_picture  # noqa: PLC0415
        from catsdogs_exp.inference.crops import read_cropped, score_crops  # noqa: PLC0415

        grid = Grid()
        cropped = read_or_reason(lambda: read_cropped(expanded(fspath(image)), predictor.card.preparation, grid.boxes))
        if isinstance(cropped, str):
            raise BadInput(f"{image}: {cropped}")
        return as_picture(cropped, score_crops(predictor.probabilities, cropped), grid, predictor.card.classes)

    def atlas(self) -> Any:
        """Returns the channel atlas, one row per channel, most used first within a layer; creates it if the run has
        none.

        Its page is `atlas/atlas.html` in the run's folder.

        Raises:
            BadInput: if the run has no network, or its data cannot be read.
        """
        path = self.folder / "atlas" / "channels.csv"
        if not path.is_file():
            self._start()
            from catsdogs_exp.config.stored import stored_config  # noqa: PLC0415
            from catsdogs_exp.inference.atlas import AtlasOptions, atlas_of_run  # noqa: PLC0415
            from catsdogs_exp.report.atlas import write_atlas  # noqa: PLC0415

            made = atlas_of_run(self._files, stored_config(self.folder), AtlasOptions(), lambda *_: None)
            path = write_atlas(self._files, made).with_name("channels.csv")
        with path.open(newline="", encoding="utf-8", errors="surrogateescape") as handle:
            return table([{key: _number(text) for key, text in row.items()} for row in csv.DictReader(handle)])

    @property
    def _files(self) -> RunFiles:
        return RunFiles(self.folder)

    @cached_property
    def _predictor(self) -> "Predictor":
        self._start()
        from catsdogs_exp.inference.predictor import Predictor  # noqa: PLC0415

        return Predictor(self._files)

    @staticmethod
    def _start() -> None:
        from catsdogs_exp.training.runtime import import_tensorflow  # noqa: PLC0415  (seconds)

        import_tensorflow()

    def __repr__(self) -> str:
        result = self.result
        objective = result.get("objective") or {}
        value = objective.get("value")
        figure = f", {objective.get('name')} {value:.4f}" if isinstance(value, float | int) else ""
        return f"<run {self.folder.name}: {true_status(self.folder, result.get('status'))}{figure}>"

    def _repr_html_(self) -> str:
        from catsdogs_exp.report.run_head import run_head  # noqa: PLC0415  (matplotlib)

        return run_head(self._files)


def _words(images: AnyPath | Iterable[AnyPath]) -> list[str]:
    given = [images] if isinstance(images, str | PathLike) else list(images)
    if not given:
        raise BadInput("predict needs an image. Received: []")
    words = [fspath(each) for each in given]
    for word in words:
        if not word.strip() or "\0" in word:
            raise BadInput(f"predict needs the names of images. Received: {word!r}")
    return words


def _row(answer: "Answer", classes: Sequence[str]) -> dict[str, Any]:
    known = not answer.error
    return {
        "path": answer.name,
        "class": answer.label if known else None,
        "probability": answer.probability if known else None,
        "unlike": answer.unlike,
        **{f"p_{name}": answer.probabilities.get(name) for name in classes},
        "error": answer.error or None,
    }


def _number(text: str | None) -> Any:
    """Converts a text to a number if it is one; an empty text to None."""
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text
