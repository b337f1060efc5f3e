"""Whether a file is still the one that was read, even if size and modification time are equal but misleading."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from catsdogs_exp.data.images.file_identity import UNREACHABLE, identities, identity_of, read_file
from catsdogs_exp.data.inspection.inspect import inspect
from catsdogs_exp.data.sources.listing import list_images

TIME = (1_600_000_000_000_000_000, 1_600_000_000_123_456_700)


def test_identities_are_size_times_and_inode(tmp_path: Path) -> None:
    (tmp_path / "1").write_bytes(b"123")
    os.utime(tmp_path / "1", ns=TIME)
    found = identities([str(tmp_path / "1"), str(tmp_path / "2")])
    status = (tmp_path / "1").stat()
    assert found.dtype == np.int64
    assert found[0].tolist() == [3, TIME[1], status.st_ctime_ns, status.st_ino]
    assert found[1].tolist() == list(UNREACHABLE)
    assert identities([]).shape == (0, 4)
    assert read_file(tmp_path / "1") == (b"123", tuple(found[0].tolist()))


def test_an_inode_of_64_bits_fits(tmp_path: Path) -> None:
    fields = list(tmp_path.stat())
    fields[1] = 2**64 - 1
    assert identity_of(os.stat_result(fields))[3] == 2**63 - 1


@pytest.fixture
def alike(photo_folder: Callable[..., Path], photo: Callable[..., object], cache: Path) -> Path:
    """Bitmaps of one size and one time, as an archive leaves them."""
    root = photo_folder({"cats": 0, "dogs": 0})
    for number, name in enumerate(("cats/0.bmp", "cats/1.bmp", "dogs/0.bmp", "dogs/1.bmp")):
        photo((8, 8), number).save(root / name)  # type: ignore[attr-defined]
        os.utime(root / name, ns=TIME)
    return root


def swap(root: Path) -> None:
    one, other, aside = root / "cats" / "0.bmp", root / "dogs" / "0.bmp", root.parent / "aside"
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


def overwrite(root: Path) -> None:
    (root / "cats" / "0.bmp").write_bytes((root / "dogs" / "1.bmp").read_bytes())
    os.utime(root / "cats" / "0.bmp", ns=TIME)


def relink(root: Path) -> None:
    (root / "cats" / "0.bmp").unlink()
    os.link(root / "dogs" / "1.bmp", root / "cats" / "0.bmp")


def exchange_folders(root: Path) -> None:
    (root / "cats").rename(root.parent / "aside")
    (root / "dogs").rename(root / "cats")
    (root.parent / "aside").rename(root / "dogs")


@pytest.mark.parametrize("change", [swap, overwrite, relink, exchange_folders])
def test_verdicts_are_of_the_files_as_they_are(alike: Path, change: Callable[[Path], None]) -> None:
    before = inspect(list_images(alike))
    change(alike)
    listing = list_images(alike)
    after = inspect(listing)
    own = [hashlib.sha256((alike / path).read_bytes()).hexdigest() for path in listing.paths.tolist()]
    assert after.sha256.tolist() == own != before.sha256.tolist()
