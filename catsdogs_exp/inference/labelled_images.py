"""Labelled images prepared for a network: from a run's split, or from a folder."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.data.images.preparing import read_image, read_or_reason
from catsdogs_exp.data.turns import taking_turns
from catsdogs_exp.errors import BadInput
from catsdogs_exp.inference.labelled_files import files_of_folder, files_of_split, path_within, renamed_classes
from catsdogs_exp.record.folder.run_files import RunFiles
from catsdogs_exp.training.checkpoint.card import ModelCard


@dataclass(frozen=True)
class LabelledImages:
    """Images ordered so that every prefix is a fair sample: classes alternate, in seeded random order within each.

    Attributes:
        files: their paths.
        paths: within their data set, with `/`.
        pixels: uint8 [n, height, width, 3 or 1], prepared for the network.
        labels: int32 [n].
        classes: names.
        left_out: a line for each file that could not be used.
    """

    files: tuple[Path, ...]
    paths: tuple[str, ...]
    pixels: NDArray[np.uint8]
    labels: NDArray[np.int32]
    classes: tuple[str, ...]
    left_out: tuple[str, ...]


def images_of_split(
    run: RunFiles, card: ModelCard, split: str, most: int, elsewhere: str = "--data PATH"
) -> LabelledImages:
    """Images of a run's split.

    Args:
        run: the run.
        card: of its network.
        split: `train`, `validation` or `test`.
        most: maximum number of images.
        elsewhere: what to type if they have moved; `""` if nothing helps.

    Raises:
        BadInput: for a split without images, or if the data has moved.
    """
    found = files_of_split(run, split, elsewhere=elsewhere)
    return _read(found.root, found.files, card, most)


def images_of_folder(folder: Path, card: ModelCard, most: int, renamed: Sequence[str] = ()) -> LabelledImages:
    """Images of a folder with one folder per class; from all splits it contains.

    Args:
        folder: the folder.
        card: of the network.
        most: maximum number of images.
        renamed: texts such as `Katze=cats`, for classes that are not named like the network's.

    Raises:
        BadInput: if it contains none of the classes, or for an invalid text.
    """
    found = files_of_folder(folder, card.classes, renamed_classes(renamed, card.classes), leave_out_unknown=True)
    images = _read(found.root, found.files, card, most)
    unknown = tuple(f"{name}: not a class of the run" for name in sorted(found.unknown))
    return LabelledImages(**(vars(images) | {"left_out": images.left_out + unknown}))


def images_of_files(images: LabelledImages, card: ModelCard) -> LabelledImages:
    """The same images, prepared for another network.

    Raises:
        BadInput: if one can no longer be read.
    """
    with ThreadPoolExecutor() as pool:
        read = list(pool.map(lambda file: _pixels(file, card), images.files))
    for file, pixels in zip(images.files, read, strict=True):
        if isinstance(pixels, str):
            raise BadInput(f"An image can no longer be read: {file}: {pixels}")
    return replace(images, pixels=np.stack([pixels for pixels in read if not isinstance(pixels, str)]))


def _read(root: Path, files: Sequence[tuple[Path, str]], card: ModelCard, most: int) -> LabelledImages:
    labels = np.array([card.classes.index(name) for _, name in files], np.int32)
    chosen = [files[row] for row in taking_turns(labels)[:most].tolist()]
    with ThreadPoolExecutor() as pool:
        read = list(pool.map(lambda entry: _pixels(entry[0], card), chosen))
    usable = [(entry, image) for entry, image in zip(chosen, read, strict=True) if not isinstance(image, str)]
    if not usable:
        raise BadInput(f"None of {len(chosen)} files could be read. The first: {chosen[0][0]}: {read[0]}")
    return LabelledImages(
        tuple(file for (file, _), _ in usable),
        tuple(path_within(root, file) for (file, _), _ in usable),
        np.stack([image for _, image in usable]),
        np.array([card.classes.index(name) for (_, name), _ in usable], np.int32),
        card.classes,
        tuple(f"{file}: {image}" for (file, _), image in zip(chosen, read, strict=True) if isinstance(image, str)),
    )


def _pixels(file: Path, card: ModelCard) -> NDArray[np.uint8] | str:
    return read_or_reason(lambda: read_image(file, card.preparation))
