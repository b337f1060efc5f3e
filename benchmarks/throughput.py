"""P1 to P5: images per second of training and of the loaders alone, ours against Keras's.

float32 unless stated otherwise, the course's network and settings. A round is one epoch of each contender. Training is
measured from the sixth step on, which excludes both sides' compilation and first batches; loaders alone are measured
over a whole pass.
"""

import importlib.util
import os
import tempfile
from pathlib import Path

from benchmarks import ours, photos, theirs
from benchmarks.options import Options, heading
from benchmarks.processes import Side
from benchmarks.table import Row, faster, render
from benchmarks.timing import Pair, interleaved, say
from catsdogs_exp.errors import BadInput

_SKIP = 5  # steps: more than any queue holds


def run(options: Options) -> str:
    """Measures and returns the table.

    Raises:
        BadInput: without SciPy, which Keras's generator needs.
    """
    if importlib.util.find_spec("scipy") is None:
        raise BadInput("needs scipy: pip install scipy")
    load = os.getloadavg()[0]
    overrides = (*photos.source(options.photos), *photos.COURSE)
    with tempfile.TemporaryDirectory() as scratch:
        laid = photos.lay_out(overrides, options.images, Path(scratch))
        say(f"{laid.count} training images; starting TensorFlow on both sides")
        with (
            Side(ours.contenders, overrides, options.images, _SKIP) as left,
            Side(theirs.contenders, overrides, laid, _SKIP) as right,
        ):
            measured = interleaved(left.contenders() | right.contenders(), options.rounds, say)
    details = f"{laid.count:,} training {photos.describe(options.photos)}, 150 x 150, batch 20, cnn depth=3, float32"
    return f"{heading('throughput', options, details, load)}\n{render(rows(measured))}"


def rows(measured: dict[str, list[float]]) -> list[Row]:
    """The table's rows, from images per second of each contender, one number per round."""

    def row(name: str, what: str, ours: str, theirs: str, at_least: float) -> Row:
        return faster(name, what, Pair(measured[ours], measured[theirs]), at_least)

    files = "loader alone, JPEG files, "
    return [
        row("P1", "training, warm cache / fit in memory", "train", "in_memory", 0.97),
        row("P2", "training, augment=course / fit in memory, no augmentation", "train_augmented", "in_memory", 0.90),
        row("P3", "training, augment=course / course loop, same", "train_augmented", "course_augmented", 1.8),
        row("P3", "the same in mixed_bfloat16 / course loop in float32", "train_bfloat16", "course_augmented", 2.5),
        row("P4", f"{files}cache=none / course loop's", "files", "course_files", 4),
        row("P4", f"{files}cache=none / image_dataset_from_directory", "files", "keras_files", 1.1),
        row("P4", f"{files}making the cache / course loop's", "cache", "course_files", 4),
        row("P4", f"{files}making the cache / image_dataset_from_directory", "cache", "keras_files", 1.1),
        row("P5", "loader alone, augment=course / course loop's", "augmented", "course_files_augmented", 8),
        faster_for_information(measured),
    ]


def faster_for_information(measured: dict[str, list[float]]) -> Row:
    """No target of its own: what a user without augmentation gains over the course loop."""
    row = faster("-", "training, no augmentation / course loop, same", Pair(measured["train"], measured["course"]), 0)
    return Row(**{**vars(row), "target": "-", "reached": "-"})
