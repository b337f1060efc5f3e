"""Masks of the parts of drawn images, kept in the cache folder."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from catsdogs_exp.config.schema.datasets import DrawnDataset
from catsdogs_exp.data import drawing
from catsdogs_exp.data.cache_folder import CacheUnusable
from catsdogs_exp.data.sources.drawn_parts import drawn_parts

SOME = DrawnDataset("drawn", images=18, classes=2, seed=0, broken=0.0)
PATHS = ["cats/cat.0.jpg"]


@pytest.mark.parametrize("size", [0, 100])
def test_a_damaged_mask_is_drawn_again(cache: Path, size: int) -> None:
    """`atlas` and `show --parts` ended in a traceback, until the file was removed by hand."""
    (mask,) = drawn_parts(SOME, PATHS)
    assert np.array_equal(mask, np.asarray(drawing.draw_parts(0, 0, 0)))
    (file,) = (cache / "drawn-parts").rglob("*.png")
    os.truncate(file, size)
    assert np.array_equal(drawn_parts(SOME, PATHS)[0], mask)
    assert file.stat().st_size > 100


def test_a_cache_that_cannot_be_written_is_named(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really = Path.mkdir

    def refused(path: Path, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        if path.name == "cats":
            raise OSError(errno.EACCES, "Permission denied", str(path))
        really(path, mode, parents, exist_ok)

    monkeypatch.setattr(Path, "mkdir", refused)
    with pytest.raises(CacheUnusable, match=r"Permission denied: .*CATSDOGS_CACHE"):
        drawn_parts(SOME, PATHS)
