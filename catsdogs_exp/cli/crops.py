"""`predict --crops` and `predict --crop x,y,w,h`: how cropping changes a prediction."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from catsdogs_exp.cli.arguments import Parser, a_path, refuse_together
from catsdogs_exp.errors import BadInput
from catsdogs_exp.inference.crop_grid import Box, Grid, NamedCrop

if TYPE_CHECKING:  # they come with TensorFlow and Pillow
    from PIL.Image import Image

    from catsdogs_exp.inference.crops import Cropped
    from catsdogs_exp.inference.image_names import NamedImage
    from catsdogs_exp.inference.image_predictor import ImagePredictor


def add_crop_flags(parser: Parser) -> None:
    """Adds `--crops`, `--crop` and `--out`."""
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--crops",
        action="store_true",
        help="score a grid of crops of each image and draw how they change the prediction: one PNG per image",
    )
    how.add_argument(
        "--crop",
        metavar="X,Y,W,H",
        help="score one crop: left, top, width, height in pixels, or as fractions (0.1,0.1,0.5,0.5)",
    )
    parser.add_argument(
        "--out",
        type=a_path,
        metavar="FILE",
        help="with --crops: the picture of the only image (default: NAME-crops.png here)",
    )


@dataclass(frozen=True)
class CropOptions:
    """The parsed flags.

    Attributes:
        one: the crop of `--crop`; None: a grid.
        out: the picture's file; None: named after the image.
        as_json: whether to print data to stdout instead of sentences.
    """

    one: NamedCrop | None
    out: Path | None
    as_json: bool

    def boxes(self, grid: Grid) -> Callable[[tuple[int, int]], Sequence[Box]]:
        """Returns a function from an image's height and width to its crops."""
        one = self.one
        return grid.boxes if one is None else lambda size: [one.box(size)]


def crop_options(options: argparse.Namespace) -> CropOptions | None:
    """Checks the flags before anything is read. Returns None if there are none.

    Raises:
        BadInput: for an invalid crop, flags that cannot be combined, or a picture that cannot be written.
    """
    if not options.crops and options.crop is None:
        if options.out is not None:
            raise BadInput(f"--out names the picture of --crops. Received: --out {options.out} without --crops")
        return None
    flag = "--crops" if options.crops else "--crop"
    others = ("--csv", "--threshold", "--reject", "--watch", "--sort", "--top")
    refuse_together(options, flag, others, "It prints sentences, or all numbers with --json")
    out: Path | None = options.out
    if out is not None:
        if not options.crops:
            raise BadInput("--out names the picture of --crops. --crop x,y,w,h draws none")
        if out.suffix.lower() != ".png" or not out.parent.is_dir():
            raise BadInput(f"--out must name a .png file in an existing folder. Received: --out {out}")
        if out.exists():
            raise BadInput(f"--out must name a new file. Received: --out {out}, which exists and is not overwritten")
    return CropOptions(None if options.crops else NamedCrop.parse(options.crop), out, options.json)


def predict_crops(predictor: "ImagePredictor", images: "Sequence[NamedImage]", options: CropOptions) -> int:
    """Prints how cropping changes each image's prediction. Exit code 1 if some could not be read, 2 if none could."""
    from catsdogs_exp.cli.image_rows import ImageRows
    from catsdogs_exp.cli.screen import output
    from catsdogs_exp.data.images.decoding import Undecodable
    from catsdogs_exp.inference.crop_report import as_picture, as_plain
    from catsdogs_exp.inference.crops import in_words, read_cropped, said, score_crops

    if options.out and len(images) != 1:
        raise BadInput(f"--out names the picture of one image. Received: {len(images)} images. Leave it out")
    classes = predictor.card.classes
    grid = Grid()
    rows = ImageRows()

    def read(path: Path) -> "Cropped":
        try:
            return read_cropped(path, predictor.card.preparation, options.boxes(grid))
        except BadInput as error:  # the crop is not within this image; it may be within others
            if len(images) == 1:
                raise
            raise Undecodable(str(error)) from error

    for name, image in rows.readable(images, read):
        scores = score_crops(predictor.probabilities, image)
        row = {"path": name, **as_plain(scores, classes)}
        words = in_words(scores, classes)
        if options.one is None:
            row["picture"] = str(_saved(as_picture(image, scores, grid, classes), name, options.out))
            if scores.strongest_change is None:  # the count says so
                words = f"whole image: {said(scores.whole, classes)}"
            words += f"; {scores.changed.sum()} of {grid.count} crops change the answer: {row['picture']}"
        rows.rows.append(row)
        if not options.as_json:
            output().say(f"{name}: {words}")
    return rows.finish(options.as_json)


def _saved(picture: "Image", image: str, out: Path | None) -> Path:
    from catsdogs_exp.record.pictures.files import file_name, save_new

    if out is None:
        return save_new(picture, Path(), f"{file_name(PurePosixPath(image).stem)}-crops")
    try:
        with out.open("xb") as file:
            picture.save(file, "PNG")
    except OSError as error:
        raise BadInput(f"The picture cannot be written: {out}: {error.strerror or error}") from error
    return out
