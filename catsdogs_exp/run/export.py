"""Exports a run's network and checks the files, from top to bottom."""

import os
import secrets
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from catsdogs_exp.errors import BadInput
from catsdogs_exp.inference.export import (
    browser_graph,
    litert,
    onnx_file,
    open_litert,
    open_onnx,
    open_saved_model,
    saved_model,
)
from catsdogs_exp.inference.export.calibration import representative_images
from catsdogs_exp.inference.export.checking import Candidate, Limits, Panel, Row, check, read_photos
from catsdogs_exp.inference.export.examples import example_programs
from catsdogs_exp.inference.export.formats import Format
from catsdogs_exp.inference.export.in_browser import OpenPage, can_open_pages
from catsdogs_exp.inference.export.network import answering, image_spec, in_float32
from catsdogs_exp.inference.export.runtime import Opened, Photo
from catsdogs_exp.inference.exported.description import NAME as DESCRIPTION
from catsdogs_exp.inference.exported.description import description_of
from catsdogs_exp.inference.labelled_files import files_of_split
from catsdogs_exp.inference.predictor import Predictor
from catsdogs_exp.printable import printable
from catsdogs_exp.record.folder.free_names import take_free_name
from catsdogs_exp.record.folder.result import write_json, write_whole
from catsdogs_exp.record.folder.run_files import RunFiles, manifest_rows
from catsdogs_exp.report.model_card import model_card
from catsdogs_exp.report.network_page import network_page
from catsdogs_exp.training.checkpoint.card import ModelCard

NAME = "exports"
VALIDATION = "validation"


@dataclass(frozen=True)
class Wanted:
    """What to export.

    Attributes:
        formats: in this order.
        limits: what each file must reach.
        flex: allow TensorFlow's operators in LiteRT files.
        data: the current folder of the run's images; None: the original one.
    """

    formats: tuple[Format, ...]
    limits: Limits
    flex: bool = False
    data: Path | None = None


@dataclass(frozen=True)
class Exported:
    """The outcome of an export.

    Attributes:
        folder: that contains the files; None if all were rejected.
        rows: results of the check, the run's network first.
    """

    folder: Path | None
    rows: tuple[Row, ...]


def export_run(
    run: RunFiles, wanted: Wanted, say: Callable[[str], None], progress: Callable[[str, int, int], None]
) -> Exported:
    """Exports the best network of a run into a new folder `exports`, `exports-2`, ... of the run.

    The files are written to a temporary folder, opened with their own runtimes and compared with the network on every
    validation image, or test or training image if there are none. Only those that pass are moved to the new folder.

    Args:
        run: the run.
        wanted: formats and limits.
        say: called with a line about images that are left out.
        progress: called with (task, images done, total).

    Raises:
        BadInput: if the run has no network, or its images are gone.
        RunFailed: if a conversion fails.
    """
    predictor = Predictor(run)
    how, classes = predictor.card.preparation, predictor.card.classes
    split = _split_to_check(run)
    if split != VALIDATION:
        say(f"the run has no {VALIDATION} images: the files are checked on its {split} images")
    files_to_check = files_of_split(run, split, wanted.data, "--data PATH").files
    network = Candidate(run.network, Opened("keras", f"keras {keras.__version__}", _asking(predictor)))
    model = in_float32(predictor.model)
    try:
        scratch = run.folder / f".{NAME}-{secrets.token_hex(4)}"
        scratch.mkdir()
    except OSError as error:
        raise BadInput(f"The run folder cannot be written: {run.folder}: {error.strerror}") from error
    with ExitStack() as ends:
        ends.callback(shutil.rmtree, scratch, ignore_errors=True)
        sources = _Sources(
            run, model, predictor.card, description_of(predictor.card, predictor.appendix), wanted, say, ends
        )
        files = [found for each in wanted.formats for found in _written(each, scratch / each.file, sources)]
        panel = Panel(network, None if model is predictor.model else _in_keras(model), files)
        count = len(files_to_check)
        photos = read_photos(files_to_check, how, say)
        rows = check(panel, photos, classes, wanted.limits, lambda done: progress("checking", done, count))
        rows = [replace(row, split=split) for row in rows]
        if not _remove_refused(scratch, rows, files):
            return Exported(None, tuple(rows))
        _accompany(scratch, sources, rows)
        return Exported(_settled(scratch, run.folder), tuple(rows))


def _split_to_check(run: RunFiles) -> str:
    """Returns the run's first split with images that training did not fit; training images if there is none."""
    used = {row.split for row in manifest_rows(run)}
    return next((split for split in (VALIDATION, "test", "train") if split in used), VALIDATION)


@dataclass(frozen=True)
class _Sources:
    """What the files are made from."""

    run: RunFiles
    model: keras.Model
    card: ModelCard
    described: dict[str, Any]
    wanted: Wanted
    say: Callable[[str], None]
    ends: ExitStack


def _written(each: Format, path: Path, sources: _Sources) -> list[Candidate]:
    """Writes a format and opens it."""
    started = time.perf_counter()
    model, flex = sources.model, sources.wanted.flex
    if each.name == "savedmodel":
        saved_model.write_saved_model(model, sources.card.preparation, path)
        opened = open_saved_model.open_saved_model(path)
    elif each.name == "litert":
        litert.write_float(model, path, flex)
        opened = open_litert.open_litert(path, each.name, flex)
    elif each.name == "litert-int8":
        training = files_of_split(sources.run, "train", sources.wanted.data, "--data PATH")
        litert.write_int8(model, path, representative_images(training, sources.card.preparation, sources.say))
        opened = open_litert.open_litert(path, each.name)
    elif each.name == "html":
        graph = browser_graph.browser_graph(model)
        path.write_text(network_page(sources.card, graph, _facts(sources)), encoding="utf-8")
        opened = [_page_opened(path, sources)]
    else:
        onnx_file.write_onnx(model, path)
        opened = open_onnx.open_onnx(path)
    sources.say(f"{each.name}: written in {time.perf_counter() - started:.1f} s")
    return [Candidate(path, one) for one in opened]


def _page_opened(path: Path, sources: _Sources) -> Opened:
    """Opens the page in a browser if one is installed, otherwise its graph in TensorFlow."""
    if not can_open_pages():
        sources.say(
            "html: checked in TensorFlow; to check it in a browser, install Chromium, chromedriver and selenium"
        )
        return browser_graph.open_in_tensorflow(sources.model)
    page = OpenPage(path)
    sources.ends.callback(page.close)
    return page.opened()


def _facts(sources: _Sources) -> list[tuple[str, str]]:
    """Returns the page's facts about the network."""
    height, width = sources.card.target_size
    return [
        ("run", sources.run.folder.name),
        ("input", f"{width} x {height} pixels, {sources.card.resize}, {sources.card.interpolation}"),
        ("parameters", f"{sources.model.count_params():,}"),
    ]


def _asking(predictor: Predictor) -> Callable[[Photo], NDArray[np.float32]]:
    return lambda photo: predictor.probabilities(photo.pixels[None])[0]


def _in_keras(model: keras.Model) -> Opened:
    """Returns the network to export, run by Keras."""
    ask = tf.function(answering(model), input_signature=[image_spec(model, None)])
    return Opened("keras, float32", f"keras {keras.__version__}", lambda photo: ask(photo.pixels[None]).numpy()[0])


def _remove_refused(folder: Path, rows: Sequence[Row], files: Sequence[Candidate]) -> bool:
    """Deletes files that did not pass; returns whether others did."""
    refused = {row.file for row in rows if row.refused}
    for path in {each.path for each in files}:
        if path.name in refused:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return any(each.path.name not in refused for each in files)


def _accompany(folder: Path, sources: _Sources, rows: Sequence[Row]) -> None:
    """Writes what accompanies the files: labels, model card, examples, and the figures."""
    write_whole(folder / "labels.txt", "".join(f"{printable(name)}\n" for name in sources.card.classes))
    write_whole(folder / "model_card.md", model_card(sources.run, sources.card, rows))
    (folder / "examples").mkdir()
    for each in sources.wanted.formats:
        if (folder / each.file).exists():
            for name, text in example_programs(each, sources.card).items():
                write_whole(folder / "examples" / name, text)
    names = ("catsdogs-exp", "keras", "tensorflow")
    content = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {name: version(name) for name in names},
        "limits": asdict(sources.wanted.limits),
        "rows": [asdict(row) for row in rows],
        **sources.described,
    }
    write_json(folder / DESCRIPTION, content)


def _settled(scratch: Path, run: Path) -> Path:
    """Renames the folder to the first unused name."""

    def move(folder: Path) -> None:
        if os.path.lexists(folder):  # an empty folder would be replaced
            raise FileExistsError
        try:
            scratch.rename(folder)
        except OSError as error:
            if os.path.lexists(folder):
                raise FileExistsError from error
            raise

    return take_free_name(run / NAME, "", "export", move)
