"""The source `tfds`: an image classification data set from tensorflow-datasets, written once as image files."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from catsdogs_exp.config.schema.datasets import TfdsDataset
from catsdogs_exp.data.cache_folder import cache_folder, made_once
from catsdogs_exp.data.progress import ReportProgress
from catsdogs_exp.data.sources.extras import imported, installed
from catsdogs_exp.data.sources.listing import TEST, TRAIN, VALIDATION, Listing, list_images
from catsdogs_exp.data.sources.selection import Selection
from catsdogs_exp.data.sources.split_names import split_of
from catsdogs_exp.errors import BadInput, one_line
from catsdogs_exp.platforms import safe_name

_EVERY = 200
_SUFFIXES = ((b"\xff\xd8\xff", ".jpg"), (b"\x89PNG", ".png"), (b"GIF8", ".gif"), (b"BM", ".bmp"))


def tfds_installed(dataset: TfdsDataset) -> None:
    """Raises an error if tensorflow-datasets is missing.

    Raises:
        BadInput: saying how to install it.
    """
    installed("tensorflow_datasets", "tensorflow-datasets", "tfds")


def tfds(dataset: TfdsDataset, progress: ReportProgress | None = None) -> Listing:
    """The images of the data set `dataset.builder` as files in the cache folder, with their original encoding.

    Raises:
        BadInput: if it cannot be downloaded, or its examples have no image and label.
    """
    name = re.sub(r"[^\w.]+", "-", str(dataset.builder))
    target = cache_folder("tfds") / name
    with made_once(target) as scratch:
        if scratch is not None:
            _export(dataset, scratch, progress)
    parted = any(
        path.is_dir() for split in target.iterdir() if split_of(split.name) is not None for path in split.iterdir()
    )
    return list_images(target, Selection(dataset.classes, folders="splits" if parted else "classes", escaped=True))


def _export(dataset: TfdsDataset, folder: Path, progress: ReportProgress | None) -> None:
    library = imported("tensorflow_datasets", "tensorflow-datasets", "tfds")
    try:
        builder = library.builder(
            dataset.builder, **({} if dataset.data_dir is None else {"data_dir": dataset.data_dir})
        )
        names = _class_names(dataset, builder.info.features)
        builder.download_and_prepare()
        splits = {str(split): info.num_examples for split, info in builder.info.splits.items()}
        raw = {"image": library.decode.SkipDecoding()}  # the original bytes: lossless
        known = {split: count for split, count in splits.items() if split_of(split) in (TRAIN, VALIDATION, TEST)}
        if not known:
            raise BadInput(
                f"{dataset.builder} has no split called train, validation or test, only {', '.join(splits)}."
            )
        alone = list(known) == ["train"]  # then we make the split
        total, done = sum(known.values()), 0
        for split in known:
            for data, label in _examples(library, builder, split, raw):
                place = (folder if alone else folder / split) / names[label]
                place.mkdir(parents=True, exist_ok=True)
                (place / f"{done:06d}{_suffix(data)}").write_bytes(data)
                done += 1
                if progress and done % _EVERY == 0 and done < total:
                    progress("converting", done, total)
        if progress:
            progress("converting", done, done)
    except BadInput:
        raise
    except (
        Exception
    ) as error:  # tensorflow-datasets raises many kinds of errors: no network, no such data set, no space
        raise BadInput(
            f"dataset.builder={dataset.builder} cannot be downloaded by tensorflow-datasets: {one_line(error)}. "
            "Without a network: dataset=drawn"
        ) from error


def _examples(library: Any, builder: Any, split: str, raw: dict[str, Any]) -> Iterator[tuple[bytes, int]]:
    """The encoded images with labels; those without a label (-1) are left out."""
    for example in library.as_numpy(builder.as_dataset(split=split, decoders=raw, shuffle_files=False)):
        label = int(example["label"])
        if label >= 0:
            yield bytes(example["image"]), label


def _class_names(dataset: TfdsDataset, features: Any) -> list[str]:
    """Folder names for the labels, valid on every system."""
    keys = sorted(str(key) for key in features)
    names = getattr(features["label"], "names", None) if {"image", "label"} <= set(keys) else None
    if not names:
        raise BadInput(
            "dataset.builder must be an image classification data set, whose examples have an image and a label of "
            f"named classes. Received: {dataset.builder}, with {', '.join(keys)}."
        )
    plain = [re.sub(r"[\x00-\x1f\x7f]", "_", str(name)) or "_" for name in names]
    if len({name.casefold() for name in plain}) < len(plain):
        plain = [f"{number} {name}" for number, name in enumerate(plain)]
    return [safe_name(name) for name in plain]


def _suffix(data: bytes) -> str:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return ".webp"
    return next((suffix for start, suffix in _SUFFIXES if data.startswith(start)), ".png")
