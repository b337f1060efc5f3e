"""Inspects files: one verdict each. Nothing is moved or deleted; quarantined files are only listed."""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import compress, repeat
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.data.images import decoding
from catsdogs_exp.data.images.decoding import MAX_PIXELS, TooLarge, Undecodable
from catsdogs_exp.data.images.file_identity import identities, read_file
from catsdogs_exp.data.inspection.fingerprints import (
    SIDE,
    borders,
    colours,
    is_flat,
    is_flat_thumbnail,
    perceptual_hashes,
    shrunk,
)
from catsdogs_exp.data.inspection.levels import levelled
from catsdogs_exp.data.inspection.verdict_store import open_store
from catsdogs_exp.data.inspection.verdicts import Verdict, Verdicts, columns, packed, records_of
from catsdogs_exp.data.prefetch import ahead
from catsdogs_exp.data.progress import ReportProgress
from catsdogs_exp.data.sources.listing import Listing, storable

NOT_UTF8 = "name is not UTF-8"
_HEAD = 4096  # bytes: what Python's `peek` returns, whatever size is requested
_CHUNK = 64
_NEVER_SEEN = packed([Verdict("", "", 0, 0, 0, "", identity=(-2, -2, -2, -2))])[0]  # matches no file: unknown
_ESCAPED = re.compile(r"\\x[89a-f][0-9a-f]")


def inspect_file(path: Path, max_pixels: int = MAX_PIXELS) -> Verdict:
    """Reads one file to its end and returns its verdict. Never raises for a bad file."""
    return _inspect_files([str(path)], max_pixels)[0]


def inspect(
    listing: Listing, workers: int = 0, progress: ReportProgress | None = None, max_pixels: int = MAX_PIXELS
) -> Verdicts:
    """Inspects every file of a listing, in threads; verdicts of unchanged files come from the cache.

    Args:
        listing: the files.
        workers: threads; 0 for one per core.
        progress: called with ("inspecting", done, total).
        max_pixels: pictures of more pixels are not decoded.
    """
    root = f"{listing.root}{os.sep}"
    paths = [root + path for path in listing.paths.tolist()]
    prefix = storable(root)
    keys = paths if prefix == root else [prefix + path for path in listing.paths.tolist()]
    now = identities(paths)
    with open_store() as store:
        earlier = store.known(prefix)
        found = list(map(earlier.get, keys, repeat(_NEVER_SEEN)))
        missing = np.flatnonzero(~_still_true(found, now, max_pixels)).tolist()
        if progress and missing:
            progress("inspecting", 0, len(missing))
        done = 0
        for chunk, verdicts in _in_threads(missing, paths, workers, max_pixels):
            for index, row in zip(chunk, packed(verdicts), strict=True):
                found[index] = row
            # Without the bytes it may have been a temporary disk problem.
            read = [bool(verdict.sha256) for verdict in verdicts]
            store.remember([(keys[index], found[index]) for index in compress(chunk, read)])
            done += len(chunk)
            if progress:
                progress("inspecting", done, len(missing))
    del paths, keys, now, earlier  # memory peaks while the columns are built
    return levelled(replace(columns(found), trouble=store.trouble))


def _still_true(rows: list[bytes], now: NDArray[np.int64], max_pixels: int) -> NDArray[np.bool_]:
    """Which packed verdicts are still valid for the files' current identities, int64 [n, 4]: bool [n]."""
    records = records_of(rows)
    same = (records["identity"] == now).all(axis=1)
    pixels = records["width"].astype(np.int64) * records["height"]
    # rejected unread under a lower limit
    allowed_now = (records["too_large"] != 0) & (pixels > 0) & (pixels <= max_pixels)
    true: NDArray[np.bool_] = same & ~allowed_now
    return true


def _in_threads(
    missing: list[int], paths: list[str], workers: int, max_pixels: int
) -> Iterator[tuple[list[int], list[Verdict]]]:
    """Inspects chunk by chunk, in order; only a few chunks are in progress at a time."""
    workers = workers or os.cpu_count() or 1

    def inspect_chunk(start: int) -> tuple[list[int], list[Verdict]]:
        chunk = missing[start : start + _CHUNK]
        return chunk, _inspect_files([paths[i] for i in chunk], max_pixels)

    return ahead(inspect_chunk, range(0, len(missing), _CHUNK), workers)


def _inspect_files(paths: Sequence[str], max_pixels: int) -> list[Verdict]:
    """Inspects some files; fingerprints are computed for all of them at once."""
    pictures = np.zeros((len(paths), SIDE, SIDE, 3), dtype=np.uint8)
    verdicts = [_inspect_one(path, picture, max_pixels) for path, picture in zip(paths, pictures, strict=True)]
    colour_columns = (map(tuple, column.tolist()) for column in (*colours(pictures), borders(pictures)))
    fingerprints = zip(perceptual_hashes(pictures).tolist(), *colour_columns, strict=True)
    for verdict, found in zip(verdicts, fingerprints, strict=True):  # an unusable file's are zero, as its picture is
        verdict.perceptual, verdict.mean, verdict.std, verdict.border = found
    return verdicts


def _inspect_one(path: str, picture: NDArray[np.uint8], max_pixels: int) -> Verdict:
    """Fills `picture`, uint8 [32, 32, 3]."""
    try:
        data, identity = read_file(path)
    except OSError as error:
        if isinstance(error, FileNotFoundError) and _ESCAPED.search(path):
            return Verdict(NOT_UTF8, "", 0, 0, 0, "")  # the listing holds such names in storable form
        return Verdict(f"cannot be read: {error.strerror}", "", 0, 0, 0, "")
    digest, jfif = hashlib.sha256(data).hexdigest(), data.find(b"JFIF", 0, _HEAD)
    verdict = Verdict("", "", 0, 0, len(data), digest, jfif=jfif, identity=identity)
    suffix = os.path.splitext(path)[1]  # noqa: PTH122 - a Path a file costs more than reading it
    try:
        look = decoding.examine(data, suffix, SIDE, max_pixels)
    except TooLarge as error:
        verdict.reason, verdict.width, verdict.height = str(error), error.width, error.height
        return verdict
    except Undecodable as error:
        verdict.reason = str(error)
        return verdict
    small, size = look.pixels, (look.width, look.height)
    picture[:] = small if isinstance(small, np.ndarray) and small.shape == picture.shape else shrunk(look.small)
    # A fine texture may look like a single colour only because it was shrunk. Images decoded in full are not decoded
    # again.
    verdict.blank = is_flat_thumbnail(picture) and is_flat(
        look.small if look.small.size == size else decoding.decode(data)
    )
    verdict.note, verdict.kind, verdict.mode, verdict.peak = look.note, look.kind, look.mode, look.peak
    verdict.width, verdict.height, verdict.quality = look.width, look.height, look.quality
    return verdict
