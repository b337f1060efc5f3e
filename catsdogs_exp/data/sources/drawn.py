"""The source `drawn`: cats and dogs drawn by the program itself, once, into the cache folder."""

from pathlib import Path

import numpy as np

from catsdogs_exp.config.schema.datasets import DrawnDataset
from catsdogs_exp.data import drawing
from catsdogs_exp.data.cache_folder import cache_folder, made_once
from catsdogs_exp.data.in_processes import in_processes
from catsdogs_exp.data.progress import ReportProgress
from catsdogs_exp.data.sources import damaged_files

VERSION = 1  # change this whenever the same settings would draw different images
_CHUNK = 50


def drawn(dataset: DrawnDataset, progress: ReportProgress | None = None) -> Path:
    """Returns a folder with one subfolder of drawn images per class, the same for the same settings.

    `dataset.images` images are distributed over `dataset.classes`; the fraction `dataset.broken` of them is damaged in
    one of the ways of `damaged_files.KINDS`.
    """
    name = f"v{VERSION}-{dataset.images}-{dataset.classes}-{dataset.broken}-{dataset.seed}"
    target = cache_folder("drawn") / name
    with made_once(target) as scratch:
        if scratch is not None:
            _draw_all(dataset, scratch, progress)
    return target


def _draw_all(dataset: DrawnDataset, folder: Path, progress: ReportProgress | None) -> None:
    names = drawing.class_names(dataset.classes)
    for name in names:
        (folder / name).mkdir()
    kinds = _kinds(dataset)
    tasks = [
        (folder / names[i % len(names)] / f"{names[i % len(names)].removesuffix('s')}.{i // len(names)}.jpg", i)
        for i in range(dataset.images)
    ]
    jobs = [
        [(path, i % len(names), i // len(names), dataset.seed, kinds[i]) for path, i in tasks[start : start + _CHUNK]]
        for start in range(0, len(tasks), _CHUNK)
    ]
    if progress:
        progress("drawing", 0, dataset.images)
    for done in in_processes(_draw_some, jobs):  # processes, because Pillow's drawing holds the interpreter lock
        if progress:
            progress("drawing", min(done * _CHUNK, dataset.images), dataset.images)


def _draw_some(pictures: list[tuple[Path, int, int, int, str | None]]) -> None:
    for path, label, index, seed, kind in pictures:
        damaged_files.save(drawing.draw(label, index, seed), path, kind)


def _kinds(dataset: DrawnDataset) -> list[str | None]:
    """The damage to each image, None for most; kinds alternate, so that all occur early."""
    kinds: list[str | None] = [None] * dataset.images
    rng = np.random.default_rng([dataset.seed, 0xB120])
    chosen = rng.permutation(dataset.images)[: round(dataset.images * dataset.broken)]
    for turn, index in enumerate(chosen.tolist()):
        kinds[index] = damaged_files.KINDS[turn % len(damaged_files.KINDS)]
    return kinds
